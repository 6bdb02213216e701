"""Finds entries: the same tiers on both databases, each ordered by quality.

Tiers, best first: the name as it was typed; the same but for a leading "django"; names that begin with it; all words
in the names; all words anywhere; and, where there are fewer than FEW hits, names that are spelled much alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from categories.models import Category
from core.caching import revisions
from core.database.sessions import limited, reader
from core.kinds import Kind
from search.backends.postgresql import Postgresql
from search.backends.sqlite import Sqlite
from search.query import Query
from search.similar import parts_of, similar
from search.tiers import COUNTED, Row

# The weights of a tier's hits: of the least quality, and of the greatest.
WEIGHTS = ((95, 100), (85, 94), (70, 84), (45, 69), (20, 44), (1, 19))
BEST_QUALITY = 50.0
FEW = 5
MOST_CATEGORIES = 1_000
SECONDS = 3.0  # on SQLite; a server's connections to PostgreSQL have their own limit


@dataclass(frozen=True, slots=True)
class Hit:
    kind: str
    object_id: int
    tier: int
    quality: float

    @property
    def weight(self) -> int:
        """0 to 100: the tier's part, and in it the quality's."""
        least, most = WEIGHTS[self.tier]
        share = min(max(self.quality / BEST_QUALITY, 0.0), 1.0)
        return least + round((most - least) * share)


class Page(NamedTuple):
    """`total` goes up to COUNTED; `has_more` is true as long as there are further hits."""

    total: int
    hits: list[Hit]
    has_more: bool


class Index(Protocol):
    """The entries of one database over one query."""

    def top(self, most: int) -> tuple[int, list[Row]]:
        """How many fit, counted up to more than COUNTED, and the best of them."""

    def candidates(self, pieces: list[list[str]]) -> list[tuple[str, int, float, str]]:
        """Entries with pieces of words in their names, of the most words first, then by quality: CANDIDATES at most.

        Their kind, id, quality and names.
        """


def find(query: Query, kinds: Iterable[str], limit: int, offset: int) -> Page:
    if query.is_empty:
        return Page(0, [], has_more=False)
    with limited(SECONDS):
        total, rows = _found(query, _index(query, tuple(kinds)), offset + limit + 1)
    hits = [Hit(*row) for row in rows[offset : offset + limit]]
    return Page(min(total, COUNTED), hits, len(rows) > offset + limit)


def _found(query: Query, index: Index, most: int) -> tuple[int, list[Row]]:
    total, rows = index.top(max(most, FEW))
    if total < FEW:
        rows = [*rows, *similar(query, index.candidates, {row[:2] for row in rows})]
        total = len(rows)
    return total, rows


def _index(query: Query, kinds: tuple[str, ...]) -> Index:
    categories = _categories(query)
    return (Postgresql if reader().vendor == "postgresql" else Sqlite)(query, kinds, categories)


def _categories(query: Query) -> dict[str, list[int]]:
    """For each word of the query, the categories that are called so: a category is in no entry by its name."""
    words = _words_of_categories()
    return {word: [pk for pk, found in words if word in found] for word in query.words}


def _words_of_categories() -> list[tuple[int, set[str]]]:
    connection = reader()
    if connection.in_atomic_block:
        return _read_categories()  # which the transaction may have written, and no revision tells before it commits
    return _kept_categories(connection.alias, revisions.current().numbers.get(Kind.CATEGORY.plural))


@lru_cache(maxsize=4)
def _kept_categories(_alias: str, _revision: int | None) -> list[tuple[int, set[str]]]:
    """The revision moves with every category that is written."""
    return _read_categories()


def _read_categories() -> list[tuple[int, set[str]]]:
    rows: Any = Category.objects.values_list("pk", "title", "title_plural", "slug").order_by("pk")[:MOST_CATEGORIES]
    return [(pk, parts_of(" ".join(names))) for pk, *names in rows]
