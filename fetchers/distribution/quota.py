"""Rate limits that all processes share: the rules are RateLimit's, and what they are kept by is in Redis.

A turn at one quota reads it from Redis and writes it back, under a lock there that ends by itself, should its holder
die. Each owner of a token has a quota of its own. Clocks of machines are taken to be in step.
"""

import hashlib
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.utils import timezone

from fetchers.hosts import Quota, Upstreams
from fetchers.network.http import Upstream
from fetchers.network.rate_limit import RateLimit, RateLimitState, SuspendedError, merged, possible
from packages.facts import Source

logger = logging.getLogger(__name__)
LIMITS = "package-grids:rate-limits"  # a hash: from credential and name to the state, as JSON
LIMITS_SECONDS = 7 * 24 * 3600
LOCK_MS = 5_000
REDIS_SECONDS = 2.0
POLL_SECONDS = 0.05
MOST_SECONDS = 180.0  # for which a request waits until others have ended
FORGOTTEN = timedelta(minutes=5)  # after which requests in flight of somebody who has said nothing since do not count
UNREACHABLE = "Redis, which has the rate limits of all workers, cannot be reached"

# Write the document if the lock is still ours, and end the lock.
_WRITE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('hset', KEYS[2], ARGV[2], ARGV[3])
redis.call('expire', KEYS[2], ARGV[4])
redis.call('del', KEYS[1])
return 1
"""


class LostTurnError(Exception):
    """A turn had ended before its holder wrote: somebody else may have had the next one by then."""


@lru_cache(maxsize=4)
def client(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, protocol=2, decode_responses=True
    )


def credential(headers: Mapping[str, str]) -> str:
    """Return a name for the owner of a quota that tells nothing of the token."""
    secret = "\n".join(f"{name}:{value}" for name, value in sorted(headers.items()) if name != "Accept")
    return hashlib.sha256(secret.encode()).hexdigest()[:12]


class Shelf:
    """The place in Redis of what is shared about one quota: one document, which one process at a time may change."""

    def __init__(self, field: str) -> None:
        self.field = field
        self._lock = f"{LIMITS}:{field}"
        self._redis = client(settings.CACHE_URL)

    def read(self) -> dict[str, Any]:
        """Return the document; an empty one if there is none."""
        text: Any = self._redis.hget(LIMITS, self.field)
        return _parsed(text)

    def take(self) -> tuple[str, dict[str, Any]]:
        """Wait for the turn, and return its token and the document."""
        token = secrets.token_hex(8)
        end = time.monotonic() + 2 * LOCK_MS / 1_000
        while time.monotonic() < end:
            with self._redis.pipeline(transaction=False) as pipe:
                pipe.set(self._lock, token, nx=True, px=LOCK_MS)
                pipe.hget(LIMITS, self.field)
                is_ours, text = pipe.execute()
            if is_ours:
                return token, _parsed(text)
            time.sleep((1 + secrets.randbelow(4)) / 1_000)
        raise redis.RedisError("the turn of a rate limit does not end")

    def write(self, token: str, document: Mapping[str, Any]) -> None:
        """End the turn, and store the document. Raise LostTurnError if it had ended before."""
        if not self._redis.eval(
            _WRITE, 2, self._lock, LIMITS, token, self.field, json.dumps(document), str(LIMITS_SECONDS)
        ):
            raise LostTurnError


class SharedRateLimit(RateLimit):
    """The rate limit of one quota, for all processes of a run. `member` is who has requests in flight by it.

    Without Redis no request is reserved. What is learned of one that is under way counts in this process then.
    """

    def __init__(self, quota: Quota, clock: Callable[[], datetime], *, run: str, member: str) -> None:
        super().__init__(RateLimitState(), clock, rate=quota.rate, max_wait=quota.max_wait)
        self.owner = credential(quota.headers)
        self._shelf = Shelf(f"{self.owner}|{quota.name}")
        self._most_in_flight = quota.concurrency
        self._run = run
        self._member = member
        self._first = threading.Lock()  # one thread of a process at a time waits until requests of others have ended
        self._counted = 0  # of our requests, those that are in the document
        self._document = _empty(run)

    def acquire(self) -> timedelta:
        """Reserve one request as RateLimit does, when fewer than the most that are allowed are in flight anywhere."""
        end = time.monotonic() + MOST_SECONDS
        with self._first:
            while time.monotonic() < end:
                wait = self._try_to_acquire()
                if wait is not None:
                    return wait
                time.sleep(POLL_SECONDS)
        raise SuspendedError("the requests of other workers to it do not end", None)

    def _try_to_acquire(self) -> timedelta | None:
        """Reserve one request if there is room for it. One that nobody else learns of is taken back."""
        wait = None
        with self._lock:
            try:
                token, document = self._shelf.take()
                self._load(document)
                before = self._state
                try:
                    self._check_pause(self._clock())
                    if self._in_flight + self._in_flight_elsewhere < self._most_in_flight:
                        wait = self._reserve_one()
                finally:
                    self._write(token)
            except (redis.RedisError, LostTurnError) as error:
                if wait is not None:
                    self._state = before
                    self._in_flight -= 1
                    self.requests -= 1
                if isinstance(error, redis.RedisError):
                    raise SuspendedError(UNREACHABLE, None) from error
                return None
        return wait

    def pause_left(self) -> timedelta:
        self.look()
        with self._lock:
            now = self._clock()
            self._check_pause(now)
            return self._short_pause(now)

    def note_response(self) -> None:
        """Note a response that demands no pause. Mostly there is nothing to take back."""
        if self._limited or self._failures:
            super().note_response()

    def join(self) -> None:
        """Take part in the run as one who fetches, so that it is known whose quotas there are."""
        with self._turn():
            self._document["fetches"] = True

    def merge(self, stored: RateLimitState) -> None:
        """Take over what the database has, for this run and for others."""
        stored = possible(stored, self._clock())
        with self._lock, self._warning():
            document = self._shelf.read() or _empty("")
            state = _state(document["state"])
            if merged(state, stored, self._clock()) != state:
                token, document = self._shelf.take()
                document = document or _empty("")
                document["state"] = _written(merged(_state(document["state"]), stored, self._clock()))
                self._shelf.write(token, document)

    def look(self) -> None:
        """Read what others have written since."""
        with self._lock, suppress(redis.RedisError):
            self._load(self._shelf.read())

    @property
    def state(self) -> RateLimitState:
        self.look()
        return self._state

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with self._lock:
            token = ""
            with self._warning():
                token, document = self._shelf.take()
                self._load(document)
            try:
                yield
            finally:
                with self._warning():
                    if token:
                        self._write(token)

    @contextmanager
    def _warning(self) -> Iterator[None]:
        """Log a failure of Redis: what was learned counts in this process alone."""
        try:
            yield
        except (redis.RedisError, LostTurnError) as error:
            logger.warning("the rate limit %s is not shared for now: %r", self._shelf.field, error)

    def _load(self, document: dict[str, Any]) -> None:
        """Take over what Redis has. If it has lost everything, the last known state goes on."""
        now = self._clock()
        if document:
            self._document = document
            self._state = possible(_state(document["state"]), now)
        if self._document["run"] != self._run:
            self._document = _empty(self._run)
        self._limited, self._failures = self._document["limited"], self._document["failures"]
        self._suspended = self._document["suspended"]
        self._document["in_flight"] = {
            member: [count, at]
            for member, (count, at) in self._document["in_flight"].items()
            if member != self._member and datetime.fromtimestamp(at, UTC) > now - FORGOTTEN
        }
        self._in_flight_elsewhere = sum(count for count, _ in self._document["in_flight"].values())

    def _write(self, token: str) -> None:
        own = {self._member: [self._in_flight, self._clock().timestamp()]} if self._in_flight else {}
        document = self._document | {
            "requests": self._document["requests"] + self.requests - self._counted,
            "limited": self._limited,
            "failures": self._failures,
            "suspended": self._suspended,
            "state": _written(self._state),
            "in_flight": self._document["in_flight"] | own,
        }
        self._shelf.write(token, document)
        self._document, self._counted = document, self.requests


def _empty(run: str) -> dict[str, Any]:
    """Return the document of a quota of which nothing is known yet. `fetches`: a worker has it."""
    return {
        "run": run,
        "fetches": False,
        "requests": 0,
        "limited": 0,
        "failures": 0,
        "suspended": "",
        "state": _written(RateLimitState()),
        "in_flight": {},
    }


def _written(state: RateLimitState) -> dict[str, Any]:
    return {name: value.timestamp() if isinstance(value, datetime) else value for name, value in asdict(state).items()}


def _state(written: Mapping[str, Any]) -> RateLimitState:
    times = {
        name: datetime.fromtimestamp(value, UTC)
        for name, value in written.items()
        if value is not None and name not in {"limit", "remaining"}
    }
    return RateLimitState(limit=written["limit"], remaining=written["remaining"], **times)


def _parsed(text: str | None) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text) if text else {}
    return document


class SharedUpstreams(Upstreams):
    """The upstreams of one process of a run, whose rate limits all processes share. `saves`: it stores pauses and
    quotas in the database too, for processes that share nothing."""

    def __init__(
        self,
        run: str,
        member: str,
        clock: Callable[[], datetime] = timezone.now,
        *,
        concurrency: int,
        is_ending: Callable[[], bool] = lambda: False,
        saves: bool = False,
    ) -> None:
        self._run = run
        self._member = member
        self._saves = saves
        super().__init__(clock, concurrency=concurrency, is_ending=is_ending)

    def _rate_limit(self, quota: Quota, stored: RateLimitState) -> SharedRateLimit:
        limit = SharedRateLimit(quota, self._clock, run=self._run, member=self._member)
        if self._saves:  # the database has the quotas of whoever saves
            limit.merge(stored)
        return limit

    def save(self) -> None:
        if self._saves:
            super().save()


def of_run(run: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what Redis has of the upstreams of this run: the documents, by upstream and credential."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    rows: Any = client(settings.CACHE_URL).hgetall(LIMITS)
    for field, text in rows.items():
        owner, _, name = field.partition("|")
        document = _parsed(text)
        if document["run"] == run:
            found.setdefault(name, {})[owner] = document
    return found


def forget(run: str, member: str) -> None:
    """Do not count the requests in flight of somebody who has died."""
    for name, owners in of_run(run).items():
        for owner, document in owners.items():
            if member in document["in_flight"]:
                shelf = Shelf(f"{owner}|{name}")
                token, newest = shelf.take()
                newest["in_flight"].pop(member, None)
                with suppress(LostTurnError):
                    shelf.write(token, newest)


def upstream_of(upstreams: Upstreams, source: Source, host: str) -> Upstream:
    """Return the upstream whose quota the packages of a host are fetched by, first of all."""
    return {"pypi": upstreams.pypi, "downloads": upstreams.pypistats}.get(source) or upstreams.forges[host]


def join(upstreams: Upstreams, source: Source, host: str) -> str:
    """Take part with the quota that this process has at a host, and return whose it is."""
    limit = upstream_of(upstreams, source, host).rate_limit
    if not isinstance(limit, SharedRateLimit):
        return ""
    limit.join()
    return limit.owner
