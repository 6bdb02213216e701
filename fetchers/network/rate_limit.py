"""Bookkeeping of when requests may be sent to one upstream: quota, pauses, a published limit.

Each state is behind a lock; times are UTC datetimes from an injected clock. What must outlive the process is in
`RateLimitState`, which refresh stores and loads. fetchers.distribution.quota shares all of it among processes.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

MAX_FAILURES = 50  # requests in a row without a usable response, after which an upstream is suspended for this run
SHORT_PAUSE = timedelta(minutes=2)  # up to which a pause is waited out within the run
MAX_PAUSE = timedelta(hours=24)
MAX_LIMITED = 24  # responses in a row that demand a pause, after which an upstream is suspended for this run


@dataclass(frozen=True)
class RateLimitState:
    """`paused_until`: no request before then. `remaining` of `limit` requests until `resets_at`, as last reported.

    `spent_until` is the time by which the published rate allows all requests sent so far.
    """

    paused_until: datetime | None = None
    limit: int | None = None
    remaining: int | None = None
    resets_at: datetime | None = None
    spent_until: datetime | None = None


@dataclass(frozen=True)
class PublishedRate:
    """A published limit: one request every `interval` in the long run, of which `burst` may follow without a pause."""

    interval: timedelta
    burst: int


class SuspendedError(Exception):
    """No request may be sent now: the reason, and the time from which one may be."""

    def __init__(self, reason: str, until: datetime | None) -> None:
        super().__init__(reason)
        self.until = until


class RateLimit:
    """The rate limit of one upstream (one quota). `max_wait` is the longest wait for a single request.

    `reserves` is the number of reserves that are left alone. Who leaves more than one lets the others go first: it
    stores no pause where it stops for them, which would stop them too.
    """

    def __init__(
        self,
        state: RateLimitState,
        clock: Callable[[], datetime],
        *,
        rate: PublishedRate | None = None,
        max_wait: timedelta = timedelta(seconds=5),
        reserves: int = 1,
    ) -> None:
        self._state = possible(state, clock())
        self._clock = clock
        self._rate = rate
        self._max_wait = max_wait
        self._reserves = reserves
        self._limited = self._failures = 0
        self._suspended = ""
        self._in_flight = self._in_flight_elsewhere = 0
        self._lock = threading.Lock()
        self.requests = 0

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the state for as long as it is read and written."""
        with self._lock:
            yield

    @property
    def state(self) -> RateLimitState:
        with self._turn():
            return self._state

    def acquire(self) -> timedelta:
        """Reserve one request and return how long to wait before sending it. Raise SuspendedError if none may be.

        Requests that wait for the end of a short pause follow each other at the published rate.
        """
        with self._turn():
            return self._reserve_one()

    def _reserve_one(self) -> timedelta:
        now = self._clock()
        self._check(now)
        pause = self._short_pause(now)
        wait = pause + self._schedule(now + pause)
        self._in_flight += 1
        self.requests += 1
        return wait

    def pause_left(self) -> timedelta:
        """Return how much is left of a short pause, for a request that has waited already."""
        with self._turn():
            now = self._clock()
            self._check_pause(now)
            return self._short_pause(now)

    def _short_pause(self, now: datetime) -> timedelta:
        return max(timedelta(), (self._state.paused_until or now) - now)

    def release(self) -> None:
        """Note that an acquired request has ended, whatever its result."""
        with self._turn():
            self._in_flight -= 1

    def _check_pause(self, now: datetime) -> None:
        state = self._state
        if self._suspended:
            raise SuspendedError(self._suspended, None)
        if state.paused_until and now + SHORT_PAUSE < state.paused_until:
            raise SuspendedError(f"it is paused until {state.paused_until:%Y-%m-%d %H:%M} UTC", state.paused_until)

    def _check(self, now: datetime) -> None:
        self._check_pause(now)
        state = self._state
        if state.resets_at and now >= state.resets_at:
            self._state = replace(state, remaining=None, resets_at=None)
        elif state.remaining is not None and self._left(state.remaining) <= self.reserve * self._reserves:
            if self._reserves == 1:
                self._state = replace(state, paused_until=state.resets_at)
            self._suspended = f"{max(state.remaining, 0)} of {state.limit} requests are left, and reserved"
            raise SuspendedError(self._suspended, state.resets_at)

    def _left(self, remaining: int) -> int:
        """Return what is left of a quota. Requests in flight may not be counted yet: together they must not spend the
        reserve."""
        return remaining - self._in_flight - self._in_flight_elsewhere

    @property
    def may_go_on_at(self) -> datetime | None:
        """The end of the pause; None if there is no pause."""
        with self._turn():
            until = self._state.paused_until
            return until if until and self._clock() < until else None

    @property
    def reserve(self) -> int:
        """The requests left to other users of the same quota: a fiftieth, and 5 at least."""
        return max(5, (self._state.limit or 0) // 50)

    def _schedule(self, now: datetime) -> timedelta:
        """Return a request's wait under the published rate (the generic cell rate algorithm)."""
        if self._rate is None:
            return timedelta()
        spent = max(self._state.spent_until or now, now)
        wait = max(timedelta(), spent - now - self._rate.interval * (self._rate.burst - 1))
        if wait > self._max_wait:
            raise SuspendedError("its published limit is reached", now + wait)
        self._state = replace(self._state, spent_until=spent + self._rate.interval)
        return wait

    def pause(self, seconds: float) -> datetime:
        """Send nothing for that long (a second at least, a day at most), and return the end. A longer pause stays."""
        with self._turn():
            self._limited += 1
            if self._limited >= MAX_LIMITED:
                self._suspended = self._suspended or f"it demanded a pause {MAX_LIMITED} times in a row"
            until = self._clock() + min(timedelta(seconds=max(seconds, 1)), MAX_PAUSE)
            if not self._state.paused_until or self._state.paused_until < until:
                self._state = replace(self._state, paused_until=until)
            return self._state.paused_until or until

    def suspend(self, reason: str) -> None:
        """Send nothing more in this run."""
        with self._turn():
            self._suspended = self._suspended or reason

    def note_quota(self, limit: int, remaining: int, resets_at: datetime) -> None:
        """Note the quota that a response reports. Responses overtake each other: within a window the least counts."""
        with self._turn():
            state = self._state
            if _is_same_window(resets_at, state.resets_at) and state.remaining is not None:
                remaining = min(remaining, state.remaining)
            self._state = replace(state, limit=limit, remaining=remaining, resets_at=resets_at)

    def merge(self, stored: RateLimitState) -> None:
        """Take over what another process has stored meanwhile."""
        with self._turn():
            now = self._clock()
            self._state = merged(self._state, possible(stored, now), now)

    def note_response(self) -> None:
        """Note a response that demands no pause, and is no failure of the upstream."""
        with self._turn():
            self._limited = self._failures = 0

    def note_failure(self) -> None:
        """Note a failure of the upstream. A run gives up a host earlier; this is about parts of packages too."""
        with self._turn():
            self._failures += 1
            if self._failures >= MAX_FAILURES:
                self._suspended = self._suspended or f"it failed {MAX_FAILURES} times in a row"


def possible(state: RateLimitState, now: datetime) -> RateLimitState:
    """Return a stored state without times that no pause reaches: a clock that was ahead has noted them."""
    end = now + MAX_PAUSE
    paused, spent = (None if time and time > end else time for time in (state.paused_until, state.spent_until))
    return replace(state, paused_until=paused, spent_until=spent)


def _is_same_window(resets_at: datetime, other: datetime | None) -> bool:
    return other is not None and abs(resets_at - other) < timedelta(seconds=5)


def merged(own: RateLimitState, other: RateLimitState, now: datetime) -> RateLimitState:
    """Return the stricter of two states: the later pause, the least that is left of a window, the later window."""
    state = replace(
        own,
        paused_until=max(filter(None, (own.paused_until, other.paused_until)), default=None),
        spent_until=max(filter(None, (own.spent_until, other.spent_until)), default=None),
    )
    if other.resets_at is None or other.resets_at <= now:
        return state
    if _is_same_window(other.resets_at, own.resets_at):
        left = [each.remaining for each in (own, other) if each.remaining is not None]
        return replace(state, remaining=min(left, default=None))
    if own.resets_at is None or own.resets_at < other.resets_at:
        return replace(state, limit=other.limit, remaining=other.remaining, resets_at=other.resets_at)
    return state


def quota(headers: Mapping[str, str]) -> tuple[int, int, datetime] | None:
    """Return (limit, remaining, resets at) from the headers X-RateLimit-* (GitHub) or RateLimit-* (GitLab), or None."""
    for prefix in ("X-RateLimit-", "RateLimit-"):
        texts = [headers.get(prefix + name, "") for name in ("Limit", "Remaining", "Reset")]
        if all(text.isascii() and text.isdigit() and len(text) < 12 for text in texts):
            limit, remaining, reset = map(int, texts)
            return limit, remaining, datetime.fromtimestamp(reset, UTC)
    return None
