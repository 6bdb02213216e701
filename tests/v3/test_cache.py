"""Responses of v3 in the cache: they expire with what they show alone, and have one key for all that mean the same."""

from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.test.utils import override_settings
from django.urls import get_resolver
from pytest_django import DjangoAssertNumQueries, Settings

from categories.models import Category
from core.caching.cacheable import CacheableRequest
from core.caching.dependencies import Routes
from grids.models import Grid
from packages.models import Package
from tests.core.caching.test_dependencies import (
    CATEGORIES,
    GRIDS,
    PACKAGES,
    WRITES,
    check_expiry,
    fill_catalogue,
    named_routes,
)
from tests.v3.conftest import Get

ALL = PACKAGES | GRIDS | CATEGORIES
REQUESTS: dict[str, dict[str, set[str]]] = {
    "": {"": set()},
    "packages": {"packages": ALL},
    "packages/": {"packages/": ALL, "packages/?category=c": ALL, "packages/?category=nope&limit=0": ALL},
    "packages/<reference>": {"packages/p": ALL},
    "packages/<reference>/": {"packages/p/": ALL},
    "grids": {"grids": GRIDS},
    "grids/": {"grids/": GRIDS, "grids/?limit=1000&offset=5": GRIDS},
    "grids/<reference>": {"grids/g": GRIDS},
    "grids/<reference>/": {"grids/g/": GRIDS},
    "grids/<reference>/packages": {"grids/g/packages": ALL},
    "grids/<reference>/packages/": {"grids/g/packages/": ALL, "grids/g/packages/?offset=1": ALL},
    "categories": {"categories": CATEGORIES},
    "categories/": {"categories/": CATEGORIES},
    "categories/<reference>": {"categories/c": CATEGORIES},
    "categories/<reference>/": {"categories/c/": CATEGORIES},
    "[sS]+": {},  # nothing is there
}


@pytest.fixture
def _catalogue(settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    fill_catalogue()


def test_every_route_has_requests_here() -> None:
    assert named_routes("/api/v3/") == REQUESTS.keys()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_catalogue")
def test_a_response_expires_with_the_kinds_that_it_shows_and_no_others(get: Get) -> None:
    requests = {url: depends for urls in REQUESTS.values() for url, depends in urls.items()}
    check_expiry(get, requests, WRITES)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_catalogue")
def test_another_slug_moves_all_that_link_to_it(get: Get) -> None:
    for what, url, name in (
        (Grid.objects, "packages/p/", "grids"),
        (Category.objects, "packages/p/", "category"),
        (Grid.objects, "packages/", "grids"),
        (Package.objects.filter(title="Maps"), "grids/g/", "packages"),
    ):
        before = get(url)
        slug = f"{name}-{before['ETag'][1:9]}"
        what.update(slug=slug)
        after = get(url, **{"if-none-match": before["ETag"]})
        assert after.status_code == 200
        assert f"/{slug}/" in after.content.decode()
        what.update(slug={"category": "c", "grids": "g", "packages": "p"}[name])


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_catalogue")
def test_what_a_client_has_is_not_sent_again(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for urls in REQUESTS.values():
        for url, depends in urls.items():
            first = get(url)
            assert first["Cache-Control"] == "public, no-cache"
            with django_assert_num_queries(bool(depends)):
                response = get(url, **{"if-none-match": f"W/{first['ETag']}"})
            assert (response.status_code, response.content) == (304, b"")
            with django_assert_num_queries(bool(depends)):
                assert get(url).content == first.content


SAME = {
    "packages/": (
        "limit=20",
        "offset=0&limit=020",
        "x=1&y=2",
        "limit=x",
        "page=3",
        "limit=5&limit=20",
        "category=a%20b",
    ),
    "packages/?limit=5&category=c": (
        *("category=c&limit=5&z=1", "limit=0005&category=c&offset=", "limit=5&offset=-1&category=c"),
        *("category=x&category=c&limit=%35", "format=json&limit=5&category=c"),
    ),
    "packages/?limit=1000": ("limit=1001", "limit=99999999999999999999999"),
    "grids/": ("category=c", "limit=20&category=nope"),
    "grids/g/packages/": ("category=c", "_=1700000000"),
    "packages/p/": ("limit=5", "fields=title&format=csv", "x=" + "y" * 5000),
    "": ("limit=5", "%FF"),
}


@pytest.mark.django_db
@pytest.mark.usefixtures("_catalogue")
@pytest.mark.parametrize("url", SAME)
def test_requests_that_mean_the_same_share_a_response(client: Client, url: str) -> None:
    path = url.partition("?")[0]

    def etag(query: str) -> Any:
        return client.get(f"/api/v3/{path}?{query}")["ETag"]

    plain = client.get(f"/api/v3/{url}")["ETag"]
    assert {query: etag(query) for query in SAME[url]} == dict.fromkeys(SAME[url], plain)


@pytest.mark.django_db
@pytest.mark.usefixtures("_catalogue")
def test_requests_that_mean_something_else_do_not(get: Get) -> None:
    queries = ("", "limit=0", "limit=1", "offset=1", "limit=1&offset=1", "category=c", "category=nope", "limit=1000")
    assert len({get(f"packages/?{query}")["ETag"] for query in queries}) == len(queries)
    with override_settings(SITE_URL="https://one.example"):
        assert get("packages/").json() == get("packages/?limit=20").json()


@pytest.mark.parametrize(
    ("query", "is_large"),
    [
        ("limit=299", False),
        ("limit=300", True),
        ("limit=0300", True),
        ("limit=99999", True),
        ("limit=300&limit=5", False),
        ("limit=x&expand=packages", False),
    ],
)
def test_a_page_is_large_by_the_limit_that_is_meant(query: str, is_large: bool) -> None:
    route = Routes(get_resolver().url_patterns).find("/api/v3/packages/")
    assert route is not None
    cacheable = CacheableRequest.of(RequestFactory().get(f"/api/v3/packages/?{query}"), route, "testserver", "")
    assert cacheable is not None
    assert cacheable.meaning.is_large == is_large
