"""GET /api/v3/grids/, /api/v3/grids/SLUG/ and /api/v3/grids/SLUG/packages/: documents and numbers of queries."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from grids.models import Grid, GridPackage
from packages.models import Package
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.v3.conftest import Get

pytestmark = pytest.mark.django_db


def full_grid() -> Grid:
    grid = GridFactory.create(
        title="Asset management",
        slug="asset-management",
        description="Side by side.\r\n ",
        is_locked=True,
        header=True,
        created=datetime(2026, 5, 6, 11, 25, 10, tzinfo=UTC),
        modified=datetime(2026, 1, 26, 13, 9, 44, 237594, tzinfo=UTC),
    )
    category = CategoryFactory.create(slug="apps")
    for pk, title in ((11, "zeta"), (13, "Alpha"), (12, "alpha"), (14, "Beta")):
        package = PackageFactory.create(id=pk, slug=f"p{pk}", title=title, category=category)
        MembershipFactory.create(grid=grid, package=package)
    PackageFactory.create(slug="elsewhere", category=category)
    return grid


FULL: list[tuple[str, Any]] = [
    ("absolute_url", "/grids/g/asset-management/"),
    ("created", "2026-05-06T11:25:10.000Z"),
    ("description", "Side by side.\r\n "),
    ("header", True),
    ("is_locked", True),
    ("modified", "2026-01-26T13:09:44.237Z"),
    ("packages", [f"/api/v3/packages/p{pk}/" for pk in (12, 13, 14, 11)]),
    ("resource_uri", "/api/v3/grids/asset-management/"),
    ("slug", "asset-management"),
    ("title", "Asset management"),
]


@pytest.mark.parametrize("path", ["grids/asset-management/", "grids/asset-management"])
def test_a_document(get: Get, django_assert_num_queries: DjangoAssertNumQueries, path: str) -> None:
    full_grid()
    with django_assert_num_queries(2):
        response = get(path)
    assert response.status_code == 200
    assert list(response.json().items()) == FULL


@pytest.mark.parametrize("path", ["grids/nope/", "grids/nope", "grids/nope/packages/", "grids/263/"])
def test_a_grid_that_there_is_not(get: Get, path: str) -> None:
    GridFactory.create(pk=263)
    response = get(path)
    assert response.status_code == 404
    assert response.json() == {"error": 404, "message": "No Grid matches the given query."}


def test_the_list(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    full_grid()
    GridFactory.create(slug="zzz", title="Zzz")
    GridFactory.create(slug="aaa", title="aaa")
    with django_assert_num_queries(2):
        body = get("grids/").json()
    assert list(body) == ["meta", "objects"]
    assert body["meta"] == {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 3}
    assert [each["slug"] for each in body["objects"]] == ["aaa", "asset-management", "zzz"]
    assert body["objects"][1] == dict(FULL)
    assert body["objects"][0]["packages"] == []


def test_a_thousand_grids_cost_as_many_queries_as_one(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    grids = [GridFactory.create(), *Grid.objects.bulk_create([GridFactory.build() for _ in range(1001)])]
    members = PackageFactory.create_batch(2, category=CategoryFactory.create())
    GridPackage.objects.bulk_create([GridPackage(grid=grid, package=each) for grid in grids for each in members])
    for limit in (1, 1000):
        with django_assert_num_queries(2):
            body = get(f"grids/?limit={limit}").json()
        assert [len(each["packages"]) for each in body["objects"]] == [2] * limit


@pytest.mark.parametrize("path", ["grids/asset-management/packages/", "grids/asset-management/packages"])
def test_the_packages_of_a_grid(get: Get, django_assert_num_queries: DjangoAssertNumQueries, path: str) -> None:
    full_grid()
    with django_assert_num_queries(4):
        body = get(f"{path}?limit=2&offset=1&category=nope").json()
    assert list(body) == ["meta", "objects", "grid"]
    assert body["meta"] == {
        "limit": 2,
        "next": "/api/v3/grids/asset-management/packages/?limit=2&offset=3",
        "offset": 1,
        "previous": "/api/v3/grids/asset-management/packages/?limit=2&offset=0",
        "total_count": 4,
    }
    assert [each["slug"] for each in body["objects"]] == ["p13", "p14"]
    assert body["objects"][0] == get("packages/p13/").json()
    assert list(body["grid"].items()) == FULL


def test_a_grid_without_packages(get: Get) -> None:
    GridFactory.create(slug="empty")
    body = get("grids/empty/packages/").json()
    assert (body["meta"]["total_count"], body["objects"]) == (0, [])
    assert Package.objects.count() == 0
