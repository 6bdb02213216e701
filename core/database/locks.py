"""Locks on tables, taken without holding up writers for long, and without a deadlock."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK_SECONDS = 2.0
TRIES = 10
PAUSE_SECONDS = 0.5  # between two tries, in which the writers that wait for us go on
_LOCK_NOT_AVAILABLE = "55P03"


class LockedError(Exception):
    """Other sessions do not release a table."""

    def __init__(self, table: str) -> None:
        super().__init__(f"{table} is locked by other sessions")
        self.table = table


@contextmanager
def locked(connection: BaseDatabaseWrapper, tables: Sequence[str], readers_too: bool = False) -> Iterator[None]:
    """Run a transaction in which no other session writes to the tables, or reads them if `readers_too`.

    LockedError if that cannot be had in some tries. SQLite has one writer at a time, so there is nothing to lock.
    """
    if connection.vendor != "postgresql":
        with transaction.atomic(connection.alias):
            yield
        return
    for remaining in reversed(range(TRIES)):
        with transaction.atomic(connection.alias):
            try:
                with transaction.atomic(connection.alias):
                    _lock(connection, tables, "ACCESS EXCLUSIVE" if readers_too else "SHARE ROW EXCLUSIVE")
            except LockedError as error:
                if not remaining:
                    raise
                # The one that was refused is waited for in the next try.
                tables = [error.table, *(table for table in tables if table != error.table)]
            else:
                yield
                return
        time.sleep(PAUSE_SECONDS)


def _lock(connection: BaseDatabaseWrapper, tables: Sequence[str], mode: str) -> None:
    """Wait for the first table only: whoever waits while holding a lock can be part of a deadlock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS}s"])
        for place, table in enumerate(tables):
            try:
                cursor.execute(f"LOCK TABLE {table} IN {mode} MODE {'NOWAIT' if place else ''}")
            except OperationalError as error:
                if getattr(error.__cause__, "pgcode", "") != _LOCK_NOT_AVAILABLE:
                    raise
                raise LockedError(table) from error
