"""Whole responses, and the interface of the stores that hold them."""

from typing import NamedTuple, Protocol

import orjson

WAIT = 10.0  # seconds for which a request waits for a response that another one builds
LARGEST_SHARE = 16  # a response that takes more than this part of a store would drive out too many others


class CachedResponse(NamedTuple):
    """A whole response: its headers as a JSON object, and its body. A cached value has no headers: {}."""

    headers: bytes
    content: bytes

    @classmethod
    def parse(cls, value: bytes) -> "CachedResponse | None":
        """Return the response that a store of bytes holds; None for a foreign value, which is a miss."""
        headers, separator, content = value.partition(b"\n")
        try:
            parsed = orjson.loads(headers) if separator else None
        except orjson.JSONDecodeError:
            return None
        is_ours = isinstance(parsed, dict) and all(map(_is_header_value, parsed.values()))
        return cls(headers, content) if is_ours else None


def _is_header_value(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


class BuildTurn(NamedTuple):
    """The response, if it is there; else whether the caller must build it for all, and then call end(). If neither, it
    proved uncacheable: each caller builds its own."""

    response: CachedResponse | None
    must_build: bool


class Store(Protocol):
    """A store by keys that hold the revisions: whatever is found in it is right."""

    def responds(self) -> bool:
        """Tell whether the store is there."""

    def get(self, key: bytes) -> CachedResponse | None: ...
    def set(self, key: bytes, response: CachedResponse) -> None: ...

    def begin(self, key: bytes) -> BuildTurn:
        """Wait while another node builds the response; if nobody does, take it upon the caller."""

    def end(self, key: bytes, *, is_stored: bool) -> None:
        """Let the others go on: with the response, or without one that proved uncacheable."""
