"""Responses in Redis, for all nodes."""

import logging
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import redis
from redis.exceptions import LockError
from redis.lock import Lock

from core.caching.responses import LARGEST_SHARE, WAIT, BuildTurn, CachedResponse

logger = logging.getLogger(__name__)
CACHED_SECONDS = 24 * 3600  # nobody looks for a response under a revision that has moved
LARGE = 64 * 1024  # bytes of a value from which on it is stored compressed, and for LARGE_SECONDS only
LARGE_SECONDS = 5 * 60
UNLIMITED = 64 * 1024 * 1024  # bytes that a Redis without a `maxmemory` is taken to have
REDIS_SECONDS = 0.5  # after which a response is built rather than waited for
UNREACHABLE_SECONDS = 5.0  # for which an unreachable Redis is left alone
POLL_SECONDS = 0.02
UNCACHEABLE_MS = 2_000  # for which all nodes know that a response proved uncacheable
_ZLIB = b"\x78"
NO_REPLY = b""  # in place of the reply of an unreachable Redis


class Redis:
    """A store for all nodes. If Redis is unreachable, requests are only slower."""

    def __init__(self, url: str, wait: float = WAIT) -> None:
        self.wait = wait
        self.client = redis.Redis.from_url(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS, protocol=2
        )
        self.unreachable_until = 0.0
        self.quiet_until = 0.0
        self.memory: int | None = None  # in bytes, once it has been asked
        self.locks: dict[bytes, Lock] = {}

    @property
    def largest(self) -> int:
        """The most bytes that a response may take."""
        if self.memory is None:
            info: dict[str, Any] = self.attempt(self.client.info, "memory") or {}
            self.memory = int(info["maxmemory"] or UNLIMITED) if "maxmemory" in info else None
        return (self.memory or UNLIMITED) // LARGEST_SHARE

    def responds(self) -> bool:
        return self.attempt(self.client.ping) is True

    def get(self, key: bytes) -> CachedResponse | None:
        value: bytes | None = self.attempt(self.client.get, b"grids:" + key)
        return CachedResponse.parse(_unpacked(value)) if value else None

    def set(self, key: bytes, response: CachedResponse) -> None:
        value = b"\n".join(response)
        if len(value) < LARGE:
            self.attempt(self.client.set, b"grids:" + key, value, ex=CACHED_SECONDS)
            return
        if b'"Content-Encoding"' not in response.headers:
            value = zlib.compress(value, level=1)
        if len(value) <= self.largest:
            self.attempt(self.client.set, b"grids:" + key, value, ex=LARGE_SECONDS)

    def begin(self, key: bytes) -> BuildTurn:
        """Wait for the response or for the lock, which ends by itself, should the node that holds it have died."""
        lock = Lock(self.client, f"building:{key.hex()}", timeout=self.wait, blocking=False)
        end = time.monotonic() + self.wait
        while time.monotonic() < end:
            # The lock first: between a look and the lock, its holder may finish, and the response be built twice.
            is_locked = self.attempt(lock.acquire) is not False
            response = self.get(key)
            if response or self.attempt(self.client.exists, b"uncacheable:" + key):
                if is_locked:
                    self._release(lock)
                return BuildTurn(response, must_build=False)
            if is_locked:
                self.locks[key] = lock
                return BuildTurn(None, must_build=True)
            time.sleep(POLL_SECONDS)
        return BuildTurn(None, must_build=False)

    def end(self, key: bytes, *, is_stored: bool) -> None:
        if not is_stored:
            self.attempt(self.client.set, b"uncacheable:" + key, b"1", px=UNCACHEABLE_MS)
        if lock := self.locks.pop(key, None):
            self._release(lock)

    def _release(self, lock: Lock) -> None:
        with suppress(LockError):  # its time was up: another node may hold it by now
            self.attempt(lock.release)

    def attempt(self, command: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Return the reply of Redis; NO_REPLY if it is unreachable."""
        if time.monotonic() < self.unreachable_until:
            return NO_REPLY
        try:
            return command(*arguments, **options)
        except LockError:
            raise
        except redis.ResponseError as error:  # a key that something else has written, or a memory that is full
            self._log(error)
            return NO_REPLY
        except redis.RedisError as error:
            logger.warning("Redis: %s", error)
            self.unreachable_until = time.monotonic() + UNREACHABLE_SECONDS
            return NO_REPLY

    def _log(self, error: redis.ResponseError) -> None:
        """Log what Redis refuses, now and then: it may refuse something for each request."""
        if time.monotonic() >= self.quiet_until:
            logger.warning("Redis: %s", error)
            self.quiet_until = time.monotonic() + UNREACHABLE_SECONDS


def _unpacked(value: bytes) -> bytes:
    """Return a value as it was before it was compressed, if it was: by its first byte, which no other value has."""
    try:
        return zlib.decompress(value) if value[:1] == _ZLIB else value
    except zlib.error:  # something else has written it
        return b""
