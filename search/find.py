"""Finds entries: the same tiers on both databases, each ordered by quality.

Tiers, best first: the name as it was typed; the same but for a leading "django"; names that begin with it; all words
in the names; all words anywhere; and, where there are fewer than FEW hits, names that are spelled much alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.db import connection

from categories.models import Category
from config.database import limited
from config.prepared import Kept, Prepared
from search.query import Query, plain, squeezed

EXACT, EXACT_BUT_DJANGO, PREFIX, NAMED, MENTIONED, SIMILAR = range(6)
# The weights of a tier's hits: of the least quality, and of the greatest.
WEIGHTS = ((95, 100), (85, 94), (70, 84), (45, 69), (20, 44), (1, 19))
BEST_QUALITY = 50.0
FEW = 5
MOST_CATEGORIES = 1_000
MOST_SIMILAR = 50
CANDIDATES = 300
LEAST_SIMILARITY = 0.75
SECONDS = 3.0  # on SQLite; a server's connections to PostgreSQL have their own limit
KEPT: Kept[Prepared[Any]] = Kept()


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


def find(query: Query, kinds: Iterable[str], limit: int, offset: int) -> tuple[int, list[Hit]]:
    """How many there are, and a page of them."""
    if query.is_empty:
        return 0, []
    kinds = tuple(kinds)
    with limited(SECONDS):
        statement = (_Postgresql if connection.vendor == "postgresql" else _Sqlite)(query, kinds, _categories(query))
        total, hits = statement.page(limit, offset)
        if total >= FEW:
            return total, hits
        every = statement.page(FEW, 0)[1] if offset or limit < total else hits
        similar = _similar(query, statement, {(hit.kind, hit.object_id) for hit in every})
    return total + len(similar), [*every, *similar][offset : offset + limit]


def _categories(query: Query) -> dict[str, list[int]]:
    """For each word of the query, the categories that are called so: a category is in no entry by its name."""
    rows: list[Any] = KEPT.get("categories", lambda: Prepared(_all_categories())).rows()
    words = {row.pk: squeezed_words(f"{row.title} {row.title_plural} {row.slug}") for row in rows}
    return {word: [pk for pk, found in words.items() if word in found] for word in query.words}


def _all_categories() -> Any:
    return Category.objects.only("id", "title", "title_plural", "slug").order_by("pk")[:MOST_CATEGORIES]


def squeezed_words(text: str) -> set[str]:
    return {squeezed(word) for word in plain(text).replace("-", " ").replace("_", " ").split()}


class _Statement:
    """The SQL of one database over one query."""

    def __init__(self, query: Query, kinds: tuple[str, ...], categories: dict[str, list[int]]) -> None:
        self.query, self.kinds, self.categories = query, kinds, categories
        stripped = query.key.removeprefix("django")
        self.exact = query.key
        self.alike = [key for key in (stripped, f"django{stripped}") if key and key != query.key]

    words_sql: str
    without_sql: str

    def anywhere(self) -> str:
        raise NotImplementedError

    def named(self) -> str:
        raise NotImplementedError

    def without(self) -> str:
        raise NotImplementedError

    def candidates(self, words: list[str]) -> list[Any]:
        raise NotImplementedError

    def page(self, limit: int, offset: int) -> tuple[int, list[Hit]]:
        kinds = ", ".join(["%s"] * len(self.kinds))
        begins = [key for key in (self.exact, *self.alike) if key]
        alike = " OR ".join(f"{column} = %s" for column in _KEYS for _ in self.alike) or "1 = 0"
        prefix = " OR ".join(f"{column} LIKE %s ESCAPE '!'" for column in _KEYS for _ in begins) or "1 = 0"
        exact = " OR ".join(f"{column} = %s" for column in _KEYS)
        prefixes = [f"{key}%" for _ in _KEYS for key in begins]
        without = f"AND NOT ({self.without_sql})" if self.query.without else ""
        sql = f"""
            WITH hits AS (
                SELECT kind, object_id, quality, id,
                    CASE WHEN {exact} THEN 0 WHEN {alike} THEN 1 WHEN {prefix} THEN 2
                        WHEN {self.words_sql} THEN 3 ELSE 4 END AS tier
                FROM search_entry
                WHERE kind IN ({kinds}) AND ({prefix} OR {self.words_sql}) {without}
            )
            SELECT kind, object_id, tier, quality, (SELECT count(*) FROM hits) FROM hits
            ORDER BY tier, quality DESC, kind, object_id LIMIT %s OFFSET %s
        """
        parameters = [
            *([self.exact] * len(_KEYS)),
            *(key for _ in _KEYS for key in self.alike),
            *prefixes,
            self.named(),
            *self.kinds,
            *prefixes,
            self.anywhere(),
            *([self.without()] if self.query.without else []),
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql, [*parameters, limit, offset])
            rows = cursor.fetchall()
            if not rows and offset:
                cursor.execute(sql, [*parameters, 1, 0])
                first = cursor.fetchall()
                return (first[0][4] if first else 0), []
        return (rows[0][4] if rows else 0), [Hit(*row[:4]) for row in rows]


_KEYS = ("title_key", "slug_key", "pypi_key")


class _Postgresql(_Statement):
    words_sql = "words @@ to_tsquery('search_english', %s)"
    without_sql = words_sql

    def named(self) -> str:
        parts = [f"{_quoted(word)}:{'*' if _may_go_on(word) else ''}A" for word in self.query.words]
        return " & ".join([*parts, *(self._phrase(phrase, ":A") for phrase in self.query.phrases)])

    def anywhere(self) -> str:
        parts = [self._word(word) for word in self.query.words]
        return " & ".join([*parts, *(self._phrase(phrase) for phrase in self.query.phrases)])

    def without(self) -> str:
        return " | ".join(self._phrase(words) for words in self.query.without)

    def _word(self, word: str) -> str:
        said = f"{_quoted(word)}:*" if _may_go_on(word) else _quoted(word)
        return "(" + " | ".join([said, *(f"category{pk}" for pk in self.categories[word])]) + ")"

    def _phrase(self, words: tuple[str, ...], label: str = "") -> str:
        return "(" + " <-> ".join(f"{_quoted(word)}{label}" for word in words) + ")"

    def candidates(self, words: list[str]) -> list[Any]:
        similar = " OR ".join('%s <%% lower(names COLLATE "C")' for _ in words)
        best = ", ".join('word_similarity(%s, lower(names COLLATE "C"))' for _ in words)
        kinds = ", ".join(["%s"] * len(self.kinds))
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('pg_trgm.word_similarity_threshold', '0.35', false)")
            cursor.execute(
                f"SELECT kind, object_id, quality, names FROM search_entry WHERE kind IN ({kinds}) AND ({similar})"
                f" ORDER BY greatest({best}) DESC, quality DESC LIMIT %s",
                [*self.kinds, *words, *words, CANDIDATES],
            )
            return list(cursor.fetchall())


class _Sqlite(_Statement):
    words_sql = "id IN (SELECT rowid FROM search_words WHERE search_words MATCH %s)"
    without_sql = words_sql

    def named(self) -> str:
        every = " AND ".join([*map(_begun, self.query.words), *map(_phrase, self.query.phrases)])
        return f"names : ({every})"

    def anywhere(self) -> str:
        parts = [
            "(" + " OR ".join([_begun(word), *(f'"category{pk}"' for pk in self.categories[word])]) + ")"
            for word in self.query.words
        ]
        return " AND ".join([*parts, *map(_phrase, self.query.phrases)])

    def without(self) -> str:
        return " OR ".join(_phrase(words) for words in self.query.without)

    def candidates(self, words: list[str]) -> list[Any]:
        trigrams = dict.fromkeys(word[i : i + 3] for word in words for i in range(len(word) - 2))
        if not trigrams:
            return []
        kinds = ", ".join(["%s"] * len(self.kinds))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT kind, object_id, quality, search_entry.names FROM search_trigrams"
                " JOIN search_entry ON search_entry.id = search_trigrams.rowid"
                f" WHERE search_trigrams MATCH %s AND kind IN ({kinds}) ORDER BY rank, quality DESC LIMIT %s",
                [" OR ".join(map(_doubled, trigrams)), *self.kinds, CANDIDATES],
            )
            return list(cursor.fetchall())


def _may_go_on(word: str) -> bool:
    """Whether a word stands for all that begin with it. The stemmers cut a plural's s: "cms" must not find "cmd"."""
    return not word.endswith("s")


