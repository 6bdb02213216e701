"""Where whole answers are kept: in the memory of a worker, bounded in bytes; in Redis, for all nodes; or nowhere."""

import threading
from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

DEFAULT_MB = 12
WAIT = 10.0  # seconds for which anybody waits for an answer that another makes


class CachedResponse(NamedTuple):
    """A whole answer: its headers as JSON, and its body. Of a number alone, the body."""

    headers: bytes
    content: bytes


class Store(Protocol):
    def get(self, key: bytes) -> CachedResponse | None: ...
    def set(self, key: bytes, answer: CachedResponse) -> None: ...

    def begin(self, key: bytes) -> tuple[CachedResponse | None, bool]:
        """The answer, if it is there by now, or when another node has made it; and whether the caller is to make it for
        all, and to say end() then. Neither where it is nothing to wait for."""

    def end(self, key: bytes, *, kept: bool) -> None: ...


class Memory:
    """The answers used last, up to so many bytes, of this process."""

    OVERHEAD = 250  # bytes that an entry takes besides its key and value, about

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0
        self.entries: OrderedDict[bytes, CachedResponse] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: bytes) -> CachedResponse | None:
        with self.lock:
            answer = self.entries.get(key)
            if answer is not None:
                self.entries.move_to_end(key)
            return answer

    def set(self, key: bytes, answer: CachedResponse) -> None:
        if self._cost(key, answer) > self.most // 4:
            return
        with self.lock:
            if (old := self.entries.pop(key, None)) is not None:
                self.size -= self._cost(key, old)
            self.entries[key] = answer
            self.size += self._cost(key, answer)
            while self.size > self.most:
                self.size -= self._cost(*self.entries.popitem(last=False))

    def begin(self, key: bytes) -> tuple[CachedResponse | None, bool]:
        found = self.get(key)
        return found, found is None

    def end(self, key: bytes, *, kept: bool) -> None:
        pass

    def _cost(self, key: bytes, answer: CachedResponse) -> int:
        return len(key) + len(answer.headers) + len(answer.content) + self.OVERHEAD


@lru_cache
def store(url: str) -> Store | None:
    """The store that CACHE_URL names; None for dummy://."""
    parts = urlsplit(url)
    if parts.scheme == "dummy":
        return None
    if parts.scheme == "locmem":
        return Memory(int(parse_qs(parts.query).get("max_mb", [str(DEFAULT_MB)])[0]) * 1024 * 1024)
    from core.caching.redis import Redis  # noqa: PLC0415 (its client takes 7 MB, which few need)

    return Redis(url)
