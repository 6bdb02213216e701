"""Rate limits that processes share in Redis: together they keep to the rules that one process keeps to alone."""

import json
import threading
import time
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
import redis
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from fetchers.distribution import quota
from fetchers.distribution.quota import LIMITS, SharedRateLimit, client, credential, forget, of_run
from fetchers.hosts import Quota
from fetchers.network.rate_limit import PublishedRate, RateLimit, RateLimitState, SuspendedError
from tests.fetchers.upstreams import NOW, Clock

RATE = PublishedRate(timedelta(seconds=1), burst=2)
STEADY = PublishedRate(timedelta(seconds=0.5), burst=1)


@pytest.fixture(autouse=True)
def _redis(settings: Settings, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CACHE_URL = redis_url
    monkeypatch.setattr(quota, "MOST_SECONDS", 10)
    monkeypatch.setattr(quota, "POLL_SECONDS", 0.002)


def share(clock: Clock, member: str = "1", *, rate: PublishedRate | None = RATE, **options: Any) -> SharedRateLimit:
    owner = Quota("github", options.get("headers", {}), options.get("concurrency", 8), rate, timedelta(seconds=5))
    return SharedRateLimit(owner, clock, run=options.get("run", "run"), member=member)


def waits(*limits: RateLimit) -> list[float]:
    return [limit.acquire().total_seconds() for limit in limits]


def test_requests_of_all_are_spaced_at_the_published_rate() -> None:
    clock = Clock()
    one, other = share(clock, "1", rate=STEADY), share(clock, "2", rate=STEADY)
    assert waits(one, other, one, other) == [0, 0.5, 1, 1.5]
    assert of_run("run")["github"][one.owner]["requests"] == 4


def test_no_more_than_the_most_are_in_flight_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    one, other = share(clock, "1", rate=None, concurrency=2), share(clock, "2", rate=None, concurrency=2)
    waits(one, other)
    monkeypatch.setattr(quota, "POLL_SECONDS", 0)
    monkeypatch.setattr(quota, "MOST_SECONDS", 0.05)
    with pytest.raises(SuspendedError, match="do not end"):
        one.acquire()
    other.release()
    assert waits(one) == [0]


def test_the_reserve_of_a_quota_is_left_by_all() -> None:
    clock = Clock()
    one, other = share(clock, "1", rate=None), share(clock, "2", rate=None)
    one.note_quota(100, 8, NOW + timedelta(hours=1))
    waits(one, other, one)  # they may not be counted yet
    with pytest.raises(SuspendedError, match="8 of 100 requests are left, and reserved"):
        other.acquire()
    with pytest.raises(SuspendedError, match="reserved"):
        one.acquire()
    assert one.may_go_on_at == NOW + timedelta(hours=1)
    assert (other.state.remaining, other.state.limit) == (8, 100)


def test_a_pause_and_a_refused_token_stop_all() -> None:
    clock = Clock()
    one, other = share(clock, "1"), share(clock, "2")
    one.pause(600)
    with pytest.raises(SuspendedError, match="paused until"):
        other.acquire()
    clock.sleep(601)
    assert waits(other) == [0]
    one.suspend("it refuses our token")
    with pytest.raises(SuspendedError, match="refuses our token"):
        other.acquire()
    # It is refused for this run, and a new run asks again.
    assert waits(share(clock, "3", run="another")) == [0]


def test_failures_in_a_row_are_those_of_all() -> None:
    clock = Clock()
    one, other = share(clock, "1"), share(clock, "2")
    for limit in (one, other) * 20:
        limit.note_failure()
    other.note_response()
    for limit in (one, other) * 24:
        limit.note_failure()
    assert waits(one) == [0]
    one.note_failure()
    one.note_failure()
    with pytest.raises(SuspendedError, match="50 times in a row"):
        other.acquire()


def test_who_has_died_has_no_requests_in_flight() -> None:
    clock = Clock()
    dead, other = share(clock, "1", rate=None, concurrency=1), share(clock, "2", rate=None, concurrency=1)
    waits(dead)
    forget("run", "1")
    assert waits(other) == [0]
    other.release()
    waits(share(clock, "1", rate=None, concurrency=1))
    clock.sleep(quota.FORGOTTEN.total_seconds())
    assert waits(other) == [0]


def test_each_token_has_a_quota_of_its_own() -> None:
    clock = Clock()
    one = share(clock, "1", headers={"Authorization": "Bearer one"})
    other = share(clock, "2", headers={"Authorization": "Bearer other"})
    one.pause(600)
    assert waits(other) == [0]
    assert set(of_run("run")["github"]) == {one.owner, other.owner}
    everything = json.dumps(client(settings.CACHE_URL).hgetall(LIMITS))
    assert "Bearer" not in everything
    assert credential({"Authorization": "a", "Accept": "b"}) == credential({"Authorization": "a"})


def test_what_the_database_has_counts_and_what_redis_loses_goes_on() -> None:
    clock = Clock()
    stored = RateLimitState(paused_until=NOW + timedelta(minutes=10))
    one = share(clock, "1")
    one.merge(stored)
    one.merge(RateLimitState(paused_until=NOW + timedelta(minutes=3)))
    with pytest.raises(SuspendedError, match="paused"):
        one.acquire()
    client(settings.CACHE_URL).flushdb()
    with pytest.raises(SuspendedError, match="paused"):
        one.acquire()
    with pytest.raises(SuspendedError, match="paused"):
        share(clock, "2").acquire()


def test_the_database_has_nothing_of_a_run() -> None:
    clock = Clock()
    one = share(clock, "1")
    one.acquire()
    one.suspend("why")
    share(clock, "2", run="another").merge(RateLimitState(spent_until=NOW + timedelta(minutes=3)))
    assert of_run("run")["github"][one.owner]["suspended"] == "why"
    assert one.state.spent_until == NOW + timedelta(minutes=3)


def test_a_turn_ends_with_its_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = share(Clock(), "1")
    limit.join()
    server = client(settings.CACHE_URL)
    server.set(f"{LIMITS}:{limit.owner}|github", "of a process that has died", px=50)
    assert waits(limit) == [0]


def test_a_turn_that_was_lost_reserves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    limit = share(clock, "1", rate=STEADY)
    server = client(settings.CACHE_URL)
    reserve_one, turns = limit._reserve_one, iter([True, False])

    def slowly() -> timedelta:
        wait = reserve_one()
        if next(turns):  # the lock has ended, and somebody else has it
            server.set(f"{LIMITS}:{limit.owner}|github", "other", px=20)
        return wait

    monkeypatch.setattr(limit, "_reserve_one", slowly)
    assert waits(limit) == [0]
    assert limit.requests == 1
    assert of_run("run")["github"][limit.owner]["in_flight"] == {"1": [1, NOW.timestamp()]}


def test_without_redis_nothing_is_requested_and_nothing_that_was_learned_is_lost(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CACHE_URL = "redis://127.0.0.1:1/0"
    clock = Clock()
    limit = share(clock)
    with pytest.raises(SuspendedError, match="cannot be reached"):
        limit.acquire()
    limit.note_quota(100, 50, NOW + timedelta(hours=1))
    limit.pause(30)
    limit.note_failure()
    limit.release()
    assert (limit.state.remaining, limit.requests) == (50, 0)
    assert "is not shared for now" in caplog.text


ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.one_of(
            st.tuples(st.just("acquire")),
            st.tuples(st.just("release")),
            st.tuples(st.just("pause"), st.sampled_from([1, 90, 500])),
            st.tuples(st.just("note_failure")),
            st.tuples(st.just("note_response")),
            st.tuples(st.just("note_quota"), st.just(100), st.integers(0, 30), st.sampled_from([600, 3_600])),
            st.tuples(st.just("suspend"), st.just("why")),
            st.tuples(st.just("sleep"), st.sampled_from([0.3, 5, 200])),
        ),
    ),
    max_size=25,
)


