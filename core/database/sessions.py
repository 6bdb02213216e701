"""Connections to the database: which one a request reads from, and how long a statement may take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_reading: ContextVar[str] = ContextVar("reading", default=DEFAULT_DB_ALIAS)


def reading_alias() -> str:
    """The alias of the database that is read from here: an API request's may be a replica's."""
    return _reading.get()


def reader() -> BaseDatabaseWrapper:
    """The connection to it."""
    return connections[_reading.get()]


@contextmanager
def reading_from(alias: str) -> Iterator[None]:
    """Reads from that database inside."""
    before = _reading.set(alias)
    try:
        yield
    finally:
        _reading.reset(before)


# What a server's connections are told. A statement that is prepared must not be planned anew for each of its values,
# nor one of some milliseconds be compiled to machine code.
_SESSION = """SELECT set_config('statement_timeout', %s, false),
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false)"""


def begin_session(connection: Any, **_: Any) -> None:
    """Ends any statement of a connection that takes longer than STATEMENT_SECONDS, as a receiver of its signal."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_SESSION, [f"{settings.STATEMENT_SECONDS}s"])


def was_ended(error: Exception) -> bool:
    """Whether the database ended a statement because it took too long."""
    return isinstance(error, OperationalError) and (
        getattr(error.__cause__, "pgcode", "") == "57014" or str(error) == "interrupted"  # PostgreSQL; SQLite
    )


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Ends a statement that takes longer inside, on SQLite: connections to PostgreSQL have begin_session()."""
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
