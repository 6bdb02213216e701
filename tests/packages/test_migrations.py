"""Migrations of packages that change columns with rows in them, forwards and backwards."""

import logging
import time
from importlib import import_module
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import IntegrityError

from core.database import locks
from packages.models import Package, Snapshot
from tests.factories import PackageFactory
from tests.threads import in_background

pytestmark = pytest.mark.django_db(transaction=True)

INT = 2**31 - 1


def rows(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]


def names() -> set[str]:
    """The names of the indexes and constraints with the column, which an upgrade must not lose."""
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, "packages_package")
    return {name for name, each in constraints.items() if "pypi_downloads" in (each["columns"] or [])}


def test_downloads_outgrow_32_bits() -> None:
    package = PackageFactory.create(pypi_downloads=INT)
    PackageFactory.create(pypi_downloads=None)
    Snapshot.objects.create(package=package, day="2026-01-01", downloads=7)
    before = names()
    assert "package_downloads" in before
    try:
        call_command("migrate", "packages", "0006", verbosity=0)
        assert rows("SELECT pypi_downloads FROM packages_package ORDER BY id") == [INT, None]
        assert names() == before
    finally:
        call_command("migrate", verbosity=0)
    assert list(Package.objects.order_by("pk").values_list("pypi_downloads", flat=True)) == [INT, None]
    assert Snapshot.objects.get().downloads == 7
    assert names() == before
    Package.objects.filter(pk=package.pk).update(pypi_downloads=2_200_000_000)
    Snapshot.objects.update(downloads=2_200_000_000)
    with pytest.raises(IntegrityError):
        Package.objects.filter(pk=package.pk).update(pypi_downloads=-1)


def test_the_way_back_cuts_what_is_too_large() -> None:
    package = PackageFactory.create(pypi_downloads=2_200_000_000, licence="MIT AND " * 30 + "MIT")
    other = PackageFactory.create(licence="MIT")
    Snapshot.objects.create(package=package, day="2026-01-01", downloads=2_200_000_000)
    try:
        call_command("migrate", "packages", "0006", verbosity=0)
        if connection.vendor == "postgresql":
            assert rows("SELECT max(pypi_downloads) FROM packages_package") == [INT]
            assert rows("SELECT downloads FROM packages_snapshot") == [INT]
        assert rows("SELECT licence FROM packages_package ORDER BY id") == ["", "MIT"]
    finally:
        call_command("migrate", verbosity=0)
    assert Package.objects.get(pk=other.pk).licence == "MIT"


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite copies the table")
def test_an_interrupted_upgrade_is_begun_again() -> None:
    PackageFactory.create(pypi_downloads=5)
    try:
        call_command("migrate", "packages", "0006", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE packages_package ADD COLUMN pypi_downloads_copy bigint")
            cursor.execute("CREATE INDEX package_downloads_copy ON packages_package (pypi_downloads_copy, id)")
    finally:
        call_command("migrate", verbosity=0)
    assert Package.objects.get().pypi_downloads == 5
    assert "pypi_downloads_copy" not in rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'packages_package'"
    )


def test_packages_with_one_url_are_told_apart_on_the_way_back(caplog: pytest.LogCaptureFixture) -> None:
    urls = ["https://github.com/a/b"] * 3 + ["https://github.com/a/b#subdirectory=x"] * 2
    urls += [f"https://github.com/a/b/tree/main/{'x' * 467}"] * 2 + ["", "", "https://github.com/a/c"]
    packages = [PackageFactory.create(repo_url=url) for url in urls]
    keys = list(Package.objects.order_by("pk").values_list("repo_key", flat=True))
    ids = [package.pk for package in packages]
    expected = urls.copy()
    expected[1], expected[2] = (f"{urls[0]}#{ids[number]}" for number in (1, 2))
    expected[4] = f"{urls[4]}&{ids[4]}"
    expected[6] = f"{urls[6][: 499 - len(str(ids[6]))]}#{ids[6]}"
    try:
        with caplog.at_level(logging.WARNING, "packages.migrations"):
            call_command("migrate", "packages", "0008", verbosity=0)
        assert rows("SELECT repo_url FROM packages_package ORDER BY id") == expected
        with connection.cursor() as cursor, pytest.raises(IntegrityError), transaction.atomic():
            cursor.execute("UPDATE packages_package SET repo_url = 'github.com/a/b'")
    finally:
        call_command("migrate", verbosity=0)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"package {ids[each]} has the repository URL of an earlier one: it becomes {expected[each]}"
        for each in (1, 2, 4, 6)
    ]
    for package in Package.objects.all():
        package.save()
    assert list(Package.objects.order_by("pk").values_list("repo_key", flat=True)) == keys
    Package.objects.update(repo_url="https://github.com/a/b")


