"""Helpers for tests of an upstream on a faked wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import responses
from hypothesis import strategies as st

from fetchers.network.http import Upstream
from fetchers.network.rate_limit import RateLimit, RateLimitState

NOW = datetime(2024, 1, 15, 9, tzinfo=UTC)

# Any JSON, NaN included.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


class Clock:
    """A clock that moves while somebody sleeps by it."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


def make_upstream(name: str, url: str, **options: Any) -> Upstream:
    clock = Clock()
    return Upstream(name, url, RateLimit(RateLimitState(), clock), "package-grids/test", sleep=clock.sleep, **options)


def has(**query: str) -> Any:
    """Match requests with exactly these parameters."""
    return responses.matchers.query_param_matcher(query)
