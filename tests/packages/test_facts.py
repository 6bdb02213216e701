"""packages.facts: the values that an upstream may send, and their conversion."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packages import facts
from packages.facts import InvalidFactError, people, prose, shifted, weekly

TODAY = date(2026, 11, 23)
CLOSE = datetime.combine(TODAY, time.min, UTC)
COUNTS = st.lists(st.integers(0, 9), min_size=52, max_size=52).map(tuple)


@pytest.mark.parametrize("value", [-1, 2**31, True, 1.0, float("nan"), float("inf"), "5", None, [], {}])
def test_invalid_counts(value: Any) -> None:
    with pytest.raises(InvalidFactError, match="stars is not a count"):
        facts.count(value, "stars")


@pytest.mark.parametrize("value", [0, 1, 2**31 - 1])
def test_counts(value: int) -> None:
    assert facts.count(value, "stars") == value


@pytest.mark.parametrize("value", [0, -5, True, 1.5, "", "a\0b", "a\nb", "x" * 101, None, ["5"]])
def test_invalid_identifiers(value: Any) -> None:
    with pytest.raises(InvalidFactError):
        facts.identifier(value, "id")


@pytest.mark.parametrize(("value", "text"), [(5, "5"), ("{fa7b-90}", "{fa7b-90}"), (2**60, str(2**60))])
def test_identifiers(value: Any, text: str) -> None:
    assert facts.identifier(value, "id") == text


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-01T00:00:00",
        "2026-01-01",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "yesterday",
        "",
        None,
        5,
        True,
    ],
)
def test_invalid_times(value: Any) -> None:
    with pytest.raises(InvalidFactError):
        facts.parse_datetime(value, "date")


def test_times_are_utc() -> None:
    assert facts.parse_datetime("2026-11-23T01:02:03+02:00", "date") == datetime(2026, 11, 22, 23, 2, 3, tzinfo=UTC)
    assert facts.parse_datetime("1969-12-31T19:00:00-05:00", "date") == datetime(1970, 1, 1, tzinfo=UTC)
    assert facts.parse_datetime("2026-11-23T01:02:03Z", "date").tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    ["javascript:alert(1)", "ftp://a.test/", "https://", "https://a b", "https://a\n", "//a", "x" * 501, None, 5],
)
def test_invalid_links(value: Any) -> None:
    with pytest.raises(InvalidFactError):
        facts.link(value, "url")


@given(st.text(st.characters(), max_size=3_000))
def test_prose_can_always_be_stored(text: str) -> None:
    clean = prose(text, "description")
    assert len(clean) <= facts.MAX_DESCRIPTION
    assert "\0" not in clean
    clean.encode()
    if len(text) <= facts.MAX_DESCRIPTION and "\0" not in text and text.isprintable():
        assert clean == text


def test_missing_and_invalid_prose() -> None:
    assert prose(None, "description") == ""
    assert prose("a\0b\ud800c", "description") == "a\ufffdb\ufffdc"
    with pytest.raises(InvalidFactError):
        prose(5, "description")


def test_people_are_each_named_once_and_never_by_their_email() -> None:
    names = ["anna", " bert ", "anna", "", "  ", "carl@example.org", "Dora <dora@example.org>", "e@f", "@handle"]
    assert people(names, "people") == ("anna", "bert", "e@f", "@handle")
    assert people(["x" * 250 + " someone@example.org"], "people") == ()
    assert len(people((str(number) for number in range(900)), "people")) == 500
    with pytest.raises(InvalidFactError):
        people([None], "people")


@pytest.mark.parametrize("value", [[0] * 51, [0] * 53, [0] * 51 + [-1], [0] * 51 + [True], None, {}, "0" * 52])
def test_invalid_weeks(value: Any) -> None:
    with pytest.raises(InvalidFactError):
        facts.weeks(value, "weeks")


@pytest.mark.parametrize(
    ("ago", "week"),
    [
        (timedelta(microseconds=1), 51),
        (timedelta(days=7), 51),
        (timedelta(days=7, microseconds=1), 50),
        (timedelta(weeks=52), 0),
        (timedelta(weeks=52, microseconds=1), None),
        (timedelta(), None),
        (-timedelta(hours=3), None),
    ],
)
def test_the_week_of_a_commit(ago: timedelta, week: int | None) -> None:
    expected = [0] * 52
    if week is not None:
        expected[week] = 1
    assert weekly([CLOSE - ago], TODAY) == tuple(expected)


@given(st.lists(st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)), max_size=40))  # noqa: DTZ001 (made aware)
def test_every_commit_of_the_year_is_counted_once(commits: list[datetime]) -> None:
    counts = weekly(commits, TODAY)
    assert len(counts) == 52
    assert sum(counts) == sum(CLOSE - timedelta(weeks=52) <= commit < CLOSE for commit in commits)


@given(COUNTS, st.integers(-30, 800))
def test_shifting_moves_whole_weeks_and_only_forward(counts: tuple[int, ...], days: int) -> None:
    later, end = shifted(counts, TODAY, TODAY + timedelta(days=days))
    passed = max(0, days // 7)
    assert len(later) == 52
    assert end == TODAY + timedelta(weeks=passed)
    assert later == (counts + (0,) * passed)[passed : passed + 52]


@given(
    st.lists(st.datetimes(datetime(2025, 6, 1), datetime(2026, 11, 22), timezones=st.just(UTC)), max_size=40),  # noqa: DTZ001
    st.integers(0, 60),
)
def test_shifted_counts_equal_new_counts(commits: list[datetime], weeks: int) -> None:
    later = TODAY + timedelta(weeks=weeks)
    assert shifted(weekly(commits, TODAY), TODAY, later) == (weekly(commits, later), later)
