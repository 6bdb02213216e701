"""The tiers on PostgreSQL, each of them read no further than it is asked for.

A common word is in a quarter of a large catalogue: to read all of its entries, or only to look them up in a GIN index,
takes a hundred times as long as to show the best of them. So names that begin with something are read off indexes that
have all that is shown of them (entry_title_best and its like), BEGUN at most of each; and where entries are many,
common words are looked for in the best entries first, in the order of their quality (entry_best). Where nothing common
is found so, it is rare, and an index has the few that there are. That index is not asked for words which are in most
entries ("django"): all of theirs would be put together first, to leave none of them out.

What is both common and only in bad entries is the one case where all this is not exact: of it REACHED entries are
looked at, whichever come first. Every number here bounds the rows that one statement reads.

Statements are planned once and without their values: none of these plans hangs on the values.
"""

from typing import Any

from core.caching import revisions
from core.database.prepared import PLACEHOLDER_ID, PLACEHOLDER_TEXT, Statement, StatementCache, fetch_rows
from core.database.sessions import reader
from core.kinds import Kind
from search.models import Entry
from search.query import Query, may_go_on
from search.tiers import CANDIDATES, COUNTED, KEYS, MENTIONED, NAMED, PREFIX, Row, order

LARGE = 20_000  # documents: from here on it is worth while to ask how common words are
BEGUN = 4_000
PROBED, COMMON = 2_000, 10  # common is what is that often in the best entries
WALKED, WALKED_FAR = 20_000, 200_000
REACHED = 20_000
ALIKE_WALKED, COMPARED = 5_000, 2_000  # names that may be alike
EXCLUDED = 9  # no tier: entries that begin with what was typed and have a -word

STATEMENTS: StatementCache[Statement] = StatementCache()
_BEST = "ORDER BY quality DESC, kind, object_id"
_FITS = "words @@ (SELECT to_tsquery('search_english', %s))"
_FITS_UNINDEXED = f"coalesce(words, '') {_FITS.removeprefix('words ')}"
# What a GIN index of the names' words alone has. Of a row, labels in the query say the same, and faster.
_NAMED = "ts_filter(words, '{a}') @@ (SELECT to_tsquery('search_english', %s))"


