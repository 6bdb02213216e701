"""fetchers.network.rate_limit: quota, pauses, published limits and outages of one upstream."""

from datetime import UTC, datetime, timedelta

import pytest

from fetchers.network.rate_limit import (
    MAX_FAILURES,
    MAX_LIMITED,
    PublishedRate,
    RateLimit,
    RateLimitState,
    SuspendedError,
    quota,
)

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


def allowed(rate_limit: RateLimit, most: int = 10_000) -> int:
    """Return the number of requests that are allowed before the upstream is suspended."""
    for number in range(most):
        try:
            rate_limit.acquire()
        except SuspendedError:
            return number
        rate_limit.release()
    return most


def test_without_a_limit_every_request_is_allowed(clock: Clock) -> None:
    rate_limit = RateLimit(RateLimitState(), clock)
    assert allowed(rate_limit, 50) == 50
    assert rate_limit.requests == 50


@pytest.mark.parametrize(("limit", "reserve"), [(60, 5), (5_000, 100), (100, 5)])
def test_a_reserve_is_left(clock: Clock, limit: int, reserve: int) -> None:
    rate_limit = RateLimit(RateLimitState(), clock)
    rate_limit.note_quota(limit, reserve + 1, NOW + HOUR)
    rate_limit.acquire()
    rate_limit.release()
    rate_limit.note_quota(limit, reserve, NOW + HOUR)
    with pytest.raises(SuspendedError, match=f"{reserve} of {limit} requests are left, and reserved") as suspended:
        rate_limit.acquire()
    assert suspended.value.until == NOW + HOUR
    assert rate_limit.may_go_on_at == NOW + HOUR


def test_requests_in_flight_count_against_the_reserve(clock: Clock) -> None:
    rate_limit = RateLimit(RateLimitState(), clock)
    rate_limit.note_quota(60, 8, NOW + HOUR)
    for _ in range(3):
        rate_limit.acquire()
    with pytest.raises(SuspendedError):
        rate_limit.acquire()


def test_responses_that_overtake_each_other(clock: Clock) -> None:
    rate_limit = RateLimit(RateLimitState(), clock)
    rate_limit.note_quota(60, 30, NOW + HOUR)
    rate_limit.note_quota(60, 31, NOW + HOUR)
    assert rate_limit.state.remaining == 30
    rate_limit.note_quota(60, 60, NOW + 2 * HOUR)
    assert rate_limit.state.remaining == 60


def test_a_new_window_forgets_the_old_one(clock: Clock) -> None:
    rate_limit = RateLimit(RateLimitState(limit=60, remaining=0, resets_at=NOW), clock)
    assert allowed(rate_limit, 3) == 3


def test_a_pause_outlives_the_process_and_is_never_shortened(clock: Clock) -> None:
    rate_limit = RateLimit(RateLimitState(), clock)
    assert rate_limit.pause(600) == NOW + timedelta(minutes=10)
    assert rate_limit.pause(60) == NOW + timedelta(minutes=10)
    later = RateLimit(rate_limit.state, clock)
    with pytest.raises(SuspendedError):
        later.acquire()
    clock.now += timedelta(minutes=10)
    assert allowed(later, 1) == 1
    assert later.may_go_on_at is None


@pytest.mark.parametrize(("seconds", "pause"), [(10**9, timedelta(hours=24)), (-5, timedelta(seconds=1))])
def test_a_pause_is_within_reason(clock: Clock, seconds: float, pause: timedelta) -> None:
    assert RateLimit(RateLimitState(), clock).pause(seconds) == NOW + pause


def test_a_published_limit_holds_across_processes(clock: Clock) -> None:
    rate = PublishedRate(timedelta(seconds=60), burst=50)
    rate_limit = RateLimit(RateLimitState(), clock, rate=rate)
    assert allowed(rate_limit) == 50
    assert allowed(RateLimit(rate_limit.state, clock, rate=rate)) == 0
    clock.now += timedelta(minutes=5)
    assert allowed(RateLimit(rate_limit.state, clock, rate=rate)) == 5
    clock.now += timedelta(days=1)
    assert allowed(RateLimit(rate_limit.state, clock, rate=rate)) == 50


def test_a_long_max_wait_spaces_the_requests(clock: Clock) -> None:
    rate_limit = RateLimit(
        RateLimitState(), clock, rate=PublishedRate(timedelta(seconds=2), burst=2), max_wait=timedelta(minutes=1)
    )
    assert [rate_limit.acquire().total_seconds() for _ in range(5)] == [0, 0, 2, 4, 6]


def test_a_short_pause_is_waited_for_and_ends_at_the_published_rate(clock: Clock) -> None:
    rate_limit = RateLimit(RateLimitState(), clock, rate=PublishedRate(timedelta(seconds=0.5), burst=1))
    rate_limit.pause(120)
    assert [rate_limit.acquire().total_seconds() for _ in range(3)] == [120, 120.5, 121]
    clock.now += timedelta(seconds=100)
    assert rate_limit.pause_left() == timedelta(seconds=20)
    rate_limit.pause(121)
    with pytest.raises(SuspendedError):
        rate_limit.pause_left()


def test_pauses_that_follow_each_other_suspend_it_for_this_run(clock: Clock) -> None:
    rate_limit = RateLimit(RateLimitState(), clock)
    for _ in range(MAX_LIMITED - 1):
        rate_limit.pause(1)
    rate_limit.note_response()
    for _ in range(MAX_LIMITED - 1):
        rate_limit.pause(1)
    assert rate_limit.acquire() == timedelta(seconds=1)
    rate_limit.pause(1)
    with pytest.raises(SuspendedError, match="it demanded a pause 24 times in a row"):
        rate_limit.acquire()


def test_fifty_failures_in_a_row_are_an_outage(clock: Clock) -> None:
    rate_limit = RateLimit(RateLimitState(), clock)
    for _ in range(MAX_FAILURES - 1):
        rate_limit.note_failure()
    rate_limit.note_response()
    for _ in range(MAX_FAILURES - 1):
        rate_limit.note_failure()
    assert allowed(rate_limit, 1) == 1
    rate_limit.note_failure()
    with pytest.raises(SuspendedError, match="it failed 50 times in a row"):
        rate_limit.acquire()
    assert allowed(RateLimit(rate_limit.state, clock), 1) == 1, "the next run tries again"


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
