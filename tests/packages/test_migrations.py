"""Migrations of packages that change columns with rows in them, forwards and backwards."""

from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.utils import IntegrityError

from packages.models import Package, Snapshot
from tests.factories import PackageFactory

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
