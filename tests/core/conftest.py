"""Clients with an allowance, counted by a clock that stands still."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from core.caching.stores import store
from tests.core.limits.counting import RATE, Spent, Standing


@pytest.fixture
def own_cache(settings: Settings) -> Iterator[None]:
    """An empty cache of the test's own: revisions that it has seen come again in the next one."""
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    yield
    store.cache_clear()


@pytest.fixture
def counter(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Standing:
    """The counter of a site on which each client has 60 units a minute."""
    settings.RATE_LIMIT = RATE
    counter = Standing()
    monkeypatch.setattr("core.limits.middleware.counter", lambda _url: counter)
    return counter


@pytest.fixture
def spent(counter: Standing) -> Spent:
    """Return a function that says what the client has spent since it was last asked."""
    return counter.take_back
