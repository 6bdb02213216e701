"""Turns of processes: what only one of them does at a time, the others do after it."""

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

PAUSE_SECONDS = 0.5


@contextmanager
def turn(connection: BaseDatabaseWrapper, name: str, on_wait: Callable[[], object]) -> Iterator[None]:
    """Wait until no other process has this turn in the database, and take it until the end of the block.

    It ends with the process that has it, however that ends. `on_wait` is called once if there is a wait: an error that
    it raises takes the place of that.
    """
    take = _advisory_lock if connection.vendor == "postgresql" else _file_lock
    with take(connection, name, on_wait):
        yield


def _poll(is_taken: Callable[[], bool], on_wait: Callable[[], object]) -> None:
    if is_taken():
        return
    on_wait()
    while not is_taken():
        time.sleep(PAUSE_SECONDS)


@contextmanager
def _advisory_lock(connection: BaseDatabaseWrapper, name: str, on_wait: Callable[[], object]) -> Iterator[None]:
    key = crc32(f"package-grids:{name}".encode())

    def call(function: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [key])
            return bool(cursor.fetchone()[0])

    # A statement that waited for the lock would hold a snapshot, and CREATE INDEX CONCURRENTLY waits for all of them.
    _poll(lambda: call("pg_try_advisory_lock"), on_wait)
    try:
        yield
    finally:
        call("pg_advisory_unlock")


@contextmanager
def _file_lock(connection: BaseDatabaseWrapper, name: str, on_wait: Callable[[], object]) -> Iterator[None]:
    path = _lock_path(connection, name)
    if not path.parent.is_dir():  # then there is no database either
        yield
        return
    try:
        path.touch()
    except OSError as error:  # a disk that is read-only or full
        raise CommandError(f"no lock can be made beside the database: {error}") from error
    with path.open("w") as file:

        def is_taken() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        _poll(is_taken, on_wait)
        yield


def forget_turns(connection: BaseDatabaseWrapper, prefix: str) -> None:
    """Remove the files of turns whose names begin so, and which nobody takes any more."""
    if connection.vendor != "postgresql":
        first = _lock_path(connection, f"{prefix}*")
        for path in first.parent.glob(first.name):
            path.unlink(missing_ok=True)


def _lock_path(connection: BaseDatabaseWrapper, name: str) -> Path:
    """Return a file beside SQLite's, which may not be there yet. A database in memory belongs to one process."""
    database = connection.settings_dict["NAME"]
    if connection.is_in_memory_db():  # type: ignore[attr-defined]  # the stubs lack it
        database = Path(tempfile.gettempdir(), f"package-grids-{os.getpid()}")
    return Path(f"{database}-{name.replace(':', '-')}.lock")
