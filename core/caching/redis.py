"""Whole answers in Redis, for all nodes."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
from redis.exceptions import LockError
from redis.lock import Lock

from core.caching.memory import WAIT, CachedResponse

logger = logging.getLogger(__name__)
KEPT_SECONDS = 24 * 3600  # whatever no longer fits a revision is never asked for again
REDIS_SECONDS = 0.5  # after which an answer is made rather than waited for
AWAY_SECONDS = 5.0  # for how long a Redis that did not answer is not asked again
POLL_SECONDS = 0.02
VAIN_MS = 2_000  # for how long all know that an answer is nothing to wait for
AWAY = b""  # what a Redis that does not answer is taken to say


class Redis:
    """A Redis that is away costs speed, never an answer."""

    def __init__(self, url: str, wait: float = WAIT) -> None:
        self.wait = wait
        self.client = redis.Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, protocol=2
        )
        self.away_until = 0.0
        self.locks: dict[bytes, Lock] = {}

    def get(self, key: bytes) -> CachedResponse | None:
        found: bytes | None = self._try(self.client.get, b"grids:" + key)
        return CachedResponse(*found.split(b"\n", 1)) if found else None

    def set(self, key: bytes, answer: CachedResponse) -> None:
        self._try(self.client.set, b"grids:" + key, b"\n".join(answer), ex=KEPT_SECONDS)

    def begin(self, key: bytes) -> tuple[CachedResponse | None, bool]:
        """The lock ends by itself, should the node that makes the answer have died."""
        lock = Lock(self.client, f"making:{key.hex()}", timeout=self.wait, blocking=False)
        end = time.monotonic() + self.wait
        while time.monotonic() < end:
            # The lock first: between a look and the lock, its holder may be done, and the answer be made twice.
            locked = self._try(lock.acquire) is not False
            found = self.get(key)
            if found or self._try(self.client.exists, b"vain:" + key):
                if locked:
                    self._release(lock)
                return found, False
            if locked:
                self.locks[key] = lock
                return None, True
            time.sleep(POLL_SECONDS)
        return None, False

    def end(self, key: bytes, *, kept: bool) -> None:
        if not kept:
            self._try(self.client.set, b"vain:" + key, b"1", px=VAIN_MS)
        if lock := self.locks.pop(key, None):
            self._release(lock)

    def _release(self, lock: Lock) -> None:
        with suppress(LockError):  # its time was up: it may be another node's by now
            self._try(lock.release)

    def _try(self, command: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What Redis answers; AWAY where it does not."""
        if time.monotonic() < self.away_until:
            return AWAY
        try:
            return command(*arguments, **options)
        except LockError:
            raise
        except redis.RedisError as error:
            logger.warning("Redis: %s", error)
            self.away_until = time.monotonic() + AWAY_SECONDS
            return AWAY
