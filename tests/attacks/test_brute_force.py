"""Passwords that are guessed: an address is locked out soon, a name later, and nobody can lock others out alone."""

import re
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from core.logins import RETENTION, client_of, prune
from tests.core.admin.editors import change_url
from tests.editing.test_attacks import Looked
from tests.factories import GridFactory
from tests.pages import fields_of

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"
FAILURES, MINUTES = 3, 10


@pytest.fixture(autouse=True)
def _throttled(settings: Settings) -> None:
    settings.AXES_ENABLED = True
    settings.AXES_FAILURE_LIMIT = FAILURES
    settings.AXES_COOLOFF_TIME = timedelta(minutes=MINUTES)
    settings.LOGIN_LOCK_MINUTES = MINUTES


@pytest.fixture
def editor() -> User:
    return User.objects.create_user("anna", password="right", is_staff=True, is_superuser=True)


def guess(name: str = "anna", password: str = "wrong", address: str = "192.0.2.1", **headers: str) -> Any:  # noqa: S107
    client = Client(REMOTE_ADDR=address, headers=headers)
    return client.post(LOGIN, {"username": name, "password": password})


def later(minutes: float) -> None:
    """Let time pass: what is stored is so much older."""
    for model in (AccessAttempt, AccessFailureLog):
        for row in model.objects.all():
            model.objects.filter(pk=row.pk).update(attempt_time=row.attempt_time - timedelta(minutes=minutes))


@pytest.mark.usefixtures("editor")
def test_an_address_is_locked_out_for_a_time(caplog: pytest.LogCaptureFixture) -> None:
    assert [guess().status_code for _ in range(FAILURES)] == [200, 200, 429]
    for name, password in (("anna", "right"), ("someone", "wrong")):
        refused = guess(name, password)
        assert refused.status_code == 429
        assert MINUTES * 60 - 60 < int(refused["Retry-After"]) <= MINUTES * 60
        assert refused["Cache-Control"] == "no-store"
        page = refused.content.decode()
        assert re.search(rf"too many login attempts.* \({MINUTES}\sminutes\)", page), page
        assert "Log in" in page
    assert guess("anna", "right", "192.0.2.2").status_code == 302, "another address"
    locks = [line for line in caplog.messages if line.startswith("Logins locked")]
    assert locks == ["Logins locked for 10 minutes: user 'anna' from 192.0.2.1"]
    later(MINUTES + 1)
    assert guess("anna", "right").status_code == 302


@pytest.mark.usefixtures("editor")
def test_who_goes_on_trying_is_locked_no_longer_and_stores_nothing() -> None:
    for _ in range(FAILURES):
        guess()
    stored = AccessAttempt.objects.count(), AccessFailureLog.objects.count()
    later(MINUTES - 1)
    for number in range(20):
        assert guess(f"name{number}", user_agent=f"agent {number}").status_code == 429
    assert (AccessAttempt.objects.count(), AccessFailureLog.objects.count()) == stored
    later(2)
    assert guess(password="right").status_code == 302


@pytest.mark.usefixtures("editor")
def test_a_name_is_locked_by_many_addresses_alone() -> None:
    """One stranger cannot lock an editor out; a net of them can, and guesses no more."""
    statuses = [guess(address=f"192.0.2.{number // 2}").status_code for number in range(2, FAILURES * 10 + 1)]
    assert set(statuses) == {200}
    assert guess(address="192.0.2.200").status_code == 429
    assert guess("anna", "right", "203.0.113.5").status_code == 429
    assert guess("bert", "wrong", "203.0.113.5").status_code == 200


@pytest.mark.usefixtures("editor")
def test_a_login_resets_the_failures_of_that_name_alone() -> None:
    """Otherwise whoever has an account could guess the passwords of others without an end."""
    User.objects.create_user("mallory", password="own", is_staff=True)
    guess()
    guess()
    assert guess("mallory", "own").status_code == 302
    assert guess().status_code == 429


@pytest.mark.usefixtures("editor")
def test_after_mistypings_a_login_begins_anew() -> None:
    for _ in range(3):
        assert [guess().status_code for _ in range(FAILURES - 1)] == [200, 200]
        assert guess(password="right").status_code == 302


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::"),
        ("", "::"),
        ("unix:", "::"),
    ],
)
def test_whom_failures_are_counted_for(rf: Any, address: str, client: str) -> None:
    assert client_of(rf.get("/", REMOTE_ADDR=address)) == client


