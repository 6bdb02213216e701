"""The import of grids from CSV in admin: what is of grids alone."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from editing.models import EditBatch
from grids.models import Grid
from tests.editing.importing import GRIDS as URL
from tests.editing.importing import apply, differences, imported, preview, refusals, sheet
from tests.editing.test_admin import user_with
from tests.editing.test_undo import everything, undone
from tests.factories import GridFactory, MembershipFactory

pytestmark = pytest.mark.django_db
_TITLES = ("slug", "title", "description", "header", "is_locked")


def test_new_and_changed_grids(editor: Client) -> None:
    MembershipFactory.create(grid__slug="one", grid__title="One", grid__description="a\r\nb")
    before = everything()
    rows = [["one", "First", "a\nb", "true", "false"], ["two", "Two", "Of\n\nmany lines ", "no", ""]]
    shown = preview(editor, URL, sheet(_TITLES, *rows))
    assert differences(shown) == {
        2: [("title", "One", "First"), ("header", "false", "true")],
        4: [("slug", "-", "two"), ("title", "-", "Two"), ("description", "-", "Of\n\nmany lines ")],
    }
    apply(editor, URL, shown)
    grid = Grid.objects.get(slug="one")
    assert (grid.title, grid.description, grid.header) == ("First", "a\r\nb", True)
    assert Grid.objects.get(slug="two").description == "Of\n\nmany lines "
    assert EditBatch.objects.get().words == "Imported grids from “file.csv”"
    undone(EditBatch.objects.get(), User.objects.get())
    assert everything() == before


def test_locked_grids_hold(editor: Client, admin_client: Client) -> None:
    GridFactory.create(slug="locked", is_locked=True, title="Locked")
    GridFactory.create(slug="open", title="Open")
    titles = ["slug", "title", "is_locked"]
    rows = [["locked", "Other", "true"], ["open", "Open", "true"], ["new", "New", "true"], ["locked", "Other", "false"]]
    refusal = "The grid “Other” is locked. Only users with the permission to unlock grids can change it."
    locking = "Only users with the permission to unlock grids can lock one, or unlock one."
    for row, reason in zip(rows, (refusal, locking, locking, refusal), strict=True):
        assert refusals(preview(editor, URL, sheet(titles, row))) == {2: reason}
        assert refusals(preview(admin_client, URL, sheet(titles, row))) == {}
    assert refusals(preview(editor, URL, sheet(titles, ["locked", "Locked", "true"]))) == {}, "nothing differs"


def test_a_grid_that_is_locked_after_the_preview(editor: Client) -> None:
    GridFactory.create(slug="one", title="Old")
    shown = preview(editor, URL, sheet(["slug", "title"], ["one", "New"]))
    Grid.objects.update(is_locked=True)
    again = apply(editor, URL, shown)
    assert again.status_code == 409
    assert list(refusals(again)) == [2]
    assert Grid.objects.get().title == "Old"


def test_who_may(client: Client) -> None:
    content = sheet(["slug", "title"], ["one", "New"])
    client.force_login(user_with("add_grid", "add_package", "change_package"))
    assert preview(client, URL, content).status_code == 403
    client.force_login(user_with("add_grid", "change_grid", name="carla"))
    imported(client, URL, content)
    assert Grid.objects.get().title == "New"
