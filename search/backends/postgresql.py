"""The tiers of a search on PostgreSQL, where no statement reads more rows than one of the constants below allows.

A common word is in a quarter of a large catalogue. To rank all of its entries, or merely to look them up in a GIN
index, takes a hundred times as long as to show the best twenty. So the entries come from different indexes:

1. Names that begin with the query come from B-tree indexes that hold every column of a row (entry_title_best and its
   like). Where too many names begin so, the best of them are looked for among the best entries, as common words are.
2. Words are looked up in the GIN index of a small catalogue. In a large one, a sample of the best entries tells first
   how common they are:
   - If entries with all words are common, the best entries are read in the order of their quality (entry_best): they
     soon fill the page.
   - If they are rare, the GIN index gives the few that there are. It is asked for the rarer words alone, since it
     collects all entries of each word before it intersects them; the other words ("django") are looked for in the rows.
3. Names that are spelled much like the query come from the best entries too, and then from a trigram index.

The results are exact except in one case: of words that are common, but only in entries of low quality,
MAX_MATCHES_READ entries are ranked, whichever the index gives first.

Each statement is prepared once and planned without its values: none of the plans depends on them.
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from core.caching import revisions
from core.database.prepared import PLACEHOLDER_ID, PLACEHOLDER_TEXT, Statement, StatementCache, fetch_rows
from core.kinds import Kind
from search.models import Entry
from search.query import Query, matches_as_prefix
from search.similar import Candidate
from search.tiers import (
    ANYWHERE,
    IN_NAMES,
    KEY_COLUMNS,
    MAX_CANDIDATES,
    MAX_TOTAL,
    PREFIX,
    Row,
    sort_key,
)

LARGE = 20_000  # documents: from here on it is worth a statement to learn how common words are
MAX_PREFIX_MATCHES = 4_000  # read from each index of names
SAMPLE, COMMON = 2_000, 10  # entries in the sample, and how many of them have words that are common
SCAN, LONG_SCAN = 20_000, 200_000  # best entries that are read for common words
MAX_MATCHES_READ = 20_000
SIMILAR_SCAN, MAX_COMPARED = 5_000, 2_000  # best entries that are read for similar names; names from the trigram index
EXCLUDED = 9  # no tier: entries with a name that begins with the query, and with an excluded word

STATEMENTS: StatementCache[Statement] = StatementCache()
_BEST_FIRST = "ORDER BY quality DESC, kind, object_id"
_MATCHES = "words @@ (SELECT to_tsquery('search_english', %s))"
_MATCHES_WITHOUT_INDEX = f"coalesce(words, '') {_MATCHES.removeprefix('words ')}"
# For the GIN index of the words in names alone. Where rows are read anyway, labels in the query are faster.
_NAMES_MATCH = "ts_filter(words, '{a}') @@ (SELECT to_tsquery('search_english', %s))"


class Postgresql:
    """One query; `categories` are the ids of those that have each of its words in their names.

    Attributes that are pieces of SQL: `of_kind`, `has_prefix` (with `prefix_bounds` as its values). Attributes that are
    queries of the full-text search: `excluded`, and `terms`, which are the words and phrases.
    """

    def __init__(
        self, connection: BaseDatabaseWrapper, query: Query, kinds: tuple[str, ...], categories: dict[str, list[int]]
    ) -> None:
        self.connection, self.query, self.categories = connection, query, categories
        # As text, not as a value: PostgreSQL uses the indexes of one kind only if the statement names it.
        self.of_kind = "true" if len(kinds) == len(Entry.KINDS) else f"kind = '{kinds[0]}'"
        self.excluded = " | ".join(map(_phrase, query.excluded))
        self.terms = [*map(self._word, query.words), *map(_phrase, query.phrases)]
        self.keys = KEY_COLUMNS if "package" in kinds else KEY_COLUMNS[:2]  # grids are in no index of projects
        # Not starts_with(), which takes twice as long.
        self.has_prefix = " OR ".join(f"({key} ~>=~ %s AND {key} ~<~ %s)" for key in self.keys for _ in query.prefixes)
        self.prefix_bounds = [bound for prefix in query.prefixes for bound in (prefix, prefix_end(prefix))]
        self.prefix_bounds *= len(self.keys)

    def best(self, limit: int) -> tuple[int, list[Row]]:
        total, rows = self._prefix_matches(limit)
        if len(rows) < limit:
            further, matches = self._word_matches(limit - len(rows))
            return total + further, [*rows, *matches]
        return (total if total > MAX_TOTAL else total + self._count(MAX_TOTAL + 1 - total)), rows

    # Names that begin with the query

    def _prefix_matches(self, limit: int) -> tuple[int, list[Row]]:
        """Count and return entries with names that begin with the query. Equal names are always among them: they come
        first in an index, however many begin so."""
        fetched = self._fetch(self._prefix_sql(), *self._prefix_values(), limit)
        read, total = fetched[0][4:] if fetched else (0, 0)
        rows = [row[:4] for row in fetched if row[2] != EXCLUDED]
        if read > MAX_PREFIX_MATCHES:
            condition = f"({self.has_prefix})" + self._and_not_excluded()
            values = [*self.prefix_bounds, *self._excluded_values()]
            length = SCAN if limit < SCAN // 20 else LONG_SCAN
            scanned = self._scan_best(length, PREFIX, condition, values, limit + len(self.keys) * 2)
            rows = _merge(rows, scanned, limit)
        return total, rows

    def _prefix_sql(self) -> str:
        words = ", words" if self.excluded else ""
        branches = " UNION ALL ".join(
            f"(SELECT kind, object_id, quality{words}, CASE WHEN {key} = %s THEN {tier} ELSE {PREFIX} END AS tier"
            f" FROM search_entry WHERE {key} ~>=~ %s AND {key} ~<~ %s AND {self.of_kind}"
            f" ORDER BY {key}::text USING ~<~ LIMIT {MAX_PREFIX_MATCHES + 1})"
            for key in self.keys
            for tier, _ in enumerate(self.query.prefixes)
        )
        tier = f"CASE WHEN bool_or({_MATCHES}) THEN {EXCLUDED} ELSE min(tier) END" if self.excluded else "min(tier)"
        return (
            f"SELECT *, count(*) OVER (), count(*) FILTER (WHERE tier < {EXCLUDED}) OVER ()"
            f" FROM (SELECT kind, object_id, {tier} AS tier, quality FROM ({branches}) AS prefixed"
            f" GROUP BY kind, object_id, quality) AS hits ORDER BY tier, quality DESC, kind, object_id LIMIT %s"
        )

    def _prefix_values(self) -> list[str]:
        branches = [value for prefix in self.query.prefixes for value in (prefix, prefix, prefix_end(prefix))]
        return [*self._excluded_values(), *branches * len(self.keys)]

    def _and_not_excluded(self) -> str:
        return f" AND NOT {_MATCHES}" if self.excluded else ""

    def _excluded_values(self) -> list[str]:
        return [self.excluded] if self.excluded else []

    # Words

    def _word_matches(self, limit: int) -> tuple[int, list[Row]]:
        """Count and return entries with all words, except those with names that begin with the query."""
        if not _is_large():
            return self._indexed_matches(limit, self.terms)
        together, in_names, *each = self._frequencies()
        if together >= COMMON:
            return self._common_matches(limit, together, in_names)
        rare = [term for term, frequency in zip(self.terms, each, strict=True) if frequency * 2 < SAMPLE]
        return self._indexed_matches(limit, rare or self.terms)

    def _frequencies(self) -> tuple[int, ...]:
        """Return how many entries of the sample have all words, how many have them in their names, and how many have
        each of them."""
        counts = ", ".join([f"count(*) FILTER (WHERE {_MATCHES})"] * (2 + len(self.terms)))
        sample = f"(SELECT words FROM search_entry WHERE {self.of_kind} {_BEST_FIRST} LIMIT {SAMPLE}) AS sample"
        values = (self._anywhere(), self._in_names(), *self.terms)
        frequencies: tuple[int, ...] = self._fetch(f"SELECT {counts} FROM {sample}", *values)[0]
        return frequencies

    def _common_matches(self, limit: int, frequency: int, frequency_in_names: int) -> tuple[int, list[Row]]:
        not_excluded, values = self._and_not_excluded(), [self._in_names(), *self._excluded_values()]
        rows = self._scan_if_common(frequency_in_names, IN_NAMES, _MATCHES + not_excluded, values, limit)
        if len(rows) < limit:
            rows = _merge(rows, self._some_matches(IN_NAMES, _NAMES_MATCH + not_excluded, values, limit), limit)
        if lacking := limit - len(rows):
            condition, values = f"{_MATCHES} AND NOT {_MATCHES}", [self._anywhere(), self._in_names()]
            further = self._scan_if_common(frequency, ANYWHERE, condition, values, lacking)
            if len(further) < lacking:
                further = _merge(further, self._some_matches(ANYWHERE, condition, values, lacking), lacking)
            rows = [*rows, *further]
        return (len(rows) if len(rows) > MAX_TOTAL else self._count(MAX_TOTAL + 1)), rows

    def _indexed_matches(self, limit: int, indexed: list[str]) -> tuple[int, list[Row]]:
        """Count and return the matches that the GIN index gives for the `indexed` terms; if there are other terms, they
        are looked for in its rows."""
        all_terms = [] if indexed == self.terms else [self._anywhere()]
        condition = f"{_MATCHES} AND {_MATCHES_WITHOUT_INDEX}" if all_terms else _MATCHES
        rows = self._fetch(
            f"SELECT kind, object_id, CASE WHEN in_names THEN {IN_NAMES} ELSE {ANYWHERE} END, quality, count(*) OVER ()"
            f" FROM (SELECT kind, object_id, quality, {_MATCHES} AS in_names FROM search_entry"
            f" WHERE {condition} AND {self.of_kind} AND NOT ({self.has_prefix}) LIMIT {MAX_MATCHES_READ}) AS matches"
            " ORDER BY in_names DESC, quality DESC, kind, object_id LIMIT %s",
            *(self._in_names(), self._all_of(indexed), *all_terms, *self.prefix_bounds),
            limit,
        )
        return (rows[0][4] if rows else 0), [row[:4] for row in rows]

    def _scan_if_common(self, frequency: int, tier: int, condition: str, values: list[str], limit: int) -> list[Row]:
        """Scan the best entries if, by the frequency in the sample, twice as many matches as needed are expected there;
        else return none."""
        for length in (SCAN, LONG_SCAN):
            if frequency >= COMMON and frequency * length >= 2 * limit * SAMPLE:
                condition = f"{condition} AND NOT ({self.has_prefix})"
                return self._scan_best(length, tier, condition, [*values, *self.prefix_bounds], limit)
        return []

    def _scan_best(self, length: int, tier: int, condition: str, values: list[str], limit: int) -> list[Row]:
        """Return the matches among so many of the best entries."""
        columns = ["kind", "object_id", "quality", *KEY_COLUMNS, *(["words"] if "words" in condition else [])]
        return self._fetch(
            f"SELECT kind, object_id, {tier}, quality FROM (SELECT {', '.join(columns)} FROM search_entry"
            f" WHERE {self.of_kind} {_BEST_FIRST} LIMIT {length}) AS best WHERE {condition} {_BEST_FIRST} LIMIT %s",
            *values,
            limit,
        )

    def _some_matches(self, tier: int, condition: str, values: list[str], limit: int) -> list[Row]:
        """Return the best matches; where there are more than MAX_MATCHES_READ, the best of as many of them."""
        return self._fetch(
            f"SELECT kind, object_id, {tier}, quality FROM (SELECT kind, object_id, quality FROM search_entry"
            f" WHERE {condition} AND {self.of_kind} AND NOT ({self.has_prefix}) LIMIT {MAX_MATCHES_READ}) AS matches"
            f" {_BEST_FIRST} LIMIT %s",
            *values,
            *self.prefix_bounds,
            limit,
        )

    def _count(self, limit: int) -> int:
        """Count the entries with all words, except those with names that begin with the query, up to `limit`."""
        condition = f"{_MATCHES} AND {self.of_kind} AND NOT ({self.has_prefix})"
        values = [self._anywhere(), *self.prefix_bounds]
        if _is_large():
            # Common words are counted faster without the index, in the first entries that come.
            columns = ", ".join(("kind", *KEY_COLUMNS, "words"))
            some = f"(SELECT {columns} FROM search_entry WHERE {self.of_kind} LIMIT {SCAN}) AS some_entries"
            counted = self._fetch_count(f"SELECT 1 FROM {some} WHERE {condition} LIMIT %s", *values, limit)
            if counted == limit:
                return counted
        return self._fetch_count(f"SELECT 1 FROM search_entry WHERE {condition} LIMIT %s", *values, limit)

    # Queries of the full-text search

    def _in_names(self) -> str:
        words = [f"{_quoted(word)}:{'*' if matches_as_prefix(word) else ''}A" for word in self.query.words]
        return " & ".join([*words, *(_phrase(phrase, ":A") for phrase in self.query.phrases)])

    def _anywhere(self) -> str:
        return self._all_of(self.terms)

    def _all_of(self, terms: list[str]) -> str:
        return " & ".join([*terms, *([f"!({self.excluded})"] if self.excluded else [])])

    def _word(self, word: str) -> str:
        query = f"{_quoted(word)}:*" if matches_as_prefix(word) else _quoted(word)
        return "(" + " | ".join([query, *(f"category{pk}" for pk in self.categories[word])]) + ")"

    # Similar names

    def candidates(self, pieces: list[list[str]]) -> list[Candidate]:
        """Return entries to compare with the query. Unlike the others, these statements are planned with their values:
        a piece that is in every name is found faster without the index."""
        words = ["(" + " OR ".join(['lower(names COLLATE "C") LIKE %s'] * len(of_word)) + ")" for of_word in pieces]
        values = [f"%{piece}%" for of_word in pieces for piece in of_word]
        source = f"SELECT kind, object_id, quality, names FROM search_entry WHERE {self.of_kind}"
        if _is_large():
            best = f"({source} {_BEST_FIRST} LIMIT {SIMILAR_SCAN}) AS best"
            scan = f"SELECT * FROM {best} WHERE {' AND '.join(words)} {_BEST_FIRST} LIMIT {MAX_CANDIDATES}"
            scanned = fetch_rows(self.connection, scan, values)
            if len(scanned) == MAX_CANDIDATES:
                return scanned
        by_words = f"{' + '.join(f'{word}::int' for word in words)} DESC, " if len(words) > 1 else ""
        compared = MAX_COMPARED if _is_large() else LARGE
        return fetch_rows(
            self.connection,
            f"SELECT * FROM ({source} AND ({' OR '.join(words)}) LIMIT {compared}) AS compared"
            f" ORDER BY {by_words}quality DESC, kind, object_id LIMIT {MAX_CANDIDATES}",
            values * (2 if by_words else 1),
        )

    # Statements

    def _fetch(self, sql: str, *values: str | int) -> list[Any]:
        placeholders = [PLACEHOLDER_ID if isinstance(value, int) else PLACEHOLDER_TEXT for value in values]
        return STATEMENTS.get(self.connection, sql, lambda: Statement(sql, placeholders)).rows(self.connection, *values)

    def _fetch_count(self, sql: str, *values: str | int) -> int:
        count: int = self._fetch(f"SELECT count(*) FROM ({sql}) AS counted", *values)[0][0]
        return count


def prefix_end(prefix: str) -> str:
    """Return the least text, by code points, that comes after all texts that begin with the prefix."""
    last = ord(prefix[-1])
    if last == 0x10FFFF:
        return prefix_end(prefix[:-1]) if len(prefix) > 1 else prefix * 400  # longer than any name
    return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)


def _is_large() -> bool:
    rows = revisions.current().rows
    return rows.get(Kind.PACKAGE.plural, 0) + rows.get(Kind.GRID.plural, 0) > LARGE


def _merge(rows: list[Row], others: list[Row], limit: int) -> list[Row]:
    """Return the best of both, each entry once, in its best tier."""
    best: dict[tuple[str, int], Row] = {}
    for row in sorted([*rows, *others], key=sort_key):
        best.setdefault((row[0], row[1]), row)
    return list(best.values())[:limit]


def _quoted(word: str) -> str:
    return f"'{word}'"  # words hold nothing but letters and digits


def _phrase(words: tuple[str, ...], label: str = "") -> str:
    return "(" + " <-> ".join(f"{_quoted(word)}{label}" for word in words) + ")"
