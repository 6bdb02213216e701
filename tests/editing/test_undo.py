"""Undoing: of each kind of row, of what goes along, and of undoing itself."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Model

from categories.models import Category
from changes.models import OldSlug
from editing.models import Edit, EditBatch
from editing.recorder import recording
from editing.tables import TABLES
from editing.undo import Undone, undo
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import FetchState, Package, PackageHealth, Release, RepositoryAlias, Snapshot
from packages.settling import settled
from tests.conftest import Get
from tests.factories import (
    CategoryFactory,
    CellFactory,
    FeatureFactory,
    GridFactory,
    MembershipFactory,
    PackageFactory,
)

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 4, 5, 6, 789012, tzinfo=UTC)
FACTORIES = (CategoryFactory, PackageFactory, GridFactory, MembershipFactory, FeatureFactory, CellFactory)


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", password="x", is_staff=True)


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return all recorded rows, without the time of the last save, verdicts that are settled anew, and old slugs."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for table in (each for each in TABLES if each.model not in {PackageHealth, OldSlug}):
        stored = list(table.model._base_manager.order_by("pk").values())
        rows[table.name] = [{n: row[n] for n in row if n not in {"modified", "verdict_rank"}} for row in stored]
    return rows


def undone(batch: EditBatch, user: User, **how: Any) -> EditBatch:
    done = undo(batch, user, **how)
    assert done.notes == []
    assert done.batch is not None
    return done.batch


def there_and_back(batch: EditBatch, user: User, before: Any, after: Any) -> None:
    """Undo, undo the undoing, and undo that again."""
    for expected in (before, after, before):
        assert everything() != expected
        batch = undone(batch, user)
        assert everything() == expected


REPLY = {"reply_kind": "finished", "reply_note": "All done.", "reply_until": date(2027, 1, 1)}
CHANGES: dict[type[Model], dict[str, Any]] = {
    Category: {"title": "Other", "show_pypi": False},
    Package: {"title": "Other", "slug": "other", "documentation_url": None, **REPLY},
    Grid: {"description": "One\nTwo", "is_locked": True},
    GridPackage: {"position": 7},
    Feature: {"title": "Other", "position": 3},
    Cell: {"text": "no"},
}


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_row_that_was_created(anna: User, factory: Any) -> None:
    factory.create()
    before = everything()
    with recording(anna, "Added") as recorded:
        factory.create()
    assert (recorded.batch.user, recorded.batch.user_name, recorded.batch.words) == (anna, "anna", "Added")
    there_and_back(recorded.batch, anna, before, everything())


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_row_that_was_changed(anna: User, factory: Any) -> None:
    row = factory.create()
    before = everything()
    with recording(anna) as recorded:
        type(row)._default_manager.filter(pk=row.pk).update(**CHANGES[type(row)])
    edit = Edit.objects.get(batch=recorded.batch, table_name=row._meta.db_table)
    assert set(CHANGES[type(row)]) <= set(edit.before or {})
    there_and_back(recorded.batch, anna, before, everything())


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_row_that_was_deleted(anna: User, factory: Any) -> None:
    row = factory.create()
    before = everything()
    with recording(anna) as recorded:
        row.delete()
    there_and_back(recorded.batch, anna, before, everything())


def whole_package() -> Package:
    """Return a package with a row in every table that belongs to packages."""
    with settled():
        package = PackageFactory.create(
            slug="first",
            repo_url="https://github.com/a/b",
            pypi_url="b",
            repo_watchers=5,
            stars_trend=0.1 + 0.2,
            commits_over_52=list(range(52)),
            participants=["anna", 'b“\\"ob'],
            classifiers=["Framework :: Django"],
            last_fetched=NOW,
            last_updated=NOW - timedelta(days=3),
            pypi_version="1.0",
            released=NOW,
        )
        Release.objects.create(package=package, version="1.0", uploaded_at=NOW)
        Release.objects.create(package=package, version="0.9", yanked=True)
        RepositoryAlias.objects.create(package=package, repo_url="https://github.com/a/old", repo_key="o", until=NOW)
        for source, target in (("repo", package.repo_key), ("pypi", package.pypi_name)):
            state = {"last_success": NOW, "validators": {"head": "abc", "more": [1, None]}}
            FetchState.objects.create(
                package=package, source=source, target=target, outcome="ok", next_due=NOW, **state
            )
        for day in range(3):
            Snapshot.objects.create(package=package, day=date(2026, 11, day + 1), stars=day, downloads=2**40)
    Package.objects.update(slug="second")
    PackageFactory.create(replaced_by=package)
    member = MembershipFactory.create(package=package)
    CellFactory.create(membership=member, feature=FeatureFactory.create(grid=member.grid), text="yes: “it” is\n")
    return Package.objects.get(pk=package.pk)


def test_a_package_comes_back_with_all_that_went_with_it(anna: User, get: Get) -> None:
    package = whole_package()
    pk = package.pk
    before, served = (
        everything(),
        [get(f"packages/{pk}/{path}").json() for path in ("", "history/", "releases/")],
    )
    health = PackageHealth.objects.get(package=package)
    assert OldSlug.objects.get().slug == "first"
    with recording(anna) as recorded:
        package.delete()
    after = everything()
    assert not any(after.get(table.name) for table in TABLES if not table.edited)
    there_and_back(recorded.batch, anna, before, after)
    assert PackageHealth.objects.get(package=pk).since == health.since
    assert OldSlug.objects.get().slug == "first"
    again = [get(f"packages/{pk}/{path}").json() for path in ("", "history/", "releases/")]
    for document in (served[0], again[0]):
        document.pop("modified")
    assert again == served


def test_a_grid_comes_back_with_members_features_and_cells(anna: User) -> None:
    grid = CellFactory.create().feature.grid
    CellFactory.create()
    before = everything()
    with recording(anna) as recorded:
        grid.delete()
    assert recorded.batch.tally == {
        "grids_cell": {"deleted": 1},
        "grids_feature": {"deleted": 1},
        "grids_grid": {"deleted": 1},
        "grids_gridpackage": {"deleted": 1},
    }
    assert set(Edit.objects.values_list("grid_id", flat=True)) == {grid_id(before, grid)}
    there_and_back(recorded.batch, anna, before, everything())


def grid_id(rows: Any, grid: Grid) -> int:
    [pk] = [row["id"] for row in rows["grids_grid"] if row["slug"] == grid.slug]
    return int(pk)


def test_facts_come_back_with_their_address(anna: User) -> None:
    package = whole_package()
    before = everything()
    with recording(anna) as recorded:
        package.repo_url, package.pypi_url = "https://github.com/x/y", "z"
        package.save()
    after = everything()
    assert Package.objects.get(pk=package.pk).repo_watchers == 0
    assert not Release.objects.exists()
    there_and_back(recorded.batch, anna, before, after)


def test_what_was_fetched_since_is_of_no_interest_to_another_column(anna: User) -> None:
    package = whole_package()
    with recording(anna) as recorded:
        Package.objects.filter(pk=package.pk).update(title="Other")
    Package.objects.filter(pk=package.pk).update(repo_watchers=99)
    FetchState.objects.filter(source="repo").update(failures=1)
    undone(recorded.batch, anna)
    row = Package.objects.get(pk=package.pk)
    assert (row.title, row.repo_watchers) == (package.title, 99)


def test_a_merge(anna: User) -> None:
    """Memberships and cells of one package go to another, the one that is left is deleted."""
    gone, left = whole_package(), PackageFactory.create()
    before = everything()
    with recording(anna) as recorded:
        Release.objects.filter(package=gone, version="0.9").update(package=left)
        cells = list(Cell.objects.all())
        Cell.objects.all().delete()
        GridPackage.objects.filter(package=gone).update(package=left)
        Cell.objects.bulk_create(cells)
        Package.objects.filter(replaced_by=gone).update(replaced_by=left)
        slug = gone.slug
        gone.delete()
        left.slug = slug
        left.save()
    there_and_back(recorded.batch, anna, before, everything())


def test_a_slug_that_a_new_document_took_over(anna: User) -> None:
    package = PackageFactory.create(slug="name")
    before = everything()
    with recording(anna) as recorded:
        Package.objects.filter(pk=package.pk).update(slug="former")
        PackageFactory.create(slug="name", category=package.category)
    there_and_back(recorded.batch, anna, before, everything())


def test_a_category_that_its_packages_left(anna: User) -> None:
    package = PackageFactory.create()
    before = everything()
    with recording(anna) as recorded:
        Package.objects.update(category=CategoryFactory.create())
        Category.objects.get(pk=package.category_id).delete()
    there_and_back(recorded.batch, anna, before, everything())


def test_one_row_of_a_batch(anna: User) -> None:
    package, other = whole_package(), PackageFactory.create()
    before = everything()
    with recording(anna) as recorded:
        package_id = package.pk
        package.delete()
        other.delete()
    edit = Edit.objects.get(batch=recorded.batch, table_name="packages_package", object_id=package_id)
    undone(recorded.batch, anna, only=edit)
    assert set(Package.objects.values_list("pk", flat=True)) == {
        package_id,
        *(row["id"] for row in before["packages_package"] if row["replaced_by_id"] == package_id),
    }
    assert Cell.objects.exists()
    assert Snapshot.objects.count() == 3
    assert undo(recorded.batch, anna).rows == 1, "the other one is left to undo"
    assert everything() == before


def test_undoing_twice_does_nothing_the_second_time(anna: User) -> None:
    with recording(anna) as recorded:
        CategoryFactory.create()
    undone(recorded.batch, anna)
    assert undo(recorded.batch, anna) == Undone()
    assert EditBatch.objects.count() == 2
