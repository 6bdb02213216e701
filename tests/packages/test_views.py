"""GET /api/v4/packages/: the whole document, its order, its URLs and its number of queries."""

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from packages.models import Package
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


def full_package() -> Package:
    return PackageFactory.create(
        id=2647,
        title=" Ralph ",
        slug="ralph",
        category=CategoryFactory.create(id=2),
        repo_url="https://github.com/allegro/ralph",
        pypi_url="http://pypi.python.org/pypi/ralph",
        documentation_url="https://ralph.example.org/",
        repo_description="Keeps assets. \r\n:rocket: “quoted” ",
        repo_watchers=2496,
        repo_forks=573,
        commits_over_52=list(range(52)),
        participants=["anna", "dependabot[bot]"],
        last_updated=datetime(2026, 5, 6, 11, 25, 10, tzinfo=UTC),
        last_fetched=datetime(2026, 5, 26, 13, 9, 44, 237594, tzinfo=UTC),
        pypi_version="3.0.0",
        created=datetime(2013, 1, 2, 3, 4, 5, tzinfo=UTC),
        modified=datetime(2020, 12, 31, 23, 59, 59, 100, tzinfo=UTC),
    )


FULL = [
    ("category", "http://testserver/api/v4/categories/2/"),
    ("grids", ["http://testserver/api/v4/grids/9/", "http://testserver/api/v4/grids/4/"]),
    ("id", 2647),
    ("title", " Ralph "),
    ("slug", "ralph"),
    ("last_updated", "2026-05-06T07:25:10-04:00"),
    ("last_fetched", "2026-05-26T09:09:44.237594-04:00"),
    ("repo_url", "https://github.com/allegro/ralph"),
    ("pypi_version", "3.0.0"),
    ("created", "2013-01-01T22:04:05-05:00"),
    ("modified", "2020-12-31T18:59:59.000100-05:00"),
    ("repo_forks", 573),
    ("repo_description", "Keeps assets. \r\n:rocket: “quoted” "),
    ("pypi_url", "http://pypi.python.org/pypi/ralph"),
    ("documentation_url", "https://ralph.example.org/"),
    ("repo_watchers", 2496),
    ("commits_over_52", list(range(52))),
    ("participants", ["anna", "dependabot[bot]"]),
]


def add_to_two_grids(package: Package) -> Package:
    """Add the package to two grids, in an order that differs from those of ids, titles and times of joining."""
    MembershipFactory.create(package=package, grid=GridFactory.create(id=4, title="A"), position=7)
    MembershipFactory.create(package=package, grid=GridFactory.create(id=9, title="Z"), position=3)
    return package


@pytest.mark.parametrize("reference", ["2647", "ralph"])
def test_detail(get: Get, django_assert_num_queries: DjangoAssertNumQueries, reference: str) -> None:
    add_to_two_grids(full_package())
    with django_assert_num_queries(2):
        response = get(f"packages/{reference}/")
    assert response.status_code == 200
    assert list(response.json().items()) == FULL


def test_list(get: Get) -> None:
    add_to_two_grids(full_package())
    response = get("packages/")
    assert list(response.json()) == ["count", "next", "previous", "results"]
    assert response.json() == {"count": 1, "next": None, "previous": None, "results": [dict(FULL)]}
    assert list(response.json()["results"][0]) == [key for key, _ in FULL]


def test_a_new_package(get: Get) -> None:
    package = PackageFactory.create(repo_url="")
    body = get(f"packages/{package.pk}/").json()
    assert {key: body[key] for key, value in FULL if key not in {"category", "created", "modified"}} == {
        "grids": [],
        "id": package.pk,
        "title": package.title,
        "slug": package.slug,
        "last_updated": None,
        "last_fetched": None,
        "repo_url": "",
        "pypi_version": None,
        "repo_forks": 0,
        "repo_description": "",
        "pypi_url": "",
        "documentation_url": "",
        "repo_watchers": 0,
        "commits_over_52": [],
        "participants": [],
    }


def test_null_is_not_empty(get: Get) -> None:
    null = PackageFactory.create(documentation_url=None, pypi_version=None)
    empty = PackageFactory.create(documentation_url="", pypi_version="")
    for package, expected in ((null, None), (empty, "")):
        body = get(f"packages/{package.slug}/").json()
        assert (body["documentation_url"], body["pypi_version"]) == (expected, expected)


def test_links_of_a_document_work(get: Get) -> None:
    add_to_two_grids(full_package())
    body = get("packages/ralph/").json()
    for link in (body["category"], *body["grids"]):
        assert get(link.removeprefix("http://testserver/api/v4/")).status_code == 200


def test_newest_first(get: Get) -> None:
    category = CategoryFactory.create()
    for pk in (5, 11, 7):
        PackageFactory.create(id=pk, category=category)
    assert [package["id"] for package in get("packages/").json()["results"]] == [11, 7, 5]


def test_a_slug_of_digits_with_a_leading_zero(get: Get) -> None:
    for pk, slug in ((7, "seven"), (8, "007"), (9, "0")):
        PackageFactory.create(id=pk, slug=slug)
    assert get("packages/007/").json()["id"] == 8
    assert get("packages/0/").json()["id"] == 9
    assert get("packages/7/").json()["slug"] == "seven"


def test_an_id_has_precedence_over_a_slug_of_the_same_digits(get: Get) -> None:
    PackageFactory.create(id=900001, slug="900002")
    assert get("packages/900002/").status_code == 404
    PackageFactory.create(id=900002)
    assert get("packages/900002/").json()["id"] == 900002


def test_slugs_are_case_sensitive(get: Get) -> None:
    PackageFactory.create(slug="Ralph")
    assert get("packages/Ralph/").status_code == 200
    assert get("packages/ralph/").status_code == 404


@pytest.mark.parametrize("rows", [1, 40])
def test_list_takes_two_queries(get: Get, django_assert_num_queries: DjangoAssertNumQueries, rows: int) -> None:
    for package in PackageFactory.create_batch(rows):
        MembershipFactory.create_batch(2, package=package)
    with django_assert_num_queries(2):
        response = get("packages/?limit=1000")
    assert [len(package["grids"]) for package in response.json()["results"]] == [2] * rows


def test_detail_takes_one_query_with_many_grids(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    package = PackageFactory.create()
    members = MembershipFactory.create_batch(40, package=package)
    with django_assert_num_queries(2):
        response = get(f"packages/{package.slug}/")
    assert response.json()["grids"] == [f"http://testserver/api/v4/grids/{member.grid_id}/" for member in members]
