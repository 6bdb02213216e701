"""Locks for one run at a time of each kind, which end with the process that holds them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from core.database.turns import forget_turns, turn
from packages.facts import Feed, Source


class LockedError(Exception):
    """Another run of this kind holds its lock."""


@contextmanager
def lock(source: Source | Feed) -> Iterator[None]:
    """Hold the lock of a source. Raise LockedError at once if another run holds it."""
    with _locked(f"refresh:{source}"):
        yield


@contextmanager
def lock_dump() -> Iterator[None]:
    """Hold the lock of dumps. Raise LockedError at once if another run holds it."""
    with _locked("dump"):
        yield


@contextmanager
def lock_batch(batch: int) -> Iterator[None]:
    """Hold the lock of a batch of packages. Raise LockedError at once if another worker holds it."""
    with _locked(f"batch:{batch}"):
        yield


def forget_batch_locks() -> None:
    """Remove what the locks of batches have left behind, when no worker has a batch any more."""
    forget_turns(connection, "batch:")


@contextmanager
def _locked(name: str) -> Iterator[None]:
    def refuse() -> None:
        raise LockedError(name)

    with turn(connection, name, refuse):
        yield
