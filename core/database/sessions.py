"""Connections to the database: which one a request reads from, and how long a statement may take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

# The alias of the database that is read from: that of an API request may be a replica's.
READING_ALIAS: ContextVar[str] = ContextVar("reading", default=DEFAULT_DB_ALIAS)


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


# The settings of a server's sessions. A prepared statement must not be planned again for each of its values,
# nor one of some milliseconds be compiled to machine code.
_SESSION = """SELECT set_config('statement_timeout', %s, false),
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false)"""


def begin_session(connection: Any, **_: Any) -> None:
    """End any statement of a new connection that takes longer than STATEMENT_SECONDS (a receiver of its signal)."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_SESSION, [f"{settings.STATEMENT_SECONDS}s"])


def was_ended(error: Exception) -> bool:
    """Return whether the database ended a statement because it took too long."""
    return isinstance(error, OperationalError) and (
        getattr(error.__cause__, "pgcode", "") == "57014" or str(error) == "interrupted"  # PostgreSQL; SQLite
    )


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
