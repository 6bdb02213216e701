"""The grid editor beside others who write the same grid at the same time, each on a connection of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection  # noqa: F401 (the condition below reads it)

from core import hooks
from grids.editor import save as saving
from grids.editor.edits import CellEdit, Deletion, Edits
from grids.editor.save import save
from grids.editor.state import state_of
from grids.models import Cell, Feature, Grid, GridPackage
from grids.spreadsheets import import_cells
from tests.factories import CellFactory
from tests.threads import in_background

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shared_database")]
postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")


@pytest.fixture
def cell(shared_database: str) -> Cell:
    return CellFactory.create(text="yes", feature__title="Maps", membership__package__slug="shop")


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna")


def typed(cell: Cell, text: str, was: str = "yes") -> Edits:
    edit = CellEdit(feature=cell.feature_id, package=cell.membership.package_id, text=text, was=was)
    return Edits(user=1, cells=[edit])


def texts() -> list[str]:
    return list(Cell.objects.order_by("id").values_list("text", flat=True))


@contextmanager
def held(user: str, text: str) -> Iterator[threading.Event]:
    """Have another one write the cell, and end his transaction only when the event is set."""
    is_written, may_end = threading.Event(), threading.Event()

    def write() -> None:
        with hooks.recording(user):
            Grid.objects.select_for_update(no_key=True).get()
            Cell.objects.update(text=text)
            is_written.set()
            may_end.wait(60)

    writer = in_background(write)
    assert is_written.wait(60)
    yield may_end
    may_end.set()
    writer.result()


def test_of_two_editors_of_one_cell_the_second_is_told(cell: Cell, anna: User) -> None:
    results = []

    def edit() -> None:
        results.append(save(cell.feature.grid_id, typed(cell, "mine"), anna, may_unlock=False))

    with held("bob", "theirs") as may_end:
        editor = in_background(edit)
        editor.join(0.3)
        assert editor.is_alive(), "it waits for the grid"
        may_end.set()
        editor.result()
    [saved] = results
    assert saved.words == ""
    assert [(each["kind"], each["who"]) for each in saved.conflicts] == [("text", "bob")]
    assert saved.state["texts"] == [["theirs"]]
    assert texts() == ["theirs"]


def test_both_save_at_the_same_time(cell: Cell, anna: User) -> None:
    """One of the two is written, the other one is told."""
    results: list[Any] = []
    begin = threading.Barrier(2)

    def edit(text: str) -> None:
        begin.wait(60)
        results.append((text, save(cell.feature.grid_id, typed(cell, text), anna, may_unlock=False)))

    editors = [in_background(edit, text) for text in ("one", "two")]
    for editor in editors:
        editor.result()
    assert sorted(bool(saved.conflicts) for _, saved in results) == [False, True]
    [written] = [text for text, saved in results if not saved.conflicts]
    assert texts() == [written]


def test_an_import_of_the_same_cell_is_not_undone_unseen(cell: Cell, anna: User) -> None:
    """The import has read its file, and its transaction begins before that of the editor."""
    results = []
    grid = cell.feature.grid
    is_written, may_end = threading.Event(), threading.Event()

    def imported() -> None:
        with hooks.recording("import_cells"):
            import_cells(grid.slug, b"Slug,Maps\nshop,imported\n")
            is_written.set()
            may_end.wait(60)

    def edit() -> None:
        results.append(save(grid.pk, typed(cell, "mine"), anna, may_unlock=False))

    importing = in_background(imported)
    assert is_written.wait(60)
    editor = in_background(edit)
    editor.join(0.3)
    assert editor.is_alive()
    may_end.set()
    importing.result()
    editor.result()
    assert [(each["kind"], each["who"]) for each in results[0].conflicts] == [("text", "import_cells")]
    assert texts() == ["imported"]


def test_an_import_waits_for_the_editor(cell: Cell, anna: User) -> None:
    """An import writes what its file has, by its own rule; the history has both."""
    grid = cell.feature.grid
    with held("anna", "edited") as may_end:
        importing = in_background(import_cells, grid.slug, b"Slug,Maps\nshop,imported\n")
        importing.join(0.3)
        assert importing.is_alive()
        may_end.set()
        importing.result()
    assert texts() == ["imported"]
    last = [edit for edit in hooks.last_edits(grid.pk) if edit.table == Cell._meta.db_table]
    assert [(edit.who, edit.row["text"]) for edit in last] == [("import_cells", "imported"), ("anna", "edited")]


@postgresql
def test_a_form_that_adds_the_same_cell_without_locking_the_grid(cell: Cell, anna: User) -> None:
    """The form of a cell locks no grid: the database refuses the second of two new cells, and the next try sees it."""
    feature, membership = cell.feature, cell.membership
    cell.delete()
    results = []
    begun, may_go_on = threading.Event(), threading.Event()
    real = saving._Saving.run
    calls = []

    def slow(self: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            begun.set()
            may_go_on.wait(60)
        return real(self)

    def edit() -> None:
        edits = Edits(user=1, cells=[CellEdit(feature=feature.pk, package=membership.package_id, text="mine", was="")])
        results.append(save(feature.grid_id, edits, anna, may_unlock=False))

    with mock.patch.object(saving._Saving, "run", slow):
        editor = in_background(edit)
        assert begun.wait(60)
        with hooks.recording("bob"):
            Cell.objects.create(feature=feature, membership=membership, text="theirs")
        may_go_on.set()
        editor.result()
    assert len(calls) == 2
    assert [(each["kind"], each["who"]) for each in results[0].conflicts] == [("text", "bob")]
    assert texts() == ["theirs"]


def test_a_feature_is_deleted_while_a_cell_of_it_is_written(cell: Cell, anna: User) -> None:
    grid = cell.feature.grid
    [shown] = state_of(grid)["features"]
    deletion = Edits(user=1, deleted=[Deletion(id=shown["id"], digest=shown["digest"])])
    results = []

    def delete() -> None:
        results.append(save(grid.pk, deletion, anna, may_unlock=False))

    with held("bob", "theirs") as may_end:
        editor = in_background(delete)
        may_end.set()
        editor.result()
    assert [(each["kind"], each["who"]) for each in results[0].conflicts] == [("deletion", "bob")]
    assert Feature.objects.count() == GridPackage.objects.count() == 1
