"""fetchers.network.rate_limit: quota, pauses, published limits and outages of one host."""

from datetime import UTC, datetime, timedelta

import pytest

from fetchers.network.rate_limit import OUTAGE, Closed, Pace, PaceState, Rate, quota
from packages.facts import Outcome

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def turns(pace: Pace, most: int = 10_000) -> int:
    """How many turns are given before the host closes."""
    for number in range(most):
        try:
            pace.turn()
        except Closed:
            return number
        pace.done()
    return most


def test_without_a_limit_there_is_always_a_turn(clock: Clock) -> None:
    pace = Pace(PaceState(), clock)
    assert turns(pace, 50) == 50
    assert pace.requests == 50


@pytest.mark.parametrize(("limit", "reserve"), [(60, 5), (5_000, 100), (100, 5)])
def test_a_reserve_is_kept(clock: Clock, limit: int, reserve: int) -> None:
    pace = Pace(PaceState(), clock)
    pace.note_quota(limit, reserve + 1, NOW + HOUR)
    pace.turn()
    pace.done()
    pace.note_quota(limit, reserve, NOW + HOUR)
    with pytest.raises(Closed, match=f"{reserve} of {limit} requests are left, and kept") as closed:
        pace.turn()
    assert closed.value.until == NOW + HOUR
    assert pace.opens_at == NOW + HOUR


def test_those_under_way_count_against_the_reserve(clock: Clock) -> None:
    pace = Pace(PaceState(), clock)
    pace.note_quota(60, 8, NOW + HOUR)
    for _ in range(3):
        pace.turn()
    with pytest.raises(Closed):
        pace.turn()


def test_answers_that_overtake_each_other(clock: Clock) -> None:
    pace = Pace(PaceState(), clock)
    pace.note_quota(60, 30, NOW + HOUR)
    pace.note_quota(60, 31, NOW + HOUR)
    assert pace.state.remaining == 30
    pace.note_quota(60, 60, NOW + 2 * HOUR)
    assert pace.state.remaining == 60


def test_a_new_window_forgets_the_old_one(clock: Clock) -> None:
    pace = Pace(PaceState(limit=60, remaining=0, resets_at=NOW), clock)
    assert turns(pace, 3) == 3


def test_a_pause_outlives_the_process_and_is_never_shortened(clock: Clock) -> None:
    pace = Pace(PaceState(), clock)
    assert pace.pause(600) == NOW + timedelta(minutes=10)
    assert pace.pause(60) == NOW + timedelta(minutes=10)
    later = Pace(pace.state, clock)
    with pytest.raises(Closed):
        later.turn()
    clock.now += timedelta(minutes=10)
    assert turns(later, 1) == 1
    assert later.opens_at is None


@pytest.mark.parametrize(("seconds", "pause"), [(10**9, timedelta(hours=24)), (-5, timedelta())])
def test_a_pause_is_within_reason(clock: Clock, seconds: float, pause: timedelta) -> None:
    assert Pace(PaceState(), clock).pause(seconds) == NOW + pause


def test_a_published_limit_is_kept_across_processes(clock: Clock) -> None:
    rate = Rate(timedelta(seconds=60), burst=50)
    pace = Pace(PaceState(), clock, rate=rate)
    assert turns(pace) == 50
    assert turns(Pace(pace.state, clock, rate=rate)) == 0
    clock.now += timedelta(minutes=5)
    assert turns(Pace(pace.state, clock, rate=rate)) == 5
    clock.now += timedelta(days=1)
    assert turns(Pace(pace.state, clock, rate=rate)) == 50


def test_a_patient_host_waits_for_its_turn(clock: Clock) -> None:
    pace = Pace(PaceState(), clock, rate=Rate(timedelta(seconds=2), burst=2), patience=timedelta(minutes=1))
    assert [pace.turn().total_seconds() for _ in range(5)] == [0, 0, 2, 4, 6]


@pytest.mark.parametrize("outcome", [Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.RATE_LIMITED])
def test_ten_failures_in_a_row_are_an_outage(clock: Clock, outcome: Outcome) -> None:
    pace = Pace(PaceState(), clock)
    for _ in range(OUTAGE - 1):
        pace.note_outcome(outcome)
    pace.note_outcome(Outcome.OK)
    for _ in range(OUTAGE - 1):
        pace.note_outcome(outcome)
    assert turns(pace, 1) == 1
    pace.note_outcome(outcome)
    with pytest.raises(Closed, match="it failed 10 times in a row"):
        pace.turn()
    assert turns(Pace(pace.state, clock), 1) == 1, "the next run tries again"


@pytest.mark.parametrize("outcome", [Outcome.NOT_FOUND, Outcome.PRIVATE, Outcome.INVALID, Outcome.GONE])
def test_what_is_a_packages_fault_is_no_outage(clock: Clock, outcome: Outcome) -> None:
    pace = Pace(PaceState(), clock)
    for _ in range(99):
        pace.note_outcome(outcome)
    assert turns(pace, 1) == 1


@pytest.mark.parametrize("prefix", ["X-RateLimit-", "RateLimit-"])
def test_quota_headers(prefix: str) -> None:
    reset = int(NOW.timestamp())
    headers = {f"{prefix}Limit": "60", f"{prefix}Remaining": "59", f"{prefix}Reset": str(reset)}
    assert quota(headers) == (60, 59, NOW)


@pytest.mark.parametrize("value", ["", "many", "-1", "٣", "1" * 30, "1.5"])
def test_quota_headers_of_nonsense_say_nothing(value: str) -> None:
    headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": value, "X-RateLimit-Reset": "1700000000"}
    assert quota(headers) is None
    assert quota({}) is None
