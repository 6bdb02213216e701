"""`Deprecation` and `Link` on every response of v3, whatever made it; errors before the views, in the words of v3."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import psycopg2
import pytest
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import override_script_prefix
from pytest_django import Settings

from core import versions
from core.caching.stores import store
from tests.core.api.test_formats import BROWSER
from tests.factories import CategoryFactory, GridFactory, PackageFactory
from tests.v3.conftest import Get
from v3.version import DEPRECATED, Version3, successor_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def _x() -> None:
    for factory in (PackageFactory, GridFactory, CategoryFactory):
        factory.create(slug="x")
    PackageFactory.create(slug="404")


def successor(response: Any) -> str:
    """Return the URL of the successor of a response, which is deprecated."""
    assert response["Deprecation"] == DEPRECATED
    before, url, after = response["Link"].replace(">", "<").split("<")
    assert (before, after) == ("", '; rel="successor-version"')
    return str(url)


def test_the_time_is_a_day_that_has_begun() -> None:
    assert DEPRECATED.startswith("@")
    at = datetime.fromtimestamp(int(DEPRECATED[1:]), UTC)
    assert (at.year, at.hour, at.minute, at.second) == (2026, 0, 0, 0)


@pytest.mark.usefixtures("_x")
@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("", 200, ""),
        ("packages/", 200, "packages/"),
        ("packages", 200, "packages/"),
        ("packages/?limit=0&category=x", 200, "packages/"),
        ("packages/x/", 200, "packages/x/"),
        ("packages/x", 200, "packages/x/"),
        ("packages/404/", 200, "packages/"),
        ("grids/x/", 200, "grids/x/"),
        ("grids/x/packages/", 200, "packages/?grid=x"),
        ("categories/", 200, "categories/"),
        ("categories/x/", 200, "categories/x/"),
        ("packages/nope/", 404, "packages/"),
        ("packages/x/y/", 404, ""),
        ("grids/nope/packages/", 404, "grids/"),
        ("categories/nope/", 404, "categories/"),
        ("packages/%22%3E%2C/", 404, "packages/"),
        ("users/", 404, ""),
        ("users/anna/", 404, ""),
    ],
)
def test_a_response_leads_to_v4(client: Client, path: str, status: int, expected: str) -> None:
    response = client.get(f"/api/v3/{path}")
    assert response.status_code == status
    url = successor(response)
    assert url == f"/api/v4/{expected}"
    assert client.get(url).status_code == 200


@pytest.mark.usefixtures("_x")
def test_so_do_responses_that_no_view_made(client: Client, settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    first, cached = (client.get("/api/v3/packages/x/") for _ in range(2))
    assert first.headers == cached.headers
    unchanged = client.get("/api/v3/packages/x/", headers={"if-none-match": first["ETag"]})
    asked = {"origin": "https://elsewhere.example", "access-control-request-method": "GET"}
    responses = {
        200: cached,
        304: unchanged,
        301: client.get("/api/v3"),
        405: client.post("/api/v3/packages/x/"),
        400: client.get("/api/v3/packages/x/", headers={"host": "evil.example"}),
    }
    for status, response in responses.items():
        assert response.status_code == status
        assert successor(response) == ("/api/v4/" if status == 301 else "/api/v4/packages/x/")
    assert successor(client.options("/api/v3/packages/x/", headers=asked)) == "/api/v4/packages/x/"
    assert successor(client.options("/api/v3/packages/x/")) == "/api/v4/packages/x/"


def test_other_responses_are_as_they_were(client: Client) -> None:
    for path in ("/api/v4/packages/", "/api/v4/", "/api/v3x/", "/api/", "/"):
        response = client.get(path)
        assert "Deprecation" not in response
        assert "successor-version" not in response.get("Link", "")


def test_links_are_joined() -> None:
    request = HttpRequest()
    request.path_info = "/api/v3/packages/"
    response = HttpResponse(headers={"Link": '</x>; rel="next"'})
    assert Version3().headers(request, response)["Link"] == (
        '</x>; rel="next", </api/v4/packages/>; rel="successor-version"'
    )


def test_a_site_below_a_path(client: Client) -> None:
    PackageFactory.create(slug="x", category=CategoryFactory.create(slug="c"))
    with override_script_prefix("/catalogue/"):
        response = client.get("/api/v3/packages/?limit=1", SCRIPT_NAME="/catalogue")
        assert successor(response) == "/catalogue/api/v4/packages/"
        redirect = client.get("/packages/p/x/", SCRIPT_NAME="/catalogue")
    [document] = response.json()["objects"]
    assert [document[key] for key in ("absolute_url", "category", "resource_uri")] == [
        "/catalogue/packages/p/x/",
        "/catalogue/api/v3/categories/c/",
        "/catalogue/api/v3/packages/x/",
    ]
    assert redirect["Location"] == "/catalogue/api/v4/packages/x/"


@pytest.mark.parametrize("path", ["/api/v3/packages/\n", "/api/v3/packages/a,b/", '/api/v3/packages/">', "/api/v3"])
def test_the_successor_of_a_strange_path_is_a_list(path: str) -> None:
    assert successor_of(path, 404) in {"/api/v4/packages/", "/api/v4/"}


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_errors_before_the_views_are_those_of_v3(client: Client, accept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = client.get("/api/v3/packages/", headers={"host": "evil.example", "accept": accept})
    assert wrong.json() == {
        "error": 400,
        "message": "The request cannot be understood; check its Host header and its URL.",
    }

    error = OperationalError("gone")
    error.__cause__ = psycopg2.OperationalError("gone")
    monkeypatch.setattr("core.caching.revisions.read", Mock(side_effect=error))
    client.raise_request_exception = False
    failed = client.get("/api/v3/packages/", headers={"accept": accept})
    assert (failed.status_code, failed["Retry-After"]) == (503, "5")
    assert failed.json()["error"] == 503
    assert "not available" in failed.json()["message"]
    assert successor(failed) == "/api/v4/packages/"


def test_a_failure_of_the_program(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v3.views.RootView.get", None)
    client.raise_request_exception = False
    response = client.get("/api/v3/", headers={"accept": "text/html"})
    assert (response.status_code, response.json()["error"]) == (500, 500)


@pytest.mark.usefixtures("_x")
def test_a_list_that_takes_too_long(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("v3.views.FilteredRows.page", Mock(side_effect=OperationalError("interrupted")))
    response = get("packages/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["error"] == 503
    assert response.json()["message"].startswith("The database did not respond in time")


def test_v3_is_registered_once() -> None:
    assert [each.path for each in versions.registered()] == ["/api/v3/"]
