"""Triggers that are missing or differ are reported, and installed after migrations and by command; others are left."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from changes.models import Change
from changes.triggers import LOG_TRIGGERS
from core.database import locks
from core.database.triggers import REGISTERED, Deviation
from core.models import Revision
from packages.models import Package
from search.models import Entry
from tests.factories import MembershipFactory, PackageFactory
from tests.servers import database_url

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = connection.vendor == "postgresql"
postgresql = pytest.mark.skipif(not on_postgresql, reason="of PostgreSQL")

# By hand: another body of an update trigger, and a trigger that was dropped, of the log and of the search.
if on_postgresql:
    EMPTY = "RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
    ALTERATIONS = [
        (f"CREATE OR REPLACE FUNCTION changes_packages_package_update() {EMPTY}", "changes_update", "has another body"),
        (f"CREATE OR REPLACE FUNCTION search_packages_package_update() {EMPTY}", "search_update", "has another body"),
        ("DROP TRIGGER changes_update ON packages_package", "changes_update", "is missing"),
        ("DROP TRIGGER search_update ON packages_package", "search_update", "is missing"),
        (
            "DROP TRIGGER changes_update ON packages_package; CREATE TRIGGER changes_update AFTER UPDATE"
            " ON packages_package REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT"
            " WHEN (pg_trigger_depth() > 9) EXECUTE FUNCTION changes_packages_package_update()",
            "changes_update",
            "is defined otherwise",
        ),
    ]
else:
    ALTERATIONS = [
        (
            f"DROP TRIGGER {app}_packages_package_update; CREATE TRIGGER {app}_packages_package_update"
            " AFTER UPDATE ON packages_package BEGIN SELECT 1; END",
            f"{app}_packages_package_update",
            "is defined otherwise",
        )
        for app in ("changes", "search")
    ]
    ALTERATIONS += [
        (f"DROP TRIGGER {name}", name, "is missing")
        for name in ("changes_packages_package_update", "search_packages_package_update")
    ]


def migrate() -> None:
    call_command("migrate", verbosity=0, skip_checks=False)


def install() -> None:
    call_command("install_triggers", verbosity=0)


@pytest.fixture(autouse=True)
def _all_installed() -> Iterator[None]:
    yield
    install()
    assert deviations() == []


def sql(statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in [statements] if on_postgresql else statements.split("; CREATE "):
            cursor.execute(statement if statement.startswith(("DROP", "CREATE")) else f"CREATE {statement}")


def deviations() -> list[Deviation]:
    return [each for triggers in REGISTERED for each in triggers.deviations(connection)]


def warnings() -> list[CheckMessage]:
    return run_checks(tags=[Tags.database], databases=["default"])


def revisions() -> dict[str, tuple[int, int]]:
    return {row.kind: (row.number, row.rows) for row in Revision.objects.all()}


def log() -> list[tuple[Any, ...]]:
    return list(Change.objects.order_by("number").values_list("number", "at", "kind", "action", "object_id", "slug"))


def identities() -> set[tuple[Any, ...]]:
    """Return system rows that change if a trigger or a function is created again or replaced."""
    query = "SELECT rowid, name, sql FROM sqlite_master WHERE type = 'trigger'"
    if on_postgresql:
        query = (
            "SELECT 'trigger', oid, xmin::text FROM pg_trigger"
            " UNION ALL SELECT 'function', oid, xmin::text FROM pg_proc WHERE proname LIKE ANY('{changes%,search%}')"
        )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return set(cursor.fetchall())


@pytest.mark.parametrize("mend", [migrate, install])
@pytest.mark.parametrize(("alteration", "name", "state"), ALTERATIONS)
def test_an_altered_trigger_is_reported_and_installed(
    alteration: str, name: str, state: str, mend: Callable[[], None]
) -> None:
    package = MembershipFactory.create().package
    assert warnings() == []
    sql(alteration)
    Package.objects.filter(pk=package.pk).update(title="missed", deprecated=True)
    [warning] = warnings()
    assert warning.id == "core.W001"
    assert f"this version: {name} on packages_package {state}. What is written" in warning.msg
    assert warning.hint == "Run: manage.py install_triggers"
    call_command("check", databases=["default"])  # no error
    before = revisions()
    mend()
    assert warnings() == []
    if name.startswith("changes"):
        assert all(revisions()[kind] > before[kind] for kind in ("categories", "packages", "grids"))
        assert revisions()["changes"] == before["changes"]
    else:
        assert revisions() == before
    call_command("check_search", verbosity=0)
    number = before["changes"][0]
    Package.objects.filter(pk=package.pk).update(title="noticed")
    changed = Change.objects.filter(number__gt=number, kind="package", action="changed", object_id=package.pk)
    assert changed.count() == 1
    assert Entry.objects.get(kind="package", object_id=package.pk).names.startswith("noticed ")


@pytest.mark.parametrize("mend", [migrate, install])
def test_where_nothing_differs_nothing_is_touched(mend: Callable[[], None]) -> None:
    MembershipFactory.create()
    before = revisions(), log(), identities()
    mend()
    mend()
    assert (revisions(), log(), identities()) == before


def test_only_what_differs_is_installed() -> None:
    MembershipFactory.create()
    before = identities()
    sql(ALTERATIONS[0][0])
    altered = identities()
    install()
    assert len(altered - before) == len(identities() - altered) == 1


def test_all_installs_everything() -> None:
    MembershipFactory.create()
    before, rows = revisions(), identities()
    call_command("install_triggers", all=True, verbosity=0)
    assert all(revisions()[kind][0] > before[kind][0] for kind in ("categories", "packages", "grids"))
    assert len(identities()) == len(rows)
    assert deviations() == []


def test_a_trigger_that_is_no_longer_used_is_dropped() -> None:
    name = "changes_update_old" if on_postgresql else "changes_packages_package_old"
    if on_postgresql:
        sql(f"CREATE FUNCTION {name}() {EMPTY}")
        sql(f"CREATE TRIGGER {name} AFTER UPDATE ON packages_package FOR EACH STATEMENT EXECUTE FUNCTION {name}()")
    else:
        sql(f"CREATE TRIGGER {name} AFTER UPDATE ON packages_package BEGIN SELECT 1; END")
    assert deviations() == [Deviation("packages_package", name, "is no longer used")]
    migrate()
    assert deviations() == []
    if on_postgresql:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_proc WHERE proname = %s", [name])
            assert cursor.fetchone() == (0,)


@postgresql
def test_a_function_that_triggers_share_is_compared_too() -> None:
    sql("CREATE OR REPLACE FUNCTION changes_number() RETURNS void LANGUAGE plpgsql AS $$ BEGIN NULL; END $$")
    assert deviations() == [Deviation("", "changes_number", "has another body")]
    [warning] = warnings()
    assert "this version: changes_number() has another body." in warning.msg
    migrate()
    assert deviations() == []


@postgresql
def test_a_lost_work_table_is_created_again() -> None:
    sql("DROP TABLE changes_pending")
    assert deviations() == [Deviation("changes_pending", "changes_commit", "is missing")]
    migrate()
    package = PackageFactory.create()
    assert Change.objects.filter(kind="package", object_id=package.pk).exists()


def test_the_command_names_what_it_has_installed(capsys: pytest.CaptureFixture[str]) -> None:
    sql(ALTERATIONS[0][0])
    name, state = ALTERATIONS[0][1:]
    call_command("install_triggers")
    assert capsys.readouterr().out == (
        f"Installed triggers: {name} on packages_package {state}. What was written without them is not in the log of"
        " changes: mirrors have to start afresh.\n"
    )
    sql(ALTERATIONS[0][0])
    call_command("migrate")
    assert f"Installed triggers: {name} on packages_package {state}.\n" in capsys.readouterr().out
    call_command("migrate")
    assert "Installed" not in capsys.readouterr().out


# Locks, on PostgreSQL


@contextmanager
def locked(table: str, mode: str = "ACCESS EXCLUSIVE") -> Iterator[Any]:
    """Another session that holds a table until it is closed."""
    session = psycopg2.connect(database_url())
    try:
        with session.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield session
    finally:
        session.close()


@postgresql
def test_nothing_is_locked_where_nothing_differs() -> None:
    with locked("packages_package"):
        call_command("migrate", verbosity=0)
        call_command("check", databases=["default"])


@postgresql
@pytest.mark.parametrize(
    ("command", "rest"), [("migrate", "Run: manage.py install_triggers"), ("install_triggers", "")]
)
def test_a_table_that_stays_locked(monkeypatch: pytest.MonkeyPatch, command: str, rest: str) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0.01)
    sql(ALTERATIONS[2][0])
    before = revisions()
    with (
        locked("packages_package", "ROW EXCLUSIVE"),  # as a writer
        pytest.raises(CommandError, match=f"packages_package is locked by other sessions.*{rest}") as error,
    ):
        call_command(command, verbosity=0)
    assert "\n" not in str(error.value)
    assert (deviations()[0].name, revisions()) == ("changes_update", before)
    call_command(command, verbosity=0)
    assert deviations() == []


@postgresql
def test_tries_until_the_table_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.2)
    sql(ALTERATIONS[2][0])
    with locked("packages_package") as session:
        timer = threading.Timer(1.0, session.rollback)
        timer.start()
        migrate()
        timer.join()
    assert deviations() == []


@postgresql
def test_waits_for_one_table_only_while_it_holds_none() -> None:
    """Writers that hold a later table and wait for an earlier one are not drawn into a deadlock."""
    sql(ALTERATIONS[2][0])
    with locked("packages_package", "ROW EXCLUSIVE") as session, session.cursor() as cursor:
        installing = threading.Thread(target=_install_in_a_thread)
        installing.start()
        for _ in range(20):
            cursor.execute("SET LOCAL lock_timeout = '5s'; LOCK TABLE categories_category IN ROW EXCLUSIVE MODE")
            cursor.execute("SELECT pg_sleep(0.05)")
        session.rollback()
        installing.join(30)
    assert deviations() == []


def _install_in_a_thread() -> None:
    try:
        install()
    finally:
        connection.close()


@postgresql
def test_two_processes_install_once() -> None:
    sql(ALTERATIONS[2][0])
    installed: list[list[Deviation]] = []

    def mend() -> None:
        try:
            installed.append(LOG_TRIGGERS.mend(connection))
        finally:
            connection.close()

    with locked("packages_package", "ROW EXCLUSIVE") as session:
        threads = [threading.Thread(target=mend) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)  # both have seen by now what is missing
        session.rollback()
        for thread in threads:
            thread.join(30)
    assert sorted(map(len, installed)) == [0, 1]


@pytest.fixture
def _other_programs_trigger() -> Iterator[None]:
    """A table of another program, with a trigger and a function whose names begin as ours do."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE blog_post (id integer, title text)")
        if on_postgresql:
            cursor.execute(
                "CREATE FUNCTION search_vector_update() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$"
            )
            when = "BEFORE INSERT ON blog_post FOR EACH ROW EXECUTE FUNCTION search_vector_update()"
        else:
            when = "AFTER INSERT ON blog_post BEGIN SELECT 1; END"
        cursor.execute(f"CREATE TRIGGER search_vector_update {when}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE blog_post")
        if on_postgresql:
            cursor.execute("DROP FUNCTION search_vector_update()")


@pytest.mark.usefixtures("_other_programs_trigger")
def test_triggers_of_other_programs_stay() -> None:
    assert warnings() == []
    before = identities()
    migrate()
    install()
    call_command("install_triggers", "--all", verbosity=0)
    names = {str(name) for row in identities() & before for name in row}
    assert on_postgresql or "search_vector_update" in names
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgname = 'search_vector_update'"
            if on_postgresql
            else "SELECT count(*) FROM sqlite_master WHERE name = 'search_vector_update'"
        )
        assert cursor.fetchone() == (1,)


def test_a_database_without_any_triggers_is_reported_although_migrations_are_pending() -> None:
    """SQLite's triggers are uninstalled before migrations: if one of these fails, they are still missing."""
    MigrationRecorder(connection).record_unapplied("packages", "0006_fetch_target")
    try:
        assert warnings() == [], "the triggers of before are compared after the migrations"
        for triggers in REGISTERED:
            triggers.uninstall(connection)
        assert {warning.id for warning in warnings()} == {"core.W001"}
        assert len(warnings()) == len(REGISTERED)
    finally:
        MigrationRecorder(connection).record_applied("packages", "0006_fetch_target")
