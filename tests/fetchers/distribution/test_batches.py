"""Batches: how due packages are cut, and which of them are left."""

from hypothesis import given
from hypothesis import strategies as st

from fetchers import batches
from fetchers.batches import cut, without
from fetchers.order import Due
from fetchers.sweeps import Part


@given(st.integers(0, 450), st.integers(0, 250), st.floats(0, 1))
def test_parts_are_the_whole_in_its_order(healthy: int, failed: int, share_of_good: float) -> None:
    due = Due(list(range(healthy)), list(range(1_000, 1_000 + failed)), int(healthy * share_of_good))
    parts = list(cut(Part(due, 2 * (healthy + failed), 0)))
    assert [pk for part in parts for pk in part.due.healthy] == due.healthy
    assert [pk for part in parts for pk in part.due.failed] == due.failed
    assert sum(part.due.good for part in parts) == due.good
    assert all(0 < len(part.due) <= batches.SIZE for part in parts)
    # Those that were fetched before are at the end, in each part as in the whole.
    good = set(due.healthy[len(due.healthy) - due.good :])
    for part in parts:
        assert set(part.due.healthy[len(part.due.healthy) - part.due.good :]) == good.intersection(part.due.healthy)
    assert not parts or abs(sum(part.share for part in parts) - 1) < 1e-9


def test_without_those_that_are_saved() -> None:
    due = Due([1, 2, 3, 4], [5, 6], good=2)
    assert without(due, {2, 4, 5}) == Due([1, 3], [6], good=1)
    assert without(due, set()) == due
