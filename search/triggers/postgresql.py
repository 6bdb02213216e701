"""The triggers on PostgreSQL, once for each statement, and its index: text search and pg_trgm."""

from collections.abc import Collection, Iterable, Iterator

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.triggers import Trigger, statement_trigger
from search.triggers.entry import COLUMNS, INSERT, OVERWRITE, POSTGRESQL, Indexed, Part, all_entries

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


def triggers(indexed: Iterable[Indexed]) -> Iterator[Trigger]:
    for each in indexed:
        for event, body in _bodies(each).items():
            yield statement_trigger("search", each.kind.table, event, body)
        for part in each.parts:
            for event, body in _part_bodies(each, part).items():
                yield statement_trigger("search", part.kind.table, event, body)


def _bodies(indexed: Indexed) -> dict[str, str]:
    """The bodies of a table's functions, by event."""
    entry = indexed.entry(POSTGRESQL, "n.")
    old, new = (", ".join(f"{alias}.{column}" for column in indexed.columns) for alias in ("o", "n"))
    delete = f"DELETE FROM search_entry WHERE kind = '{indexed.kind}'"
    both = "FROM new_rows AS n LEFT JOIN old_rows AS o USING (id)"
    changed = f"{both} WHERE o.id IS NULL OR ({old}) IS DISTINCT FROM ({new})"
    lock = _lock(indexed, f"SELECT n.id {changed}") if indexed.parts else ""
    return {
        "insert": f"{INSERT} SELECT {entry} FROM new_rows AS n {OVERWRITE};",
        "update": (
            f"{delete} AND object_id IN (SELECT id FROM old_rows EXCEPT SELECT id FROM new_rows);\n"
            f"{lock}{INSERT} SELECT {entry} {changed} {OVERWRITE};"
        ),
        "delete": f"{delete} AND object_id IN (SELECT id FROM old_rows);",
        "truncate": f"{delete};",
    }


def _part_bodies(indexed: Indexed, part: Part) -> dict[str, str]:
    """The bodies of the functions of a part's table, by event."""
    old, new = (", ".join(f"{alias}.{column}" for column in part.columns) for alias in ("o", "n"))
    changed = (
        f"SELECT unnest(ARRAY[o.{part.owner}, n.{part.owner}]) FROM old_rows AS o FULL JOIN new_rows AS n USING (id)"
        f" WHERE ({old}) IS DISTINCT FROM ({new})"
    )
    bare = indexed.made_of(()).entry(POSTGRESQL, "stored.")
    return {
        "insert": _rewrite(indexed, f"SELECT {part.owner} FROM new_rows"),
        "update": _rewrite(indexed, changed),
        "delete": _rewrite(indexed, f"SELECT {part.owner} FROM old_rows"),
        "truncate": f"{INSERT} SELECT {bare} FROM {indexed.kind.table} AS stored {OVERWRITE};",
    }


def _rewrite(indexed: Indexed, ids: str) -> str:
    """The statements that write the entries of these documents anew."""
    entry = indexed.entry(POSTGRESQL, "stored.")
    rows = f"{indexed.kind.table} AS stored WHERE stored.id IN ({ids})"
    return f"{_lock(indexed, ids)}{INSERT} SELECT {entry} FROM {rows} {OVERWRITE};"


def _lock(indexed: Indexed, ids: str) -> str:
    """The statement that waits for others who write these entries: what they have written is in the next snapshot."""
    return (
        f"PERFORM 1 FROM search_entry WHERE kind = '{indexed.kind}' AND object_id IN ({ids})"
        " ORDER BY object_id FOR NO KEY UPDATE;\n"
    )


def corrections(indexed: Collection[Indexed]) -> Iterator[str]:
    """The statements that write the entries that are wrong or missing, and no others, so that few rows are written
    and indexed again. All documents are read for it."""
    for each in indexed:
        yield (
            f"DELETE FROM search_entry WHERE kind = '{each.kind}'"
            f" AND NOT EXISTS (SELECT 1 FROM {each.kind.table} WHERE id = object_id)"
        )
    wanted = all_entries(POSTGRESQL, indexed)
    yield (
        f"{INSERT} SELECT * FROM ({wanted} EXCEPT SELECT {', '.join(COLUMNS)} FROM search_entry)"
        f" AS corrected {OVERWRITE}"
    )
