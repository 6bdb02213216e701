"""The revisions that the database keeps: a number for each kind of document that moves with every commit which changes
anything shown of it, and the number of documents of that kind.

A request reads them once, before its data, and everything in it goes by them.
"""

from contextvars import ContextVar
from typing import NamedTuple

from django.db import InterfaceError, OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.sessions import reader


class Revisions(NamedTuple):
    """By name: the number of the revision, and the number of documents."""

    numbers: dict[str, int]
    rows: dict[str, int]


CURRENT: ContextVar[Revisions | None] = ContextVar("revisions", default=None)


def current() -> Revisions:
    """Return the revisions that the request has read; outside a request, those of now."""
    return CURRENT.get() or read(reader())


def read(connection: BaseDatabaseWrapper) -> Revisions:
    """Read the revisions. Reconnect once where the database has closed the connection meanwhile, so that requests need
    no other check of their connection's health. Whatever else fails is not tried twice."""
    if connection.in_atomic_block:
        return _read(connection)
    connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs lack it
    was_open = connection.connection is not None
    try:
        return _read(connection)
    except (OperationalError, InterfaceError):
        if not was_open or not getattr(connection.connection, "closed", 0):
            raise
        connection.close()
        return _read(connection)


def _read(connection: BaseDatabaseWrapper) -> Revisions:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, number, rows FROM changes_revision")
        found = cursor.fetchall()
    return Revisions({kind: number for kind, number, _ in found}, {kind: rows for kind, _, rows in found})
