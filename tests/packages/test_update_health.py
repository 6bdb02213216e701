"""manage.py update_health: what is due is settled, in batches; everything if the rules have changed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.database.turns import turn
from packages import settling, support
from packages.checks import check_ends_of_support
from packages.management.commands import update_health as command
from packages.models import Package, PackageHealth, SettledRules
from packages.settling import rules, update
from packages.settling.update import UnderWayError, update_health
from tests.factories import PackageFactory
from tests.packages.verdicts import assert_settled, due
from tests.threads import in_background

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("update_health", *arguments, stdout=out)
    return out.getvalue()


def fail_for(*ids: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def settle(chosen: Sequence[int], *arguments: Any) -> settling.Settled:
        report = settling.settle(chosen, *arguments)
        if not set(ids).isdisjoint(chosen):
            raise ValueError("odd")
        return report

    monkeypatch.setattr(update, "settle", settle)


def test_what_is_due_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "BATCH", 2)
    PackageFactory.create_batch(5, last_updated=NOW, last_fetched=timezone.now())
    assert run() == "5 packages settled, 5 for the first time: no verdict changed\n"
    assert_settled()
    assert run() == "0 packages settled: no verdict changed\n"
    assert run("-v0") == "", "no mail from cron"
    Package.objects.filter(pk__in=Package.objects.values("pk")[:1]).update(deprecated=True)
    assert run() == "1 package settled: 1 verdict changed\n"
    assert_settled()


def test_what_has_expired_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "BATCH", 2)
    PackageFactory.create_batch(3, last_updated=NOW, last_fetched=timezone.now())
    run()
    PackageHealth.objects.update(valid_until=timezone.now())
    assert run() == "3 packages settled: no verdict changed\n"
    assert due() == []


def test_a_run_with_nothing_due_reads_no_package() -> None:
    PackageFactory.create_batch(3)
    run()
    with CaptureQueriesContext(connection) as queries:
        run()
    assert not any('packages_package"' in each["sql"] for each in queries)


def test_everything_is_settled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    PackageFactory.create_batch(
        2, reply_kind="finished", reply_until=date(2100, 1, 1), last_updated=NOW, last_fetched=timezone.now()
    )
    run()
    Package.objects.update(verdict_rank=7)
    assert run() == "0 packages settled: no verdict changed\n"
    assert run("--all") == "2 packages settled: 2 verdicts changed\n"
    monkeypatch.setattr(update, "version", lambda: "other rules")
    assert run() == "2 packages settled: no verdict changed\n"
    assert SettledRules.objects.get().version == "other rules"
    assert run() == "0 packages settled: no verdict changed\n"


def test_the_version_of_the_rules(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules.version()
    assert before == rules.version()
    settings.FORGE_HOSTS = {"git.example.org": "gitlab"}
    with_host = rules.version()
    assert with_host != before
    monkeypatch.setattr(rules, "_MODULES", rules._MODULES[:-1])
    rules._sources.cache_clear()
    assert rules.version() != with_host
    rules._sources.cache_clear()


def test_a_run_that_ends_early_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "BATCH", 2)
    packages = PackageFactory.create_batch(5)
    assert update_health(is_ending=lambda: True).settled == 2
    assert due() == [package.pk for package in packages[2:]]
    progress: list[tuple[int, int]] = []
    update_health(advance=lambda settled, number: progress.append((settled.settled, number)))
    assert progress == [(2, 3), (3, 3)]


def test_single_packages() -> None:
    packages = PackageFactory.create_batch(3)
    assert update_health(slugs=[packages[1].slug]).settled == 1
    assert due() == [packages[0].pk, packages[2].pk]
    assert not SettledRules.objects.exists()


@pytest.mark.parametrize("is_expired", [False, True])
def test_a_package_that_cannot_be_settled_keeps_no_other_from_its_verdict(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_expired: bool
) -> None:
    packages = PackageFactory.create_batch(7)
    if is_expired:
        run()
        PackageHealth.objects.update(valid_until=timezone.now())
    fail_for(packages[4].pk, monkeypatch=monkeypatch)
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("update_health", stdout=out)
    assert ended.value.code == 1
    assert out.getvalue().endswith(": no verdict changed; 1 package could not be settled (see the log)\n")
    assert due() == [packages[4].pk]
    assert [record.getMessage() for record in caplog.records] == [f"Package {packages[4].pk} cannot be settled"]


def test_a_run_fails_if_many_packages_cannot_be_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update, "MOST_FAILED", 1)
    packages = PackageFactory.create_batch(3)
    fail_for(*(package.pk for package in packages[1:]), monkeypatch=monkeypatch)
    with pytest.raises(ValueError, match="odd"):
        update_health()
    assert due() == [package.pk for package in packages[1:]]


def test_packages_that_came_to_a_repository_unseen_by_each_other_share_it() -> None:
    packages = [PackageFactory.create(repo_url="https://github.com/a/b") for _ in range(2)]
    run()
    PackageHealth.objects.update(warnings=[])
    Package.objects.filter(pk=packages[0].pk).update(pypi_downloads=1)
    assert due() == [packages[0].pk]
    run()
    assert_settled()


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UnderWayError, 3, "another run is under way, so this one does nothing\n"),
        (KeyboardInterrupt, 130, "interrupted: what was settled so far stays; run the command again for the rest\n"),
    ],
)
def test_how_a_run_ends(monkeypatch: pytest.MonkeyPatch, error: type[BaseException], code: int, message: str) -> None:
    def end(**_: object) -> None:
        raise error

    monkeypatch.setattr(command, "update_health", end)
    errors = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("update_health", stderr=errors)
    assert (ended.value.code, errors.getvalue()) == (code, message)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite's lock is of a file for each process")
def test_one_run_at_a_time() -> None:
    def run_too() -> None:
        with pytest.raises(UnderWayError):
            update_health()

    with turn(connection, "update_health", lambda: None):
        in_background(run_too).result()


def test_old_ends_of_support_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def warnings(days: int) -> list[CheckMessage]:
        monkeypatch.setattr(support, "TABLE_DAY", timezone.now().date() - timedelta(days=days))
        return check_ends_of_support()

    assert warnings(365) == []
    [warning] = warnings(366)
    assert warning.id == "packages.W001"
    assert "update_health" in str(warning.hint)
