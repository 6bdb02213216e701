"""Pages for people show at most a hundred documents, those in place of links included."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from core.api.pages import MAX_DOCUMENTS, rows_that_fit
from grids.models import Grid, GridPackage
from packages.models import Package, Release, Snapshot
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, PackageFactory
from tests.pages import shown_document

pytestmark = pytest.mark.django_db
LINE = "A page shows at most 100 documents"


@pytest.fixture(autouse=True)
def _all_json_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the JSON of pages whatever its size, to count what is in it."""
    monkeypatch.setattr("core.pages.folded.MOST_COMPRESSED", 10**7)


def page(get: Get, path: str) -> Any:
    return get(path, accept="text/html")


def shown(response: Any) -> int:
    """Return the number of documents of a page: rows, and documents in place of their links."""
    body = shown_document(response.content.decode())
    rows = body.get("results", [body])
    values = [value for row in rows for value in row.values()]
    nested = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return len(rows) + sum(isinstance(each, dict) for each in nested)


def members(grid: Grid, packages: Iterable[Package]) -> None:
    GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in packages)


@pytest.fixture
def packages() -> list[Package]:
    category = CategoryFactory.create()
    return Package.objects.bulk_create(Package(category=category, title=f"x{n}", slug=f"s{n}") for n in range(150))


@pytest.fixture
def path_of_each(packages: list[Package]) -> dict[str, int]:
    """The lists, with the number of rows that each has."""
    one = PackageFactory.create(slug="p")
    Release.objects.bulk_create(Release(package=one, version=str(n)) for n in range(120))
    day = date(2025, 1, 1)
    days = (day + timedelta(days=n) for n in range(120))
    Snapshot.objects.bulk_create(Snapshot(package=one, day=day, stars=1, repo_key=one.repo_key) for day in days)
    return {"packages/": 151, "packages/p/releases/": 120, "packages/p/history/": 120, "changes/": 151}


def test_a_larger_limit_is_redirected(get: Get, path_of_each: dict[str, int]) -> None:
    for path in path_of_each:
        for limit in ("101", "500", "1000"):
            for query in (f"?limit={limit}", f"?format=api&limit={limit}"):
                response = page(get, path + query)
                assert response.status_code == 302, path
                target = urlsplit(response["Location"])
                assert target.path == f"/api/v4/{path}"
                expected = {"limit": ["100"]} | ({"format": ["api"]} if "format" in query else {})
                assert parse_qs(target.query) == expected
        response = page(get, f"{path}?limit=100")
        assert (response.status_code, shown(response)) == (200, 100), path
        assert LINE in response.content.decode()


def test_a_smaller_one_is_not(get: Get, path_of_each: dict[str, int]) -> None:
    for path in path_of_each:
        response = page(get, f"{path}?limit=99")
        assert (response.status_code, shown(response)) == (200, 99), path
        assert LINE not in response.content.decode()
        assert LINE not in page(get, path).content.decode()


def test_a_program_gets_all_that_it_requests(get: Get, path_of_each: dict[str, int]) -> None:
    for path, rows in path_of_each.items():
        for form in ({}, {"accept": "application/json; indent=4"}):
            response = get(f"{path}?limit=1000", **form)
            assert (response.status_code, len(response.json()["results"])) == (
                200,
                min(rows, 1000),
            ) or path == "changes/"


def test_the_redirect_keeps_everything_else(client: Client, packages: list[Package]) -> None:
    url = "/api/v4/packages/?limit=500&q=x1&ordering=-title&fields=id,title"
    response = client.get(url, headers={"accept": "text/html"}, follow=True)
    [(target, status)] = response.redirect_chain
    assert status == 302
    assert parse_qs(urlsplit(target).query) == {
        "limit": ["100"],
        "q": ["x1"],
        "ordering": ["-title"],
        "fields": ["id,title"],
    }
    assert response.status_code == 200
    assert "&quot;title&quot;: &quot;x19&quot;" in response.content.decode()


@pytest.mark.parametrize("limit", ["1001", "x", "0", "-1"])
def test_a_wrong_limit_stays_a_mistake(get: Get, limit: str) -> None:
    response = page(get, f"packages/?limit={limit}")
    assert response.status_code == 400
    assert "Must be a whole number from 1 to 1000." in response.content.decode()
    assert LINE not in response.content.decode()


@pytest.mark.parametrize("walk", ["", "cursor=&", "ordering=title&"])
def test_documents_in_place_of_links_count(get: Get, packages: list[Package], walk: str) -> None:
    response = page(get, f"packages/?{walk}expand=category&limit=100")
    assert response.status_code == 302
    assert parse_qs(urlsplit(response["Location"]).query)["limit"] == ["50"]
    response = page(get, f"packages/?{walk}expand=category&limit=50")
    assert (response.status_code, shown(response)) == (200, 100)
    assert LINE in response.content.decode()


def test_a_list_of_grids_shows_as_many_as_fit(get: Get, packages: list[Package]) -> None:
    for size in (40, 40, 30, 20, 10):  # newest first: 10, 20, 30, 40, 40
        members(GridFactory.create(), packages[:size])
    response = page(get, "grids/?expand=packages")
    assert parse_qs(urlsplit(response["Location"]).query) == {"expand": ["packages"], "limit": ["3"]}
    response = page(get, "grids/?expand=packages&limit=3")
    assert (response.status_code, shown(response)) == (200, 3 + 10 + 20 + 30)
    response = page(get, "grids/?expand=packages&limit=3&offset=3")
    assert (response.status_code, shown(response)) == (200, 2 + 40 + 40)


@pytest.mark.parametrize(
    "path", ["grids/big/?expand=packages", "grids/?expand=packages", "grids/?cursor=&expand=packages"]
)
def test_a_grid_that_fits_into_no_page_says_where_it_fits(get: Get, packages: list[Package], path: str) -> None:
    members(GridFactory.create(slug="big"), packages[:100])
    response = page(get, path)
    assert response.status_code == 400
    assert (
        "A page shows at most 100 documents, and 100 would take the place of links: leave expand out, or add"
        " format=json."
    ) in response.content.decode()
    assert get(f"{path}&format=json").status_code == 200
    GridPackage.objects.filter(package=packages[0]).delete()
    response = page(get, path)
    assert (response.status_code, shown(response)) == (200, 100)


def test_all_is_walked_though_pages_are_cut(client: Client, packages: list[Package]) -> None:
    grids = [GridFactory.create() for _ in range(7)]
    for number, grid in enumerate(grids):
        members(grid, packages[: 20 + number * 10])
    seen: list[int] = []
    url = "/api/v4/grids/?expand=packages&fields=id,packages&cursor="
    while url:
        response = client.get(url, headers={"accept": "text/html"}, follow=True)
        assert response.status_code == 200
        body = shown_document(response.content.decode())
        seen += [grid["id"] for grid in body["results"]]
        url = body["next"]
    assert seen == [grid.pk for grid in reversed(grids)]


@given(st.lists(st.integers(0, 120), max_size=100))
def test_the_rows_that_fit_are_as_many_as_can_be(expanded: list[int]) -> None:
    fitting = rows_that_fit(expanded)
    assert fitting + sum(expanded[:fitting]) <= MAX_DOCUMENTS
    assert fitting == len(expanded) or fitting + 1 + sum(expanded[: fitting + 1]) > MAX_DOCUMENTS
