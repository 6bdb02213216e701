"""Hooks for the folders above core, which core cannot import.

The upper folder fills its hook when the site starts: search.apps fills `search`.
"""

from typing import Protocol

from core.kinds import Kind


class SearchHook(Protocol):
    def __call__(self, kind: Kind, text: str, limit: int) -> list[int]:
        """Return the ids of the documents of a kind that the API's search finds, best first."""


search: SearchHook
