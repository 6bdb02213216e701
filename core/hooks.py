"""Hooks for the folders above core, which core cannot import.

The upper folder fills its hook when the site starts: search.apps fills `search`, changes.apps `former_slugs`, and
packages.apps `writing`.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager
from typing import Protocol

from core.kinds import Kind


class SearchHook(Protocol):
    def __call__(self, kind: Kind, text: str, limit: int) -> list[int]:
        """Return the ids of the documents of a kind that the API's search finds, best first."""


search: SearchHook


class FormerSlugs(Protocol):
    def owners(self, kind: Kind, slugs: Collection[str]) -> dict[str, int]:
        """The ids of the documents that had these slugs before, and are still reached by them."""
        ...


former_slugs: FormerSlugs


class Writing(Protocol):
    def __call__(self) -> AbstractContextManager[object]:
        """Return a transaction that, before it ends, also writes what follows from what was written in it."""
        ...


writing: Writing