def _begun(word: str) -> str:
    return f"{_doubled(word)}*" if _may_go_on(word) else _doubled(word)


def _quoted(word: str) -> str:
    return f"'{word}'"  # a word has letters and digits alone


def _doubled(word: str) -> str:
    return f'"{word}"'


def _phrase(words: tuple[str, ...]) -> str:
    return _doubled(" ".join(words))


def _similar(query: Query, statement: _Statement, known: set[tuple[str, int]]) -> list[Hit]:
    """Hits with names much like the query's words, the most alike first."""
    if query.phrases:
        return []  # quotes ask for these very words
    words = [word for word in query.words if len(word) >= 3]
    telling = [word for word in words if _alike(word, "django") < LEAST_SIMILARITY] or words
    if not telling:
        return []
    found = []
    for kind, object_id, quality, names in statement.candidates(telling):
        likeness = _likeness(query, telling, names)
        if likeness >= LEAST_SIMILARITY and (kind, object_id) not in known and not _excluded(query, names):
            found.append((round(likeness, 2), Hit(kind, object_id, SIMILAR, quality)))
    found.sort(key=lambda pair: (-pair[0], -pair[1].quality, pair[1].kind, pair[1].object_id))
    return [hit for _, hit in found[:MOST_SIMILAR]]


def _likeness(query: Query, words: list[str], names: str) -> float:
    """0 to 1: how much the words of the query are like words of the names, or all of it like a whole name."""
    parts = sorted(squeezed_words(names))
    by_word = sum(max((_alike(word, part) for part in parts), default=0.0) for word in words) / len(words)
    whole = query.key.removeprefix("django")
    as_name = max((_alike(whole, squeezed(name).removeprefix("django")) for name in names.split()), default=0.0)
    return max(by_word, as_name)


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _excluded(query: Query, names: str) -> bool:
    words = squeezed_words(names)
    return any(set(without) <= words for without in query.without)
