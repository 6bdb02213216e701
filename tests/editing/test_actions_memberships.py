"""Adding selected packages to a grid, and removing them."""

import pytest
from django.test import Client

from grids.models import Cell, GridPackage
from tests.core.admin.editors import messages_of
from tests.editing.acting import begin, send, text_of
from tests.factories import CellFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db


def test_packages_are_added_but_for_the_members(editor: Client) -> None:
    grid = GridFactory.create(title="CMS")
    there, new = MembershipFactory.create(grid=grid, package__title="There").package, PackageFactory.create(title="New")
    page = begin(editor, "add_to_grid", [there, new])
    assert "2 packages are selected." in text_of(page)
    page = send(editor, page, grid=grid.pk)
    text = text_of(page)
    assert "Left as they are, in the grid “CMS” already (1): “There”." in text
    assert "Added to the grid “CMS”: 1 package." in text
    assert GridPackage.objects.count() == 1, "nothing is done yet"
    done, left = messages_of(send(editor, page))
    assert done.startswith("Added 1 package to the grid “CMS”. <a")
    assert left == "Left as they are, in the grid “CMS” already: “There”."
    assert set(grid.packages.all()) == {there, new}


def test_packages_are_removed_and_the_cells_that_go_are_named(editor: Client) -> None:
    grid = GridFactory.create(title="CMS")
    members = [MembershipFactory.create(grid=grid) for _ in range(3)]
    CellFactory.create(membership=members[0], feature__grid=grid, feature__title="Speed", text="<b>fast")
    kept = CellFactory.create(membership=members[2], feature__grid=grid)
    CellFactory.create()
    page = begin(editor, "remove_from_grid", [each.package for each in members[:2]])
    assert f'<option value="{grid.pk}">CMS (2 packages, 1 cell)</option>' in page.content.decode()
    page = send(editor, page, grid=grid.pk)
    assert "Removed from the grid “CMS”: 2 packages, and 1 cell with them." in text_of(page)
    assert "Speed: &lt;b&gt;fast" in page.content.decode()
    [done] = messages_of(send(editor, page))
    assert done.startswith("Removed 2 packages from the grid “CMS”. <a")
    assert list(grid.packages.all()) == [members[2].package]
    assert Cell.objects.filter(feature__grid=grid).get() == kept
