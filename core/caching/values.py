"""Counts and lists that are cached under revisions, as responses are."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from django.conf import settings

from core.caching import reads, revisions
from core.caching.dependencies import Dependencies
from core.caching.keys import cache_key, program_fingerprint
from core.caching.responses import CachedResponse
from core.caching.stores import store


class CachedValue:
    """A value made of the documents of some kinds; `value` is None until one of them has been stored.

    It holds as long as none of its dependencies moves. It must be something that JSON can hold.
    """

    def __init__(self, dependencies: Dependencies, *question: str) -> None:
        reads.note(dependencies.revisions)
        # The revisions that the request has read, before whatever is read now.
        numbers = revisions.current().numbers
        self.key = cache_key((program_fingerprint(), "value", *question), dependencies, numbers)
        self.store = store(settings.CACHE_URL)
        cached = self.store.get(self.key) if self.store else None
        self.value: Any = None
        if cached:
            with suppress(orjson.JSONDecodeError):  # something else has written it
                self.value = orjson.loads(cached.content)

    def set(self, value: Any) -> None:
        self.value = value
        if self.store:
            self.store.set(self.key, CachedResponse(b"{}", orjson.dumps(value)))


def cached_count(dependencies: Dependencies, path: str, filters: str, count: Callable[[], int]) -> int:
    """Return how many rows `filters` leave of the list at `path`: counted once for each change."""
    cached = CachedValue(dependencies, path, filters)
    if cached.value is None:
        cached.set(count())
    number: int = cached.value
    return number
