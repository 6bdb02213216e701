"""Triggers mark the packages whose verdicts may follow from what was written, whoever has written it, and no others."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import F, QuerySet

from packages.models import FetchState, Package, PackageHealth, Release, UnsettledPackage
from packages.settling import settle
from packages.settling.reading import PACKAGE_COLUMNS_READ
from packages.triggers import HEALTH_TRIGGERS
from tests.changes.log import moved, sql
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC)
REPOSITORY = "https://github.com/a/b"
OTHER_VALUES: dict[str, Any] = {
    "repo_host": "x",
    "repo_key": "x/y",
    "repo_facts_of": "x/y",
    "repo_url": "https://github.com/x/y",
    "pypi_name": "x",
    "pypi_facts_of": "x",
    "modified": NOW,
    "last_fetched": NOW,
    "last_updated": NOW,
    "last_human_commit": NOW,
    "commits_over_52": [1] * 52,
    "participants": ["anna"],
    "archived": False,
    "pypi_version": "1.0",
    "classifiers": ["x"],
    "requires_python": ">=3",
    "pypi_status": "active",
    "pypi_downloads": 1,
    "deprecated": True,
    "reply_kind": "finished",
    "reply_until": date(2201, 1, 1),
    "gone_since": NOW,
}
NOT_READ = {
    "title": "x",
    "repo_watchers": 5,
    "repo_description": "x",
    "released": NOW,
    "verdict_rank": 3,
    "licence": "x",
}


def marked(write: Callable[[], object]) -> set[int]:
    """Return the ids of the packages that a write marks."""
    UnsettledPackage.objects.all().delete()
    write()
    return set(UnsettledPackage.objects.values_list("package_id", flat=True))


def update(rows: Any, **columns: Any) -> Callable[[], int]:
    """Return a function that updates rows, and nothing that follows from the columns."""
    return lambda: QuerySet.update(rows, **columns)


def _values(*columns: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    return columns


@pytest.fixture
def package() -> Package:
    PackageFactory.create()
    return PackageFactory.create(repo_url=REPOSITORY, reply_kind="help_wanted", reply_until=date(2200, 1, 1))


def test_every_column_that_verdicts_follow_from(package: Package) -> None:
    assert {*OTHER_VALUES, "replaced_by_id"} == set(PACKAGE_COLUMNS_READ)
    rows = Package.objects.filter(pk=package.pk)
    for column, value in OTHER_VALUES.items():
        assert marked(update(rows, **{column: value})) == {package.pk}, column
        assert marked(update(rows, **{column: value})) == set(), "nothing moved"
    successor = PackageFactory.create(repo_url="")
    assert marked(update(rows, replaced_by=successor)) == {package.pk}
    for column, value in NOT_READ.items():
        assert marked(update(rows, **{column: value})) == set(), column


def test_rows_that_belong_to_a_package(package: Package) -> None:
    pk = package.pk
    other = PackageFactory.create(repo_url="")
    assert marked(lambda: Release.objects.create(package=package, version="1")) == {pk}
    for columns in _values({"version": "2"}, {"yanked": True}, {"uploaded_at": NOW}):
        assert marked(update(Release.objects.all(), **columns)) == {pk}
    assert marked(lambda: Release.objects.update(requires_python=">=3")) == set()
    assert marked(lambda: Release.objects.update(package=other)) == {pk, other.pk}
    assert marked(lambda: sql("DELETE FROM packages_release")) == {other.pk}
    new: dict[str, Any] = {"package": package, "outcome": "ok", "next_due": NOW}
    assert marked(lambda: FetchState.objects.create(source="downloads", **new)) == set()
    assert marked(lambda: FetchState.objects.update(last_success=NOW)) == set()
    assert marked(lambda: FetchState.objects.all().delete()) == set()
    assert marked(lambda: FetchState.objects.create(source="repo", **new)) == {pk}
    reused, states = {"another_repository": "it is", "etag": "x"}, FetchState.objects.all()
    for columns in _values({"target": "x"}, {"last_success": NOW}, {"validators": reused}, {"source": "pypi"}):
        assert marked(update(states, **columns)) == {pk}
    for columns in _values({"failures": 2, "error": "x", "last_attempt": NOW}, {"validators": {**reused, "etag": "y"}}):
        assert marked(update(states, **columns)) == set()
    assert marked(lambda: FetchState.objects.update(source="downloads")) == {pk}
    PackageHealth.objects.create(package=package)
    assert marked(lambda: sql("DELETE FROM packages_packagehealth")) == {pk}


def test_others_of_a_repository(package: Package) -> None:
    other = PackageFactory.create(repo_url=REPOSITORY)
    both, rows = {package.pk, other.pk}, Package.objects.filter(pk=package.pk)
    for columns in ({"deprecated": True}, {"deprecated": False}, {"gone_since": NOW}, {"gone_since": None}):
        assert marked(update(rows, **columns)) == both, columns
    for status, expected in (("deprecated", both), ("quarantined", {package.pk}), ("active", both)):
        assert marked(update(rows, pypi_status=status)) == expected
    assert marked(update(rows, replaced_by=other)) == both
    assert marked(update(rows, replaced_by=None)) == both
    assert marked(update(rows, archived=True, last_updated=NOW, reply_kind="finished")) == {package.pk}
    assert marked(lambda: rows.update(repo_url="https://github.com/c/d")) == both
    assert marked(lambda: rows.update(repo_url=REPOSITORY)) == both
    assert marked(lambda: rows.update(repo_url=f"{REPOSITORY}/")) == {package.pk}
    third: list[Package] = []
    assert marked(lambda: third.append(PackageFactory.create(repo_url=REPOSITORY))) == {*both, third[0].pk}
    pk = third[0].pk
    assert marked(lambda: sql(f"DELETE FROM packages_package WHERE id = {pk}")) == both
    assert marked(lambda: third.append(PackageFactory.create(repo_url=REPOSITORY, deprecated=True))) == {third[1].pk}
    assert marked(third[1].delete) == set(), "neither the others nor itself"


def test_packages_without_a_repository_share_none() -> None:
    packages = PackageFactory.create_batch(2, repo_url="")
    rows = Package.objects.filter(pk=packages[0].pk)
    assert marked(update(rows, deprecated=True)) == {packages[0].pk}


def test_statements_that_write_many_rows() -> None:
    packages = PackageFactory.create_batch(3)
    ids = {package.pk for package in packages}
    assert marked(lambda: Package.objects.update(last_updated=NOW)) == ids

    def upsert() -> None:
        for package in packages:
            package.archived = package is packages[1]
        new = Package(id=max(ids) + 1, slug="new", title="New", category=packages[0].category, archived=True)
        Package.objects.bulk_create(
            [*packages, new], update_conflicts=True, unique_fields=["id"], update_fields=["archived"]
        )

    assert marked(upsert) == {*ids, max(ids) + 1}
    assert marked(upsert) == set()
    assert marked(lambda: sql("UPDATE packages_package SET archived = NULL, repo_watchers = 7")) == {*ids, max(ids) + 1}


def test_settling_marks_nothing() -> None:
    package = PackageFactory.create(last_updated=NOW, last_fetched=NOW)

    def settle_it() -> None:
        with transaction.atomic():
            settle([package.pk], NOW)

    assert marked(settle_it) == set()
    Package.objects.update(deprecated=True)
    assert marked(settle_it) == set()
    assert PackageHealth.objects.get().before == "maintained"


@pytest.mark.django_db(transaction=True)
def test_a_mark_is_no_change() -> None:
    package = PackageFactory.create()
    changes, kinds = moved(lambda: Release.objects.create(package=package, version="1"))
    assert (changes, kinds) == ([("package", "changed", package.pk)], {"packages"}), "the release alone"
    assert UnsettledPackage.objects.filter(package_id=package.pk).exists()


def test_a_package_is_marked_once() -> None:
    package = PackageFactory.create()
    for watchers in range(3):
        Package.objects.update(last_updated=NOW, repo_watchers=watchers, repo_id=F("repo_watchers"))
        Package.objects.update(last_updated=None)
    assert UnsettledPackage.objects.get().package_id == package.pk


@pytest.mark.django_db(transaction=True)
def test_what_was_written_without_triggers_is_made_good() -> None:
    packages = PackageFactory.create_batch(2)
    HEALTH_TRIGGERS.uninstall(connection)
    assert marked(lambda: Package.objects.update(deprecated=True)) == set()
    HEALTH_TRIGGERS.mend(connection)
    assert marked(lambda: HEALTH_TRIGGERS.mend(connection)) == set()
    HEALTH_TRIGGERS.mend(connection, everything=True)
    assert set(UnsettledPackage.objects.values_list("package_id", flat=True)) == {each.pk for each in packages}


@pytest.mark.django_db(transaction=True)
def test_a_flush_leaves_no_mark() -> None:
    package = PackageFactory.create()
    Release.objects.create(package=package, version="1")
    PackageHealth.objects.create(package=package)
    call_command("flush", interactive=False, verbosity=0)
    assert not UnsettledPackage.objects.exists()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no TRUNCATE")
def test_a_truncation_marks_the_packages_of_the_rows(package: Package) -> None:
    for table in ("release", "packagehealth", "fetchstate"):
        PackageHealth.objects.get_or_create(package=package)
        Release.objects.get_or_create(package=package, version="1")
        FetchState.objects.get_or_create(package=package, source="repo", outcome="ok", next_due=NOW)
        connection.check_constraints()
        assert marked(lambda: sql(f"TRUNCATE packages_{table}")) == {package.pk}  # noqa: B023
