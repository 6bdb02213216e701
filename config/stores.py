"""Where whole answers are kept: in the memory of a worker, bounded in bytes; in Redis, for all nodes; or nowhere."""

import logging
import threading
from collections import OrderedDict
from functools import lru_cache
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import redis

logger = logging.getLogger(__name__)
DEFAULT_MB = 12
KEPT_SECONDS = 24 * 3600  # in Redis: whatever no longer fits a revision is never asked for again
REDIS_SECONDS = 0.5  # after which an answer is made rather than waited for


class Store(Protocol):
    def get(self, key: bytes) -> bytes | None: ...
    def set(self, key: bytes, value: bytes) -> None: ...


class Memory:
    """The answers used last, up to so many bytes."""

    OVERHEAD = 200  # bytes that an entry takes besides its key and value, about

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0
        self.entries: OrderedDict[bytes, bytes] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: bytes) -> bytes | None:
        with self.lock:
            value = self.entries.get(key)
            if value is not None:
                self.entries.move_to_end(key)
            return value

    def set(self, key: bytes, value: bytes) -> None:
        if self._cost(key, value) > self.most // 4:
            return
        with self.lock:
            if (old := self.entries.pop(key, None)) is not None:
                self.size -= self._cost(key, old)
            self.entries[key] = value
            self.size += self._cost(key, value)
            while self.size > self.most:
                self.size -= self._cost(*self.entries.popitem(last=False))

    def _cost(self, key: bytes, value: bytes) -> int:
        return len(key) + len(value) + self.OVERHEAD


class Redis:
    """A Redis that is away costs speed, never an answer."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, protocol=2
        )

    def get(self, key: bytes) -> bytes | None:
        try:
            found: bytes | None = self.client.get(b"grids:" + key)  # type: ignore[assignment]  # the synchronous client's
        except redis.RedisError as error:
            logger.warning("Redis: %s", error)
            return None
        return found

    def set(self, key: bytes, value: bytes) -> None:
        try:
            self.client.set(b"grids:" + key, value, ex=KEPT_SECONDS)
        except redis.RedisError as error:
            logger.warning("Redis: %s", error)


@lru_cache
def store(url: str) -> Store | None:
    """The store that CACHE_URL names; None for dummy://."""
    parts = urlsplit(url)
    if parts.scheme == "dummy":
        return None
    if parts.scheme == "locmem":
        return Memory(int(parse_qs(parts.query).get("max_mb", [str(DEFAULT_MB)])[0]) * 1024 * 1024)
    return Redis(url)
