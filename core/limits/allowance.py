"""An allowance, as a bucket of units that fills evenly within a minute; and the header fields that tell of it.

The fields are those of draft-ietf-httpapi-ratelimit-headers-11 (May 2026), for a bucket: `q` units fill it, and an
empty one is full in `w` seconds. Of one client, `r` units are left, and all of them are back in `t` seconds.
"""

from functools import lru_cache
from typing import NamedTuple, Self

from core.costs import DEAREST

WINDOW = 60_000_000  # microseconds in which an empty bucket fills
SECOND = 1_000_000
MOST_DEBT = WINDOW  # what a client owes at most besides: it is served again within a minute of silence


class State(NamedTuple):
    """The state of one client's bucket after a request: the microseconds until it is full again."""

    is_allowed: bool
    backlog: int


class Allowance(NamedTuple):
    """So many units a minute. `interval` are the microseconds in which one comes back; `policy` is the value of
    RateLimit-Policy, which is the same for all clients."""

    rate: int
    interval: int
    policy: str

    @classmethod
    def of(cls, rate: int) -> Self:
        return cls(rate, WINDOW // rate, f'"default";q={rate};w={WINDOW // SECOND}')

    def spend(self, backlog: int, units: int) -> State:
        """Take units from a bucket, if all of them are in it."""
        after = backlog + units * self.interval
        return State(True, after) if after <= WINDOW else State(False, backlog)

    def owe(self, backlog: int, units: int) -> State:
        """Take units from a bucket whether they are in it or not."""
        return State(True, min(backlog + units * self.interval, WINDOW + MOST_DEBT))

    def current(self, state: State) -> str:
        """Return the value of RateLimit; of a client that is refused, with the time at which it is served again."""
        if not state.is_allowed:
            return f'"default";r=0;t={self.wait(state)}'
        left = max(WINDOW - state.backlog, 0) // self.interval
        return f'"default";r={left};t={_seconds(state.backlog)}'

    def wait(self, state: State) -> int:
        """Return the seconds after which a request is served again: one at least, and more for who owes."""
        return max(_seconds(state.backlog + self.interval - WINDOW), 1)

    @property
    def pace(self) -> str:
        """Return how often a client may request anything, the dearest too, without an end."""
        seconds = -(-DEAREST * 60 // self.rate)
        return "one request a second" if seconds == 1 else f"one request every {seconds} seconds"


@lru_cache(maxsize=8)
def allowance(rate: int) -> Allowance:
    return Allowance.of(rate)


def _seconds(microseconds: int) -> int:
    """Return whole seconds, rounded up: who waits for them does not come too early."""
    return -(-microseconds // SECOND)
