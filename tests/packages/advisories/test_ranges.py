"""packages.advisories.ranges: the versions that are affected, by the order of PEP 440."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from packages.advisories.ranges import affects, fixed_in, in_order

# In the order of PEP 440, each in one of its spellings: an oracle that knows places alone needs no comparison.
CHAIN = (
    *("0.9", "1.0.dev1", "1.0a1", "1.0b2.dev3", "1.0b2", "1.0rc1", "1.0", "1.0+local.1", "1.0.post1", "1.0.1", "1.1"),
    *("1.9.10", "1.10", "2.0.0", "2.0.1", "10.0", "2026.1", "1!0.1", "1!2.0"),
)
PLACES = {version: place for place, version in enumerate(CHAIN)}
BASE = [("introduced", "1.0"), ("fixed", "1.0.1"), ("introduced", "2.0.0"), ("fixed", "2.0.1")]

kinds = st.sampled_from(["introduced", "fixed", "last_affected"])
events = st.lists(st.tuples(kinds, st.sampled_from(CHAIN)), max_size=6, unique_by=lambda event: event[1])
limits = st.lists(st.tuples(st.just("limit"), st.sampled_from([*CHAIN, "*"])), max_size=2)


def test_the_chain_is_in_order() -> None:
    assert sorted(CHAIN, key=Version) == list(CHAIN)


def naive(place: int, told: list[tuple[str, str]]) -> bool:
    """Go through all versions from the first, and note when the vulnerability comes and goes."""
    ends = [PLACES.get(version, len(CHAIN)) for kind, version in told if kind == "limit"]
    if ends and place >= max(ends):
        return False
    is_affected = any(event == ("introduced", "0") for event in told)
    for now in range(place + 1):
        here = [kind for kind, version in told if PLACES.get(version) == now]
        if "introduced" in here:
            is_affected = True
        if "fixed" in here:
            is_affected = False
        if now > 0 and ("last_affected", CHAIN[now - 1]) in told and "introduced" not in here:
            is_affected = False
    return is_affected


@given(events, limits, st.booleans(), st.sampled_from(CHAIN), st.randoms(use_true_random=False))
def test_as_a_naive_oracle_has_it(
    told: list[tuple[str, str]], ends: list[tuple[str, str]], from_the_first: bool, version: str, random: object
) -> None:
    everything = [*told, *ends, *([("introduced", "0")] if from_the_first else [])]
    random.shuffle(everything)  # type: ignore[attr-defined]
    assert affects(version, [everything], []) == naive(PLACES[version], everything)


@given(st.lists(events, max_size=3), st.lists(st.sampled_from(CHAIN), max_size=3), st.sampled_from(CHAIN))
def test_one_range_or_the_list_is_enough(ranges: list[list[tuple[str, str]]], listed: list[str], version: str) -> None:
    in_one = any(affects(version, [each], []) for each in ranges)
    assert affects(version, ranges, listed) == (version in listed or in_one)


@pytest.mark.parametrize(
    ("version", "ranges", "versions", "affected"),
    [
        ("1.0", [BASE], [], True),
        ("1.0.0", [BASE], [], True),
        ("1.0rc1", [BASE], [], False),
        ("1.0.1rc1", [BASE], [], True),
        ("1.0.1", [BASE], [], False),
        ("1.5", [BASE], [], False),
        ("2.0", [BASE], [], True),
        ("2.0.1", [BASE], [], False),
        ("2.0", [list(reversed(BASE))], [], True),
        ("5", [[("introduced", "0")]], [], True),
        ("0.0.dev0", [[("introduced", "0")]], [], True),
        ("0.0.dev0", [[("introduced", "0.0")]], [], False),
        ("1.2", [[("introduced", "0"), ("last_affected", "1.2")]], [], True),
        ("1.2.post1", [[("introduced", "0"), ("last_affected", "1.2")]], [], False),
        ("1.10", [[("introduced", "0"), ("fixed", "1.9")]], [], False),
        ("1.9", [[("introduced", "0"), ("fixed", "1.10")]], [], True),
        # One version in which it was fixed and came again, in the order of the document
        ("1.1", [[("introduced", "0"), ("fixed", "1"), ("introduced", "1")]], [], True),
        ("1.1", [[("introduced", "1"), ("fixed", "1")]], [], False),
        # A version that PEP 440 does not know: the list decides
        ("1.0", [[("introduced", "0"), ("fixed", "final")]], [], False),
        ("1.0", [[("introduced", "0"), ("fixed", "final")]], ["1.0.0"], True),
        ("final", [[("introduced", "0")]], ["final"], True),
        ("final", [[("introduced", "0")]], ["1.0"], False),
        ("1.0", [[]], [], False),
        ("1.0", [], ["v1.0"], True),
        ("1.0", [[("introduced", "0"), ("limit", "1.0")]], [], False),
        ("1.0", [[("introduced", "0"), ("limit", "*")]], [], True),
    ],
)
def test_affected(version: str, ranges: list[list[tuple[str, str]]], versions: list[str], affected: bool) -> None:
    assert affects(version, ranges, versions) is affected


def test_fixed_in() -> None:
    ranges = [[("introduced", "0"), ("fixed", "1.10")], [("introduced", "1"), ("fixed", "1.9"), ("fixed", "final")]]
    assert fixed_in(ranges) == ["1.9", "1.10"]
    assert in_order({"2", "1rc1", "1"}) == ["1rc1", "1", "2"]


def test_a_version_that_is_spelled_in_two_ways_is_one() -> None:
    """In whatever order the spellings come: a set has another one in each process."""
    for spellings in permutations(["1.0.0", "1.0", "v1.0", "2"]):
        assert in_order(spellings) == ["1.0", "2"]