def act(limit: RateLimit, name: str, *arguments: Any) -> Any:
    if name == "note_quota":
        size, left, seconds = arguments
        arguments = (size, left, NOW + timedelta(seconds=seconds))
    try:
        return getattr(limit, name)(*arguments)
    except SuspendedError as error:
        return str(error), error.until


@hypothesis_settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(ACTIONS)
def test_together_they_decide_as_one_process_does(actions: list[tuple[int, tuple[Any, ...]]]) -> None:
    client(settings.CACHE_URL).flushdb()
    with patch.object(quota, "FORGOTTEN", timedelta(days=1)):  # none of them dies
        compare(actions)


def compare(actions: list[tuple[int, tuple[Any, ...]]]) -> None:
    clocks = Clock(), Clock()
    alone = RateLimit(RateLimitState(), clocks[0], rate=RATE)
    members = [share(clocks[1], str(number), concurrency=10**6) for number in range(2)]
    running = [0, 0]
    for number, (name, *arguments) in actions:
        if name == "sleep":
            for clock in clocks:
                clock.sleep(*arguments)
            continue
        if name == "release":
            if not running[number]:
                continue
            running[number] -= 1
        result = act(alone, name, *arguments)
        assert act(members[number], name, *arguments) == result
        running[number] += name == "acquire" and isinstance(result, timedelta)
        assert members[1 - number].state == alone.state
    assert sum(member.requests for member in members) == alone.requests


def test_many_threads_of_two_members() -> None:
    limits = [share(Clock(), str(number), rate=None, concurrency=3) for number in range(2)]
    flying, most, lock = 0, 0, threading.Lock()

    def request(limit: SharedRateLimit) -> None:
        nonlocal flying, most
        for _ in range(5):
            limit.acquire()
            with lock:
                flying += 1
                most = max(most, flying)
            time.sleep(0.001)
            with lock:
                flying -= 1
            limit.release()

    threads = [threading.Thread(target=request, args=[limit]) for limit in limits * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most <= 3
    document = of_run("run")["github"][limits[0].owner]
    assert (document["requests"], document["in_flight"]) == (30, {})


def test_redis_errors_are_no_faults_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = share(Clock())

    def fail(*_: Any) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(limit._shelf, "write", fail)
    with pytest.raises(SuspendedError, match="cannot be reached"):
        limit.acquire()
    assert (limit.requests, limit._in_flight) == (0, 0)
