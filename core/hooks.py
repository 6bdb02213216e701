"""Hooks for the folders above core, which core cannot import.

The upper folder fills its hook when the site starts: search.apps fills `search`, changes.apps `former_slugs`,
packages.apps `writing`, and editing.apps `recording`, `is_recording`, `history` and `last_edits`. Any of them may add
to `added_actions`, `added_pages`, `added_site_pages`, `measures` and `examinations`.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern

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


class OpenBatch(Protocol):
    """An edit that is under way; `words` say what is done, and may be set until it ends."""

    words: str


class Recording(Protocol):
    def __call__(self, user: Any = None, words: str = "") -> AbstractContextManager[OpenBatch]:
        """Return a transaction as of `writing`, of which the history has all that is written in it: by a user, or by
        what has this name."""
        ...


recording: Recording
is_recording: Callable[[], bool]  # True inside


class History(Protocol):
    def __call__(self, model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Respond with the history of a row in admin."""
        ...


history: History


class LastEdit(NamedTuple):
    """A row of an edit: its table, the columns that the edit has of it, those that it changed, and who wrote it."""

    table: str
    row: Mapping[str, Any]
    changed: Collection[str]
    who: str


class LastEdits(Protocol):
    def __call__(self, grid: int) -> list[LastEdit]:
        """Return what editors last did to a grid and to what belongs to it, the newest first."""
        ...


last_edits: LastEdits


# What the folders above add to the admin of a model, by the model's label ("packages.Package"): actions of its list, as
# Django's admin knows them; and functions that return further pages of its admin, whose instance they get.
added_actions: defaultdict[str, list[Callable[..., Any]]] = defaultdict(list)
added_pages: defaultdict[str, list[Callable[[Any], list[URLPattern]]]] = defaultdict(list)
# Functions that return further pages of the admin site, which they get; they stand before its own.
added_site_pages: list[Callable[[Any], list[URLPattern]]] = []


class Measured(NamedTuple):
    """A metric for Prometheus that is read from the database: its name without that of the site, a sentence about it,
    the names of its labels, and its numbers by the values of these, which are tuples of texts."""

    name: str
    help: str
    labels: tuple[str, ...]
    numbers: Mapping[Any, float]


# Functions that return metrics as they are at a time, by the name of what they are about. They need few queries, whose
# effort is bounded: config.metrics calls them at most every some seconds, and gives up those that take too long.
measures: dict[str, Callable[[datetime], Iterable[Measured]]] = {}


Level = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """A statement about a part of the setup, and what mends it where it is not "ok"."""

    name: str
    level: Level
    sentence: str
    remedy: str = ""


# Functions that examine a part of the setup for `manage.py doctor`, by the name of the part; they may read the
# database.
examinations: dict[str, Callable[[], Iterable[Finding]]] = {}
