"""The tiers of a search as one statement of SQLite, with its full-text search FTS5."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.prepared import fetch_rows
from search.query import Query, matches_as_prefix
from search.similar import Candidate
from search.tiers import (
    ANYWHERE,
    EXACT,
    EXACT_BUT_DJANGO,
    IN_NAMES,
    KEY_COLUMNS,
    MAX_CANDIDATES,
    PREFIX,
    Row,
)


class Sqlite:
    """One query; `categories` are the ids of those that have each of its words in their names."""

    def __init__(
        self, connection: BaseDatabaseWrapper, query: Query, kinds: tuple[str, ...], categories: dict[str, list[int]]
    ) -> None:
        self.connection, self.query, self.kinds, self.categories = connection, query, kinds, categories

    def best(self, limit: int) -> tuple[int, list[Row]]:
        prefixes = self.query.prefixes
        has_prefix = " OR ".join(f"{column} LIKE %s ESCAPE '!'" for column in KEY_COLUMNS for _ in prefixes)
        not_excluded = f"AND NOT ({_MATCHES})" if self.query.excluded else ""
        sql = f"""
            WITH hits AS (
                SELECT kind, object_id, quality,
                    CASE WHEN {_is_a_name()} THEN {EXACT} WHEN {_is_a_name()} THEN {EXACT_BUT_DJANGO}
                    WHEN {has_prefix} THEN {PREFIX} WHEN {_MATCHES} THEN {IN_NAMES} ELSE {ANYWHERE} END AS tier
                FROM search_entry
                WHERE kind IN ({_placeholders(self.kinds)}) AND ({has_prefix} OR {_MATCHES}) {not_excluded}
            )
            SELECT kind, object_id, tier, quality, (SELECT count(*) FROM hits) FROM hits
            ORDER BY tier, quality DESC, kind, object_id LIMIT %s
        """
        exact, but_django = [prefixes[0]] * len(KEY_COLUMNS), [prefixes[-1]] * len(KEY_COLUMNS)
        patterns = [f"{prefix}%" for _ in KEY_COLUMNS for prefix in prefixes]
        tiers = [*exact, *but_django, *patterns, self._in_names()]
        excluded = [self._excluded()] if self.query.excluded else []
        values = [*tiers, *self.kinds, *patterns, self._anywhere(), *excluded, limit]
        rows = fetch_rows(self.connection, sql, values)
        return (rows[0][4] if rows else 0), [row[:4] for row in rows]

    def candidates(self, pieces: list[list[str]]) -> list[Candidate]:
        has_piece = "(id IN (SELECT rowid FROM search_trigrams WHERE search_trigrams MATCH %s))"
        words = [" OR ".join(map(_quoted, of_word)) for of_word in pieces]
        return fetch_rows(
            self.connection,
            f"SELECT kind, object_id, quality, names FROM search_entry WHERE {has_piece}"
            f" AND kind IN ({_placeholders(self.kinds)}) ORDER BY {' + '.join([has_piece] * len(words))} DESC,"
            " quality DESC, kind, object_id LIMIT %s",
            [" OR ".join(words), *self.kinds, *words, MAX_CANDIDATES],
        )

    # Queries of FTS5

    def _in_names(self) -> str:
        return f"names : ({' AND '.join([*map(_word, self.query.words), *map(_phrase, self.query.phrases)])})"

    def _anywhere(self) -> str:
        terms = [
            "(" + " OR ".join([_word(word), *(_quoted(f"category{pk}") for pk in self.categories[word])]) + ")"
            for word in self.query.words
        ]
        return " AND ".join([*terms, *map(_phrase, self.query.phrases)])

    def _excluded(self) -> str:
        return " OR ".join(map(_phrase, self.query.excluded))


_MATCHES = "id IN (SELECT rowid FROM search_words WHERE search_words MATCH %s)"


def _is_a_name() -> str:
    return " OR ".join(f"{column} = %s" for column in KEY_COLUMNS)


def _placeholders(values: Iterable[Any]) -> str:
    return ", ".join("%s" for _ in values)


def _word(word: str) -> str:
    return f"{_quoted(word)}*" if matches_as_prefix(word) else _quoted(word)


def _quoted(word: str) -> str:
    return f'"{word}"'


def _phrase(words: tuple[str, ...]) -> str:
    return _quoted(" ".join(words))
