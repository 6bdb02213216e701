"""`expand`: documents in place of links, the same as at their own URLs."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from grids.models import Grid, GridPackage
from packages.models import Package
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


def two_grids() -> None:
    category = CategoryFactory.create(slug="c")
    packages = [PackageFactory.create(slug=f"p{n}", title=title, category=category) for n, title in enumerate("bCa")]
    for number, slug in enumerate(("g", "h")):
        grid = GridFactory.create(slug=slug)
        for package in packages[number:]:
            MembershipFactory.create(grid=grid, package=package, position=9 - number)


def follow(get: Get, link: str) -> Any:
    return get(link.removeprefix("http://testserver/api/v4/")).json()


@pytest.mark.parametrize("suffix", ["", "&format=json"])
@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("packages/p1/?expand=category,grids", "grids"),
        ("packages/p1/?expand=category", "category"),
        ("grids/g/?expand=packages", "packages"),
        ("packages/?expand=category,grids", "grids"),
        ("grids/?expand=packages", "packages"),
    ],
)
def test_expanded_documents_equal_those_at_their_own_urls(get: Get, path: str, key: str, suffix: str) -> None:
    two_grids()
    expanded = get(path + suffix).json()
    plain = get(f"{path.split('?', maxsplit=1)[0]}?{suffix.removeprefix('&')}").json()
    pairs = zip(expanded.get("results", [expanded]), plain.get("results", [plain]), strict=True)
    for with_documents, with_links in pairs:
        assert list(with_documents) == list(with_links)
        links = with_links[key] if isinstance(with_links[key], list) else [with_links[key]]
        documents = with_documents[key] if isinstance(with_links[key], list) else [with_documents[key]]
        assert links
        assert documents == [follow(get, link) for link in links]


def test_expanded_packages_come_by_title(get: Get) -> None:
    two_grids()
    grid = get("grids/g/?expand=packages").json()
    assert [package["title"] for package in grid["packages"]] == ["a", "b", "C"]


def test_a_document_that_is_deleted_meanwhile_stays_a_link(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    two_grids()
    monkeypatch.setattr("packages.views.PackageViewSet.plain", lambda *_: {})
    links = get("grids/g/").json()["packages"]
    assert get("grids/g/?expand=packages").json()["packages"] == links


def test_no_links_to_expand(get: Get) -> None:
    GridFactory.create(slug="empty")
    assert get("grids/empty/?expand=packages").json()["packages"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("packages/?expand=packages", "There is no link to expand “packages” here. There are: category, grids."),
        (
            "grids/?expand=package",
            "There is no link to expand “package” here. Did you mean “packages”? There are: packages.",
        ),
        (
            "packages/?fields=title&expand=grids",
            "“grids” is not among the requested fields: add it to fields, or leave it out.",
        ),
    ],
)
def test_wrong_values(get: Get, path: str, body: str) -> None:
    response = get(path)
    assert (response.status_code, response.json()) == (400, {"expand": [body]})


def test_a_category_has_nothing_to_expand(get: Get) -> None:
    assert get("categories/?expand=packages").json()["expand"][0].startswith("There is no parameter “expand” here.")


def test_too_many_documents(get: Get) -> None:
    category = CategoryFactory.create()
    packages = Package.objects.bulk_create(
        Package(category=category, title="x", slug=f"s{number}") for number in range(1001)
    )
    grid, half = GridFactory.create(slug="big"), GridFactory.create(slug="half")
    GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in packages)
    GridPackage.objects.bulk_create(GridPackage(grid=half, package=package) for package in packages[:500])
    response = get("grids/big/?expand=packages")
    assert response.status_code == 400
    assert response.json() == {
        "expand": [
            "1001 documents would be expanded; at most 1000 can be: leave expand out, and query a list with id__in"
            " instead."
        ]
    }
    response = get("packages/?limit=1000&expand=category,grids")
    assert response.status_code == 400
    assert response.json()["expand"][0].endswith("at most 1000 can be: use a smaller limit.")
    assert get("packages/?limit=1000&expand=category").status_code == 200
    assert len(get("grids/half/?expand=packages").json()["packages"]) == 500


@pytest.mark.parametrize("walk", ["offset=0", "cursor=", "cursor=below-999999999", "cursor=above-0", "ordering=title"])
def test_what_is_refused_is_refused_before_documents_are_read(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries, walk: str
) -> None:
    """One query reads the links; the rows of the page, and what would take the place of its links, stay unread."""
    category = CategoryFactory.create()
    packages = Package.objects.bulk_create(Package(category=category, title="x", slug=f"s{n}") for n in range(400))
    for grid in GridFactory.create_batch(2):
        GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in packages)
    get(f"packages/?limit=400&expand=category,grids&{walk}")  # statements are prepared once
    with django_assert_num_queries(2) as queries:
        response = get(f"packages/?limit=400&expand=category,grids&{walk}")
    assert response.status_code == 400
    assert response.json() == {
        "expand": ["1200 documents would be expanded; at most 1000 can be: use a smaller limit."]
    }
    assert "commits_over_52" not in queries[1]["sql"]
    assert get(f"packages/?limit=333&expand=category,grids&{walk}").status_code == 200
    assert get(f"packages/?limit=334&expand=category,grids&{walk}").status_code == 400


@pytest.mark.parametrize("rows", [1, 40])
def test_queries(get: Get, django_assert_num_queries: DjangoAssertNumQueries, rows: int) -> None:
    """Each request takes the listed queries, and one more for the revisions. A list is read for the numbers of links
    first."""
    category = CategoryFactory.create(slug="c")
    for number in range(rows):
        package = PackageFactory.create(slug=f"p{number}", category=category, licence="MIT", requires_python=">=3.8")
        MembershipFactory.create_batch(2, package=package)
    grid = Grid.objects.latest("id").slug
    filters = f"category=c&grid={grid}&python=3.12&licence=MIT&ordering=-score"
    for path, queries in (
        ("packages/p0/?expand=category", 1),
        ("packages/p0/?expand=category,grids&fields=all", 2),
        ("packages/?limit=20&expand=category&fields=all", 1),
        ("packages/?limit=20&expand=category,grids&fields=all", 3),
        (f"packages/?limit=20&{filters}&fields=all", 3),
        (f"packages/?limit=20&{filters}&fields=all&expand=grids", 5),
        (f"packages/?limit=20&{filters}&fields=all&expand=category,grids", 5),
        (f"grids/{grid}/?expand=packages&fields=all", 2),
        ("grids/?package=p0&q=grid&ordering=title&expand=packages", 4),
    ):
        with django_assert_num_queries(queries + 1):
            assert get(path).status_code == 200
