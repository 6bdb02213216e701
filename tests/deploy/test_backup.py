"""deploy/backup leaves whole dumps behind, so many of them, and nothing else, however it ends."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.deploy.page import FOLDER

WRITE = 'for each; do case $each in --file=*) echo dump >"${each#--file=}" ;; esac; done\n'
OLD = [f"grids-2020010{day}T000000Z.dump" for day in range(1, 5)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in OLD:
        (folder / name).touch()
    return folder


def begin(folder: Path, pg_dump: str, pg_restore: str = "") -> "subprocess.Popen[bytes]":
    """Start a backup that keeps three dumps, with these scripts in place of PostgreSQL's programs."""
    programs = folder.parent / "bin"
    programs.mkdir()
    for name, script in (("pg_dump", pg_dump), ("pg_restore", pg_restore)):
        (programs / name).write_text(f"#!/bin/sh\n{script}")
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    command = [str(FOLDER / "backup"), "grids", str(folder), "3"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_newest_stay(folder: Path) -> None:
    (folder / "other-20200101T000000Z.dump").touch()
    assert begin(folder, WRITE).wait() == 0
    *others, new, other = names(folder)
    assert (others, other) == (OLD[2:], "other-20200101T000000Z.dump")
    assert (folder / new).read_text() == "dump\n"
    assert (folder / new).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("pg_dump", "pg_restore"), [(f"{WRITE}exit 1", ""), (WRITE, "exit 1")])
def test_what_is_not_whole_is_no_dump(folder: Path, pg_dump: str, pg_restore: str) -> None:
    assert begin(folder, pg_dump, pg_restore).wait() == 1
    assert names(folder) == OLD, "and the others are needed all the more"


def test_one_that_is_stopped_leaves_nothing(folder: Path) -> None:
    backup = begin(folder, f"{WRITE}exec sleep 60")
    while not list(folder.glob("*.part")):
        assert backup.poll() is None
        time.sleep(0.01)
    os.killpg(backup.pid, signal.SIGTERM)  # as systemd does
    assert backup.wait() != 0
    assert names(folder) == OLD


def test_the_next_one_deletes_what_a_crash_has_left(folder: Path) -> None:
    left, of_now = folder / "grids-20200105T000000Z.dump.part", folder / "grids-20200106T000000Z.dump.part"
    left.touch()
    of_now.touch()
    os.utime(left, (1, 1))
    assert begin(folder, WRITE).wait() == 0
    assert [name for name in names(folder) if name.endswith(".part")] == [of_now.name], "which may be running"
