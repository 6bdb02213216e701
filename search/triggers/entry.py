"""The triggers that keep the index: SQL for PostgreSQL (text search, pg_trgm) and for SQLite (FTS5).

An entry is made by one SELECT over the rows that were written, which is also what a rebuild writes and what a check
compares with. Nothing here calls a function that only Django's connection knows: any client may write.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

# ASCII characters that are neither letters nor digits: names are compared without them.
PUNCTUATION = "".join(chr(code) for code in range(32, 127) if not chr(code).isalnum())
COLUMNS = ("kind", "object_id", "title_key", "slug_key", "pypi_key", "names", "body", "quality")

# The quality of an entry, in doublings of watchers: a package that was left alone for a year stands where one with
# half its watchers stands. It is measured from a fixed day, so that time passing changes no order.
_EPOCH_2010 = 1_262_304_000
_YEAR = 31_557_600.0
GRID_QUALITY = 25.0


@dataclass(frozen=True)
class Dialect:
    """How a database says what an entry needs; `{0}` is a column."""

    fold: str
    squeezed: str
    seconds: str
    listed: str
    real: str


POSTGRESQL = Dialect(
    fold='lower({0} COLLATE "C")',
    squeezed=r"""regexp_replace(lower({0} COLLATE "C"), '[ -/:-@\[-`{{-~]+', '', 'g')""",
    seconds="extract(epoch FROM {0})::float8",
    listed="(SELECT coalesce(string_agg(listed, ' '), '') FROM jsonb_array_elements_text({0}) AS listed)",
    real="{0}::float8",
)


def _squeezed_sqlite() -> str:
    """Some replacements at a time: SQLite's parser takes no deeper nesting."""
    query = "SELECT lower({0}) AS name"
    for start in range(0, len(PUNCTUATION), 8):
        text = "name"
        for character in PUNCTUATION[start : start + 8]:
            shown = {"'": "''", "{": "{{", "}": "}}"}.get(character, character)
            text = f"replace({text}, '{shown}', '')"
        query = f"SELECT {text} AS name FROM ({query})"
    return f"({query})"


SQLITE = Dialect(
    fold="lower({0})",
    squeezed=_squeezed_sqlite(),
    seconds="((julianday({0}) - 2440587.5) * 86400.0)",
    listed="(SELECT coalesce(group_concat(value, ' '), '') FROM json_each({0}))",
    real="CAST({0} AS REAL)",
)


def entry_of_package(say: Dialect, row: str) -> str:
    """The columns of the entry of the package in `row`, an alias with its dot."""
    slug, title, pypi = f"{row}slug", f"{row}title", f"{row}pypi_name"
    words = (
        f"{row}repo_description || ' category' || {row}category_id || ' ' || {say.listed.format(row + 'participants')}"
    )
    quality = (
        f"{_log2(say, row + 'repo_watchers')} + {_years(say, row + 'last_updated')}"
        f" + {_years(say, row + 'released')} / 2"
        f" - CASE WHEN {row}deprecated THEN 100 WHEN {row}gone_since IS NOT NULL THEN 50 ELSE 0 END"
    )
    keys = ", ".join(say.squeezed.format(column) for column in (title, slug, pypi))
    return f"'package', {row}id, {keys}, {title} || ' ' || {slug} || ' ' || {pypi}, {words}, {quality}"


def entry_of_grid(say: Dialect, row: str) -> str:
    slug, title = f"{row}slug", f"{row}title"
    keys = ", ".join(say.squeezed.format(column) for column in (title, slug))
    return f"'grid', {row}id, {keys}, '', {title} || ' ' || {slug}, {row}description, {GRID_QUALITY}"


def _log2(say: Dialect, column: str) -> str:
    """The binary logarithm of a count and one, by straight lines between the powers of two: SQLite has no other."""
    count = f"({say.real.format(column)} + 1)"
    steps = " ".join(f"WHEN {count} >= {2**k} THEN {k} + ({count} - {2**k}) / {2**k}" for k in range(31, -1, -1))
    return f"CASE {steps} ELSE 0 END"


def _years(say: Dialect, column: str) -> str:
    years = f"({say.seconds.format(column)} - {_EPOCH_2010}) / {_YEAR}"
    return f"CASE WHEN {column} IS NULL OR {years} < 0 THEN 0 ELSE {years} END"