class Postgresql:
    """The entries over one query; `categories` are those that each of its words names."""

    def __init__(self, query: Query, kinds: tuple[str, ...], categories: dict[str, list[int]]) -> None:
        self.query, self.categories = query, categories
        # As text, not as a value: the indexes of one kind are only used where it is in the statement.
        self.of_kind = "true" if len(kinds) == len(Entry.KINDS) else f"kind = '{kinds[0]}'"
        without = [" <-> ".join(map(_quoted, words)) for words in query.without]
        self.without = " | ".join(f"({words})" for words in without)
        self.parts = [*map(self._word, query.words), *map(_phrase, query.phrases)]
        self.keys = KEYS if "package" in kinds else KEYS[:2]  # a grid is on no index of projects
        # Not starts_with(), which takes twice as long.
        self.begins = " OR ".join(f"({key} ~>=~ %s AND {key} ~<~ %s)" for key in self.keys for _ in query.begins)
        self.bounds = [bound for key in query.begins for bound in (key, after(key))] * len(self.keys)

    def top(self, most: int) -> tuple[int, list[Row]]:
        total, rows = self._begun(most)
        if len(rows) < most:
            further, found = self._worded(most - len(rows))
            return total + further, [*rows, *found]
        return (total if total > COUNTED else total + self._count(COUNTED + 1 - total)), rows

    # Names that begin with what was typed

    def _begun(self, most: int) -> tuple[int, list[Row]]:
        """Equal names are among those that are read, however many begin so: they come first in an index."""
        rows = _rows(self._begun_sql(), *self._begun_values(), most)
        read, total = rows[0][4:] if rows else (0, 0)
        found = [row[:4] for row in rows if row[2] != EXCLUDED]
        if read > BEGUN:
            fits = f"({self.begins})" + (f" AND NOT {_FITS}" if self.without else "")
            values = [*self.bounds, *self._without()]
            length = WALKED if most < WALKED // 20 else WALKED_FAR
            walked = self._walked(length, PREFIX, fits, values, most + len(self.keys) * 2)
            found = _merged(found, walked, most)
        return total, found

    def _begun_sql(self) -> str:
        words = ", words" if self.without else ""
        branches = " UNION ALL ".join(
            f"(SELECT kind, object_id, quality{words}, CASE WHEN {key} = %s THEN {tier} ELSE {PREFIX} END AS tier"
            f" FROM search_entry WHERE {key} ~>=~ %s AND {key} ~<~ %s AND {self.of_kind}"
            f" ORDER BY {key}::text USING ~<~ LIMIT {BEGUN + 1})"
            for key in self.keys
            for tier, _ in enumerate(self.query.begins)
        )
        tier = f"CASE WHEN bool_or({_FITS}) THEN {EXCLUDED} ELSE min(tier) END" if self.without else "min(tier)"
        return (
            f"SELECT *, count(*) OVER (), count(*) FILTER (WHERE tier < {EXCLUDED}) OVER ()"
            f" FROM (SELECT kind, object_id, {tier} AS tier, quality FROM ({branches}) AS begun"
            f" GROUP BY kind, object_id, quality) AS hits ORDER BY tier, quality DESC, kind, object_id LIMIT %s"
        )

    def _begun_values(self) -> list[str]:
        branches = [value for key in self.query.begins for value in (key, key, after(key))]
        return [*self._without(), *branches * len(self.keys)]

    def _without(self) -> list[str]:
        return [self.without] if self.without else []

    # Words

    def _worded(self, most: int) -> tuple[int, list[Row]]:
        """Entries with all words that do not begin with what was typed."""
        if not _is_large():
            return self._gathered(most, self.parts)
        together, named, *each = self._often()
        if together >= COMMON:
            return self._common(most, together, named)
        telling = [part for part, often in zip(self.parts, each, strict=True) if often * 2 < PROBED]
        return self._gathered(most, telling or self.parts)

    def _often(self) -> tuple[int, ...]:
        """How many of the best entries have all words, how many have them in their names, and how many each of them."""
        counts = ", ".join([f"count(*) FILTER (WHERE {_FITS})"] * (2 + len(self.parts)))
        best = f"(SELECT words FROM search_entry WHERE {self.of_kind} {_BEST} LIMIT {PROBED}) AS best"
        often: tuple[int, ...] = _rows(f"SELECT {counts} FROM {best}", self._anywhere(), self._named(), *self.parts)[0]
        return often

    def _common(self, most: int, often: int, often_named: int) -> tuple[int, list[Row]]:
        without = f" AND NOT {_FITS}" if self.without else ""
        names = [self._named(), *self._without()]
        found = self._walked_first(often_named, NAMED, _FITS + without, names, most)
        if len(found) < most:
            found = _merged(found, self._reached(NAMED, _NAMED + without, names, most), most)
        if lacking := most - len(found):
            fits, values = f"{_FITS} AND NOT {_FITS}", [self._anywhere(), self._named()]
            mentioned = self._walked_first(often, MENTIONED, fits, values, lacking)
            if len(mentioned) < lacking:
                mentioned = _merged(mentioned, self._reached(MENTIONED, fits, values, lacking), lacking)
            found = [*found, *mentioned]
        return (len(found) if len(found) > COUNTED else self._count(COUNTED + 1)), found

    def _gathered(self, most: int, telling: list[str]) -> tuple[int, list[Row]]:
        """All that there are, by the index of the `telling` words; the others are looked for in what it gives."""
        others = [] if telling == self.parts else [self._anywhere()]
        fits = f"{_FITS} AND {_FITS_UNINDEXED}" if others else _FITS
        rows = _rows(
            f"SELECT kind, object_id, CASE WHEN named THEN {NAMED} ELSE {MENTIONED} END, quality, count(*) OVER ()"
            f" FROM (SELECT kind, object_id, quality, {_FITS} AS named FROM search_entry"
            f" WHERE {fits} AND {self.of_kind} AND NOT ({self.begins}) LIMIT {REACHED}) AS found"
            " ORDER BY named DESC, quality DESC, kind, object_id LIMIT %s",
            *(self._named(), self._all(telling), *others, *self.bounds),
            most,
        )
        return (rows[0][4] if rows else 0), [row[:4] for row in rows]

    def _walked_first(self, often: int, tier: int, fits: str, values: list[str], most: int) -> list[Row]:
        """What fits of the best entries, if as many as are wanted are to be expected there; else nothing."""
        for length in (WALKED, WALKED_FAR):
            if often >= COMMON and often * length >= 2 * most * PROBED:
                return self._walked(length, tier, f"{fits} AND NOT ({self.begins})", [*values, *self.bounds], most)
        return []

    def _walked(self, length: int, tier: int, fits: str, values: list[str], most: int) -> list[Row]:
        """What fits of the best entries."""
        columns = ", ".join(("kind", "object_id", "quality", *KEYS, *(["words"] if "words" in fits else [])))
        return _rows(
            f"SELECT kind, object_id, {tier}, quality FROM (SELECT {columns} FROM search_entry WHERE {self.of_kind}"
            f" {_BEST} LIMIT {length}) AS best WHERE {fits} {_BEST} LIMIT %s",
            *values,
            most,
        )

    def _reached(self, tier: int, fits: str, values: list[str], most: int) -> list[Row]:
        """The best of what fits, if that is not too much; else of some of it."""
        return _rows(
            f"SELECT kind, object_id, {tier}, quality FROM (SELECT kind, object_id, quality FROM search_entry"
            f" WHERE {fits} AND {self.of_kind} AND NOT ({self.begins}) LIMIT {REACHED}) AS found {_BEST} LIMIT %s",
            *values,
            *self.bounds,
            most,
        )

    def _count(self, most: int) -> int:
        """How many entries have all words and do not begin with what was typed, `most` at most."""
        fits = f"{_FITS} AND {self.of_kind} AND NOT ({self.begins})"
        values = [self._anywhere(), *self.bounds]
        if _is_large():
            # Common words are counted faster without the index, in the first entries that come.
            columns = ", ".join(("kind", *KEYS, "words"))
            first = f"(SELECT {columns} FROM search_entry WHERE {self.of_kind} LIMIT {WALKED}) AS first"
            counted = _number(f"SELECT 1 FROM {first} WHERE {fits} LIMIT %s", *values, most)
            if counted == most:
                return counted
        return _number(f"SELECT 1 FROM search_entry WHERE {fits} LIMIT %s", *values, most)

    def _named(self) -> str:
        parts = [f"{_quoted(word)}:{'*' if may_go_on(word) else ''}A" for word in self.query.words]
        return " & ".join([*parts, *(_phrase(phrase, ":A") for phrase in self.query.phrases)])

    def _anywhere(self) -> str:
        return self._all(self.parts)

    def _all(self, parts: list[str]) -> str:
        return " & ".join([*parts, *([f"!({self.without})"] if self.without else [])])

    def _word(self, word: str) -> str:
        said = f"{_quoted(word)}:*" if may_go_on(word) else _quoted(word)
        return "(" + " | ".join([said, *(f"category{pk}" for pk in self.categories[word])]) + ")"

    # Typing errors

    def candidates(self, pieces: list[list[str]]) -> list[tuple[str, int, float, str]]:
        """Planned with its values: a piece that is in every name is found faster without the index."""
        words = ["(" + " OR ".join(['lower(names COLLATE "C") LIKE %s'] * len(of_word)) + ")" for of_word in pieces]
        values = [f"%{piece}%" for of_word in pieces for piece in of_word]
        source = f"SELECT kind, object_id, quality, names FROM search_entry WHERE {self.of_kind}"
        if _is_large():
            best = f"SELECT * FROM ({source} {_BEST} LIMIT {ALIKE_WALKED}) AS best WHERE {' AND '.join(words)} {_BEST}"
            walked = fetch_rows(reader(), f"{best} LIMIT {CANDIDATES}", values)
            if len(walked) == CANDIDATES:
                return walked
        fits = f"{' + '.join(f'{word}::int' for word in words)} DESC, " if len(words) > 1 else ""
        found = (
            f"SELECT * FROM ({source} AND ({' OR '.join(words)}) LIMIT {COMPARED if _is_large() else LARGE}) AS found"
        )
        return fetch_rows(
            reader(),
            f"{found} ORDER BY {fits}quality DESC, kind, object_id LIMIT {CANDIDATES}",
            values * (2 if fits else 1),
        )


