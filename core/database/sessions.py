"""Connections to the database: which one a request reads from, how long a statement may take, and how they fail."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

# The alias of the database that is read from: that of an API request may be a replica's.
READING_ALIAS: ContextVar[str] = ContextVar("reading", default=DEFAULT_DB_ALIAS)

# For how long a server waits for one response of PostgreSQL, if not for STATEMENT_SECONDS and a little more.
WAITING: ContextVar[float | None] = ContextVar("waiting", default=None)


def reader() -> BaseDatabaseWrapper:
    """Return the connection to the database that is read from."""
    return connections[READING_ALIAS.get()]


@contextmanager
def reading_from(alias: str) -> Iterator[None]:
    """Read from that database inside."""
    before = READING_ALIAS.set(alias)
    try:
        yield
    finally:
        READING_ALIAS.reset(before)


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """Wait for no response of PostgreSQL for longer than that inside."""
    before = WAITING.set(seconds)
    try:
        yield
    finally:
        WAITING.reset(before)


# The settings of a server's sessions. A prepared statement must not be planned again for each of its values,
# nor one of some milliseconds be compiled to machine code.
_SESSION = """SELECT set_config('statement_timeout', %s, false),
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false)"""


def begin_session(connection: Any, **_: Any) -> None:
    """End any statement of a new connection that takes longer than STATEMENT_SECONDS (a receiver of its signal).

    On SQLite this ends the wait for another writer alone.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_SESSION, [f"{settings.STATEMENT_SECONDS}s"])
        else:
            cursor.execute(f"PRAGMA busy_timeout = {settings.STATEMENT_SECONDS * 1000}")


def was_ended(error: Exception) -> bool:
    """Return whether the database ended a statement because it took too long."""
    return isinstance(error, OperationalError) and (
        getattr(error.__cause__, "pgcode", "") == "57014" or str(error) == "interrupted"  # PostgreSQL; SQLite
    )


# The errors that are the database's own fault. PostgreSQL's by their classes (25006: it has become a standby); an
# error without a code is one of the connection. SQLite's by their primary codes.
_POSTGRESQL_FAILS = ("08", "25006", "40", "53", "55", "57", "58", "XX")
_SQLITE_FAILS = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


class TooLateError(OperationalError):
    """A request has waited for another one, which waits for the database, for so long that its own wait would be too
    much."""


def is_unavailable(error: BaseException | None) -> bool:
    """Return whether the database has failed, and not the program that uses it."""
    if isinstance(error, TooLateError):
        return True
    cause = error.__cause__ if isinstance(error, (DatabaseError, InterfaceError)) else None
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_FAILS
    if cause is None or not hasattr(cause, "pgcode"):
        return False
    if cause.pgcode is None:
        return isinstance(error, (OperationalError, InterfaceError)) or type(error) is DatabaseError
    return str(cause.pgcode).startswith(_POSTGRESQL_FAILS)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End a statement that takes longer inside, on SQLite: connections to PostgreSQL have begin_session()."""
    connection = reader()
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    end = time.monotonic() + seconds
    raw = connection.connection
    raw.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)