def test_keys_of_snapshots_are_filled_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("packages.migrations.0011_fill_keys_of_facts"), "BATCH", 2)
    packages = [PackageFactory.create(repo_url=f"https://github.com/a/{number}") for number in range(3)]
    for package in packages:
        Snapshot.objects.bulk_create(Snapshot(package=package, day=f"2026-01-0{day}") for day in range(1, 6))
    Snapshot.objects.filter(package=packages[1], day="2026-01-02").delete()
    written = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        result = execute(sql, *arguments)
        if sql.startswith('UPDATE "packages_'):
            written.append(arguments[-1]["cursor"].rowcount)
        return result

    try:
        call_command("migrate", "packages", "0010", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE packages_snapshot SET repo_key = ''")
        with connection.execute_wrapper(note):
            call_command("migrate", "packages", "0011", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
    assert sum(written) == 3 + 14
    assert max(written) == 2
    assert not Snapshot.objects.exclude(repo_key__startswith="github.com/a/").exists()


on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no locks of tables")


@on_postgresql
def test_whatever_locks_out_readers_waits_for_moments_only() -> None:
    PackageFactory.create()
    patient: list[str] = []
    brief: list[str] = []

    def note(execute: Any, sql: str, *arguments: Any) -> Any:
        locking = sql.startswith(("ALTER TABLE", "DROP ", "CREATE TRIGGER")) and "packages_" in sql
        if locking and "VALIDATE" not in sql and "CONCURRENTLY" not in sql:
            with arguments[-1]["connection"].cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                (patient if cursor.fetchone() == ("0",) else brief).append(sql)
        return execute(sql, *arguments)

    try:
        with connection.execute_wrapper(note):
            call_command("migrate", "packages", "0006", verbosity=0)
            call_command("migrate", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)
    assert patient == []
    assert len(brief) > 20


@on_postgresql
def test_a_reader_that_stays_is_told_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump, for example, may take hours."""
    monkeypatch.setattr(locks, "LOCK_SECONDS", 0.2)
    monkeypatch.setattr(locks, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(locks, "TRIES", 3)
    PackageFactory.create(pypi_downloads=5)

    def read() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'")
            for _ in range(20):
                cursor.execute("SELECT count(*) FROM packages_package")
                time.sleep(0.05)

    try:
        call_command("migrate", "packages", "0006", verbosity=0)
        with transaction.atomic():
            rows("SELECT id FROM packages_package")
            reader = in_background(read)
            upgrade = in_background(call_command, "migrate", "packages", "0011")
            reader.result()
            with pytest.raises(CommandError, match=r"^packages_package is locked by other sessions. Run migrate again"):
                upgrade.result()
    finally:
        call_command("migrate", verbosity=0)
    assert Package.objects.get().pypi_downloads == 5


@on_postgresql
@pytest.mark.parametrize("after", ["0007_facts_of_pypi", "0008_partial_outcome", "0009_keys_of_facts"])
def test_an_interrupted_migration_is_begun_again(after: str) -> None:
    """Django does not know that it was done, as if the process had died at its end."""
    PackageFactory.create(repo_url="https://github.com/a/b")
    before = rows("SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'packages_%' ORDER BY 1")
    try:
        call_command("migrate", "packages", after, verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'packages' AND name = %s", [after])
    finally:
        call_command("migrate", verbosity=0)
    assert rows("SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'packages_%' ORDER BY 1") == before
    assert Package.objects.get().repo_facts_of == "github.com/a/b"
