"""A failure of the database is 503 with Retry-After, in the form of its client, and one line of the log."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection
from django.db.backends.sqlite3.base import DatabaseWrapper
from django.test import Client
from pytest_django import Settings

from core.database.sessions import begin_session, is_unavailable
from tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
DETAIL = "The database is not available at the moment; try again in some seconds."
LOST = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n"
Fail = Callable[[Exception, Exception], None]


@pytest.fixture
def fail(client: Client) -> Iterator[Fail]:
    """Return a function that makes every statement fail with an error of Django's, caused by one of the driver's."""
    client.raise_request_exception = False
    errors: list[tuple[Exception, Exception]] = []

    def execute(run: Callable[..., Any], *arguments: Any) -> Any:
        for error, cause in errors:
            raise error from cause
        return run(*arguments)

    with connection.execute_wrapper(execute):
        yield lambda error, cause: errors.append((error, cause))


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    assert all(record.exc_info is None for record in caplog.records)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    "path",
    [
        "packages/",
        "packages/p/",
        "packages/none/",
        "packages/p/releases/",
        "grids/g/?expand=packages",
        "categories/",
        "search/?q=p",
        "changes/",
        "feeds/packages.atom",
        "feeds/releases.rss",
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_the_api(client: Client, fail: Fail, caplog: pytest.LogCaptureFixture, path: str, accept: str) -> None:
    MembershipFactory.create(package__slug="p", grid__slug="g")
    fail(OperationalError(LOST), psycopg2.OperationalError(LOST))
    response = client.get(f"/api/v4/{path}", headers={"accept": accept, "accept-encoding": "gzip"})
    assert response.status_code == 503
    if accept == "text/html":
        assert response["Content-Type"] == "text/html; charset=utf-8"
        assert DETAIL in response.content.decode()
    else:
        assert response["Content-Type"] == "application/json"
        assert response.json() == {"detail": DETAIL}
    assert response["Content-Length"] == str(len(response.content))
    assert response["Retry-After"] == "5"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "ETag" not in response
    reason = "server closed the connection unexpectedly This probably means the server terminated abnormally"
    assert lines(caplog) == [f"Service Unavailable: /api/v4/{path.partition('?')[0]}: {reason}"]


def test_head(client: Client, fail: Fail) -> None:
    fail(InterfaceError("connection already closed"), psycopg2.InterfaceError("connection already closed"))
    response = client.head("/api/v4/packages/")
    assert (response.status_code, response.content) == (503, b"")
    assert response["Content-Length"] == str(len(f'{{"detail": "{DETAIL}"}}'))


def test_a_wrong_host_has_no_body_for_head_either(client: Client) -> None:
    response = client.head("/api/v4/packages/", headers={"host": "nowhere.example"})
    assert (response.status_code, response.content) == (400, b"")
    assert int(response["Content-Length"]) > 0


@pytest.mark.parametrize("path", ["schema/", "docs/"])
def test_what_needs_no_database(client: Client, fail: Fail, path: str) -> None:
    fail(OperationalError(LOST), psycopg2.OperationalError(LOST))
    assert client.get(f"/api/v4/{path}").status_code == 200


@pytest.mark.parametrize("method", ["get", "post"])
def test_admin(client: Client, fail: Fail, caplog: pytest.LogCaptureFixture, method: str) -> None:
    client.force_login(User.objects.create_superuser("editor"))
    fail(OperationalError("database is locked"), sqlite_error("SQLITE_BUSY"))
    response = getattr(client, method)("/admin/packages/package/add/")
    assert response.status_code == 503
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["Retry-After"] == "5"
    assert DETAIL in response.content.decode()
    assert lines(caplog) == ["Service Unavailable: /admin/packages/package/add/: database is locked"]


def test_a_mistake_of_the_program_is_no_503(client: Client, fail: Fail, caplog: pytest.LogCaptureFixture) -> None:
    fail(ProgrammingError("column x does not exist"), psycopg2.ProgrammingError("column x does not exist"))
    response = client.get("/api/v4/packages/")
    assert response.status_code == 500
    assert response.json() == {"detail": "The server failed; it is not your request's fault."}
    [record] = caplog.records
    assert record.exc_info


def sqlite_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = getattr(sqlite3, name)
    return error


class Coded(psycopg2.DatabaseError):
    """An error with the code of a server, which psycopg2 lets nobody else set."""

    pgcode = ""

    def __init__(self, pgcode: str) -> None:
        self.pgcode = pgcode


@pytest.mark.parametrize(
    ("cause", "error", "expected"),
    [
        (sqlite_error("SQLITE_BUSY"), OperationalError, True),
        (sqlite_error("SQLITE_BUSY_SNAPSHOT"), OperationalError, True),
        (sqlite_error("SQLITE_LOCKED"), OperationalError, True),
        (sqlite_error("SQLITE_READONLY"), OperationalError, True),
        (sqlite_error("SQLITE_IOERR"), OperationalError, True),
        (sqlite_error("SQLITE_FULL"), OperationalError, True),
        (sqlite_error("SQLITE_CORRUPT"), DatabaseError, True),
        (sqlite_error("SQLITE_ERROR"), OperationalError, False),  # no such table, a wrong statement
        (sqlite_error("SQLITE_CONSTRAINT"), DatabaseError, False),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), ProgrammingError, False),
        (Coded("57P01"), OperationalError, True),
        (Coded("53300"), OperationalError, True),
        (Coded("57014"), OperationalError, True),
        (Coded("40P01"), OperationalError, True),
        (Coded("55P03"), OperationalError, True),
        (Coded("25006"), DatabaseError, True),
        (Coded("25P02"), DatabaseError, False),
        (Coded("42P01"), ProgrammingError, False),
        (Coded("22003"), DatabaseError, False),
        (psycopg2.OperationalError(LOST), OperationalError, True),
        (psycopg2.DatabaseError("error with status PGRES_TUPLES_OK"), DatabaseError, True),
        (psycopg2.ProgrammingError("no results to fetch"), ProgrammingError, False),
        (ValueError(), OperationalError, False),
        (None, DatabaseError, False),  # Django's own, of an update that changed nothing
    ],
    ids=repr,
)
def test_whose_fault_it_is(cause: Exception | None, error: type[Exception], expected: bool) -> None:
    raised = error()
    raised.__cause__ = cause
    assert is_unavailable(raised) is expected
    assert is_unavailable(cause) is False
    assert is_unavailable(None) is False


def test_sqlite_waits_for_another_writer_as_long_as_a_statement_may_take(tmp_path: Path, settings: Settings) -> None:
    settings.STATEMENT_SECONDS = 1
    options = {"timeout": 60, "transaction_mode": "IMMEDIATE"}
    file = connection.settings_dict | {"NAME": str(tmp_path / "file"), "OPTIONS": options}
    first, second = (DatabaseWrapper(file, alias) for alias in ("first", "second"))
    begin_session(second)
    first.cursor().execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    with pytest.raises(OperationalError, match="database is locked") as raised:
        second.cursor().execute("BEGIN IMMEDIATE")
    assert 1 <= time.monotonic() - start < 3
    assert is_unavailable(raised.value)
    first.close()
    second.close()
