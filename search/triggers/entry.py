"""The entry of a package or a grid in the search index: one SELECT over the rows that were written.

A rebuild writes the same entries, and a check compares with them.
"""

from collections.abc import Callable
from dataclasses import dataclass

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
    """The expressions of a database from which entries are made; `{0}` is a column."""

    squeezed: str
    seconds: str
    listed: str
    real: str


POSTGRESQL = Dialect(
    squeezed=r"""regexp_replace(lower({0} COLLATE "C"), '[ -/:-@\[-`{{-~]+', '', 'g')""",
    seconds="extract(epoch FROM {0})::float8",
    listed="(SELECT coalesce(string_agg(listed, ' '), '') FROM jsonb_array_elements_text({0}) AS listed)",
    real="{0}::float8",
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
)


def entry_of_package(dialect: Dialect, row: str) -> str:
    """The columns of the entry of the package in `row`, an alias with its dot."""
    slug, title, pypi = f"{row}slug", f"{row}title", f"{row}pypi_name"
    participants = dialect.listed.format(f"{row}participants")
    words = f"{row}repo_description || ' category' || {row}category_id || ' ' || {participants}"
    quality = (
        f"{_log2(dialect, row + 'repo_watchers')} + {_years(dialect, row + 'last_updated')}"
        f" + {_years(dialect, row + 'released')} / 2"
        f" - CASE WHEN {row}deprecated THEN 100 WHEN {row}gone_since IS NOT NULL THEN 50 ELSE 0 END"
    )
    keys = ", ".join(dialect.squeezed.format(column) for column in (title, slug, pypi))
    return f"'package', {row}id, {keys}, {title} || ' ' || {slug} || ' ' || {pypi}, {words}, {quality}"


def entry_of_grid(dialect: Dialect, row: str) -> str:
    """The columns of the entry of the grid in `row`, an alias with its dot."""
    slug, title = f"{row}slug", f"{row}title"
    keys = ", ".join(dialect.squeezed.format(column) for column in (title, slug))
    return f"'grid', {row}id, {keys}, '', {title} || ' ' || {slug}, {row}description, {GRID_QUALITY}"


def _log2(dialect: Dialect, column: str) -> str:
    """The binary logarithm of a count plus one, interpolated between powers of two: SQLite has no logarithm."""
    count = f"({dialect.real.format(column)} + 1)"
    steps = " ".join(f"WHEN {count} >= {2**k} THEN {k} + ({count} - {2**k}) / {2**k}" for k in range(31, -1, -1))
    return f"CASE {steps} ELSE 0 END"


def _years(dialect: Dialect, column: str) -> str:
    years = f"({dialect.seconds.format(column)} - {_EPOCH_2010}) / {_YEAR}"
    return f"CASE WHEN {column} IS NULL OR {years} < 0 THEN 0 ELSE {years} END"


@dataclass(frozen=True)
class Indexed:
    """A kind with entries, and the columns of its table from which they are made."""

    kind: Kind
    entry: Callable[[Dialect, str], str]
    columns: tuple[str, ...]


INDEXED = (
    Indexed(
        Kind.PACKAGE,
        entry_of_package,
        (
            *("id", "title", "slug", "pypi_name", "repo_description", "category_id", "participants"),
            *("repo_watchers", "last_updated", "released", "deprecated", "gone_since"),
        ),
    ),
    Indexed(Kind.GRID, entry_of_grid, ("id", "title", "slug", "description")),
)


def all_entries(dialect: Dialect) -> str:
    """The query that makes the entries of all documents."""
    return " UNION ALL ".join(
        f"SELECT {each.entry(dialect, 'stored.')} FROM {each.kind.table} AS stored" for each in INDEXED
    )
