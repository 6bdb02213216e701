"""Responses in the memory of one process: those used last, up to so many bytes."""

import threading

from cachetools import LRUCache

from core.caching.responses import LARGEST_SHARE, BuildTurn, CachedResponse

OVERHEAD = 270  # bytes that an entry takes besides its headers and body, about


class Memory:
    """A store of at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.responses: LRUCache[bytes, CachedResponse] = LRUCache(max_bytes, getsizeof=_size)
        self.lock = threading.Lock()

    def responds(self) -> bool:
        return True

    def get(self, key: bytes) -> CachedResponse | None:
        with self.lock:
            return self.responses.get(key)

    def set(self, key: bytes, response: CachedResponse) -> None:
        if _size(response) > self.max_bytes // LARGEST_SHARE:
            return
        with self.lock:
            self.responses[key] = response

    def begin(self, key: bytes) -> BuildTurn:
        response = self.get(key)
        return BuildTurn(response, must_build=response is None)

    def end(self, key: bytes, *, is_stored: bool) -> None:
        """Nobody waits: the middleware lets one thread of the process build a response."""


def _size(response: CachedResponse) -> int:
    return len(response.headers) + len(response.content) + OVERHEAD
