"""A server does not wait for a silent PostgreSQL beyond its deadlines, and not twice."""

import time
from collections.abc import Iterator

import psycopg2
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg2.extensions import POLL_READ, TRANSACTION_STATUS_UNKNOWN, set_wait_callback
from pytest_django import Settings

from core.caching import revisions
from core.database import deadlines
from core.database.sessions import begin_session, waiting
from tests.clusters import silent_listener

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is in the process itself")
WAIT = 0.3


@pytest.fixture(autouse=True)
def _deadlines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(deadlines, "_silent_until", {})
    deadlines.install()
    yield
    set_wait_callback(None)


@pytest.fixture
def fresh(transactional_db: None) -> Iterator[BaseDatabaseWrapper]:
    """A connection of its own, as a server begins it."""
    connections["fresh"] = fresh = connection.copy("fresh")
    begin_session(fresh)
    yield fresh
    fresh.close()
    del connections["fresh"]
    deadlines._silent_until.clear()  # tables are emptied next


def seconds_until_refused(url: str) -> float:
    start = time.monotonic()
    with pytest.raises(deadlines.SilentError):
        psycopg2.connect(url)
    return time.monotonic() - start


@pytest.mark.parametrize(
    ("timeout", "statement", "waited"), [("1", 10, 1), ("9", 1, 2), ("0", 1, 2)], ids=["own", "statement", "none"]
)
def test_connecting(settings: Settings, timeout: str, statement: int, waited: int) -> None:
    settings.STATEMENT_SECONDS = statement
    with silent_listener() as (port, _):
        elapsed = seconds_until_refused(f"postgresql://u@127.0.0.1:{port}/x?connect_timeout={timeout}")
    assert waited <= elapsed < waited + 0.9


def test_a_silent_database_is_left_alone_for_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("core.database.deadlines.time.monotonic", lambda: clock[0])

    class Silent:
        dsn = "host=a"

        def poll(self) -> int:
            return POLL_READ

        def get_transaction_status(self) -> int:
            return TRANSACTION_STATUS_UNKNOWN

        def fileno(self) -> int:
            clock[0] += 3  # until the deadline is over, in the second round
            return 0

    polled = []
    for second in (100, 109, 109.9, 115.1):
        clock[0] = second
        with pytest.raises(deadlines.SilentError), waiting(2):
            deadlines.wait(Silent())
        polled.append(clock[0] > second)
    assert polled == [True, False, False, True]


@on_postgresql
def test_a_response(fresh: BaseDatabaseWrapper) -> None:
    start = time.monotonic()
    with pytest.raises(OperationalError, match="the database does not respond"), waiting(WAIT):
        fresh.cursor().execute("SELECT pg_sleep(5)")
    assert WAIT <= time.monotonic() - start < WAIT + 0.9
    assert fresh.connection.closed
    fresh.close_if_unusable_or_obsolete()
    assert fresh.connection is None, "as at the end of a request"


@on_postgresql
def test_the_deadline_comes_after_the_database_s_own(fresh: BaseDatabaseWrapper, settings: Settings) -> None:
    """A slow statement is ended by the database, and its connection stays."""
    settings.STATEMENT_SECONDS = 1
    begin_session(fresh)
    with pytest.raises(OperationalError, match="canceling statement due to statement timeout"):
        fresh.cursor().execute("SELECT pg_sleep(5)")
    assert not fresh.connection.closed


@on_postgresql
def test_a_transaction_is_not_tried_again(fresh: BaseDatabaseWrapper) -> None:
    """Django opens a connection when it leaves a transaction whose own was closed."""
    with (
        pytest.raises(OperationalError, match="the database does not respond"),
        waiting(WAIT),
        transaction.atomic(fresh.alias),
    ):
        fresh.cursor().execute("SELECT pg_sleep(5)")
    assert fresh.connection is None


@on_postgresql
def test_revisions_are_not_read_again(fresh: BaseDatabaseWrapper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisions, "_read", lambda connection: connection.cursor().execute("SELECT pg_sleep(5)"))
    start = time.monotonic()
    with pytest.raises(OperationalError, match="the database does not respond"), waiting(WAIT):
        revisions.read(fresh)
    assert time.monotonic() - start < 2 * WAIT
    assert fresh.connection is None
