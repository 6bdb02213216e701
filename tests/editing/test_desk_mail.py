"""The weekly mail of the desk: once a week, whatever runs twice or fails."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from editing.desk.lists.base import MOST
from editing.desk.mail import CLAIM, send
from editing.models import WeeklyMail
from fetchers.models import Run
from fetchers.refresh import Options, Refresh
from packages.models import Package
from tests.factories import CategoryFactory, GridFactory, PackageFactory
from tests.threads import in_background

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
pytestmark = pytest.mark.django_db
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")


class Failing(BaseEmailBackend):
    """A mail server that is down."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:  # noqa: ARG002 (Django's signature)
        raise ConnectionRefusedError("a-secret")


@pytest.fixture(autouse=True)
def _mail(settings: Settings) -> None:
    settings.DESK_MAIL = ["anna@example.org", "bob@example.org"]
    settings.DEFAULT_FROM_EMAIL = "desk@example.org"
    settings.SITE_URL = "https://packages.example.org"


def test_what_it_says() -> None:
    PackageFactory.create(title="A\nBcc: x@example.org", pypi_url="", repo_url="https://github.com/a/b")
    GridFactory.create(title="<b>Empty</b>")
    Run.objects.create(started=NOW, finished=NOW + timedelta(minutes=2), exit_code=0)
    assert send(NOW)
    [message] = mail.outbox
    assert message.to == ["anna@example.org", "bob@example.org"]
    assert message.from_email == "desk@example.org"
    assert message.subject == "Package Grids: 2 items to settle, 25 November 2026"
    assert message.body.splitlines() == [
        "The desk: https://packages.example.org/admin/",
        "",
        "To do",
        "  No PyPI project: 1  https://packages.example.org/admin/desk/no-project/",
        "  Empty grid: 1  https://packages.example.org/admin/desk/empty-grid/",
        "",
        "Packages by source and host",
        "  Repository at github.com: 0 fresh, 1 due, 0 failing, 0 gone",
        "",
        "Last runs",
        "  Today 07:00: 0 packages asked, none failed, 2 minutes",
        "  https://packages.example.org/admin/fetchers/run/",
    ]
    assert message.content_subtype == "plain"


def test_long_lists_are_not_counted_to_their_ends() -> None:
    category = CategoryFactory.create()
    Package.objects.bulk_create(Package(title=f"P{n}", slug=f"p{n}", category=category) for n in range(MOST + 5))
    GridFactory.create()
    assert send(NOW)
    [message] = mail.outbox
    assert message.subject == f"Package Grids: more than {MOST + 1} items to settle, 25 November 2026"
    assert f"No PyPI project: {MOST}+  " in message.body


def test_once_a_week() -> None:
    sent = [send(NOW + timedelta(days=days, hours=hours)) for days in range(8) for hours in (0, 1)]
    assert [place for place, each in enumerate(sent) if each] == [0, 10], "on the Monday after, by the first run"
    assert len(mail.outbox) == 2
    assert all(row.sent for row in WeeklyMail.objects.all())


def test_nobody_gets_it_without_the_setting(settings: Settings) -> None:
    settings.DESK_MAIL = []
    assert not send(NOW)
    assert not WeeklyMail.objects.exists()


def test_a_server_that_fails_is_tried_by_the_next_run(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Failing"
    assert Refresh(Options(sources=("repo",))).run().exit_code == 0
    assert [record.getMessage() for record in caplog.records if record.name == "editing.desk.mail"] == [
        "The weekly mail was not sent, and is tried by the next run: ConnectionRefusedError"
    ]
    assert WeeklyMail.objects.get().sent is None
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Refresh(Options(sources=("repo",), slugs=("none",))).run()
    assert mail.outbox == [], "a refresh of single packages does no housekeeping"
    Refresh(Options(sources=("repo",))).run()
    Refresh(Options(sources=("repo",))).run()
    assert len(mail.outbox) == 1


def test_a_run_that_died_is_not_waited_for_forever() -> None:
    today = timezone.localdate(NOW)
    WeeklyMail.objects.create(monday=today - timedelta(days=today.weekday()), claimed=NOW)
    assert not send(NOW + CLAIM)
    assert send(NOW + CLAIM + timedelta(seconds=1))


@postgresql
@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once() -> None:
    barrier, sent = Barrier(2), []

    def run() -> None:
        barrier.wait(10)
        sent.append(send(NOW))

    for thread in [in_background(run) for _ in range(2)]:
        thread.result()
    assert sorted(sent) == [False, True]
    assert len(mail.outbox) == 1


def test_old_weeks_are_deleted() -> None:
    send(NOW)
    send(NOW + timedelta(days=500))
    assert WeeklyMail.objects.count() == 1


def test_a_title_is_no_header(settings: Settings) -> None:
    PackageFactory.create(pypi_url="", title="x\r\nBcc: y@example.org")
    assert send(NOW)
    headers: Any = mail.outbox[0].message()
    assert headers["Bcc"] is None
