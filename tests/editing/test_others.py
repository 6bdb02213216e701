"""The history beside those who are no editors, and two editors beside each other."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from categories.models import Category
from changes.log import RETENTION
from editing.models import Edit, EditBatch
from editing.recorder import recording
from editing.triggers import EDIT_TRIGGERS
from editing.undo import RefusedError, undo
from grids.models import Grid
from packages.models import Package, Release
from packages.readiness.counts import count_readiness
from packages.rederived import rederive
from packages.results import save_results
from packages.settling.update import update_health
from tests.documents import catalogue, category
from tests.documents import package as document
from tests.factories import CellFactory, GridFactory, PackageFactory
from tests.fetchers.mirror.importing import import_documents
from tests.packages.test_results import FACTS, PYPI, attempt, create, fetched
from tests.threads import in_background

pytestmark = pytest.mark.django_db
postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")


def test_a_refresh_adds_no_row() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    save_results([attempt(package, fetched(PYPI), source="pypi")])
    assert Package.objects.get().repo_watchers == FACTS.watchers
    assert Release.objects.exists()
    rederive()
    update_health(everything=True)
    count_readiness(timezone.now())
    assert not Edit.objects.exists()
    assert not EditBatch.objects.exists()


def test_an_import_adds_no_row(tmp_path: Path) -> None:
    documents = catalogue(categories=[category(1)], packages=[document(1)])
    import_documents(tmp_path / "one", documents)
    documents["packages"][0]["title"] = "Other"
    import_documents(tmp_path / "two", documents)
    PackageFactory.create(pk=99, slug="mine", category=Category.objects.get())
    assert Package.objects.count() == 2
    import_documents(tmp_path / "three", documents, prune=True)
    assert not Edit.objects.exists()


def test_cells_of_a_spreadsheet_are_an_edit_of_the_command(tmp_path: Path) -> None:
    cell = CellFactory.create(text="yes")
    file = tmp_path / "cells.csv"
    file.write_text(f"Slug,{cell.feature.title}\n{cell.membership.package.slug},no\n")
    call_command("import_cells", cell.feature.grid.slug, str(file), verbosity=0)
    batch = EditBatch.objects.get()
    assert (batch.user_name, batch.words) == ("import_cells", f"Imported cells of the grid “{cell.feature.grid.slug}”")
    undo(batch, "anna")
    cell.refresh_from_db()
    assert cell.text == "yes"


def test_the_command_prunes_the_history_too(capsys: pytest.CaptureFixture[str]) -> None:
    with recording("anna"):
        GridFactory.create()
    EditBatch.objects.update(at=timezone.now() - RETENTION - timedelta(days=1))
    call_command("prune_changes")
    assert "deleted from the history: 1 edit older than 400 days" in capsys.readouterr().out
    assert not Edit.objects.exists()


def test_the_triggers_are_as_they_should_be() -> None:
    assert EDIT_TRIGGERS.deviations(connection) == []


@postgresql
@pytest.mark.django_db(transaction=True)
def test_undoing_waits_for_another_editor_and_leaves_what_that_one_wrote() -> None:
    grid = GridFactory.create(title="Old", description="old")
    with recording("anna") as recorded:
        Grid.objects.update(title="New", description="new")
    is_held, may_end = threading.Event(), threading.Event()

    def edit() -> None:
        with recording("bob"):
            Grid.objects.update(title="Newer")
            is_held.set()
            may_end.wait(60)

    editor = in_background(edit)
    is_held.wait(60)
    undoing = in_background(undo, recorded.batch, "carla")
    undoing.join(0.5)
    assert undoing.is_alive(), "it waits for the grid"
    may_end.set()
    editor.result()
    undoing.result()
    grid.refresh_from_db()
    assert (grid.title, grid.description) == ("Newer", "old")
    assert [batch.user_name for batch in EditBatch.objects.all()] == ["carla", "bob", "anna"]


@postgresql
@pytest.mark.django_db(transaction=True)
def test_a_batch_that_two_undo_at_the_same_time_is_undone_once() -> None:
    with recording("anna") as recorded:
        GridFactory.create()
    threads = [in_background(undo, recorded.batch, name) for name in ("bob", "carla")]
    for thread in threads:
        thread.result()
    assert not Grid.objects.exists()
    assert EditBatch.objects.filter(undoes=recorded.batch).count() == 1


@postgresql
@pytest.mark.django_db(transaction=True)
def test_two_editors_record_each_their_own() -> None:
    both_write = threading.Barrier(2, timeout=60)

    def edit(name: str) -> None:
        with recording(name):
            GridFactory.create(title=name)
            both_write.wait()

    for thread in [in_background(edit, name) for name in ("anna", "bob")]:
        thread.result()
    edits = Edit.objects.values_list("batch__user_name", "after__title")
    assert sorted(edits) == [("anna", "anna"), ("bob", "bob")]
    Grid.objects.update(title="by nobody")
    assert Edit.objects.count() == 2


def test_what_a_constraint_refuses_is_refused_as_a_whole() -> None:
    package, grid = PackageFactory.create(), GridFactory.create(title="Old")
    with recording("anna") as recorded:
        Grid.objects.update(title="New")
        package.delete()
    # A constraint that came later than the row
    edit = Edit.objects.get(batch=recorded.batch, table_name="packages_package")
    Edit.objects.filter(pk=edit.pk).update(before={**(edit.before or {}), "repo_watchers": -1})
    with pytest.raises(RefusedError):
        undo(recorded.batch, "bob")
    assert not Package.objects.exists()
    grid.refresh_from_db()
    assert (grid.title, EditBatch.objects.count()) == ("New", 1)
