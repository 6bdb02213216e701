"""manage.py dump_catalogue: a dump is there as a whole or not at all, whatever ends the run."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from pytest_django import Settings

from core import dumps
from fetchers.locks import lock_dump
from fetchers.mirror.dump import folders
from packages.models import Snapshot
from tests.dumps import check_whole, dump_of, manifest_of
from tests.factories import CellFactory, PackageFactory
from tests.servers import ROOT
from tests.threads import in_background

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_what_it_prints(tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.DATA_LICENCE = "CC-BY-4.0"
    Snapshot.objects.create(package=PackageFactory.create(), day=NOW.date(), stars=1)
    root = tmp_path / "new" / "folder"
    call_command("dump_catalogue", str(root), "--keep=1")
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [
        *("categories: 1 written", "packages: 1 written", "pins: 0 written", "advisories: 0 written"),
        "grids: 0 written",
        *("memberships: 0 written", "features: 0 written", "cells: 0 written", "releases: 0 written"),
        "history: 1 month written, 0 linked",
    ]
    dump = dump_of(root)
    assert last.startswith(f"{dump.name}: 22 files, ")
    assert last.endswith(f" KB, up to change {manifest_of(dump)['change']}")
    assert manifest_of(dump)["licence"] == "CC-BY-4.0"
    assert dumps.name_at(datetime.fromisoformat(manifest_of(dump)["time"])) == dump.name
    call_command("dump_catalogue", str(root), "--keep=1", "-v0")
    assert capsys.readouterr().out == ""
    call_command("dump_catalogue", str(root), "--keep=1")
    assert capsys.readouterr().out.splitlines()[-1] == "1 older dump deleted"


def test_keep_counts_the_new_one(tmp_path: Path) -> None:
    seen = []
    for keep in (None, None, None, 3, 2, 5):
        call_command("dump_catalogue", str(tmp_path), keep=keep, verbosity=0)
        seen.append(dump_of(tmp_path).name)
    assert names(tmp_path) == [".lock", *seen[-3:]]
    for path in tmp_path.glob("2*"):
        check_whole(path)


def test_everyone_may_read_it(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        call_command("dump_catalogue", str(tmp_path), verbosity=0)
    finally:
        os.umask(umask)
    dump = dump_of(tmp_path)
    assert oct(dump.stat().st_mode & 0o777) == "0o755"
    assert {oct(path.stat().st_mode & 0o777) for path in dump.iterdir()} == {"0o644"}


@pytest.mark.parametrize("keep", ["0", "-1", "x", "1.5", "", "10001"])
def test_wrong_arguments(tmp_path: Path, keep: str) -> None:
    with pytest.raises(CommandError, match="must be a whole number from 1 to 10000"):
        call_command("dump_catalogue", str(tmp_path), f"--keep={keep}")
    assert names(tmp_path) == []


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="file: ") as raised:
        call_command("dump_catalogue", str(tmp_path / "file"))
    assert raised.value.returncode == 1


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (DatabaseError("gone"), "the database failed: gone"),
    ],
)
def test_nothing_is_left_of_a_run_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    def fail(*_: Any) -> bytes:
        raise error

    call_command("dump_catalogue", str(tmp_path), verbosity=0)
    before = names(tmp_path)
    CellFactory.create()
    monkeypatch.setattr("fetchers.mirror.dump.files.csv_lines", fail)
    with pytest.raises(CommandError, match=line):
        call_command("dump_catalogue", str(tmp_path), "--keep=1", verbosity=0)
    assert names(tmp_path) == before


def test_a_database_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fetchers.mirror.dump.database._VIEWS", "CREATE VIEW broken AS nonsense")
    with pytest.raises(CommandError, match=r"catalogue\.sqlite: "):
        call_command("dump_catalogue", str(tmp_path), verbosity=0)
    assert names(tmp_path) == [".lock"]


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (None, 143)])
def test_a_signal_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | None, code: int
) -> None:
    def end(*_: Any) -> bytes:
        if error:
            raise error
        os.kill(os.getpid(), signal.SIGTERM)
        return b""

    CellFactory.create()
    monkeypatch.setattr("fetchers.mirror.dump.files.csv_lines", end)
    with pytest.raises(SystemExit) as raised:
        call_command("dump_catalogue", str(tmp_path), verbosity=0)
    assert raised.value.code == code
    assert names(tmp_path) == [".lock"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_clock_that_is_behind(tmp_path: Path) -> None:
    """A dump that were older than the newest one by its name would be the first to be deleted."""
    ahead = tmp_path / dumps.name_at(datetime.now(UTC) + timedelta(days=1))
    ahead.mkdir()
    with pytest.raises(CommandError, match=f"the newest dump is {ahead.name}, and the clock says 2"):
        call_command("dump_catalogue", str(tmp_path), "--keep=1", verbosity=0)
    assert names(tmp_path) == [".lock", ahead.name]


@contextmanager
def locked_folder(root: Path) -> Iterator[None]:
    with folders.locked(root):
        yield


@contextmanager
def locked_database(_root: Path) -> Iterator[None]:
    with lock_dump():
        yield


@pytest.mark.usefixtures("shared_database")
@pytest.mark.parametrize("other", [locked_folder, locked_database])
def test_two_never_write_at_once(tmp_path: Path, other: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Not two of one database, and not two into one folder. A thread has a connection of its own."""
    living = tmp_path / "dumps" / f".{dumps.name_at(NOW)}.writing"
    living.mkdir(parents=True)
    with other(living.parent), pytest.raises(SystemExit) as raised:
        in_background(lambda: call_command("dump_catalogue", str(living.parent))).result()
    assert raised.value.code == 3
    assert capsys.readouterr().err == "another run is under way, so this one does nothing\n"
    assert living.exists(), "it is of a run that is alive"


