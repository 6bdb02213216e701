"""GET /api/v3/, what v3 does not have, and methods and headers of requests that make no difference or an error."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.core.api.test_formats import BROWSER
from tests.factories import CategoryFactory, GridFactory, PackageFactory
from tests.v3.conftest import Get

pytestmark = pytest.mark.django_db
PATHS = ("", "packages/", "packages/x/", "grids/", "grids/x/", "grids/x/packages/", "categories/", "categories/x/")
UNKNOWN = {"error": 404, "message": "There is nothing at this address; /api/v3/ lists what there is."}


@pytest.fixture
def _x() -> None:
    for factory in (PackageFactory, GridFactory, CategoryFactory):
        factory.create(slug="x")


def test_the_root_lists_the_kinds(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        response = get()
    assert list(response.json().items()) == [
        ("categories", "/api/v3/categories/"),
        ("grids", "/api/v3/grids/"),
        ("packages", "/api/v3/packages/"),
    ]
    assert get("?x=1&x=2").json() == response.json()


def test_the_root_without_its_slash_redirects(client: Client) -> None:
    response = client.get("/api/v3?x=1")
    assert (response.status_code, response["Location"]) == (301, "/api/v3/?x=1")


@pytest.mark.parametrize(
    "path",
    [
        *("users/", "users/anna/", "users", "nope", "packages/x/y/", "packages/x/releases/", "packages/x.json"),
        *("/packages/", "packages//", "grids/x/features/", "categories/x/packages/", "packages/%00/", "packages/%0A"),
        *("packages/a%20b/", "packages/%C3%A9/", "packages/%FF/", "packages/..%2F/", "packages/%2F%2Fevil.example/"),
        *("packages/<script>/", "schema/", "search/?q=x", "features/"),
    ],
)
@pytest.mark.usefixtures("_x")
def test_what_there_is_not(client: Client, path: str) -> None:
    for accept in ("*/*", BROWSER):
        response = client.get(f"/api/v3/{path}", headers={"accept": accept})
        assert response.status_code == 404, accept
        assert response["Content-Type"] == "application/json"
        assert response["Cache-Control"] == "no-store"
        assert response.json() == UNKNOWN


@pytest.mark.usefixtures("_x")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/csv", "application/xml", "", "nonsense", "*/*;q=0"])
def test_whatever_is_accepted_it_is_json(get: Get, path: str, accept: str) -> None:
    plain = get(path)
    response = get(f"{path}?format=api", accept=accept)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert (response.content, response["ETag"]) == (plain.content, plain["ETag"]), "so that there is one in the cache"
    assert "Content-Security-Policy" not in response, "it is no page"


@pytest.mark.usefixtures("_x")
@pytest.mark.parametrize("path", [*PATHS, "packages/x", "packages/nope/", "users/"])
def test_head_is_get_without_a_body(client: Client, path: str) -> None:
    whole, head = client.get(f"/api/v3/{path}"), client.head(f"/api/v3/{path}")
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert dict(head.headers) == dict(whole.headers)


@pytest.mark.usefixtures("_x")
@pytest.mark.parametrize("path", PATHS)
def test_options(client: Client, path: str) -> None:
    response = client.options(f"/api/v3/{path}")
    assert response.status_code == 200
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert response.json()["renders"] == ["application/json"]


@pytest.mark.usefixtures("_x")
@pytest.mark.parametrize("path", [*PATHS, "packages", "packages/x"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_read_only(client: Client, path: str, method: str) -> None:
    send: Callable[..., Any] = getattr(client, method)
    response = send(f"/api/v3/{path}", data={"title": "y"}, content_type="application/json")
    assert response.status_code == 405
    assert response["Content-Type"] == "application/json"
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert response.json() == {"error": 405, "message": f'Method "{method.upper()}" not allowed.'}


def test_pages_of_any_site_may_read_it(client: Client) -> None:
    v4 = client.get("/api/v4/packages/", headers={"origin": "https://elsewhere.example"})
    v3 = client.get("/api/v3/packages/", headers={"origin": "https://elsewhere.example"})
    names = {name for name in v4.headers if name.startswith("Access-Control")} | {"X-Content-Type-Options", "Vary"}
    assert {name: v3[name] for name in names} == {name: v4[name] for name in names}
    asked = {"origin": "https://elsewhere.example", "access-control-request-method": "GET"}
    preflights = [client.options(f"/api/{version}/packages/", headers=asked) for version in ("v4", "v3")]
    added = {"Deprecation", "Link"}
    assert {name: preflights[1][name] for name in preflights[1].headers if name not in added} == dict(
        preflights[0].headers
    )


def test_v3_is_not_in_the_schema_of_v4(client: Client) -> None:
    schema = client.get("/api/v4/schema/?format=json").json()
    assert [path for path in schema["paths"] if not path.startswith("/api/v4/")] == []
