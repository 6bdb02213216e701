"""Locks for one run of a source at a time, which end with the process that holds them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from core.database.turns import turn
from packages.facts import Source


class LockedError(Exception):
    """Another run of this source holds its lock."""


@contextmanager
def lock(source: Source) -> Iterator[None]:
    """Hold the lock of a source. Raise LockedError at once if another run holds it."""

    def refuse() -> None:
        raise LockedError(source)

    with turn(connection, f"refresh:{source}", refuse):
        yield