def after(key: str) -> str:
    """The least text, by code points, that comes after all that begin with `key`."""
    last = ord(key[-1])
    if last == 0x10FFFF:
        return after(key[:-1]) if len(key) > 1 else key * 400
    return key[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)


def _is_large() -> bool:
    rows = revisions.current().rows
    return rows.get(Kind.PACKAGE.plural, 0) + rows.get(Kind.GRID.plural, 0) > LARGE


def _rows(sql: str, *values: str | int) -> list[Any]:
    marks = [PLACEHOLDER_ID if isinstance(value, int) else PLACEHOLDER_TEXT for value in values]
    return STATEMENTS.get(sql, lambda: Statement(sql, marks)).rows(*values)


def _number(sql: str, *values: str | int) -> int:
    number: int = _rows(f"SELECT count(*) FROM ({sql}) AS found", *values)[0][0]
    return number


def _merged(one: list[Row], other: list[Row], most: int) -> list[Row]:
    """The best of both, each fetch_unprepared, in its best tier."""
    best: dict[tuple[str, int], Row] = {}
    for row in sorted([*one, *other], key=order):
        best.setdefault((row[0], row[1]), row)
    return list(best.values())[:most]


def _quoted(word: str) -> str:
    return f"'{word}'"  # a word has letters and digits alone


def _phrase(words: tuple[str, ...], label: str = "") -> str:
    return "(" + " <-> ".join(f"{_quoted(word)}{label}" for word in words) + ")"
