"""Turns of processes: what only one of them does at a time, the others do after it."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from django.db.backends.base.base import BaseDatabaseWrapper

PAUSE_SECONDS = 0.5


@contextmanager
def turn(connection: BaseDatabaseWrapper, name: str, on_wait: Callable[[], object]) -> Iterator[None]:
    """Wait until no other process has this turn in the database, and take it until the end of the block.

    It ends with the process that has it, however that ends. `on_wait` is called once if there is a wait.
    """
    take = _advisory_lock if connection.vendor == "postgresql" else _folder_lock
    with take(connection, f"package-grids:{name}", on_wait):
        yield


def _poll(is_taken: Callable[[], bool], on_wait: Callable[[], object]) -> None:
    if is_taken():
        return
    on_wait()
    while not is_taken():
        time.sleep(PAUSE_SECONDS)


@contextmanager
def _advisory_lock(connection: BaseDatabaseWrapper, name: str, on_wait: Callable[[], object]) -> Iterator[None]:
    key = crc32(name.encode())

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
def _folder_lock(connection: BaseDatabaseWrapper, _name: str, on_wait: Callable[[], object]) -> Iterator[None]:
    """Lock the folder of SQLite's file, which may not be there yet. A database in memory is of one process."""
    folder = Path(connection.settings_dict["NAME"]).parent
    if connection.is_in_memory_db() or not folder.is_dir():  # type: ignore[attr-defined]  # the stubs lack it
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)

    def is_taken() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        _poll(is_taken, on_wait)
        yield
    finally:
        os.close(descriptor)