SOURCES = {
    "packages_package": (
        "package",
        entry_of_package,
        (
            *("id", "title", "slug", "pypi_name", "repo_description", "category_id", "participants"),
            *("repo_watchers", "last_updated", "released", "deprecated", "gone_since"),
        ),
    ),
    "grids_grid": ("grid", entry_of_grid, ("id", "title", "slug", "description")),
}
_INTO = f"INSERT INTO search_entry ({', '.join(COLUMNS)})"
_ANEW = "ON CONFLICT (kind, object_id) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in COLUMNS[2:]
)


def entries(connection: BaseDatabaseWrapper) -> str:
    """The query that makes every entry out of what is stored."""
    say = POSTGRESQL if connection.vendor == "postgresql" else SQLITE
    return " UNION ALL ".join(
        f"SELECT {entry(say, 'stored.')} FROM {table} AS stored" for table, (_, entry, _) in SOURCES.items()
    )


def rebuild(connection: BaseDatabaseWrapper) -> None:
    """Make the whole index anew."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM search_entry")
        cursor.execute(f"{_INTO} {entries(connection)}")
        if connection.vendor == "sqlite":
            for index in FTS:
                cursor.execute(f"INSERT INTO {index}({index}) VALUES ('rebuild')")


def install(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for statement in _postgresql() if connection.vendor == "postgresql" else _sqlite(connection):
            cursor.execute(statement)


def uninstall(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for statement in _postgresql_away() if connection.vendor == "postgresql" else _sqlite_away(connection):
            cursor.execute(statement)


# PostgreSQL

# The words of a text: without marks and ASCII punctuation, else its parser would take "a/b" for a file.
_PLAIN = (
    r"regexp_replace(regexp_replace(normalize({0}, NFKD), '[\u0300-\u036f]+', '', 'g'), '[!-/:-@\[-`{{-~]+', ' ', 'g')"
)

POSTGRESQL_INDEX = f"""
CREATE TEXT SEARCH DICTIONARY search_english (TEMPLATE = snowball, LANGUAGE = english);
CREATE TEXT SEARCH CONFIGURATION search_english (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION search_english ALTER MAPPING FOR asciiword, word WITH search_english;
ALTER TABLE search_entry ADD COLUMN words tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('search_english', {_PLAIN.format("names")}), 'A')
    || setweight(to_tsvector('search_english', {_PLAIN.format("body")}), 'B')
) STORED;
CREATE INDEX entry_words ON search_entry USING gin (words);
CREATE INDEX entry_similar ON search_entry USING gin (lower(names COLLATE "C") gin_trgm_ops);
CREATE INDEX entry_title_prefix ON search_entry (title_key text_pattern_ops);
CREATE INDEX entry_slug_prefix ON search_entry (slug_key text_pattern_ops);
CREATE INDEX entry_pypi_prefix ON search_entry (pypi_key text_pattern_ops);
"""
POSTGRESQL_INDEX_AWAY = """
DROP INDEX entry_words, entry_similar, entry_title_prefix, entry_slug_prefix, entry_pypi_prefix;
ALTER TABLE search_entry DROP COLUMN words;
DROP TEXT SEARCH CONFIGURATION search_english;
DROP TEXT SEARCH DICTIONARY search_english;
"""


def create_extension(connection: BaseDatabaseWrapper) -> None:
    """Create pg_trgm, or say in one line (CommandError) what to run for it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'")
        if cursor.fetchone():
            return
        try:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        except DatabaseError as error:
            database = connection.settings_dict["NAME"]
            raise CommandError(
                "The search needs PostgreSQL's extension pg_trgm, which this role may not create"
                f" ({' '.join(str(error).split())}). Run as a superuser:"
                f" psql -d {database} -c 'CREATE EXTENSION pg_trgm', then migrate again."
            ) from error


