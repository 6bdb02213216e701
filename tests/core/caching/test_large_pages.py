"""A worker builds one large page at a time, and smaller ones in parallel."""

import threading

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from core.caching.middleware import ApiCacheMiddleware
from core.caching.revisions import Revisions

pytestmark = pytest.mark.database  # the middleware chooses the connection
SECONDS = 20  # a busy machine


def build_two(
    monkeypatch: pytest.MonkeyPatch, query: str, wait: float, accept: str = "*/*", path: str = "packages/"
) -> bool:
    """Build two pages with that query in two threads; return whether both were being built within `wait` seconds."""
    middleware = ApiCacheMiddleware(lambda _: HttpResponse())
    both = threading.Barrier(2)
    in_parallel: list[bool] = []

    def respond(request: HttpRequest) -> HttpResponse:
        try:
            both.wait(wait)
        except threading.BrokenBarrierError:
            both.reset()
            in_parallel.append(False)
        else:
            in_parallel.append(True)
        return HttpResponse(b"{}", content_type="application/json")

    monkeypatch.setattr(middleware, "respond", respond)
    monkeypatch.setattr("core.caching.revisions.read", lambda *_: Revisions({}, {}))
    requests = [
        RequestFactory().get(f"/api/v4/{path}?{query}&offset={offset}", headers={"accept": accept}) for offset in (0, 1)
    ]
    threads = [threading.Thread(target=middleware, args=[request]) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * SECONDS)
    assert len(in_parallel) == 2
    return all(in_parallel)


INDENTED = "application/json; indent=4"


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("limit=300", "*/*"),
        ("limit=1000", "*/*"),
        ("fields=id&limit=300", "*/*"),
        ("limit=300", INDENTED),
        ("limit=1000", INDENTED),
        ("expand=grids", "*/*"),
        ("expand=grids", INDENTED),
        ("limit=50", "text/html"),
        ("limit=100&format=api", "*/*"),
        ("expand=category", "text/html"),
    ],
)
@pytest.mark.parametrize("cache", ["locmem://", "dummy://"])
def test_one_large_page_is_built_at_a_time(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, query: str, accept: str, cache: str
) -> None:
    settings.CACHE_URL = cache
    assert not build_two(monkeypatch, query, wait=0.3, accept=accept)


@pytest.mark.parametrize(
    ("query", "accept"),
    [
        ("limit=299", "*/*"),
        ("limit=20", "*/*"),
        ("q=limit%3D300", "*/*"),
        ("limit=299", INDENTED),
        ("limit=49", "text/html"),
        ("limit=20&format=api", "*/*"),
        ("q=expand", "*/*"),
    ],
)
def test_other_pages_are_built_in_parallel(monkeypatch: pytest.MonkeyPatch, query: str, accept: str) -> None:
    assert build_two(monkeypatch, query, wait=SECONDS, accept=accept)


@pytest.mark.parametrize("path", ["grids/maps/", "grids/maps/comparison/", "compare/"])
def test_pages_that_are_large_by_themselves(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """The page of a comparison has 200 rows if nobody asks for less; its JSON is not as much."""
    assert not build_two(monkeypatch, "", wait=0.3, accept="text/html", path=path)
    assert build_two(monkeypatch, "", wait=SECONDS, path=path)


@pytest.mark.parametrize("path", ["grids/", "packages/ralph/", "grids/maps/features/"])
def test_pages_that_are_not(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert build_two(monkeypatch, "", wait=SECONDS, accept="text/html", path=path)
