"""Where whole answers are kept: in the memory of a worker, bounded in bytes; in Redis, for all nodes; or nowhere."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

import redis

logger = logging.getLogger(__name__)
DEFAULT_MB = 12
KEPT_SECONDS = 24 * 3600  # in Redis: whatever no longer fits a revision is never asked for again
REDIS_SECONDS = 0.5  # after which an answer is made rather than waited for
POLL_SECONDS = 0.02
AWAY = b""  # what a Redis that does not answer is taken to say


class Answer(NamedTuple):
    """A whole answer: its headers as JSON, and its body. Of a number alone, the body."""

    headers: bytes
    content: bytes


class Store(Protocol):
    def get(self, key: bytes) -> Answer | None: ...
    def set(self, key: bytes, answer: Answer) -> None: ...

    def awaited(self, key: bytes, seconds: float) -> Answer | None:
        """The answer that another node is making just now, when it is there; None where the caller is to make it, and
        to say made() then, whatever became of it."""

    def made(self, key: bytes) -> None: ...


class Memory:
    """The answers used last, up to so many bytes, of this process."""

    OVERHEAD = 250  # bytes that an entry takes besides its key and value, about

    def __init__(self, most: int) -> None:
        self.most, self.size = most, 0
        self.entries: OrderedDict[bytes, Answer] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: bytes) -> Answer | None:
        with self.lock:
            answer = self.entries.get(key)
            if answer is not None:
                self.entries.move_to_end(key)
            return answer

    def set(self, key: bytes, answer: Answer) -> None:
        if self._cost(key, answer) > self.most // 4:
            return
        with self.lock:
            if (old := self.entries.pop(key, None)) is not None:
                self.size -= self._cost(key, old)
            self.entries[key] = answer
            self.size += self._cost(key, answer)
            while self.size > self.most:
                self.size -= self._cost(*self.entries.popitem(last=False))

    def awaited(self, key: bytes, seconds: float) -> None:
        pass

    def made(self, key: bytes) -> None:
        pass

    def _cost(self, key: bytes, answer: Answer) -> int:
        return len(key) + len(answer.headers) + len(answer.content) + self.OVERHEAD


class Redis:
    """A Redis that is away costs speed, never an answer."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, protocol=2
        )

    def get(self, key: bytes) -> Answer | None:
        found: bytes | None = self._try(self.client.get, b"grids:" + key)
        return Answer(*found.split(b"\n", 1)) if found else None

    def set(self, key: bytes, answer: Answer) -> None:
        self._try(self.client.set, b"grids:" + key, b"\n".join(answer), ex=KEPT_SECONDS)

    def awaited(self, key: bytes, seconds: float) -> Answer | None:
        """The key of who makes it ends by itself with `seconds`, should its node have died."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._try(self.client.set, b"making:" + key, b"", nx=True, px=int(seconds * 1000)) is not None:
                return None
            time.sleep(POLL_SECONDS)
            if found := self.get(key):
                return found
        return None

    def made(self, key: bytes) -> None:
        self._try(self.client.delete, b"making:" + key)

    def _try(self, command: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What Redis answers; AWAY where it does not."""
        try:
            return command(*arguments, **options)
        except redis.RedisError as error:
            logger.warning("Redis: %s", error)
            return AWAY


@lru_cache
def store(url: str) -> Store | None:
    """The store that CACHE_URL names; None for dummy://."""
    parts = urlsplit(url)
    if parts.scheme == "dummy":
        return None
    if parts.scheme == "locmem":
        return Memory(int(parse_qs(parts.query).get("max_mb", [str(DEFAULT_MB)])[0]) * 1024 * 1024)
    return Redis(url)
