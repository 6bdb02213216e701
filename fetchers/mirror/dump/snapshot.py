"""One view of the whole database, with the number of the last change that is in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from core.caching import revisions
from core.models import Revision


class Snapshot(NamedTuple):
    """The time of a view of the database, and the number of the last change that it shows.

    Changes get their numbers while they are committed, one transaction after the other: a view that shows a number
    shows whatever was changed up to it, and nothing later.
    """

    time: datetime
    change: int


@contextmanager
def snapshot() -> Iterator[Snapshot]:
    """Read the database as it is at one moment, inside. Writers are not held up."""
    with _transaction():
        # The first statement decides what the others see.
        change = revisions.read(connection).numbers.get(Revision.LOG, 0)
        yield Snapshot(timezone.now().astimezone(UTC), change)


@contextmanager
def _transaction() -> Iterator[None]:
    database: Any = connection
    database.ensure_connection()
    if database.vendor == "postgresql":
        with transaction.atomic(durable=True):
            with database.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
        return
    # The site's transactions on SQLite begin with the right to write, which no other one has meanwhile.
    mode = database.transaction_mode
    database.transaction_mode = "DEFERRED"
    try:
        with transaction.atomic(durable=True):
            yield
    finally:
        database.transaction_mode = mode
