"""Deadlocks: PostgreSQL ends one of the transactions that wait for each other, and that one can be run again."""

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError

TRIES = 5
_DEADLOCK_DETECTED = "40P01"
T = TypeVar("T")


def retried(transaction: Callable[[], T]) -> T:
    """Run a whole transaction, and run it again, a few times at most, if it was ended because of a deadlock."""
    for _ in range(TRIES - 1):
        try:
            return transaction()
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", "") != _DEADLOCK_DETECTED:
                raise
    return transaction()
