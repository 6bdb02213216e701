"""The tiers as one statement of SQLite, with its full-text search FTS5."""

from collections.abc import Iterable
from typing import Any

from core.database.prepared import fetch_rows
from core.database.sessions import reader
from search.query import Query, may_go_on
from search.tiers import CANDIDATES, KEYS, Row


class Sqlite:
    """The entries over one query; `categories` are those that each of its words names."""

    def __init__(self, query: Query, kinds: tuple[str, ...], categories: dict[str, list[int]]) -> None:
        self.query, self.kinds, self.categories = query, kinds, categories

    def top(self, most: int) -> tuple[int, list[Row]]:
        begins = self.query.begins
        prefix = " OR ".join(f"{column} LIKE %s ESCAPE '!'" for column in KEYS for _ in begins)
        without = f"AND NOT ({_WORDS})" if self.query.without else ""
        sql = f"""
            WITH hits AS (
                SELECT kind, object_id, quality, CASE WHEN {_is_one()} THEN 0 WHEN {_is_one()} THEN 1
                    WHEN {prefix} THEN 2 WHEN {_WORDS} THEN 3 ELSE 4 END AS tier
                FROM search_entry
                WHERE kind IN ({_marks(self.kinds)}) AND ({prefix} OR {_WORDS}) {without}
            )
            SELECT kind, object_id, tier, quality, (SELECT count(*) FROM hits) FROM hits
            ORDER BY tier, quality DESC, kind, object_id LIMIT %s
        """
        prefixes = [f"{key}%" for _ in KEYS for key in begins]
        exact, alike = [begins[0]] * len(KEYS), [begins[-1]] * len(KEYS)
        without_words = [self._without()] if self.query.without else []
        rows = fetch_rows(
            reader(),
            sql,
            [*exact, *alike, *prefixes, self._named(), *self.kinds, *prefixes, self._anywhere(), *without_words, most],
        )
        return (rows[0][4] if rows else 0), [row[:4] for row in rows]

    def candidates(self, pieces: list[list[str]]) -> list[tuple[str, int, float, str]]:
        has_word = "(id IN (SELECT rowid FROM search_trigrams WHERE search_trigrams MATCH %s))"
        words = [" OR ".join(map(_quoted, of_word)) for of_word in pieces]
        return fetch_rows(
            reader(),
            f"SELECT kind, object_id, quality, names FROM search_entry WHERE {has_word}"
            f" AND kind IN ({_marks(self.kinds)}) ORDER BY {' + '.join([has_word] * len(words))} DESC,"
            " quality DESC, kind, object_id LIMIT %s",
            [" OR ".join(words), *self.kinds, *words, CANDIDATES],
        )

    def _named(self) -> str:
        return f"names : ({' AND '.join([*map(_begun, self.query.words), *map(_phrase, self.query.phrases)])})"

    def _anywhere(self) -> str:
        parts = [
            "(" + " OR ".join([_begun(word), *(_quoted(f"category{pk}") for pk in self.categories[word])]) + ")"
            for word in self.query.words
        ]
        return " AND ".join([*parts, *map(_phrase, self.query.phrases)])

    def _without(self) -> str:
        return " OR ".join(_phrase(words) for words in self.query.without)


_WORDS = "id IN (SELECT rowid FROM search_words WHERE search_words MATCH %s)"


def _is_one() -> str:
    return " OR ".join(f"{column} = %s" for column in KEYS)


def _marks(values: Iterable[Any]) -> str:
    return ", ".join("%s" for _ in values)


def _begun(word: str) -> str:
    return f"{_quoted(word)}*" if may_go_on(word) else _quoted(word)


def _quoted(word: str) -> str:
    return f'"{word}"'


def _phrase(words: tuple[str, ...]) -> str:
    return _quoted(" ".join(words))
