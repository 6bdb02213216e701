"""The tables that triggers watch: every column of every document, and rows that are logged as their document."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models, transaction

from categories.serializers import CategorySerializer
from changes import triggers
from changes.models import Change
from changes.triggers import LogTriggers
from changes.triggers.watched import WATCHED, Owner, Watched
from core.kinds import Kind
from core.models import Revision
from grids.serializers import FeatureSerializer, GridSerializer
from packages.models import Package, Release
from packages.serializers import PackageSerializer, ReleaseSerializer
from tests.factories import GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)
on_postgresql = connection.vendor == "postgresql"


def served() -> set[tuple[str, str]]:
    """Return the tables and columns that the API reads for all keys of all documents."""
    columns: set[tuple[str, str]] = set()
    for serializer in (CategorySerializer, PackageSerializer, GridSerializer, FeatureSerializer):
        documents: Any = serializer.Meta.model.objects
        columns |= read_by(documents.for_api(serializer.Meta.columns.served))
    return columns | read_by(Release.objects.only("package", *ReleaseSerializer.Meta.fields))


def read_by(queryset: models.QuerySet[Any]) -> set[tuple[str, str]]:
    statement = str(queryset.query)
    named = re.findall(r'(?:FROM|JOIN) "(\w+)"(?: (?!ON|WHERE|ORDER|INNER|LEFT)(\w+))?', statement)
    tables: dict[str, set[str]] = {}  # subqueries beside each other have the same alias
    for table, alias in named:
        tables.setdefault(alias or table, set()).add(table)
    columns = {m._meta.db_table: {field.column for field in m._meta.concrete_fields} for m in apps.get_models()}
    read = re.findall(r'"?(\w+)"?\."(\w+)"', statement)
    return {(table, column) for alias, column in read for table in tables[alias] if column in columns[table]}


def unwatched(watched: Iterable[Watched]) -> set[tuple[str, str]]:
    """Return the served columns that are neither logged nor listed as not logged."""
    tables = {each.table: each for each in watched}
    assert {table for table, _ in served()} <= tables.keys()
    known = {(each.table, column) for each in tables.values() for column in ("id", *each.columns, *each.not_logged)}
    return served() - known


def test_every_column_of_every_document_is_watched() -> None:
    assert ("packages_package", "gone_since") in served()
    assert unwatched(WATCHED) == set()
    assert all(reason for watched in WATCHED for reason in watched.not_logged.values())


@pytest.mark.parametrize(
    ("table", "column"), [(watched.table, column) for watched in WATCHED for column in watched.columns]
)
def test_a_column_that_is_left_out_is_noticed(table: str, column: str) -> None:
    def without(watched: Watched) -> Watched:
        return replace(watched, columns=tuple(each for each in watched.columns if each != column))

    assert unwatched(without(each) if each.table == table else each for each in WATCHED) == {(table, column)}


def test_watched_columns_exist() -> None:
    with connection.cursor() as cursor:
        for watched in WATCHED:
            stored = {each.name for each in connection.introspection.get_table_description(cursor, watched.table)}
            assert {*watched.columns, *watched.not_logged, *watched.columns_shown_in} <= stored


# Rows that are logged as a change of their document


def logged(write: Callable[[], object]) -> list[tuple[str, str, int]]:
    since = Revision.objects.get(kind=Revision.LOG).number
    before = Revision.objects.get(kind="packages").number
    write()
    assert Revision.objects.get(kind="packages").number > before
    rows = Change.objects.filter(number__gt=since).order_by("number")
    last = Revision.objects.get(kind=Revision.LOG).number
    assert [row.number for row in rows] == list(range(since + 1, last + 1)), "a gap"
    return [(row.kind, row.action, row.object_id) for row in rows]


def test_a_row_is_logged_as_a_change_of_its_document() -> None:
    package, other = PackageFactory.create_batch(2)
    changed, other_changed = ("package", "changed", package.pk), ("package", "changed", other.pk)
    assert logged(lambda: Release.objects.create(package=package, version="1")) == [changed]
    assert logged(lambda: Release.objects.update(yanked=True)) == [changed]
    assert logged(lambda: Release.objects.update(package=other)) in ([changed, other_changed], [other_changed, changed])
    assert logged(lambda: Release.objects.filter(version="1").delete()) == [other_changed]
    row = Change.objects.latest("number")
    assert (row.slug, row.old_slug, row.grid_id, row.package_id) == (other.slug, "", None, None)


def test_an_update_without_a_change_is_not_logged() -> None:
    package = PackageFactory.create()
    Release.objects.create(package=package, version="1")
    since = Revision.objects.get(kind=Revision.LOG).number
    Release.objects.update(version="1")
    assert Revision.objects.get(kind=Revision.LOG).number == since


def test_a_row_without_its_document_is_not_logged() -> None:
    package = PackageFactory.create()
    Release.objects.create(package=package, version="1")

    def delete_the_document_first() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM packages_package")
            cursor.execute("DELETE FROM packages_release")

    assert logged(delete_the_document_first) == [("package", "deleted", package.pk)]


def test_a_package_with_releases_is_deleted() -> None:
    package = PackageFactory.create()
    Release.objects.create(package=package, version="1")
    pk = package.pk
    assert logged(package.delete) == [("package", "changed", pk), ("package", "deleted", pk)]


@pytest.mark.skipif(not on_postgresql, reason="SQLite logs every row")
def test_many_rows_of_a_document_are_logged_once_in_a_transaction() -> None:
    packages = PackageFactory.create_batch(2)
    changed = [("package", "changed", package.pk) for package in packages]

    def fetched() -> None:
        with transaction.atomic():
            Package.objects.filter(pk=packages[0].pk).update(pypi_version="9")
            for version in "123":
                Release.objects.bulk_create(Release(package=each, version=version) for each in packages)

    assert logged(fetched) == changed
    assert logged(lambda: Release.objects.update(yanked=True)) == changed
    assert logged(_truncate) == changed


def _truncate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE packages_release")


@pytest.fixture
def _releases_are_logged_as_grids() -> Iterator[None]:
    """Have releases logged as changes of a grid, which another table names, as with a cell of a grid's member."""
    owner = Owner(Kind.GRID, "(SELECT grid_id FROM grids_gridpackage AS m WHERE m.package_id = {row}.package_id)")
    columns = ("package_id", "version")
    triggers_of_test = LogTriggers(
        replace(each, logs_as=owner, columns=columns) if each.table == "packages_release" else each for each in WATCHED
    )
    triggers_of_test.mend(connection)
    yield
    triggers.LOG_TRIGGERS.mend(connection)


@pytest.mark.usefixtures("_releases_are_logged_as_grids")
def test_the_document_may_be_found_by_another_table() -> None:
    member, grid = MembershipFactory.create(), GridFactory.create()
    release = Release.objects.create(package=member.package, version="1")
    changed = ("grid", "changed", member.grid_id)
    assert logged(lambda: Release.objects.update(version="2")) == [changed]
    assert logged(release.delete) == [changed]
    assert grid.pk != member.grid_id


def test_a_column_of_a_later_migration_is_left_out() -> None:
    """A trigger that names a column which does not exist fails with every write."""
    later = LogTriggers(
        replace(each, columns=(*each.columns, "later"), columns_shown_in={"later": Kind.GRID}) if each.kind else each
        for each in WATCHED
    )
    try:
        later.install(connection)
        MembershipFactory.create()
        assert not any("later" in trigger.statement for trigger in later.triggers(connection))
    finally:
        triggers.install(connection)


def test_a_table_of_a_later_migration_is_left_out() -> None:
    later = LogTriggers((*WATCHED, Watched("packages_later", (Kind.PACKAGE,))))
    assert later.deviations(connection) == []
