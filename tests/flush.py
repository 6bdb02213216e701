"""Empty the tables of PostgreSQL after a test that commits, in a tenth of the time that TRUNCATE takes.

TRUNCATE gives each table and each of its indexes a new file. Tests write a few rows, which are deleted sooner. Only
the log is truncated: the deletions are in it, and its own triggers tell a flush by TRUNCATE.
"""

from collections.abc import Iterable
from contextlib import closing
from itertools import count
from typing import Any
from unittest.mock import patch

import psycopg2
from django.db import DatabaseError, connection, transaction
from django.test import TransactionTestCase

LOG = ("changes_change", "changes_revision", "changes_oldslug")
VACUUM_EVERY = 20  # tests
_tests = count(1)
_truncate = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


def _deletion(_style: object, tables: Iterable[str], **_: Any) -> list[str]:
    """Return the statements that empty the tables, which run in one transaction."""
    names = sorted(set(tables).difference(LOG))
    left = " OR ".join(f"EXISTS (SELECT 1 FROM {name})" for name in names)
    return [
        f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE",  # waits for other writers, as TRUNCATE does
        "SET LOCAL session_replication_role = replica",  # no foreign key is in the way
        *(f"DELETE FROM {name}" for name in names),
        "SET CONSTRAINTS ALL IMMEDIATE",  # the deletions get their numbers
        f"DO $$ BEGIN IF {left} THEN RAISE 'A trigger wrote rows while the tables were emptied'; END IF; END $$",
        "SET LOCAL session_replication_role = DEFAULT",
        f"TRUNCATE {', '.join(LOG)}",
    ]


def _may_switch_triggers_off() -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
    except DatabaseError:
        return False
    return True


def _delete(case: TransactionTestCase) -> None:
    if connection.vendor == "sqlite":
        _truncate(case)
        with connection.cursor() as cursor:  # the deletions are in the log, and would be in that of the next test
            for name in LOG:
                cursor.execute(f"DELETE FROM {name}")
        return
    if not _may_switch_triggers_off():
        _truncate(case)
        return
    with patch.object(type(connection.ops), "sql_flush", staticmethod(_deletion)):
        _truncate(case)


def flush_by_deletion() -> None:
    """Make every test that commits end so."""
    TransactionTestCase._fixture_teardown = _delete  # type: ignore[attr-defined]


def vacuum_now_and_then() -> None:
    """Remove the dead rows of PostgreSQL after every so many tests of the database, those that roll back among them:
    where no autovacuum runs, every statement would become slower and slower."""
    if connection.vendor != "postgresql" or next(_tests) % VACUUM_EVERY:
        return
    # A session of its own: that of the tests is closed to what is no test.
    with closing(psycopg2.connect(**connection.get_connection_params())) as own:
        own.autocommit = True
        with own.cursor() as cursor:
            cursor.execute("SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'")
            (tables,) = cursor.fetchone() or ("",)
            cursor.execute(f"VACUUM {tables}")
