"""The log and the revisions: every way of writing is noticed, and numbers follow the order of commits."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.test import Client

from categories.models import Category
from changes import triggers
from changes.models import Change
from core.models import Revision
from grids.models import Grid, GridPackage
from packages.models import FetchState, Package, Release, Snapshot
from tests.changes.log import last, moved, sql
from tests.changes.mirror import Mirror, catalogue
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.threads import in_background

# Numbers are given at commit: in a test that never commits there would be none.
pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")


def test_every_way_of_writing_is_noticed() -> None:
    category = CategoryFactory.create()
    package = PackageFactory.create(category=category)
    grid = GridFactory.create()
    pk, table = package.pk, Package._meta.db_table
    changed = [("package", "changed", pk)]

    def upsert() -> None:
        row = Package.objects.get(pk=pk)
        row.repo_watchers = 77
        Package.objects.bulk_create(
            [row], update_conflicts=True, unique_fields=["id"], update_fields=["repo_watchers", "last_fetched"]
        )

    def bulk_update() -> None:
        row = Package.objects.get(pk=pk)
        row.repo_forks = 5
        Package.objects.bulk_update([row], ["repo_forks"])

    assert moved(lambda: Package.objects.filter(pk=pk).update(licence="MIT")) == (changed, {"packages"})
    assert moved(upsert) == (changed, {"packages"})
    assert moved(bulk_update) == (changed, {"packages"})
    assert moved(lambda: sql(f"UPDATE {table} SET deprecated = NOT deprecated")) == (changed, {"packages"})
    assert moved(lambda: sql(f"UPDATE {table} SET title = 'other'")) == (changed, {"packages", "grids"})
    renamed = [("package", "renamed", pk)]
    assert moved(lambda: sql(f"UPDATE {table} SET slug = 'other'")) == (renamed, {"packages", "grids"})
    assert moved(lambda: sql(f"UPDATE {table} SET slug = 'other'")) == ([], set()), "nothing moved"
    fetched = Package.objects.filter(pk=pk)
    assert moved(lambda: fetched.update(last_fetched=NOW)) == ([], {"packages"}), "served, yet no change"
    gains = {"stars_30d": 1, "stars_90d": -1, "downloads_30d": 7, "stars_trend": 0.1, "downloads_trend": 0.2}
    assert moved(lambda: fetched.update(**gains)) == ([], {"packages"}), "served, yet no change"

    def rolled_back() -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            fetched.update(title="never")
            raise ZeroDivisionError

    assert moved(rolled_back) == ([], set())
    found, kinds = moved(lambda: GridPackage.objects.bulk_create([GridPackage(grid=grid, package=package)]))
    member = GridPackage.objects.get()
    assert (found, kinds) == ([("membership", "created", member.pk)], {"packages", "grids"})
    assert moved(lambda: GridPackage.objects.update(position=3))[0] == [("membership", "changed", member.pk)]
    other = GridFactory.create()
    renewed = [("membership", "deleted", member.pk), ("membership", "created", member.pk)]
    assert moved(lambda: GridPackage.objects.update(grid=other))[0] == renewed
    assert moved(lambda: sql("DELETE FROM grids_gridpackage"))[0] == [("membership", "deleted", member.pk)]
    assert moved(lambda: Category.objects.update(show_pypi=False)) == (
        [("category", "changed", category.pk)],
        {"categories"},
    )
    assert moved(lambda: Grid.objects.filter(pk=other.pk).delete()) == ([("grid", "deleted", other.pk)], {"grids"})
    assert moved(lambda: sql(f"DELETE FROM {table}")) == ([("package", "deleted", pk)], {"packages", "categories"})


def test_a_release_is_logged_as_a_change_of_its_package() -> None:
    package = PackageFactory.create()
    changed = ([("package", "changed", package.pk)], {"packages"})
    assert moved(lambda: Release.objects.create(package=package, version="1")) == changed
    assert moved(lambda: Release.objects.update(yanked=True)) == changed
    assert moved(lambda: Release.objects.update(yanked=True)) == ([], set())
    assert moved(lambda: sql("DELETE FROM packages_release")) == changed


def test_the_grids_of_a_package_are_logged_with_its_title() -> None:
    """They list it by that; of all packages at once, each grid is logged once on PostgreSQL."""
    package = PackageFactory.create()
    grids = [MembershipFactory.create(package=package).grid_id for _ in range(2)]
    MembershipFactory.create()
    this = Package.objects.filter(pk=package.pk)
    others = [("grid", "changed", grid) for grid in grids]
    assert sorted(moved(lambda: this.update(title="b", slug="c"))[0]) == [*others, ("package", "renamed", package.pk)]
    assert moved(lambda: this.update(slug="d"))[0] == [("package", "renamed", package.pk)]
    assert moved(lambda: this.update(title="b", repo_forks=9))[0] == [("package", "changed", package.pk)]
    found, _ = moved(lambda: sql("UPDATE packages_package SET title = 'x'"))
    assert len(found) == 5
    since = last() - 5
    numbers = Change.objects.filter(number__gt=since).order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(since + 1, since + 6))
    alone = PackageFactory.create()
    assert moved(lambda: Package.objects.filter(pk=alone.pk).update(title="y"))[0] == [("package", "changed", alone.pk)]


def test_rows_below_a_document_move_the_revision_only() -> None:
    package = PackageFactory.create()
    writes: list[Callable[[], object]] = [
        lambda: Snapshot.objects.create(package=package, day=NOW.date(), stars=1),
        lambda: FetchState.objects.create(package=package, source="repo", outcome="ok", next_due=NOW),
        lambda: FetchState.objects.update(failures=2),
    ]
    for write in writes:
        assert moved(write) == ([], {"packages"})


def test_a_row_that_gets_another_id() -> None:
    CategoryFactory.create(id=7)
    found, _ = moved(lambda: sql("UPDATE categories_category SET id = 8 WHERE id = 7"))
    assert found == [("category", "deleted", 7), ("category", "created", 8)]


def test_many_rows_in_one_statement_are_numbered_by_id() -> None:
    packages = PackageFactory.create_batch(30)
    found, _ = moved(lambda: Package.objects.update(repo_forks=9))
    assert found == [("package", "changed", package.pk) for package in packages]


def test_documents_are_counted() -> None:
    counts = dict(Revision.objects.values_list("kind", "rows"))
    PackageFactory.create_batch(3)
    Package.objects.all()[0].delete()
    GridFactory.create()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        PackageFactory.create()
        raise ZeroDivisionError
    now = dict(Revision.objects.values_list("kind", "rows"))
    assert {kind: now[kind] - counts.get(kind, 0) for kind in ("categories", "packages", "grids")} == {
        "categories": 3,
        "packages": 2,
        "grids": 1,
    }


@postgresql
def test_four_concurrent_writers_leave_no_gap(client: Client) -> None:
    """One of them holds its transaction open: nobody waits for it, and no reader misses its changes."""
    category = CategoryFactory.create()
    since = last()
    opened, done = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            PackageFactory.create(category=category, slug="slow", repo_url="")
            opened.set()
            assert done.wait(30)

    def quick(writer: int) -> None:
        for turn in range(25):
            with transaction.atomic():
                package = PackageFactory.create(category=category, slug=f"quick-{writer}-{turn}", repo_url="")
                MembershipFactory.create(grid=GridFactory.create(slug=f"g-{writer}-{turn}"), package=package)
                if turn % 5 == 4:
                    package.delete()

    mirror = Mirror(client)
    writers = [in_background(quick, number) for number in range(3)]
    slowest = in_background(slow)
    assert opened.wait(30)
    while any(writer.is_alive() for writer in writers):
        mirror.follow()
        assert mirror.seen == list(range(1, len(mirror.seen) + 1)), "a gap"
    for writer in writers:
        writer.result()
    assert slowest.is_alive(), "nobody waited for the slow one"
    mirror.follow()
    assert not [key for key, document in mirror.documents.items() if document["slug"] == "slow"]
    done.set()
    slowest.result()
    mirror.follow()
    assert mirror.seen == list(range(1, last() + 1))
    assert (mirror.documents, mirror.memberships) == catalogue(client)
    assert last() - since > 3 * 25 * 3


@postgresql
def test_a_commit_that_waits_for_a_foreign_key_holds_up_nobody() -> None:
    """A foreign key that is checked at commit may have to wait for a row, but not while holding the counter."""
    package = PackageFactory.create()
    grid = GridFactory.create()
    locked, done = threading.Event(), threading.Event()

    def holder() -> None:
        with transaction.atomic():
            Package.objects.select_for_update().get(pk=package.pk)
            locked.set()
            assert done.wait(30)
            Package.objects.filter(pk=package.pk).update(repo_forks=1)

    def waiter() -> None:
        with transaction.atomic():
            Category.objects.update(description="x")
            GridPackage.objects.create(grid_id=grid.pk, package_id=package.pk)

    holding = in_background(holder)
    assert locked.wait(30)
    waiting = in_background(waiter)
    time.sleep(0.3)
    assert waiting.is_alive()
    CategoryFactory.create()  # commits, though the waiter is in the middle of its own commit
    done.set()
    holding.result()
    waiting.result()


def test_documents_from_before_the_log_are_in_it(client: Client) -> None:
    member = MembershipFactory.create()
    triggers.uninstall(connection)
    try:
        missing = {each.table for each in triggers.LOG_TRIGGERS.deviations(connection)}
        assert {watched.table for watched in triggers.LOG_TRIGGERS.watched} < missing
        Change.objects.all().delete()
        Revision.objects.all().delete()
        triggers.seed(connection)
    finally:
        triggers.install(connection)
    assert triggers.LOG_TRIGGERS.deviations(connection) == []
    mirror = Mirror(client)
    mirror.follow()
    assert (mirror.documents, mirror.memberships) == catalogue(client)
    assert mirror.seen == [1, 2, 3, 4]
    pk = member.pk
    assert moved(member.delete)[0] == [("membership", "deleted", pk)]
    assert last() == 5
