"""The revisions that the database keeps: a number for each kind of document that moves with every commit which changes
anything shown of it, and how many documents of the kind there are.

A request reads them once, before its data, and everything in it goes by that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from django.db import InterfaceError, OperationalError

from core.database.sessions import reader


class Revisions(NamedTuple):
    """By kind: the revision, and the number of documents."""

    numbers: dict[str, int]
    rows: dict[str, int]


_CURRENT: ContextVar[Revisions | None] = ContextVar("revisions", default=None)


def current() -> Revisions:
    """Those that the request has read, else those of now."""
    return _CURRENT.get() or read()


@contextmanager
def going_by(revisions: Revisions) -> Iterator[Revisions]:
    """Inside, these are the current ones."""
    before = _CURRENT.set(revisions)
    try:
        yield revisions
    finally:
        _CURRENT.reset(before)


def read() -> Revisions:
    """A connection that the database has closed meanwhile is opened anew, once: so requests need no other check of
    their connection's health."""
    connection = reader()
    if not connection.in_atomic_block:
        connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs lack it
    try:
        return _read()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return _read()


def _read() -> Revisions:
    with reader().cursor() as cursor:
        cursor.execute("SELECT kind, number, rows FROM changes_revision")
        found = cursor.fetchall()
    return Revisions({kind: number for kind, number, _ in found}, {kind: rows for kind, _, rows in found})
