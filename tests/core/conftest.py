"""Clients with an allowance, counted by a clock that stands still."""

import pytest
from pytest_django import Settings

from tests.core.limits.counting import RATE, Spent, Standing


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
