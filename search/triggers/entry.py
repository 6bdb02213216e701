"""The entry of a package or a grid in the search index: one SELECT over the rows that were written.

A rebuild writes the same entries, and a check compares with them.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Self

from core.kinds import Kind

# ASCII characters that are neither letters nor digits: names are compared without them.
PUNCTUATION = "".join(chr(code) for code in range(32, 127) if not chr(code).isalnum())
COLUMNS = ("kind", "object_id", "title_key", "slug_key", "pypi_key", "names", "body", "quality")

# The quality of an entry, in doublings of watchers: a package without commits for a year ranks like one with half its
# watchers. Years are counted from a fixed day, so that the order does not change as time passes.
_EPOCH_2010 = 1_262_304_000
_YEAR = 31_557_600.0
GRID_QUALITY = 25.0

INSERT = f"INSERT INTO search_entry ({', '.join(COLUMNS)})"
OVERWRITE = "ON CONFLICT (kind, object_id) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in COLUMNS[2:]
)


@dataclass(frozen=True)
class Dialect:
    """The expressions of a database from which entries are made; `{0}` is a column. `joined` is the texts of some rows
    of another table, with blanks between them."""

    squeezed: str
    seconds: str
    listed: str
    real: str
    joined: str


POSTGRESQL = Dialect(
    squeezed=r"""regexp_replace(lower({0} COLLATE "C"), '[ -/:-@\[-`{{-~]+', '', 'g')""",
    seconds="extract(epoch FROM {0})::float8",
    listed="(SELECT coalesce(string_agg(listed, ' '), '') FROM jsonb_array_elements_text({0}) AS listed)",
    real="{0}::float8",
    joined="(SELECT string_agg({text}, ' ' ORDER BY {order}) FROM {rows})",
)


def _squeezed_sqlite() -> str:
    """Return the removal of punctuation in several subqueries, since SQLite's parser limits nesting."""
    query = "SELECT lower({0}) AS name"
    for start in range(0, len(PUNCTUATION), 8):
        text = "name"
        for character in PUNCTUATION[start : start + 8]:
            shown = {"'": "''", "{": "{{", "}": "}}"}.get(character, character)
            text = f"replace({text}, '{shown}', '')"
        query = f"SELECT {text} AS name FROM ({query})"
    return f"({query})"


SQLITE = Dialect(
    squeezed=_squeezed_sqlite(),
    seconds="((julianday({0}) - 2440587.5) * 86400.0)",
    listed="(SELECT coalesce(group_concat(value, ' '), '') FROM json_each({0}))",
    real="CAST({0} AS REAL)",
    joined="(SELECT group_concat({text}, ' ') FROM (SELECT {text} FROM {rows} ORDER BY {order}))",
)


def entry_of_package(dialect: Dialect, row: str, further: str) -> str:
    """The columns of the entry of the package in `row`, an alias with its dot; `further` is SQL to add to its words."""
    slug, title, pypi = f"{row}slug", f"{row}title", f"{row}pypi_name"
    participants = dialect.listed.format(f"{row}participants")
    words = f"{row}repo_description || ' category' || {row}category_id || ' ' || {participants}"
    quality = (
        f"{_log2(dialect, row + 'repo_watchers')} + {_years(dialect, row + 'last_updated')}"
        f" + {_years(dialect, row + 'released')} / 2"
        f" - CASE WHEN {row}deprecated THEN 100 WHEN {row}gone_since IS NOT NULL THEN 50 ELSE 0 END"
    )
    keys = ", ".join(dialect.squeezed.format(column) for column in (title, slug, pypi))
    return f"'package', {row}id, {keys}, {title} || ' ' || {slug} || ' ' || {pypi}, {words}{further}, {quality}"


def entry_of_grid(dialect: Dialect, row: str, further: str) -> str:
    """The columns of the entry of the grid in `row`, an alias with its dot; `further` is SQL to add to its words."""
    slug, title = f"{row}slug", f"{row}title"
    keys = ", ".join(dialect.squeezed.format(column) for column in (title, slug))
    return f"'grid', {row}id, {keys}, '', {title} || ' ' || {slug}, {row}description{further}, {GRID_QUALITY}"


def _log2(dialect: Dialect, column: str) -> str:
    """The binary logarithm of a count plus one, interpolated between powers of two: SQLite has no logarithm."""
    count = f"({dialect.real.format(column)} + 1)"
    steps = " ".join(f"WHEN {count} >= {2**k} THEN {k} + ({count} - {2**k}) / {2**k}" for k in range(31, -1, -1))
    return f"CASE {steps} ELSE 0 END"


def _years(dialect: Dialect, column: str) -> str:
    years = f"({dialect.seconds.format(column)} - {_EPOCH_2010}) / {_YEAR}"
    return f"CASE WHEN {column} IS NULL OR {years} < 0 THEN 0 ELSE {years} END"


@dataclass(frozen=True)
class Part:
    """A table whose texts are among the words of the entry that each row's `owner` names; `columns` are all that it is
    made of."""

    kind: Kind
    owner: str
    text: str
    order: str
    columns: tuple[str, ...]

    def words(self, dialect: Dialect, row: str) -> str:
        rows = f"{self.kind.table} WHERE {self.owner} = {row}id"
        return f" || coalesce(' ' || {dialect.joined.format(text=self.text, rows=rows, order=self.order)}, '')"


@dataclass(frozen=True)
class Indexed:
    """A kind with entries, and the columns of its table and the other tables from which they are made."""

    kind: Kind
    own: Callable[[Dialect, str, str], str]
    columns: tuple[str, ...]
    parts: tuple[Part, ...] = ()

    def entry(self, dialect: Dialect, row: str) -> str:
        """The columns of the entry of `row`, an alias with its dot."""
        return self.own(dialect, row, "".join(part.words(dialect, row) for part in self.parts))

    def made_of(self, tables: Collection[str]) -> Self:
        """Leave out the parts whose tables later migrations add."""
        return replace(self, parts=tuple(part for part in self.parts if part.kind.table in tables))


INDEXED = (
    Indexed(
        Kind.PACKAGE,
        entry_of_package,
        (
            *("id", "title", "slug", "pypi_name", "repo_description", "category_id", "participants"),
            *("repo_watchers", "last_updated", "released", "deprecated", "gone_since"),
        ),
    ),
    Indexed(
        Kind.GRID,
        entry_of_grid,
        ("id", "title", "slug", "description"),
        (Part(Kind.FEATURE, "grid_id", "title", "position, id", ("id", "grid_id", "title", "position")),),
    ),
)


def all_entries(dialect: Dialect, indexed: Iterable[Indexed]) -> str:
    """The query that makes the entries of all documents."""
    return " UNION ALL ".join(
        f"SELECT {each.entry(dialect, 'stored.')} FROM {each.kind.table} AS stored" for each in indexed
    )
