"""Counters of what clients have spent: of one worker, in bounded memory, or shared by all nodes in Redis."""

import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from cachetools import LRUCache

from core.caching.stores import is_shared
from core.limits.allowance import Allowance, State

MOST_CLIENTS = 10_000  # that a worker remembers, in some 3 MB: those seen last
Clock = Callable[[], int]


class Counter(Protocol):
    """A counter by clients. None in place of a state: it cannot count now, and whoever asks is let through."""

    def spend(self, client: bytes, units: int, allowance: Allowance) -> State | None: ...

    def owe(self, client: bytes, units: int, allowance: Allowance) -> State | None: ...


def _monotonic() -> int:
    return time.monotonic_ns() // 1000


class WorkerCounter:
    """A counter in the memory of one worker. It holds of each client when its bucket will be full."""

    def __init__(self, clock: Clock = _monotonic) -> None:
        self.clock = clock
        self.full_at: LRUCache[bytes, int] = LRUCache(MOST_CLIENTS)
        self.lock = threading.Lock()

    def spend(self, client: bytes, units: int, allowance: Allowance) -> State:
        return self._take(client, units, allowance.spend)

    def owe(self, client: bytes, units: int, allowance: Allowance) -> State:
        return self._take(client, units, allowance.owe)

    def _take(self, client: bytes, units: int, take: Callable[[int, int], State]) -> State:
        with self.lock:
            now = self.clock()
            state = take(max(self.full_at.get(client, 0) - now, 0), units)
            if state.is_allowed:
                self.full_at[client] = now + state.backlog
        return state


@lru_cache(maxsize=4)
def counter(url: str) -> Counter:
    """Return the counter that fits CACHE_URL: shared where the responses are."""
    if not is_shared(url):
        return WorkerCounter()
    from core.limits.redis import SharedCounter  # noqa: PLC0415 (its client takes 7 MB, which few need)

    return SharedCounter(url)
