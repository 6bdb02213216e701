"""Helpers for tests of an upstream on a faked wire."""

from datetime import UTC, datetime
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


def make_upstream(name: str, url: str, **options: Any) -> Upstream:
    rate_limit = RateLimit(RateLimitState(), lambda: NOW)
    return Upstream(name, url, rate_limit, "package-grids/test", sleep=lambda _: None, **options)


def has(**query: str) -> Any:
    """Match requests with exactly these parameters."""
    return responses.matchers.query_param_matcher(query)
