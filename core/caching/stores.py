"""Stores of whole responses: in the memory of a worker, bounded in bytes; in Redis, for all nodes; or none.

Not Django's cache backends: its memory counts entries, not bytes, and pickles them; its Redis has no lock by which one
node builds a response for all.
"""

from functools import lru_cache
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit

DEFAULT_MB = 12
WAIT = 10.0  # seconds for which a request waits for a response that another one builds


class CachedResponse(NamedTuple):
    """A whole response: its headers as JSON, and its body. A cached value has a body alone."""

    headers: bytes
    content: bytes


class Attempt(NamedTuple):
    """The response, if it is there; else whether the caller must build it for all, and then call end(). If neither, it
    proved uncacheable: each caller builds its own."""

    response: CachedResponse | None
    must_build: bool


class Store(Protocol):
    """A store by keys that hold the revisions: whatever is found in it is right."""

    def get(self, key: bytes) -> CachedResponse | None: ...
    def set(self, key: bytes, response: CachedResponse) -> None: ...

    def begin(self, key: bytes) -> Attempt:
        """Wait while another node builds the response; if nobody does, take it upon the caller."""

    def end(self, key: bytes, *, is_stored: bool) -> None:
        """Let the others go on: with the response, or without one that proved uncacheable."""


@lru_cache
def store(url: str) -> Store | None:
    """Return the store that CACHE_URL names; None for dummy://."""
    parts = urlsplit(url)
    if parts.scheme == "dummy":
        return None
    if parts.scheme == "locmem":
        from core.caching.memory import Memory  # noqa: PLC0415 (it imports this module)

        return Memory(int(parse_qs(parts.query).get("max_mb", [str(DEFAULT_MB)])[0]) * 1024 * 1024)
    from core.caching.redis import Redis  # noqa: PLC0415 (its client takes 7 MB, which few need)

    return Redis(url)
