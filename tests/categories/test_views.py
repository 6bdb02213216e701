"""GET /api/v4/categories/: the whole document, by id and by slug."""

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from categories.models import Category
from tests.conftest import Get
from tests.factories import CategoryFactory, PackageFactory

pytestmark = pytest.mark.django_db


def full_category() -> Category:
    return CategoryFactory.create(
        id=2,
        title="Framework",
        slug="frameworks",
        description="Large ones.\r\n ",
        title_plural="Frameworks",
        show_pypi=False,
        created=datetime(2026, 5, 6, 11, 25, 10, tzinfo=UTC),
        modified=datetime(2026, 1, 26, 13, 9, 44, 237594, tzinfo=UTC),
    )


FULL = [
    ("id", 2),
    ("title", "Framework"),
    ("slug", "frameworks"),
    ("description", "Large ones.\r\n "),
    ("title_plural", "Frameworks"),
    ("show_pypi", False),
    ("created", "2026-05-06T07:25:10-04:00"),
    ("modified", "2026-01-26T08:09:44.237594-05:00"),
]


@pytest.mark.parametrize("reference", ["2", "frameworks"])
def test_detail(get: Get, django_assert_num_queries: DjangoAssertNumQueries, reference: str) -> None:
    full_category()
    with django_assert_num_queries(2):
        response = get(f"categories/{reference}/")
    assert response.status_code == 200
    assert list(response.json().items()) == FULL


def test_list(get: Get) -> None:
    full_category()
    response = get("categories/")
    assert list(response.json()) == ["count", "next", "previous", "results"]
    assert response.json() == {"count": 1, "next": None, "previous": None, "results": [dict(FULL)]}
    assert list(response.json()["results"][0]) == [key for key, _ in FULL]


def test_newest_first(get: Get) -> None:
    for pk in (5, 11, 7):
        CategoryFactory.create(id=pk)
    assert [category["id"] for category in get("categories/").json()["results"]] == [11, 7, 5]


def test_ids_and_slugs_of_digits(get: Get) -> None:
    zero = CategoryFactory.create(slug="0123")
    CategoryFactory.create(id=900001, slug="900002")
    assert get("categories/0123/").json()["id"] == zero.pk
    assert get("categories/900001/").json()["slug"] == "900002"
    assert get("categories/900002/").status_code == 404
    CategoryFactory.create(id=900002)
    assert get("categories/900002/").json()["id"] == 900002


@pytest.mark.parametrize("rows", [1, 40])
def test_list_takes_two_queries(get: Get, django_assert_num_queries: DjangoAssertNumQueries, rows: int) -> None:
    CategoryFactory.create_batch(rows)
    with django_assert_num_queries(2):
        response = get("categories/?limit=1000")
    assert len(response.json()["results"]) == rows


@pytest.mark.parametrize(
    ("days", "median"), [([], None), ([None], None), ([3], 3), ([9, None, 1], 1), ([5, 9, 1], 5), ([7, 1, 9, 5], 5)]
)
def test_the_median_of_the_last_commits(get: Get, days: list[int | None], median: int | None) -> None:
    category = CategoryFactory.create(slug="apps")
    times = [day and datetime(2026, 5, day, tzinfo=UTC) for day in days]
    for time in times:
        PackageFactory.create(category=category, last_updated=time)
    PackageFactory.create(last_updated=datetime(2026, 5, 30, tzinfo=UTC))
    expected = median and datetime(2026, 5, median, tzinfo=UTC).astimezone().isoformat()
    for path in ("categories/apps/?fields=last_updated_median", "categories/?q=apps&fields=last_updated_median"):
        document = get(path).json()
        found = document.get("results", [document])[0]["last_updated_median"]
        assert (found and datetime.fromisoformat(found)) == (expected and datetime.fromisoformat(expected))
