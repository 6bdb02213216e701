"""Whole answers in Redis, for all nodes."""

import logging
import time
from collections.abc import Callable
from typing import Any

import redis

from config.stores import Answer

logger = logging.getLogger(__name__)
KEPT_SECONDS = 24 * 3600  # whatever no longer fits a revision is never asked for again
REDIS_SECONDS = 0.5  # after which an answer is made rather than waited for
POLL_SECONDS = 0.02
AWAY = b""  # what a Redis that does not answer is taken to say


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
