"""Two processes that migrate an empty database together both end well: one after the other."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import connection

from core.database.turns import turn
from tests.servers import ROOT, database_url
from tests.threads import in_background

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(url: str) -> "subprocess.Popen[str]":
    environment = {"PATH": os.environ["PATH"], "DEBUG": "true", "DATABASE_URL": url}
    command = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def empty(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    name = f"{connection.settings_dict['NAME']}_empty"

    def drop() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    drop()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    request.addfinalizer(drop)
    return database_url(name)


def test_two_migrations_at_once(empty: str) -> None:
    processes = [migrate(empty), migrate(empty)]
    outputs = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sorted(outputs) == ["", "Another migrate is under way; this one waits for its end.\n"]
    check = [sys.executable, "manage.py", "migrate", "--check", "--verbosity=0"]
    environment = {"PATH": os.environ["PATH"], "DEBUG": "true", "DATABASE_URL": empty}
    assert subprocess.run(check, cwd=ROOT, env=environment, check=False).returncode == 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="a database in memory is of one process")
def test_who_waits_holds_up_no_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """CREATE INDEX CONCURRENTLY waits for every statement that runs, of any session."""
    monkeypatch.setattr("core.database.turns.PAUSE_SECONDS", 0.1)
    waits = threading.Event()

    def wait() -> None:
        with turn(connection, "migrate", waits.set):  # the thread's own connection
            pass

    with turn(connection, "migrate", lambda: None):
        waiting = in_background(wait)
        assert waits.wait(20)
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = '20s'")
            cursor.execute("CREATE INDEX CONCURRENTLY held_up ON packages_package (title)")
            cursor.execute("DROP INDEX CONCURRENTLY held_up")
            cursor.execute("RESET statement_timeout")
        time.sleep(0.3)
        assert waiting.is_alive()
    waiting.result()


def test_who_does_not_want_to_wait_refuses() -> None:
    def refuse() -> None:
        raise RuntimeError

    def take(name: str) -> None:
        with turn(connection, name, refuse):  # the thread's own connection
            pass

    with turn(connection, "one:thing", refuse):
        with pytest.raises(RuntimeError):
            in_background(take, "one:thing").result()
        in_background(take, "another").result()
    in_background(take, "one:thing").result()
