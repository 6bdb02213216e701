"""Metrics of requests: by the names of URLs, never by paths."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from core.caching.stores import store
from core.metrics import REGISTRY
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "0123456789abcdef0123"
Sample = tuple[str, tuple[tuple[str, str], ...]]


@pytest.fixture(autouse=True)
def _measured(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    settings.CACHE_URL = "locmem://"
    store.cache_clear()


def samples(name: str) -> dict[Sample, float]:
    found = (sample for family in REGISTRY.collect() for sample in family.samples if sample.name == name)
    return {(each.name, tuple(sorted(each.labels.items()))): each.value for each in found}


class Growth:
    """The growth of a metric since this was made, by the values of its labels in the order of their names."""

    def __init__(self, name: str) -> None:
        self.name, self.before = name, samples(name)

    def now(self) -> dict[tuple[str, ...], float]:
        grown = {key: value - self.before.get(key, 0) for key, value in samples(self.name).items()}
        return {tuple(value for _, value in labels): by for (_, labels), by in grown.items() if by}


def test_requests_by_view_method_and_status(client: Client) -> None:
    PackageFactory.create(slug="p")
    counted, timed = Growth("package_grids_requests_total"), Growth("package_grids_request_duration_seconds_count")
    etag = client.get("/api/v4/packages/p/")["ETag"]
    client.get("/api/v4/packages/1234567/")
    client.get("/api/v4/packages/p/", headers={"if-none-match": etag})
    client.head("/api/v4/packages/p/")
    client.post("/api/v4/packages/")
    client.generic("BREW", "/api/v4/packages/")
    client.get("/api/v3/packages/p")
    client.get("/nowhere/at/all")
    client.get("/healthz")
    client.get("/admin/login/")
    client.get("/api/v4/packages/", headers={"host": "evil.example.org"})
    assert counted.now() == {
        ("GET", "200", "package-detail"): 1,
        ("GET", "404", "package-detail"): 1,
        ("GET", "304", "package-detail"): 1,
        ("HEAD", "200", "package-detail"): 1,
        ("POST", "405", "package-list"): 1,
        ("other", "405", "package-list"): 1,
        ("GET", "200", "v3:package"): 1,
        ("GET", "404", "core.pages.handlers.missing"): 1,
        ("GET", "200", "healthz"): 1,
        ("GET", "200", "admin:login"): 1,
        ("GET", "400", "none"): 1,
    }
    assert timed.now()["package-detail",] == 4
    assert not any("/" in label for labels in counted.now() for label in labels)


def test_results_of_the_cache(client: Client, settings: Settings) -> None:
    PackageFactory.create(slug="p")
    results = Growth("package_grids_cache_results_total")
    etag = client.get("/api/v4/packages/p/")["ETag"]
    assert results.now() == {("built",): 1}
    client.get("/api/v4/packages/p/")
    client.head("/api/v4/packages/p/")
    client.get("/api/v4/packages/p/", headers={"if-none-match": etag})
    client.get("/api/v4/packages/none/")
    assert results.now() == {("built",): 1, ("hit",): 2, ("not_modified",): 1, ("uncacheable",): 1}
    client.get("/api/v4/packages/?format=none")
    client.get("/robots.txt")
    assert sum(results.now().values()) == 5, "neither is a question for the cache"


def test_requests_in_flight_are_none_in_the_end(client: Client) -> None:
    client.get("/api/v4/")
    assert samples("package_grids_requests_in_flight") == {("package_grids_requests_in_flight", ()): 0}


def test_nothing_is_measured_that_nobody_may_read(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""
    counted = Growth("package_grids_requests_total")
    response: Any = Client().get("/api/v4/")
    assert response.status_code == 200
    assert counted.now() == {}
