"""Counters: in a worker's memory and in Redis they count alike, and as a bucket is described in plain words."""

import socket
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from itertools import count
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings
from redis.connection import AbstractConnection

from core.caching import redis as caching
from core.caching.redis import Redis
from core.caching.stores import store
from core.limits.allowance import Allowance, State
from core.limits.counters import MOST_CLIENTS, Counter, WorkerCounter, counter
from core.limits.redis import SharedCounter
from tests.core.limits.counting import Standing

Take = tuple[Literal["spend", "owe"], int, int]
numbers = count()
takes = st.lists(
    st.tuples(st.sampled_from(["spend", "owe"]), st.integers(1, 12), st.integers(0, 90_000_000)), max_size=25
)


class Bucket:
    """A bucket of units that fills evenly within a minute, and may lack as many as it holds."""

    def __init__(self, rate: int) -> None:
        self.rate, self.level = rate, Fraction(rate)

    def wait(self, microseconds: int) -> None:
        self.level = min(self.level + Fraction(microseconds * self.rate, 60_000_000), Fraction(self.rate))

    def take(self, how: str, units: int) -> bool:
        if how == "spend" and units > self.level:
            return False
        self.level = max(self.level - units, Fraction(-self.rate))
        return True

    @property
    def backlog(self) -> Fraction:
        """The microseconds until it is full."""
        return (self.rate - self.level) * 60_000_000 / self.rate


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


def follow(counter: Counter, clock: Clock, rate: int, takes: list[Take], after_each: Callable[[bytes], Any]) -> None:
    """Take from a counter and from a bucket; AssertionError where they differ."""
    client, allowance, bucket = b"%d" % next(numbers), Allowance.of(rate), Bucket(rate)
    for how, units, microseconds in takes:
        clock.now += microseconds
        bucket.wait(microseconds)
        is_allowed = bucket.take(how, units)
        assert getattr(counter, how)(client, units, allowance) == State(is_allowed, int(bucket.backlog))
        after_each(client)


@given(rate=st.sampled_from([10, 60, 600, 1_000_000]), takes=takes)
def test_a_worker_counts_as_described(rate: int, takes: list[Take]) -> None:
    clock = Clock()
    follow(WorkerCounter(clock), clock, rate, takes, lambda _client: None)


def test_redis_counts_as_described(redis_url: str) -> None:
    clock = Clock()
    shared = SharedCounter(redis_url, clock)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(rate=st.sampled_from([10, 20]), takes=takes)
    def check(rate: int, takes: list[Take]) -> None:
        # The key lives by Redis's clock, which is not the test's: some seconds at least.
        follow(shared, clock, rate, takes, lambda client: shared.redis.client.persist(b"allowance:" + client))

    check()


def test_redis_counts_by_its_own_clock_and_forgets(redis_url: str) -> None:
    shared, mine = SharedCounter(redis_url), Allowance.of(10)
    assert shared.spend(b"me", 10, mine) == State(True, 60_000_000)
    refused = shared.spend(b"me", 10, mine)
    assert refused is not None
    assert not refused.is_allowed
    assert 0 < refused.backlog <= 60_000_000
    assert 0 < shared.redis.client.pttl(b"allowance:me") <= 60_000
    shared.owe(b"me", 10_000, mine)
    assert 60_000 < shared.redis.client.pttl(b"allowance:me") <= 120_000


def test_a_clock_that_was_set_back_locks_nobody_out(redis_url: str) -> None:
    clock = Clock()
    shared, mine = SharedCounter(redis_url, clock), Allowance.of(10)
    shared.owe(b"me", 100, mine)
    clock.now -= 3600 * 1_000_000
    assert shared.spend(b"me", 1, mine) == State(True, 6_000_000)


def test_one_round_trip(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    send = AbstractConnection.send_command

    def counting(self: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(str(arguments[0]))
        return send(self, *arguments, **options)  # type: ignore[no-untyped-call]

    shared = SharedCounter(redis_url)
    shared.spend(b"me", 1, Allowance.of(10))  # which may have to connect, and to send the script
    monkeypatch.setattr(AbstractConnection, "send_command", counting)
    shared.spend(b"me", 1, Allowance.of(10))
    shared.owe(b"me", 1, Allowance.of(10))
    assert sent == ["EVALSHA", "EVALSHA"]


def test_a_key_that_something_else_has_written(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A text is a bucket that is full; what Redis itself refuses lets through, with one line for all requests."""
    shared, mine = SharedCounter(redis_url, Clock()), Allowance.of(10)
    shared.redis.client.set(b"allowance:text", b"nonsense")
    assert shared.spend(b"text", 1, mine) == State(True, 6_000_000)
    shared.redis.client.rpush(b"allowance:list", b"x")
    assert [shared.spend(b"list", 1, mine) for _ in range(3)] == [None] * 3
    assert len(caplog.records) == 1
    assert shared.redis.unreachable_until == 0.0, "Redis is there"


@pytest.mark.parametrize("is_hung", [False, True])
def test_an_unreachable_redis_lets_through_and_is_left_alone(monkeypatch: pytest.MonkeyPatch, is_hung: bool) -> None:
    monkeypatch.setattr(caching, "REDIS_SECONDS", 0.05)
    tried: list[int] = []
    connect = AbstractConnection.connect

    def counting(self: Any) -> None:
        tried.append(1)
        connect(self)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(AbstractConnection, "connect", counting)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1] if is_hung else 1
        url = f"redis://127.0.0.1:{port}/0"
        shared, mine = SharedCounter(url), Allowance.of(10)
        assert [shared.spend(b"me", 10, mine), shared.owe(b"me", 10, mine), shared.spend(b"me", 10, mine)] == [None] * 3
        before = len(tried)
        store(url).get(b"key")  # type: ignore[union-attr]  # the responses are in the same Redis
    assert len(tried) == before
    assert shared.redis.unreachable_until > 0


def test_the_memory_of_a_worker_is_bounded() -> None:
    standing = Standing()
    tracemalloc.start()
    try:
        for number in range(MOST_CLIENTS + 500):
            standing.spend(number.to_bytes(8, "big"), 1, Allowance.of(60))
        assert tracemalloc.get_traced_memory()[0] < 4_000_000
    finally:
        tracemalloc.stop()
    assert len(standing.full_at) == MOST_CLIENTS
    assert standing.take_back((0).to_bytes(8, "big")) == 0, "those seen last are remembered"
    assert standing.take_back(MOST_CLIENTS.to_bytes(8, "big")) == 1


def test_the_counter_is_where_the_responses_are(settings: Settings, redis_url: str) -> None:
    counter.cache_clear()
    assert isinstance(counter("locmem://?max_mb=32"), WorkerCounter)
    assert isinstance(counter("dummy://"), WorkerCounter)
    shared = counter(redis_url)
    assert isinstance(shared, SharedCounter)
    assert shared.redis is store(redis_url)
    assert counter(redis_url) is shared
    with pytest.raises(TypeError):
        SharedCounter("dummy://")
    assert isinstance(shared.redis, Redis)