def _postgresql() -> Iterator[str]:
    for table, (kind, entry, columns) in SOURCES.items():
        named = [", ".join(f"{alias}.{column}" for column in columns) for alias in ("o", "n")]
        moved = f"o.id IS NULL OR ({named[0]}) IS DISTINCT FROM ({named[1]})"
        bodies = {
            "insert": f"{_INTO} SELECT {entry(POSTGRESQL, 'n.')} FROM new_rows AS n {_ANEW};",
            "update": (
                f"DELETE FROM search_entry WHERE kind = '{kind}' AND object_id IN"
                " (SELECT id FROM old_rows EXCEPT SELECT id FROM new_rows);\n"
                f"{_INTO} SELECT {entry(POSTGRESQL, 'n.')} FROM new_rows AS n LEFT JOIN old_rows AS o USING (id)"
                f" WHERE {moved} {_ANEW};"
            ),
            "delete": f"DELETE FROM search_entry WHERE kind = '{kind}' AND object_id IN (SELECT id FROM old_rows);",
            "truncate": f"DELETE FROM search_entry WHERE kind = '{kind}';",
        }
        rows = {
            "insert": "REFERENCING NEW TABLE AS new_rows",
            "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
            "delete": "REFERENCING OLD TABLE AS old_rows",
            "truncate": "",
        }
        for event, body in bodies.items():
            yield (
                f"CREATE OR REPLACE FUNCTION search_{table}_{event}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
                f"BEGIN\n{body}\nRETURN NULL;\nEND $$"
            )
            yield f"DROP TRIGGER IF EXISTS search_{event} ON {table}"
            when = "BEFORE" if event == "truncate" else "AFTER"
            yield (
                f"CREATE TRIGGER search_{event} {when} {event.upper()} ON {table} {rows[event]}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION search_{table}_{event}()"
            )
            # Not even a session that replicates (session_replication_role) writes past the index.
            yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER search_{event}"


def _postgresql_away() -> Iterator[str]:
    for table in SOURCES:
        for event in ("insert", "update", "delete", "truncate"):
            yield f"DROP TRIGGER IF EXISTS search_{event} ON {table}"
            yield f"DROP FUNCTION IF EXISTS search_{table}_{event}()"


# SQLite

FTS = {
    "search_words": "names, body, content='search_entry', content_rowid='id',"
    " tokenize='porter unicode61 remove_diacritics 2', prefix='2 3 4'",
    "search_trigrams": "names, content='search_entry', content_rowid='id', tokenize='trigram'",
}
SQLITE_INDEX = "".join(f"CREATE VIRTUAL TABLE {name} USING fts5({options});\n" for name, options in FTS.items())
SQLITE_INDEX_AWAY = "".join(f"DROP TABLE IF EXISTS {name};\n" for name in FTS)


def _sqlite(connection: BaseDatabaseWrapper) -> Iterator[str]:
    yield from _sqlite_away(connection)
    for table, (kind, entry, columns) in SOURCES.items():
        # "WHERE true": without it SQLite would read the conflict clause as a join's.
        anew = f"{_INTO} SELECT {entry(SQLITE, 'NEW.')} WHERE true {_ANEW};"
        away = f"DELETE FROM search_entry WHERE kind = '{kind}' AND object_id = OLD.id;"
        moved = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)
        yield f"CREATE TRIGGER search_{table}_insert AFTER INSERT ON {table} BEGIN {anew} END"
        yield f"CREATE TRIGGER search_{table}_delete AFTER DELETE ON {table} BEGIN {away} END"
        yield f"CREATE TRIGGER search_{table}_away AFTER UPDATE ON {table} WHEN OLD.id <> NEW.id BEGIN {away} END"
        yield f"CREATE TRIGGER search_{table}_update AFTER UPDATE ON {table} WHEN {moved} BEGIN {anew} END"
    # FTS5 is told the old texts to forget them.
    put = (
        "INSERT INTO search_words(rowid, names, body) VALUES (NEW.id, NEW.names, NEW.body);"
        "INSERT INTO search_trigrams(rowid, names) VALUES (NEW.id, NEW.names);"
    )
    forget = (
        "INSERT INTO search_words(search_words, rowid, names, body) VALUES ('delete', OLD.id, OLD.names, OLD.body);"
        "INSERT INTO search_trigrams(search_trigrams, rowid, names) VALUES ('delete', OLD.id, OLD.names);"
    )
    moved = "OLD.id <> NEW.id OR OLD.names <> NEW.names OR OLD.body <> NEW.body"
    yield f"CREATE TRIGGER search_entry_insert AFTER INSERT ON search_entry BEGIN {put} END"
    yield f"CREATE TRIGGER search_entry_delete AFTER DELETE ON search_entry BEGIN {forget} END"
    yield f"CREATE TRIGGER search_entry_update AFTER UPDATE ON search_entry WHEN {moved} BEGIN {forget} {put} END"


def _sqlite_away(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'search_*'")
        return [f"DROP TRIGGER {name}" for (name,) in cursor.fetchall()]


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The tables whose triggers are not there."""
    query = (
        "SELECT DISTINCT event_object_table FROM information_schema.triggers WHERE trigger_name LIKE 'search%'"
        if connection.vendor == "postgresql"
        else "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'search_*'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        there = {name for (name,) in cursor.fetchall()}
    return [table for table in SOURCES if table not in there]
