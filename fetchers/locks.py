"""Locks for one run of a source at a time: PostgreSQL's advisory ones, or one on a file beside SQLite's database.

Both are released when the process that holds them ends, however it ends.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

from django.core.management.base import CommandError
from django.db import connection

from packages.facts import Source


class LockedError(Exception):
    """Another run of this source holds its lock."""


@contextmanager
def lock(source: Source) -> Iterator[None]:
    name = f"package-grids:refresh:{source}"
    with _advisory(name) if connection.vendor == "postgresql" else _file(name, source):
        yield


@contextmanager
def _advisory(name: str) -> Iterator[None]:
    key = crc32(name.encode())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise LockedError(name)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


@contextmanager
def _file(name: str, source: Source) -> Iterator[None]:
    database = str(connection.settings_dict["NAME"])
    # A database in memory belongs to one process.
    private = Path(tempfile.gettempdir(), f"package-grids-{os.getpid()}")
    base = private if "memory" in database else Path(database)
    path = Path(f"{base}-refresh-{source}.lock")
    try:
        path.touch()
    except OSError as error:  # a disk that is read-only or full
        raise CommandError(f"no lock can be made beside the database: {error}") from error
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(name) from error
        yield
