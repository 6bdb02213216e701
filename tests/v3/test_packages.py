"""GET /api/v3/packages/ and /api/v3/packages/SLUG/: whole documents, the order, the numbers of queries."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from core.caching.stores import store
from packages.models import Package
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.v3.conftest import Get

pytestmark = pytest.mark.django_db


def full_package() -> Package:
    """Create a package with a value in every key, whose grids stand in another order than their titles."""
    package = PackageFactory.create(
        title="Ralph",
        slug="ralph",
        category=CategoryFactory.create(slug="apps"),
        repo_url="https://github.com/allegro/ralph",
        pypi_url="https://pypi.org/project/ralph/",
        documentation_url="https://ralph.example.org/",
        repo_description="Asset management.",
        repo_watchers=2300,
        repo_forks=551,
        commits_over_52=[1, 0, 2, *[0] * 48, 17],
        participants=["anna", "Ben-2"],
        pypi_version="3.1",
        created=datetime(2026, 5, 6, 7, 25, 10, tzinfo=UTC),
        modified=datetime(2026, 1, 26, 13, 9, 44, 237994, tzinfo=UTC),
        last_fetched=datetime(2026, 7, 1, 0, 0, 0, 1000, tzinfo=UTC),
    )
    for position, slug in enumerate(("zebras", "assets")):
        MembershipFactory.create(package=package, grid=GridFactory.create(slug=slug, title=slug), position=position)
    return package


COMMITS = "1,0,2," + "0," * 48 + "17"
FULL: list[tuple[str, Any]] = [
    ("absolute_url", "/packages/p/ralph/"),
    ("category", "/api/v3/categories/apps/"),
    ("commit_list", COMMITS),
    ("commits_over_52", COMMITS),
    ("created", "2026-05-06T07:25:10.000Z"),
    ("created_by", None),
    ("documentation_url", "https://ralph.example.org/"),
    ("grids", ["/api/v3/grids/zebras/", "/api/v3/grids/assets/"]),
    ("last_fetched", "2026-07-01T00:00:00.001Z"),
    ("last_modified_by", None),
    ("modified", "2026-01-26T13:09:44.237Z"),
    ("participants", "anna,Ben-2"),
    ("pypi_url", "https://pypi.org/project/ralph/"),
    ("pypi_version", "3.1"),
    ("repo_description", "Asset management."),
    ("repo_forks", 551),
    ("repo_url", "https://github.com/allegro/ralph"),
    ("repo_watchers", 2300),
    ("resource_uri", "/api/v3/packages/ralph/"),
    ("slug", "ralph"),
    ("title", "Ralph"),
    ("usage_count", 0),
]


@pytest.mark.parametrize("path", ["packages/ralph/", "packages/ralph", "packages/ralph/?format=xml&fields=id"])
def test_a_document(get: Get, django_assert_num_queries: DjangoAssertNumQueries, path: str) -> None:
    full_package()
    with django_assert_num_queries(2):
        response = get(path)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert list(response.json().items()) == FULL


def test_a_package_of_which_nothing_is_known(get: Get) -> None:
    PackageFactory.create(slug="bare", documentation_url=None)
    document = get("packages/bare/").json()
    for key in ("commit_list", "commits_over_52", "participants", "pypi_url", "repo_description"):
        assert document[key] == "", key
    for key in ("documentation_url", "last_fetched", "pypi_version"):
        assert document[key] is None, key
    assert document["grids"] == []
    assert (document["repo_watchers"], document["repo_forks"]) == (0, 0)


@pytest.mark.parametrize("missing", ["nope", "RALPH", "0", "4873", "12345678901234567890", "x" * 300])
def test_a_document_that_there_is_not(get: Get, missing: str) -> None:
    PackageFactory.create(pk=4873, slug="ralph")
    response = get(f"packages/{missing}/")
    assert response.status_code == 404
    assert response.json() == {"error": 404, "message": "No Package matches the given query."}


def test_digits_are_a_slug(get: Get) -> None:
    PackageFactory.create(pk=404, slug="ralph")
    PackageFactory.create(pk=7, slug="404", title="Not found")
    assert get("packages/404/").json()["title"] == "Not found"


def test_the_list(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    full_package()
    with django_assert_num_queries(2):
        response = get("packages/")
    assert response.status_code == 200
    assert list(response.json()) == ["meta", "objects", "category"]
    assert list(response.json()["meta"]) == ["limit", "next", "offset", "previous", "total_count"]
    assert response.json() == {
        "meta": {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 1},
        "objects": [dict(FULL)],
        "category": None,
    }
    assert list(response.json()["objects"][0]) == [key for key, _ in FULL]


def test_the_list_is_ordered_by_title(get: Get) -> None:
    category = CategoryFactory.create()
    for pk, title in ((10, "Äb"), (11, "zeta"), (13, "Alpha"), (12, "alpha"), (14, "Beta"), (15, "_x")):
        PackageFactory.create(id=pk, slug=f"p{pk}", title=title, category=category)
    slugs = [each["slug"] for each in get("packages/").json()["objects"]]
    assert slugs == ["p15", "p12", "p13", "p14", "p11", "p10"]
    paged = [get(f"packages/?limit=1&offset={offset}").json()["objects"][0]["slug"] for offset in range(6)]
    assert paged == slugs


@pytest.fixture
def _two_categories() -> None:
    for slug in ("apps", "tools"):
        category = CategoryFactory.create(slug=slug)
        for number in range(3):
            PackageFactory.create(slug=f"{slug}-{number}", title=f"{number} {slug}", category=category)


@pytest.mark.usefixtures("_two_categories")
def test_the_packages_of_a_category(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(4):
        body = get("packages/?category=apps&limit=1&offset=1").json()
    assert body["meta"] == {
        "limit": 1,
        "next": "/api/v3/packages/?limit=1&offset=2&category=apps",
        "offset": 1,
        "previous": "/api/v3/packages/?limit=1&offset=0&category=apps",
        "total_count": 3,
    }
    assert [each["slug"] for each in body["objects"]] == ["apps-1"]
    assert body["category"] is None


@pytest.mark.usefixtures("_two_categories")
@pytest.mark.parametrize(
    "category", ["nope", "", "APPS", "apps,tools", "1", "%00", "%FF", "a" * 3000, "'--", "apps%0A"]
)
def test_an_unknown_category_gives_all(get: Get, category: str) -> None:
    body = get(f"packages/?category={category}&limit=4").json()
    assert body["meta"]["total_count"] == 6
    assert len(body["objects"]) == 4


@pytest.mark.usefixtures("_two_categories")
def test_the_walk_of_an_unknown_category_keeps_it(get: Get) -> None:
    assert get("packages/?category=nope&limit=4").json()["meta"]["next"].endswith("&category=nope")
    assert get("packages/?category=no%26pe&limit=4").json()["meta"]["next"].endswith("&offset=4"), "it can be no slug"


@pytest.mark.parametrize(
    "path", ["packages/?limit=1000", "packages/?limit=1000&category=c", "grids/g/packages/?limit=1000"]
)
def test_a_thousand_packages_cost_as_many_queries_as_one(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    grid, category = GridFactory.create(slug="g"), CategoryFactory.create(slug="c")
    PackageFactory.create_batch(3, category=category)
    queries = 2 if path == "packages/?limit=1000" else 4
    for more in (0, 997):
        new = [PackageFactory.build(category=category) for _ in range(more)]
        Package.objects.bulk_create(new)
        grid.packages.set(Package.objects.all())
        with django_assert_num_queries(queries):
            response = get(path)
        assert len(response.json()["objects"]) == 3 + more
    assert response.json()["objects"][-1]["grids"] == ["/api/v3/grids/g/"]


def test_the_packages_of_a_category_are_counted_once_for_each_change(
    get: Get, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    PackageFactory.create_batch(3, category=CategoryFactory.create(slug="apps"))
    for number, queries in ((1, 4), (2, 3), (2, 1)):
        with django_assert_num_queries(queries):
            assert get(f"packages/?category=apps&limit={number}").json()["meta"]["total_count"] == 3
