"""Locks of runs: a disk on which none can be made is reported in one line."""

import errno
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="on PostgreSQL the lock is in the database")
def test_a_read_only_disk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def touch(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "touch", touch)
    with pytest.raises(CommandError) as raised:
        call_command("refresh_packages")
    (line,) = str(raised.value).splitlines()
    assert line.startswith("no lock can be made beside the database: [Errno 30] Read-only file system: ")
    assert raised.value.returncode == 1
