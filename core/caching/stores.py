"""The store that the settings name: the memory of a worker, bounded in bytes; Redis, for all nodes; or none.

Not Django's cache backends: its memory counts entries, not bytes, and pickles them; its Redis has no lock by which one
node builds a response for all.
"""

from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from core.caching.memory import Memory
from core.caching.responses import Store

DEFAULT_MB = 20  # of which a sixteenth holds a page of 1,000 packages


def is_shared(url: str) -> bool:
    """Return whether CACHE_URL names a store that all nodes share."""
    return urlsplit(url).scheme in {"redis", "rediss"}


@lru_cache
def store(url: str) -> Store | None:
    """Return the store that CACHE_URL names; None for dummy://."""
    parts = urlsplit(url)
    if parts.scheme == "dummy":
        return None
    if parts.scheme == "locmem":
        return Memory(int(parse_qs(parts.query).get("max_mb", [str(DEFAULT_MB)])[0]) * 1024 * 1024)
    from core.caching.redis import Redis  # noqa: PLC0415 (its client takes 7 MB, which few need)

    return Redis(url)
