"""The triggers that write the search index, so that no way of writing is missed.

They call nothing that only Django's connection knows: any client may write.
"""

from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.introspection import columns_of
from core.database.triggers import Trigger, TriggerSet
from search.triggers import postgresql, sqlite
from search.triggers.entry import COLUMNS, INDEXED, INSERT, POSTGRESQL, SQLITE, Indexed, all_entries
from search.triggers.postgresql import DROP_INDEX as POSTGRESQL_DROP_INDEX
from search.triggers.postgresql import INDEX as POSTGRESQL_INDEX
from search.triggers.postgresql import create_extension
from search.triggers.sqlite import DROP_INDEX as SQLITE_DROP_INDEX
from search.triggers.sqlite import FTS
from search.triggers.sqlite import INDEX as SQLITE_INDEX

__all__ = (
    "COLUMNS",
    "FTS",
    "POSTGRESQL_DROP_INDEX",
    "POSTGRESQL_INDEX",
    "SEARCH_TRIGGERS",
    "SQLITE_DROP_INDEX",
    "SQLITE_INDEX",
    "create_extension",
    "entries",
    "install",
    "rebuild",
    "uninstall",
)


class SearchTriggers(TriggerSet):
    label = "search"
    tables = ("search_entry",)
    consequence = "What is written without them is not in the search index."
    aftermath = "The search index is up to date again."

    def triggers(self, connection: BaseDatabaseWrapper) -> list[Trigger]:
        dialect = postgresql if connection.vendor == "postgresql" else sqlite
        return list(dialect.triggers(_indexed(connection)))

    def counted_on(self) -> Sequence[str]:
        parts = [part.kind.table for indexed in INDEXED for part in indexed.parts]
        return [*(indexed.kind.table for indexed in INDEXED), *parts]

    def catch_up(self, connection: BaseDatabaseWrapper) -> None:
        """Write the entries that are wrong. Meanwhile nobody writes packages or grids, so on PostgreSQL only entries
        that differ are written: a million of them all would take minutes."""
        if connection.vendor != "postgresql":
            rebuild(connection)
            return
        with connection.cursor() as cursor:
            for statement in postgresql.corrections(_indexed(connection)):
                cursor.execute(statement)


SEARCH_TRIGGERS = SearchTriggers()
install, uninstall = SEARCH_TRIGGERS.install, SEARCH_TRIGGERS.uninstall


def entries(connection: BaseDatabaseWrapper) -> str:
    """The query that makes the entries of all documents."""
    return all_entries(POSTGRESQL if connection.vendor == "postgresql" else SQLITE, _indexed(connection))


def _indexed(connection: BaseDatabaseWrapper) -> list[Indexed]:
    """Return the kinds with entries, as far as their tables exist by now."""
    tables = columns_of(connection, [part.kind.table for each in INDEXED for part in each.parts])
    return [each.made_of(tables) for each in INDEXED]


def rebuild(connection: BaseDatabaseWrapper) -> None:
    """Write all entries."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM search_entry")
        cursor.execute(f"{INSERT} {entries(connection)}")
        if connection.vendor == "sqlite":
            for index in FTS:
                cursor.execute(f"INSERT INTO {index}({index}) VALUES ('rebuild')")
