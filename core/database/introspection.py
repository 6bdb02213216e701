"""Triggers, functions and columns as the database has them, read from its system tables: no table of ours is locked."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper


class StoredTrigger(NamedTuple):
    """The statement that would create a trigger, and on PostgreSQL the function that it calls."""

    statement: str
    enabled: bool = True
    function: str = ""
    body: str = ""


def stored_triggers(connection: BaseDatabaseWrapper, prefix: str) -> dict[tuple[str, str], StoredTrigger]:
    """Return the triggers whose names begin with the prefix, by table and name.

    On PostgreSQL only those count as enabled that fire in every session, in one of replication or of a restore too.
    """
    query = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, length(%s)) = %s"
    parameters = [prefix, prefix]
    if connection.vendor == "postgresql":
        query = """
            SELECT relname, tgname, pg_get_triggerdef(pg_trigger.oid, true), tgenabled = 'A', proname, prosrc
            FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE NOT tgisinternal AND starts_with(tgname, %s) AND pg_table_is_visible(tgrelid)
        """
        parameters = [prefix]
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return {(table, name): StoredTrigger(*stored) for table, name, *stored in cursor.fetchall()}


def stored_functions(connection: BaseDatabaseWrapper, names: Iterable[str]) -> dict[str, str]:
    """Return the bodies of functions of PostgreSQL, by name."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, prosrc FROM pg_proc WHERE proname = ANY(%s) AND pg_function_is_visible(oid)", [list(names)]
        )
        return dict(cursor.fetchall())


def columns_of(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of each of the tables that exists."""
    query = """
        SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relname IN ({tables}) AND attnum > 0 AND NOT attisdropped AND pg_table_is_visible(attrelid)
        ORDER BY attrelid, attnum
    """
    if connection.vendor == "sqlite":
        query = """
            SELECT m.name, p.name FROM sqlite_master AS m JOIN pragma_table_xinfo(m.name) AS p
            WHERE m.type = 'table' AND m.name IN ({tables}) ORDER BY m.name, p.cid
        """
    columns: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(query.format(tables=", ".join(["%s"] * len(tables))), tables)
        for table, column in cursor.fetchall():
            columns.setdefault(table, []).append(column)
    return columns
