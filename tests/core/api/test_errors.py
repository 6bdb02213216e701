"""Errors: missing, not allowed or not understood; in JSON, or as a page if the client prefers one."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, PackageFactory

pytestmark = pytest.mark.django_db

KINDS = (("packages", "Package"), ("grids", "Grid"), ("categories", "Category"))
PAGES = ["application/json", "text/html"]
UNKNOWN_URL = "There is nothing at this address; the API begins at /api/v4/."
UNKNOWN_PATHS = (
    "/api",
    "/api/",
    "/api/v2/",
    "/api/v4/nope",
    "/api/v4/nope/",
    "/api/v4/packages/x/y/",
    "/api/v4//packages/",
)
# References that no row can have; PostgreSQL would fail on some of them.
IMPOSSIBLE = (
    "%00",
    "a%00b",
    "0%00",
    "%0A",
    "1%0A",
    "x%0A",
    "%20",
    "1%20",
    "%201",
    "-1%20",
    "1.5",
    "+1",
    "%D9%A3",  # ARABIC-INDIC DIGIT THREE
    "1%D9%A3",
    "%EF%BC%91",  # FULLWIDTH DIGIT ONE
    "%C2%B2",  # SUPERSCRIPT TWO
    "%C3%A9",
    "%FF",
    "9223372036854775808",
    "9999999999999999999",
    "12345678901234567890",
    "1" * 5000,
    "x.json",
)
MISSING = ("1", "2147483648", "9223372036854775807", "nope", "0", "00", "-1", "_", "x" * 200)


@pytest.mark.parametrize(("kind", "name"), KINDS)
@pytest.mark.parametrize("reference", IMPOSSIBLE)
def test_impossible_references_are_not_found_without_a_query(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries, kind: str, name: str, reference: str
) -> None:
    with django_assert_num_queries(1):
        response = get(f"{kind}/{reference}/")
    assert response.status_code == 404
    assert response.json() == {"detail": f"No {name} matches the given query."}


@pytest.mark.parametrize(("kind", "name"), KINDS)
@pytest.mark.parametrize("reference", MISSING)
def test_missing_documents(get: Get, kind: str, name: str, reference: str) -> None:
    response = get(f"{kind}/{reference}/")
    assert response.status_code == 404
    assert response["Content-Type"] == "application/json"
    assert response.json() == {"detail": f"No {name} matches the given query."}


@pytest.mark.parametrize("path", ["/api/v4/packages/nope/", "/api/v4/packages/%00/", *UNKNOWN_PATHS])
def test_a_browser_gets_a_404_as_a_page(client: Client, path: str) -> None:
    response = client.get(path, headers={"accept": "text/html"})
    assert response.status_code == 404
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert "Package Grids" in response.content.decode()


@pytest.mark.parametrize("path", [*UNKNOWN_PATHS, "/api/%00/", "/api/v4/packages/a%2Fb/", "/api/v4/nope%0A/"])
def test_an_unknown_url(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response["Content-Type"] == "application/json"
    assert "Accept" in response["Vary"].split(", ")
    assert response.json() == {"detail": UNKNOWN_URL}


@pytest.mark.parametrize(
    "path", ["", "/packages", "/grids", "/categories", "/packages/1", "/packages/nope", "/grids/007", "/packages/%0A"]
)
@pytest.mark.parametrize("query", ["", "?limit=2&offset=4", "?format=json&x=%C3%A9&y=%26"])
def test_a_missing_slash_is_added_and_the_query_stays(client: Client, path: str, query: str) -> None:
    response = client.get(f"/api/v4{path}{query}")
    assert response.status_code == 301
    assert response["Location"] == f"/api/v4{path}/{query}"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["", "packages/", "packages/x/", "grids/", "grids/x/", "categories/", "categories/x/"])
def test_the_api_is_read_only(client: Client, method: str, path: str) -> None:
    for factory in (PackageFactory, GridFactory, CategoryFactory):
        factory.create(slug="x")
    send: Callable[..., Any] = getattr(client, method)
    response = send(f"/api/v4/{path}", data={"title": "y"}, content_type="application/json")
    assert response.status_code == 405
    assert response["Content-Type"] == "application/json"
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert response.json() == {"detail": f'Method "{method.upper()}" not allowed.'}


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_a_missing_slash_is_not_added_to_other_methods(client: Client, method: str) -> None:
    """The client would repeat a redirected request as a GET."""
    response = getattr(client, method)("/api/v4/packages")
    assert response.status_code == 404
    assert response.json() == {"detail": UNKNOWN_URL}


@pytest.mark.parametrize("path", ["", "packages/", "packages/x/", "grids/x/", "categories/x/", "packages/nope/"])
def test_head_responds_like_get_without_a_body(client: Client, path: str) -> None:
    for factory in (PackageFactory, GridFactory, CategoryFactory):
        factory.create(slug="x")
    whole, head = client.get(f"/api/v4/{path}"), client.head(f"/api/v4/{path}")
    assert head.status_code == whole.status_code
    assert head.content == b""
    for header in ("Content-Type", "Allow", "Vary"):
        assert head[header] == whole[header]


@pytest.mark.parametrize(
    ("path", "name", "renders"),
    [
        ("", "Package Grids", PAGES),
        ("packages/", "Packages", [*PAGES, "text/csv", "application/x-ndjson"]),
        ("grids/", "Grids", [*PAGES, "text/csv", "application/x-ndjson"]),
        ("categories/x/", "Category", PAGES),
    ],
)
def test_options(client: Client, path: str, name: str, renders: list[str]) -> None:
    response = client.options(f"/api/v4/{path}")
    assert response.status_code == 200
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert response.json()["name"] == name
    assert response.json()["renders"] == renders


@pytest.mark.parametrize("path", ["", "packages/", "packages/nope/"])
def test_allow_and_vary(get: Get, path: str) -> None:
    response = get(path)
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert "Accept" in response["Vary"].split(", ")


def test_a_host_that_is_not_allowed(get: Get) -> None:
    response = get("packages/", host="evil.example.org")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/json"
    assert response.json() == {"detail": "The request cannot be understood; check its Host header and its URL."}
