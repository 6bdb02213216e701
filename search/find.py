"""Find the entries that match a query, in the same tiers on both databases, each ordered by quality.

Tiers, best first: a name equals the query; the same but for a leading "django"; a name begins with it; all words are
in the names; all words are anywhere in the entry; and, where fewer than FEW entries match, names that are spelled much
like the query.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

from categories.models import Category
from core.caching import reads, revisions
from core.database.sessions import limited, reader
from core.kinds import Kind
from search.backends.postgresql import Postgresql
from search.backends.sqlite import Sqlite
from search.query import Query
from search.similar import Candidate, name_words, similar
from search.tiers import MAX_TOTAL, SIMILAR, Row

# By tier: the weights of the hits with the least quality and with the greatest.
WEIGHTS = ((95, 100), (85, 94), (70, 84), (45, 69), (20, 44), (1, 19))
BEST_QUALITY = 50.0
FEW = 5  # with fewer matching entries, typing errors are looked for
MAX_CATEGORIES = 1_000
MAX_SECONDS = 3.0  # on SQLite; a server's connections to PostgreSQL have their own limit


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry of a page of results."""

    kind: str
    object_id: int
    tier: int
    quality: float

    @property
    def is_near(self) -> bool:
        """True if its name is spelled much like the query, whose words it does not have."""
        return self.tier == SIMILAR

    @property
    def weight(self) -> int:
        """0 to 100: between the least and the greatest weight of the tier, by quality."""
        least, greatest = WEIGHTS[self.tier]
        share = min(max(self.quality / BEST_QUALITY, 0.0), 1.0)
        return least + round((greatest - least) * share)


class Page(NamedTuple):
    """`total` stops at MAX_TOTAL; `has_more` is true as long as there are further hits. `is_near` is true if no entry
    matches the words, and all hits, on whichever page, are names that are spelled much like them."""

    total: int
    hits: list[Hit]
    has_more: bool
    is_near: bool = False


class Backend(Protocol):
    """One query on one kind of database."""

    def best(self, limit: int) -> tuple[int, list[Row]]:
        """Return how many entries match, which may stop at MAX_TOTAL + 1, and the best of them."""

    def candidates(self, pieces: list[list[str]]) -> list[Candidate]:
        """Return entries that have one of the pieces of a word in their names: those of the most words first, then by
        quality; MAX_CANDIDATES at most."""


def find(query: Query, kinds: Iterable[str], limit: int, offset: int) -> Page:
    if query.is_empty:
        return Page(0, [], has_more=False)
    with limited(MAX_SECONDS):
        total, rows = _matches(query, _backend(query, tuple(kinds)), offset + limit + 1)
    hits = [Hit(*row) for row in rows[offset : offset + limit]]
    is_near = bool(rows) and rows[0][2] == SIMILAR  # the best one
    return Page(min(total, MAX_TOTAL), hits, len(rows) > offset + limit, is_near)


def _matches(query: Query, backend: Backend, limit: int) -> tuple[int, list[Row]]:
    total, rows = backend.best(max(limit, FEW))
    if total < FEW:
        rows = [*rows, *similar(query, backend.candidates, {row[:2] for row in rows})]
        total = len(rows)
    return total, rows


def _backend(query: Query, kinds: tuple[str, ...]) -> Backend:
    connection = reader()
    backend = Postgresql if connection.vendor == "postgresql" else Sqlite
    return backend(connection, query, kinds, _categories(query, connection))


def _categories(query: Query, connection: BaseDatabaseWrapper) -> dict[str, list[int]]:
    """Return, for each word of the query, the ids of the categories that have it in their names. Entries hold nothing
    else of a category, so that renaming one rewrites no entries."""
    names = _category_names(connection)
    return {word: [pk for pk, words in names if word in words] for word in query.words}


def _category_names(connection: BaseDatabaseWrapper) -> list[tuple[int, set[str]]]:
    if connection.in_atomic_block:
        return _read_category_names()  # the transaction may have changed them, and moves no revision before it commits
    reads.note(frozenset({Kind.CATEGORY.plural}))  # a search that finds them cached runs no SQL for them
    return _cached_category_names(connection.alias, revisions.current().numbers.get(Kind.CATEGORY.plural))


@lru_cache(maxsize=4)
def _cached_category_names(_alias: str, _revision: int | None) -> list[tuple[int, set[str]]]:
    """Return the categories' names as of a revision, which moves with every category that is written."""
    return _read_category_names()


def _read_category_names() -> list[tuple[int, set[str]]]:
    rows: Any = Category.objects.values_list("pk", "title", "title_plural", "slug").order_by("pk")[:MAX_CATEGORIES]
    return [(pk, name_words(" ".join(names))) for pk, *names in rows]