@pytest.mark.usefixtures("editor")
def test_headers_make_nobody_another_client() -> None:
    for number in range(FAILURES):
        forged = {"x_forwarded_for": f"198.51.100.{number}", "x_real_ip": "1.1.1.1", "forwarded": "for=1.1.1.1"}
        response = guess(user_agent=f"agent {number}", **forged)
    assert response.status_code == 429


@pytest.mark.usefixtures("editor")
def test_the_page_speaks_the_language_of_the_browser() -> None:
    for _ in range(FAILURES):
        page = guess(accept_language="de").content.decode()
    assert "zu viele fehlgeschlagene Anmeldeversuche" in page or "Zu viele" in page, page
    assert "Minuten" in page


def test_what_was_typed_into_a_form_outlives_a_lock(editor: User) -> None:
    grid = GridFactory.create()
    client = Client(REMOTE_ADDR="192.0.2.1")
    client.force_login(editor)
    form = fields_of(client.get(change_url(grid)), "grid_form") | {"title": ["Typed"]}
    client.cookies.clear()
    for _ in range(FAILURES):
        login = client.post(change_url(grid), form | {"username": ["anna"], "password": ["wrong"]})
    assert login.status_code == 429
    assert fields_of(login, "login-form")["title"] == ["Typed"]
    stored = AccessAttempt.objects.get()
    assert "wrong" not in stored.post_data
    assert form["csrfmiddlewaretoken"][0] not in stored.post_data


@pytest.mark.usefixtures("editor")
@pytest.mark.parametrize("name", ["x" * 100_000, "\0", "<script>owned()</script>", "anna\nLogin: fine", "\u202e"])
def test_any_name_is_a_name(name: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(FAILURES + 1):
        response = guess(name, user_agent="x" * 5_000)
        assert response.status_code in {200, 429}
        assert Looked(response.content.decode()).faults == []
    assert all("\n" not in line and len(line) < 300 for line in caplog.messages)


@pytest.mark.usefixtures("editor")
def test_the_log_is_for_superusers_and_a_deletion_unlocks(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(FAILURES):
        guess()
    client = Client(REMOTE_ADDR="192.0.2.9")
    client.post(LOGIN, {"username": "anna", "password": "right"})
    (attempt,) = AccessAttempt.objects.all()
    for model in ("accessattempt", "accessfailurelog", "accesslog"):
        page = client.get(f"/admin/axes/{model}/").content.decode()
        assert ("192.0.2.1" if model != "accesslog" else "192.0.2.9") in page
    assert client.post(f"/admin/axes/accessattempt/{attempt.pk}/delete/", {"post": "yes"}).status_code == 302
    assert guess(password="right").status_code == 302
    assert not [line for line in caplog.messages if "AXES" in line]


def test_logins_that_are_old_are_deleted() -> None:
    guess()
    AccessLog.objects.create(username="anna", ip_address="192.0.2.1")
    Session.objects.create(session_key="k", session_data="", expire_date=timezone.now() + timedelta(days=1))
    now = timezone.now()
    assert prune(now) == ""
    assert prune(now + timedelta(minutes=MINUTES + 1)) == "deleted of logins: 1 row"
    assert prune(now + RETENTION + timedelta(days=1)) == "deleted of logins: 3 rows"


def test_a_request_that_is_no_login_asks_nothing(client: Client, editor: User) -> None:
    client.force_login(editor)
    for path in ("/api/v4/packages/", "/admin/", "/robots.txt", LOGIN):
        with CaptureQueriesContext(
            connection,
        ) as asked:
            client.get(path)
        assert not [each for each in asked.captured_queries if "axes_" in each["sql"]], path


@pytest.mark.usefixtures("editor")
@pytest.mark.parametrize("path", ["x%00y", "x" * 600, "1%F0%9F%98%80%ff", "1/history/%00"])
def test_a_failure_counts_at_any_path(path: str) -> None:
    """Admin logs in at the URL of any form, and the log stores the path: also one that PostgreSQL could not store."""
    client = Client(REMOTE_ADDR="192.0.2.1")
    form = {"username": "anna", "password": "wrong", "\0": "\0"}
    statuses = [client.post(f"/admin/grids/grid/{path}/change/", form).status_code for _ in range(FAILURES)]
    assert statuses == [200, 200, 429]
    assert AccessFailureLog.objects.count() == FAILURES
    elsewhere = Client(REMOTE_ADDR="192.0.2.2")
    assert elsewhere.post(f"/admin/grids/grid/{path}/change/", form | {"password": "right"}).status_code < 400
    assert AccessLog.objects.count() == 1
