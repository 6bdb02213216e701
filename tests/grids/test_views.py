"""GET /api/v4/grids/: the whole document, its packages by title, its number of queries."""

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from grids.models import Grid
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


def full_grid() -> Grid:
    """Create a grid whose members join in another order than that of the document; two titles differ in case only."""
    grid = GridFactory.create(
        id=263,
        title="Asset management",
        slug="asset-management",
        description="Side by side.\r\n ",
        is_locked=True,
        header=True,
        created=datetime(2026, 5, 6, 11, 25, 10, tzinfo=UTC),
        modified=datetime(2026, 1, 26, 13, 9, 44, 237594, tzinfo=UTC),
    )
    category = CategoryFactory.create()
    for pk, title in ((10, "Äb"), (11, "zeta"), (13, "Alpha"), (12, "alpha"), (14, "Beta"), (15, "_x")):
        MembershipFactory.create(grid=grid, package=PackageFactory.create(id=pk, title=title, category=category))
    return grid


FULL = [
    ("id", 263),
    ("title", "Asset management"),
    ("slug", "asset-management"),
    ("description", "Side by side.\r\n "),
    ("is_locked", True),
    ("packages", [f"http://testserver/api/v4/packages/{pk}/" for pk in (15, 12, 13, 14, 11, 10)]),
    ("header", True),
    ("created", "2026-05-06T07:25:10-04:00"),
    ("modified", "2026-01-26T08:09:44.237594-05:00"),
]


@pytest.mark.parametrize("reference", ["263", "asset-management"])
def test_detail(get: Get, django_assert_num_queries: DjangoAssertNumQueries, reference: str) -> None:
    full_grid()
    with django_assert_num_queries(2):
        response = get(f"grids/{reference}/")
    assert response.status_code == 200
    assert list(response.json().items()) == FULL


def test_list(get: Get) -> None:
    full_grid()
    response = get("grids/")
    assert list(response.json()) == ["count", "next", "previous", "results"]
    assert response.json() == {"count": 1, "next": None, "previous": None, "results": [dict(FULL)]}
    assert list(response.json()["results"][0]) == [key for key, _ in FULL]


def test_a_new_grid(get: Get) -> None:
    body = get(f"grids/{GridFactory.create().pk}/").json()
    assert (body["description"], body["is_locked"], body["packages"], body["header"]) == ("", False, [], False)


def test_newest_first(get: Get) -> None:
    for pk in (5, 11, 7):
        GridFactory.create(id=pk)
    assert [grid["id"] for grid in get("grids/").json()["results"]] == [11, 7, 5]


def test_ids_and_slugs_of_digits(get: Get) -> None:
    zero = GridFactory.create(slug="0123")
    GridFactory.create(id=900001, slug="900002")
    assert get("grids/0123/").json()["id"] == zero.pk
    assert get("grids/900001/").json()["slug"] == "900002"
    assert get("grids/900002/").status_code == 404
    GridFactory.create(id=900002)
    assert get("grids/900002/").json()["id"] == 900002


@pytest.mark.parametrize("rows", [1, 40])
def test_list_takes_two_queries(get: Get, django_assert_num_queries: DjangoAssertNumQueries, rows: int) -> None:
    for grid in GridFactory.create_batch(rows):
        MembershipFactory.create_batch(2, grid=grid)
    with django_assert_num_queries(2):
        response = get("grids/?limit=1000")
    assert [len(grid["packages"]) for grid in response.json()["results"]] == [2] * rows


def test_detail_takes_one_query_with_many_packages(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    grid = GridFactory.create()
    MembershipFactory.create_batch(40, grid=grid)
    with django_assert_num_queries(2):
        assert len(get(f"grids/{grid.slug}/").json()["packages"]) == 40
