"""Links between documents: on SITE_URL or the request's host, never on a forged header."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.conftest import Get
from tests.factories import CategoryFactory, MembershipFactory

pytestmark = pytest.mark.django_db

LISTED = ("packages", "search", "grids", "categories", "changes", "features", "trending", "readiness")
PATHS = ("", "packages/?limit=1&offset=1", "grids/?limit=1&offset=1", "categories/?limit=1&offset=1")


@pytest.fixture(autouse=True)
def _three_of_each() -> None:
    MembershipFactory.create_batch(3)


def links(body: Any) -> list[str]:
    """Return every URL of this API in a body, whatever its host."""
    if isinstance(body, str):
        return [body] if "/api/v4/" in body else []
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return [link for part in parts for link in links(part)]


@pytest.mark.parametrize("path", PATHS)
def test_links_have_the_host_of_the_request(get: Get, path: str) -> None:
    for host in ("localhost", "127.0.0.1:8123"):
        urls = links(get(path, host=host).json())
        assert len(urls) >= 2
        assert all(link.startswith(f"http://{host}/api/v4/") for link in urls)


@pytest.mark.parametrize("path", PATHS)
def test_links_have_the_scheme_of_the_request(client: Client, path: str) -> None:
    urls = links(client.get(f"/api/v4/{path}", secure=True).json())
    assert urls
    assert all(link.startswith("https://testserver/api/v4/") for link in urls)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("site", ["https://packages.example.org", "http://example.org:8080/catalogue"])
def test_site_url_overrides_the_host(get: Get, settings: Settings, path: str, site: str) -> None:
    settings.SITE_URL = site
    urls = links(get(path, host="localhost").json())
    assert len(urls) >= 2
    assert all(link.startswith(f"{site}/api/v4/") for link in urls)


def test_next_and_previous_under_site_url(get: Get, settings: Settings) -> None:
    settings.SITE_URL = "https://packages.example.org"
    body = get("categories/?limit=1&offset=1").json()
    assert body["next"] == "https://packages.example.org/api/v4/categories/?limit=1&offset=2"
    assert body["previous"] == "https://packages.example.org/api/v4/categories/?limit=1"


@pytest.mark.parametrize("path", PATHS)
def test_forwarded_headers_are_ignored(get: Get, path: str) -> None:
    forged = {
        "x_forwarded_host": "evil.example.org",
        "x_forwarded_proto": "https",
        "x_forwarded_port": "4430",
        "forwarded": "host=evil.example.org;proto=https",
    }
    response = get(path, **forged)
    assert response.json() == get(path).json()
    assert all(link.startswith("http://testserver/") for link in links(response.json()))


def test_forwarded_headers_count_behind_a_trusted_proxy(get: Get, settings: Settings) -> None:
    settings.TRUSTED_PROXIES, settings.USE_X_FORWARDED_HOST = ["127.0.0.1"], True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = ["packages.example.org"]
    urls = links(get("", x_forwarded_host="packages.example.org", x_forwarded_proto="https").json())
    assert urls[0] == "https://packages.example.org/api/v4/packages/"


@pytest.mark.parametrize("chosen", ["json", "api"])
@pytest.mark.parametrize("kind", ["packages", "grids", "categories"])
def test_links_to_pages_keep_the_format(get: Get, kind: str, chosen: str) -> None:
    response = get(f"{kind}/?limit=1&format={chosen}")
    text = response.content.decode().replace("&amp;", "&")
    assert f"/api/v4/{kind}/?format={chosen}&limit=1&offset=1" in text
    if chosen == "json":
        assert all("format=json" in link for link in links(response.json()))


def test_links_to_documents_keep_the_format(get: Get) -> None:
    urls = links(get("packages/?format=json&limit=1").json()["results"])
    assert urls
    assert all(link.endswith("/?format=json") for link in urls)
    assert links(get("?format=json").json()) == [
        *(f"http://testserver/api/v4/{name}/?format=json" for name in LISTED),
        "http://testserver/api/v4/schema/",  # has formats of its own
        "http://testserver/api/v4/docs/",
    ]
    assert "/api/v4/packages/?format=api" in get("?format=api").content.decode()


def test_links_keep_no_other_parameter(get: Get) -> None:
    CategoryFactory.create()
    urls = links(get("packages/?limit=1&ordering=title").json()["results"])
    assert urls
    assert all("?" not in link for link in urls)
