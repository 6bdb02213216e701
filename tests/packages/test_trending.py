"""GET /api/v4/trending/: the packages that gain most, by a rule that its description tells."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from packages.documents import PACKAGE_COLUMNS
from packages.models import Package, Snapshot
from tests.conftest import Get
from tests.factories import CategoryFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def growing(slug: str, counted: int = 0, **columns: Any) -> Package:
    """A package that is trending by both numbers, which were fetched so many days ago."""
    now = timezone.now()
    trend = {"stars_trend": 0.5, "downloads_trend": 0.5, "last_updated": now, "released": now}
    package = PackageFactory.create(**trend | {"slug": slug} | columns)
    Snapshot.objects.create(package=package, day=now.date() - counted * DAY, stars=75, downloads=1500)
    return package


def slugs(get: Get, query: str = "") -> list[str]:
    response = get(f"trending/?fields=slug{query}")
    assert response.status_code == 200, response.content
    return [document["slug"] for document in response.json()["results"]]


def test_nothing_is_trending(get: Get) -> None:
    growing("still", stars_trend=None, downloads_trend=None)
    assert get("trending/").json() == {"count": 0, "next": None, "previous": None, "results": []}


def test_a_document_has_the_gains_besides_the_keys_of_v4(get: Get) -> None:
    growing("p", repo_watchers=75, stars_30d=25, stars_90d=-3)
    (document,) = get("trending/").json()["results"]
    gains = {"stars_30d": 25, "stars_90d": -3, "downloads_30d": None}
    assert document == get("packages/p/").json() | gains
    assert list(document) == [*PACKAGE_COLUMNS.v4, *gains]
    assert get("trending/?fields=stars_30d,title").json()["results"] == [
        {"title": document["title"], "stars_30d": 25},
    ]


def test_the_fastest_come_first_and_of_two_as_fast_the_newer_one(get: Get) -> None:
    for slug, stars, downloads in (("a", 0.2, 0.9), ("b", 1.5, None), ("c", 0.2, 0.3), ("d", None, 0.5)):
        growing(slug, stars_trend=stars, downloads_trend=downloads)
    assert slugs(get) == slugs(get, "&by=stars") == ["b", "c", "a"]
    assert slugs(get, "&by=downloads") == ["a", "d", "c"]


def test_the_rule(get: Get) -> None:
    now = timezone.now()
    recent, old = now - 183 * DAY + timedelta(minutes=1), now - 183 * DAY
    never: dict[str, Any] = {"last_updated": None, "released": None}
    for slug, columns in {
        "a commit": never | {"last_updated": recent},
        "a release": never | {"released": recent, "last_updated": old},
        "not known to be archived": {"archived": None, "pypi_status": ""},
        "not archived": {"archived": False, "pypi_status": "active"},
        "without a project": {"pypi_url": ""},
    }.items():
        growing(slug, **columns)
    for slug, columns in {
        "neither commit nor release": never,
        "an old commit and an old release": {"last_updated": old, "released": old},
        "deprecated by an editor": {"deprecated": True},
        "replaced": {"replaced_by": Package.objects.first()},
        "deprecated on PyPI": {"pypi_status": "deprecated"},
        "archived": {"archived": True},
        "archived on PyPI": {"pypi_status": "archived"},
        "gone": {"gone_since": now},
        "in quarantine": {"pypi_status": "quarantined"},
    }.items():
        growing(slug, **columns)
    growing("fetched 30 days ago", counted=30)
    growing("fetched 31 days ago", counted=31)
    Snapshot.objects.filter(package=growing("stars are not known any more")).update(stars=None)
    trending = {
        "a commit",
        "a release",
        "not known to be archived",
        "not archived",
        "without a project",
        "fetched 30 days ago",
    }
    assert set(slugs(get)) == trending
    assert set(slugs(get, "&by=downloads")) == trending | {"stars are not known any more"}


def test_a_hundred_at_most(get: Get) -> None:
    now, category = timezone.now(), CategoryFactory.create()
    packages = Package.objects.bulk_create(
        Package(category=category, title="P", slug=f"p{number}", stars_trend=number, last_updated=now)
        for number in range(101)
    )
    Snapshot.objects.bulk_create(Snapshot(package=package, day=now.date(), stars=99) for package in packages)
    expected = [f"p{number}" for number in range(100, 0, -1)]
    assert slugs(get, "&limit=100") == expected
    first = get("trending/").json()
    assert (first["count"], first["previous"]) == (100, None)
    assert [document["slug"] for document in first["results"]] == expected[:20]
    assert first["next"] == "http://testserver/api/v4/trending/?limit=20&offset=20"
    last = get("trending/?fields=slug&limit=30&offset=90").json()
    assert [document["slug"] for document in last["results"]] == expected[90:]
    assert last["next"] is None
    assert get("trending/?offset=100").json()["results"] == []


def test_the_number_of_queries(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for slug in ("p", "q"):
        MembershipFactory.create(package=growing(slug))
    with django_assert_num_queries(3):  # the revisions, the count, the packages
        assert len(get("trending/").json()["results"]) == 2
    with django_assert_num_queries(5):  # and those with links alone, and the grids
        results = get("trending/?expand=grids,category").json()["results"]
    assert results[0]["grids"][0]["title"].startswith("Grid ")
    assert results[0]["category"]["title"].startswith("Category ")


@pytest.mark.parametrize(
    ("query", "mistakes"),
    [
        ("by=forks", {"by": ["There is no measure “forks” here. There are: downloads, stars."]}),
        ("by=star", {"by": ["There is no measure “star” here. Did you mean “stars”? There are: downloads, stars."]}),
        ("limit=101", {"limit": ["Must be a whole number from 1 to 100."]}),
        (
            "category=c",
            {
                "category": [
                    "There is no parameter “category” here. There are: bom, by, expand, fields, format, limit, offset."
                ]
            },
        ),
    ],
)
def test_wrong_parameters(get: Get, query: str, mistakes: dict[str, list[str]]) -> None:
    response = get(f"trending/?{query}")
    assert response.status_code == 400
    assert response.json() == mistakes
