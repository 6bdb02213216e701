"""The triggers on PostgreSQL, once for each statement, and its index: text search and pg_trgm."""

from collections.abc import Iterator

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.triggers import Trigger, statement_trigger
from search.triggers.entry import COLUMNS, INDEXED, INSERT, OVERWRITE, POSTGRESQL, Indexed, all_entries

# The words of a text: without accents and ASCII punctuation, else PostgreSQL's parser would take "a/b" for a file.
_PLAIN = (
    r"regexp_replace(regexp_replace(normalize({0}, NFKD), '[\u0300-\u036f]+', '', 'g'), '[!-/:-@\[-`{{-~]+', ' ', 'g')"
)

INDEX = f"""
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
DROP_INDEX = """
DROP INDEX entry_words, entry_similar, entry_title_prefix, entry_slug_prefix, entry_pypi_prefix;
ALTER TABLE search_entry DROP COLUMN words;
DROP TEXT SEARCH CONFIGURATION search_english;
DROP TEXT SEARCH DICTIONARY search_english;
"""


def create_extension(connection: BaseDatabaseWrapper) -> None:
    """Create pg_trgm; CommandError with the command to run where this role may not."""
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


def triggers() -> Iterator[Trigger]:
    for indexed in INDEXED:
        for event, body in _bodies(indexed).items():
            yield statement_trigger("search", indexed.kind.table, event, body)


def _bodies(indexed: Indexed) -> dict[str, str]:
    """The bodies of a table's functions, by event."""
    entry = indexed.entry(POSTGRESQL, "n.")
    old, new = (", ".join(f"{alias}.{column}" for column in indexed.columns) for alias in ("o", "n"))
    delete = f"DELETE FROM search_entry WHERE kind = '{indexed.kind}'"
    return {
        "insert": f"{INSERT} SELECT {entry} FROM new_rows AS n {OVERWRITE};",
        "update": (
            f"{delete} AND object_id IN (SELECT id FROM old_rows EXCEPT SELECT id FROM new_rows);\n"
            f"{INSERT} SELECT {entry} FROM new_rows AS n LEFT JOIN old_rows AS o USING (id)"
            f" WHERE o.id IS NULL OR ({old}) IS DISTINCT FROM ({new}) {OVERWRITE};"
        ),
        "delete": f"{delete} AND object_id IN (SELECT id FROM old_rows);",
        "truncate": f"{delete};",
    }


def corrections() -> Iterator[str]:
    """The statements that write the entries that are wrong or missing, and no others, so that few rows are written
    and indexed again. All documents are read for it."""
    for indexed in INDEXED:
        yield (
            f"DELETE FROM search_entry WHERE kind = '{indexed.kind}'"
            f" AND NOT EXISTS (SELECT 1 FROM {indexed.kind.table} WHERE id = object_id)"
        )
    yield (
        f"{INSERT} SELECT * FROM ({all_entries(POSTGRESQL)} EXCEPT SELECT {', '.join(COLUMNS)} FROM search_entry)"
        f" AS corrected {OVERWRITE}"
    )