def test_leftovers_go_and_nothing_else(tmp_path: Path) -> None:
    name = dumps.name_at(NOW)
    for leftover in (f".{name}.writing", f".{name}.deleting"):
        (tmp_path / leftover / "deep").mkdir(parents=True)
        (tmp_path / leftover / "packages.csv.gz").write_text("")
    others = [".git", ".x.writing", f".{name}", f"{name}.writing", "notes", name]
    for other in others:
        (tmp_path / other).mkdir()
    (tmp_path / f".{dumps.name_at(NOW - timedelta(1))}.writing").write_text("a file")
    call_command("dump_catalogue", str(tmp_path), "--keep=2", verbosity=0)
    left = {*others, ".lock", dump_of(tmp_path).name, f".{dumps.name_at(NOW - timedelta(1))}.writing"}
    assert set(names(tmp_path)) == left | {max(each for each in names(tmp_path) if dumps.is_name(each))}


# Runs of the command as children, which need no time to start: each is killed at its n-th call of a function of ours
# (or of those that delete folders), n being a line of the input. Without one it tells how many calls there are.
KILLED = """
import os, signal, sys
import django
django.setup()
from django.core.management import call_command

for line in sys.stdin:
    process = os.fork()
    if not process:
        calls, last = 0, int(line)
        def count(frame, event, _):
            global calls
            file = frame.f_code.co_filename
            if event == "call" and ("/mirror/dump/" in file or file.endswith("/shutil.py")):
                calls += 1
                if calls == last:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.setprofile(count)
        try:
            call_command("dump_catalogue", sys.argv[1], keep=1, verbosity=0)
        finally:
            sys.setprofile(None)
        print(calls, flush=True)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    print(code, flush=True)
"""


def test_killed_anywhere_it_leaves_whole_dumps_only(tmp_path: Path, shared_database: str) -> None:
    root = tmp_path / "dumps"
    CellFactory.create_batch(3)
    Snapshot.objects.create(package=PackageFactory.create(), day=NOW.date(), stars=1)
    environment = {"PATH": os.environ["PATH"], "DEBUG": "true", "DATABASE_URL": shared_database}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    command = [sys.executable, "-c", KILLED, str(root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdin
        assert parent.stdout

        def run(last: int = 0) -> list[int]:
            """Return what a run prints, and its exit code. PostgreSQL takes a moment to see that a client is gone."""
            assert parent.stdin
            assert parent.stdout
            while True:
                parent.stdin.write(f"{last}\n")
                parent.stdin.flush()
                output = [int(parent.stdout.readline())]
                if output[-1] > 3:
                    output.append(int(parent.stdout.readline()))
                if output != [3]:
                    return output

        run()
        calls, code = run()  # with an older dump to delete
        assert code == 0
        hidden = set()
        for place in range(16):
            assert run(1 + calls * place // 16) == [-signal.SIGKILL]
            visible = [path for path in root.iterdir() if not path.name.startswith(".")]
            assert 1 <= len(visible) <= 2
            for dump in visible:
                check_whole(dump)
            hidden |= {path.suffix for path in root.iterdir() if path.name.startswith(".2")}
        for last in (calls, calls - 2):  # while the older one is deleted
            run(last)
            hidden |= {path.suffix for path in root.iterdir() if path.name.startswith(".2")}
        assert ".writing" in hidden
        assert run()[1] == 0
        parent.stdin.close()
    check_whole(dump_of(root))
    assert names(root) == [".lock", dump_of(root).name]
