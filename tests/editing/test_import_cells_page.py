"""The import of cells from CSV in admin: a row of the file is a cell."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from editing.models import EditBatch
from grids.models import MOST_CHARACTERS, Cell, Feature, Grid
from tests.editing.importing import CELLS as URL
from tests.editing.importing import apply, differences, file_error, imported, number_of, preview, refusals, sheet
from tests.editing.test_admin import text_of, user_with
from tests.editing.test_undo import everything, undone
from tests.factories import FeatureFactory, GridFactory, MembershipFactory

pytestmark = pytest.mark.django_db
TITLES = ("grid", "package", "feature", "text")


@pytest.fixture
def grid() -> Grid:
    """A grid of two packages and two features, with one cell."""
    grid = GridFactory.create(slug="maps")
    one, _ = (MembershipFactory.create(grid=grid, package__slug=slug) for slug in ("one", "two"))
    tiles, _ = (FeatureFactory.create(grid=grid, title=title) for title in ("Tiles", "+Offline"))
    Cell.objects.create(feature=tiles, membership=one, text="+1")
    return grid


def texts() -> dict[tuple[str, str], str]:
    cells = Cell.objects.values_list("membership__package__slug", "feature__title", "text")
    return {(package, feature): text for package, feature, text in cells}


def test_new_changed_and_emptied_cells(editor: Client, grid: Grid) -> None:
    before = everything()
    rows = [["maps", "one", "Tiles", "no"], ["maps", "two", "Tiles", "yes"], ["maps", "two", "'+Offline", "'=1+1"]]
    shown = preview(editor, URL, sheet(TITLES, *rows, ["maps", "one", "+Offline", ""]))
    assert differences(shown) == {
        2: [("Tiles", "+1", "no")],
        3: [("Tiles", "-", "yes")],
        4: [("+Offline", "-", "=1+1")],
    }
    apply(editor, URL, shown)
    assert texts() == {("one", "Tiles"): "no", ("two", "Tiles"): "yes", ("two", "+Offline"): "=1+1"}
    assert EditBatch.objects.get().words == "Imported cells from “file.csv”"
    undone(EditBatch.objects.get(), User.objects.get())
    assert everything() == before
    imported(editor, URL, sheet(TITLES, ["maps", "one", "Tiles", ""]))
    assert texts() == {}


def test_what_a_spreadsheet_program_makes_of_a_sign_is_no_change(editor: Client, grid: Grid) -> None:
    shown = preview(editor, URL, sheet(TITLES, ["maps", "one", "Tiles", "1"], ["maps", "two", "Tiles", "2"]))
    assert differences(shown) == {3: [("Tiles", "-", "2")]}
    assert "1 new text of digits alone, which say nothing" in text_of(shown)


def test_refused_rows(editor: Client, grid: Grid) -> None:
    FeatureFactory.create_batch(2, grid=grid, title="Twice")
    other = FeatureFactory.create(title="Elsewhere")
    locked = MembershipFactory.create(package__slug="three", grid__slug="locked", grid__is_locked=True)
    FeatureFactory.create(grid=locked.grid, title="Tiles")
    rows = {
        ("nowhere", "one", "Tiles", "", "x"): "grid: there is no grid “nowhere”.",
        ("maps", "gone", "Tiles", "", "x"): "package: “gone” is not in this grid; add it to it first",
        ("maps", "one", "Tile", "", "x"): "feature: the grid has no feature “Tile”. Did you mean “Tiles”?",
        ("maps", "one", "Twice", "", "x"): "feature: several features are called so; name one by feature_id",
        ("maps", "one", "", str(other.pk), "x"): f"feature_id: the grid has no feature {other.pk}",
        ("maps", "one", "Tiles", "", "x" * (MOST_CHARACTERS + 1)): "text: it has 1,001 characters: at most 1,000",
        ("locked", "three", "Tiles", "", "x"): f"The grid “{locked.grid}” is locked.",
    }
    shown = preview(editor, URL, sheet(["grid", "package", "feature", "feature_id", "text"], *rows))
    found = refusals(shown)
    for line, reason in enumerate(rows.values(), 2):
        assert found[line].startswith(reason)
    twice = preview(editor, URL, sheet(TITLES, *[["maps", "two", "Tiles", "x"]] * 2))
    assert refusals(twice) == {3: "The same cell stands in line 2."}


def test_two_features_with_one_title_are_told_apart_by_their_ids(editor: Client, grid: Grid) -> None:
    first, second = FeatureFactory.create_batch(2, grid=grid, title="Twice")
    titles = ["grid", "package", "feature", "feature_id", "text"]
    imported(editor, URL, sheet(titles, *([*["maps", "one", "Twice"], each.pk, each.pk] for each in (first, second))))
    assert dict(Cell.objects.filter(feature__title="Twice").values_list("feature", "text")) == {
        first.pk: str(first.pk),
        second.pk: str(second.pk),
    }


def test_files_without_a_column_that_is_needed(editor: Client) -> None:
    assert file_error(preview(editor, URL, sheet(["grid", "package", "feature"], ["a", "b", "c"]))) == (
        "line 1: There is no column “text”."
    )
    assert "No column is titled “feature” or “feature_id”" in file_error(preview(editor, URL, b"grid,text\na,b\n"))


def test_what_a_user_may_not_do_is_refused(client: Client, grid: Grid) -> None:
    client.force_login(user_with("add_cell", "change_cell"))
    shown = preview(client, URL, sheet(TITLES, ["maps", "one", "Tiles", ""], ["maps", "two", "Tiles", "yes"]))
    assert refusals(shown) == {2: "You may not delete cells, which an empty text does."}
    response = apply(client, URL, shown)
    assert response.headers["Location"] == "/admin/grids/cell/"
    assert texts() == {("one", "Tiles"): "+1", ("two", "Tiles"): "yes"}
    client.force_login(user_with("change_cell", name="carla"))
    assert client.get(URL).status_code == 403


def test_a_cell_that_somebody_else_has_changed_is_shown_again(editor: Client, grid: Grid) -> None:
    shown = preview(editor, URL, sheet(TITLES, ["maps", "one", "Tiles", "mine"]))
    Cell.objects.update(text="theirs")
    again = apply(editor, URL, shown)
    assert again.status_code == 409
    assert differences(again) == {2: [("Tiles", "theirs", "mine")]}
    assert texts() == {("one", "Tiles"): "theirs"}
    apply(editor, URL, again)
    assert texts() == {("one", "Tiles"): "mine"}


def test_the_queries_do_not_grow_with_the_rows(editor: Client, grid: Grid) -> None:
    def queries(number: int) -> tuple[int, int]:
        for each in range(number):
            MembershipFactory.create(grid=grid, package__slug=f"p{number}-{each}")
        rows = [
            ["maps", f"p{number}-{each}", title, "yes"] for each in range(number) for title in ("Tiles", "+Offline")
        ]
        with CaptureQueriesContext(connection) as first:
            shown = preview(editor, URL, sheet(TITLES, *rows))
        with CaptureQueriesContext(connection) as second:
            assert apply(editor, URL, shown).status_code == 302
        return number_of(first), number_of(second)

    queries(2)  # the first one reads content types
    few = queries(3)
    assert queries(100) == few
    assert max(few) <= 30
    assert Feature.objects.count() == 2
