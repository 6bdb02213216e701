"""How fast one upstream may be asked, and when it must be left alone: quota, pauses, a published limit, an outage.

Pure bookkeeping behind a lock; times are UTC datetimes from an injected clock. What must outlive the process is in
`PaceState`, which refresh stores and gives back.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from packages.facts import Outcome

OUTAGE = 10  # failures in a row after which a host is left for this run
MAX_PAUSE = timedelta(hours=24)


@dataclass(frozen=True)
class PaceState:
    """`paused_until`: not before then. `remaining` of `limit` requests until `resets_at`, as the host last said.

    `spent_until` is the time at which all requests so far are paid for at the published rate.
    """

    paused_until: datetime | None = None
    limit: int | None = None
    remaining: int | None = None
    resets_at: datetime | None = None
    spent_until: datetime | None = None


@dataclass(frozen=True)
class Rate:
    """A published limit: one request every `interval` in the long run, `burst` of them at once."""

    interval: timedelta
    burst: int


class Closed(Exception):  # noqa: N818 (a state of a host, not an error of anyone)
    """The host is not to be asked now: why, and from when on it may be."""

    def __init__(self, why: str, until: datetime | None) -> None:
        super().__init__(why)
        self.until = until


class Pace:
    """The pace of one host (one quota). `patience` is the longest wait that a request makes for its turn."""

    def __init__(
        self,
        state: PaceState,
        clock: Callable[[], datetime],
        *,
        rate: Rate | None = None,
        patience: timedelta = timedelta(seconds=5),
    ) -> None:
        self._state = state
        self._clock = clock
        self._rate = rate
        self._patience = patience
        self._failures = 0
        self._closed = ""
        self._under_way = 0
        self._lock = threading.Lock()
        self.requests = 0

    @property
    def state(self) -> PaceState:
        with self._lock:
            return self._state

    def turn(self) -> timedelta:
        """Take a turn: how long to wait before asking. Raises Closed if that is not now."""
        with self._lock:
            now = self._clock()
            self._check(now)
            wait = self._book(now)
            self._under_way += 1
            self.requests += 1
            return wait

    def done(self) -> None:
        """The request of a turn has ended, however."""
        with self._lock:
            self._under_way -= 1

    def _check(self, now: datetime) -> None:
        state = self._state
        if self._closed:
            raise Closed(self._closed, None)
        if state.paused_until and now < state.paused_until:
            raise Closed(f"it is to be left alone until {state.paused_until:%Y-%m-%d %H:%M} UTC", state.paused_until)
        if state.resets_at and now >= state.resets_at:
            self._state = replace(state, remaining=None, resets_at=None)
        elif state.remaining is not None and state.remaining - self._under_way <= self.reserve:
            # Those under way may not be counted yet: together they must not spend the reserve.
            self._state = replace(state, paused_until=state.resets_at)
            self._closed = f"{max(state.remaining, 0)} of {state.limit} requests are left, and kept"
            raise Closed(self._closed, state.resets_at)

    @property
    def opens_at(self) -> datetime | None:
        """From when on the host may be asked again; None if it may be now, or if nobody knows."""
        with self._lock:
            until = self._state.paused_until
            return until if until and self._clock() < until else None

    @property
    def reserve(self) -> int:
        """What is left to other users of the same quota: a fiftieth, and 5 at least."""
        return max(5, (self._state.limit or 0) // 50)

    def _book(self, now: datetime) -> timedelta:
        """The place of a request in the published rate (the generic cell rate algorithm)."""
        if self._rate is None:
            return timedelta()
        paid = max(self._state.spent_until or now, now)
        wait = max(timedelta(), paid - now - self._rate.interval * (self._rate.burst - 1))
        if wait > self._patience:
            raise Closed("its published limit is reached", now + wait)
        self._state = replace(self._state, spent_until=paid + self._rate.interval)
        return wait

    def pause(self, seconds: float) -> datetime:
        """Leave the host alone that long (a day at most); says until when."""
        with self._lock:
            until = self._clock() + min(timedelta(seconds=max(seconds, 0)), MAX_PAUSE)
            if not self._state.paused_until or self._state.paused_until < until:
                self._state = replace(self._state, paused_until=until)
            return self._state.paused_until or until

    def close(self, why: str) -> None:
        """Ask no more in this run."""
        with self._lock:
            self._closed = self._closed or why

    def note_quota(self, limit: int, remaining: int, resets_at: datetime) -> None:
        """What an answer says of the quota. Answers overtake each other: within one window the least counts."""
        with self._lock:
            state = self._state
            same = state.resets_at is not None and abs(resets_at - state.resets_at) < timedelta(seconds=5)
            if same and state.remaining is not None:
                remaining = min(remaining, state.remaining)
            self._state = replace(state, limit=limit, remaining=remaining, resets_at=resets_at)

    def note_outcome(self, outcome: Outcome) -> None:
        """Ten failures in a row that are the host's, not a package's, close it for this run."""
        with self._lock:
            self._failures = self._failures + 1 if outcome in HOST_FAILURES else 0
            if self._failures >= OUTAGE:
                self._closed = self._closed or f"it failed {OUTAGE} times in a row"


HOST_FAILURES = frozenset({Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.RATE_LIMITED})


def quota(headers: Mapping[str, str]) -> tuple[int, int, datetime] | None:
    """(limit, remaining, resets at) out of GitHub's or GitLab's headers (X-RateLimit-* or RateLimit-*), or None."""
    for prefix in ("X-RateLimit-", "RateLimit-"):
        texts = [headers.get(prefix + name, "") for name in ("Limit", "Remaining", "Reset")]
        if all(text.isascii() and text.isdigit() and len(text) < 12 for text in texts):
            limit, remaining, reset = map(int, texts)
            return limit, remaining, datetime.fromtimestamp(reset, UTC)
    return None
