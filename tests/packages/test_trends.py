"""packages.trends: gains and trends out of the numbers of single days, without a database."""

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packages.trends import gain, trend

LAST = date(2026, 11, 23)


def by_day(ago: Mapping[int, int]) -> dict[date, int]:
    """Return the numbers by day, of numbers by days before the last one."""
    return {LAST - timedelta(days=days): number for days, number in ago.items()}


@pytest.mark.parametrize(
    ("ago", "days", "expected"),
    [
        ({}, 30, None),
        ({0: 10}, 30, None),
        ({0: 10, 30: 4}, 30, 6),
        ({0: 10, 90: 4}, 90, 6),
        ({0: 10, 30: 4}, 90, None),
        ({0: 10, 90: 4}, 30, None),
        # The nearest day is the base …
        ({0: 10, 31: 4, 28: 7}, 30, 6),
        ({0: 10, 32: 4, 29: 7}, 30, 3),
        ({0: 10, 30: 4, 29: 7, 31: 8}, 30, 6),
        # … of two as near the later one …
        ({0: 10, 31: 4, 29: 7}, 30, 3),
        ({0: 10, 37: 4, 23: 7}, 30, 3),
        # … 7 days off at most.
        ({0: 10, 37: 4}, 30, 6),
        ({0: 10, 38: 4}, 30, None),
        ({0: 10, 23: 4}, 30, 6),
        ({0: 10, 22: 4}, 30, None),
        ({0: 10, 97: 4}, 90, 6),
        ({0: 10, 98: 4}, 90, None),
        ({0: 10, 83: 4}, 90, 6),
        ({0: 10, 82: 4}, 90, None),
        # Whatever happened in between
        ({0: 10, 15: 99, 30: 4}, 30, 6),
        ({0: 4, 30: 10}, 30, -6),
        ({0: 4, 30: 4}, 30, 0),
        ({0: 0, 30: 2**63 - 1}, 30, 1 - 2**63),
    ],
)
def test_gain(ago: dict[int, int], days: int, expected: int | None) -> None:
    assert gain(by_day(ago), days) == expected


@pytest.mark.parametrize(
    ("ago", "floor", "expected"),
    [
        ({}, 50, None),
        ({0: 60, 15: 55, 30: 50}, 50, 10 / 150),
        ({0: 60, 15: 55, 30: 49}, 50, None),
        ({0: 1100, 15: 1001, 30: 1000}, 1000, 100 / 1100),
        ({0: 1100, 15: 1001, 30: 999}, 1000, None),
        # The floor is of the begin, whatever came later, or was before.
        ({0: 900, 15: 300, 30: 20, 90: 80}, 50, None),
        # Growth in both halves
        ({0: 52, 15: 51, 30: 50}, 50, 2 / 150),
        ({0: 60, 15: 50, 30: 50}, 50, None),
        ({0: 60, 15: 60, 30: 50}, 50, None),
        ({0: 60, 15: 61, 30: 50}, 50, None),
        ({0: 60, 15: 49, 30: 50}, 50, None),
        ({0: 50, 15: 55, 30: 60}, 50, None),
        # A half or the begin that is not known
        ({0: 60, 30: 50}, 50, None),
        ({0: 60, 15: 55}, 50, None),
        ({0: 60, 8: 55, 23: 50}, 50, 10 / 150),
        ({0: 60, 22: 55, 37: 50}, 50, 10 / 150),
        ({0: 60, 7: 55, 30: 50}, 50, None),
        ({0: 60, 15: 55, 38: 50}, 50, None),
        # One day never is both.
        ({0: 60, 22: 50}, 50, None),
        ({0: 60, 23: 50}, 50, None),
    ],
)
def test_trend(ago: dict[int, int], floor: int, expected: float | None) -> None:
    assert trend(by_day(ago), floor) == expected


COUNTS = st.dictionaries(st.dates(), st.integers(0, 2**63 - 1), max_size=12)
NEAR = st.dictionaries(st.integers(0, 100), st.integers(0, 300), max_size=12).map(by_day)


@given(COUNTS | NEAR, st.integers(0, 2_000))
def test_any_history_has_gains_or_none(counts: dict[date, int], floor: int) -> None:
    gains = {days: gain(counts, days) for days in (15, 30, 90)}
    for days, gained in gains.items():
        near = [day for day in counts if abs((max(counts) - day).days - days) <= 7]
        assert (gained is None) == (not near)
        if gained is not None:
            assert counts[max(counts)] - gained in {counts[day] for day in near}
    trending = trend(counts, floor)
    if trending is not None:
        whole, half = gains[30], gains[15]
        assert whole is not None
        assert half is not None
        assert 0 < half < whole
        assert 0 < trending <= 2**63 / 100
