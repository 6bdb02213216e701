"""Features and cells in admin: in the form of their grid, in forms of their own, and locked with their grid."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from grids.models import Cell, Feature, Grid, GridPackage
from tests.core.admin.editors import change_url, errors_of, messages_of, open_form, send
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.pages import Fields, fields_of

pytestmark = pytest.mark.django_db
LOCKED = "The grid “Locked” is locked. Only users with the permission to unlock grids can change it."


@pytest.fixture
def locked() -> Cell:
    return CellFactory.create(feature__grid__title="Locked", feature__grid__is_locked=True)


def add(client: Client, kind: str, **typed: Any) -> Any:
    page = client.get(f"/admin/grids/{kind}/add/")
    fields: Fields = fields_of(page, f"{kind}_form") | {name: [value] for name, value in typed.items()}
    return client.post(f"/admin/grids/{kind}/add/", fields)


def test_features_are_written_in_the_form_of_their_grid(admin_client: Client) -> None:
    feature = FeatureFactory.create(title="Maps", position=1)
    grid, gone = feature.grid, FeatureFactory.create(grid=feature.grid, position=2)
    form = open_form(admin_client, grid)
    assert (form["features-0-title"], form["features-1-title"]) == (["Maps"], [gone.title])
    typed: dict[str, Any] = {"features-0-title": "Charts", "features-1-DELETE": "on", "features-2-title": "New"}
    typed |= {"features-2-position": 5, "features-TOTAL_FORMS": 3}
    assert errors_of(send(admin_client, grid, form, **typed)) == []
    assert list(grid.features.values_list("title", "position")) == [("Charts", 1), ("New", 5)]
    changed = Feature.objects.get(pk=feature.pk)
    assert changed.modified > feature.modified
    assert Grid.objects.get(pk=grid.pk).modified > grid.modified
    assert "Changed Title for feature “Charts”" in LogEntry.objects.get().get_change_message()


def test_a_form_of_a_grid_undoes_nobody(admin_client: Client) -> None:
    feature = FeatureFactory.create(title="Maps", description="Old")
    form = open_form(admin_client, feature.grid)
    Feature.objects.update(description="Theirs")
    response = send(admin_client, feature.grid, form, **{"features-0-title": "Charts"})
    assert errors_of(response) == []
    assert Feature.objects.values_list("title", "description").get() == ("Charts", "Theirs")
    [message] = [each for each in messages_of(response) if "meanwhile" in each]
    assert message == "“Charts”: Description was changed meanwhile, and stays as it is now: “Theirs”."


def test_both_values_of_a_conflict_are_shown(admin_client: Client) -> None:
    feature = FeatureFactory.create(title="Maps")
    form = open_form(admin_client, feature.grid)
    Feature.objects.update(title="Theirs")
    response = send(admin_client, feature.grid, form, **{"features-0-title": "Mine"})
    page = response.content.decode()
    assert response.status_code == 200
    assert "Theirs" in page
    assert "Mine" in page
    assert Feature.objects.get().title == "Theirs"
    again = fields_of(response, "grid_form")
    chosen = send(admin_client, feature.grid, again, **{"choice-features-0-title": "mine", "features-0-title": "Mine"})
    assert errors_of(chosen) == []
    assert Feature.objects.get().title == "Mine"


def test_a_feature_that_somebody_else_deleted_stays_away(admin_client: Client) -> None:
    feature = FeatureFactory.create(title="Maps")
    form = open_form(admin_client, feature.grid)
    feature.delete()
    response = send(admin_client, feature.grid, form, description="Mine", **{"features-0-title": "Charts"})
    assert errors_of(response) == []
    assert not Feature.objects.exists()
    assert Grid.objects.get().description == "Mine"
    assert "“Charts” was deleted meanwhile by somebody else, and stays deleted." in messages_of(response)


def test_a_hundred_features_can_be_saved(admin_client: Client) -> None:
    grid = GridFactory.create()
    Feature.objects.bulk_create(Feature(grid=grid, title=f"F{number}", position=number) for number in range(100))
    form = open_form(admin_client, grid)
    with CaptureQueriesContext(connection) as queries:
        assert errors_of(send(admin_client, grid, form, **{"features-99-title": "Last"})) == []
    assert grid.features.get(position=99).title == "Last"
    assert len(queries) <= 32


def test_a_feature_has_a_form_of_its_own(admin_client: Client) -> None:
    grid = GridFactory.create()
    assert errors_of(add(admin_client, "feature", grid=grid.pk, title="Maps", position=3)) == []
    feature = Feature.objects.get()
    assert (feature.grid, feature.title, feature.position) == (grid, "Maps", 3)
    other = GridFactory.create()
    form = open_form(admin_client, feature)
    assert errors_of(send(admin_client, feature, form, title="Charts", grid=other.pk)) == []
    feature.refresh_from_db()
    assert (feature.grid, feature.title) == (grid, "Charts")


def test_a_cell_is_stored_as_it_is_typed(admin_client: Client) -> None:
    member, feature = MembershipFactory.create(package__title="Ralph"), FeatureFactory.create()
    typed = {"feature": feature.pk, "package": member.package.pk, "text": " Yes, since 2.0\n"}
    assert errors_of(add(admin_client, "cell", **typed)) == [f"“Ralph” is not in the grid “{feature.grid}”."]
    member = MembershipFactory.create(grid=feature.grid, package=member.package)
    assert errors_of(add(admin_client, "cell", **typed)) == []
    cell = Cell.objects.get()
    assert (cell.membership, cell.feature, cell.text) == (member, feature, " Yes, since 2.0\n")
    assert errors_of(add(admin_client, "cell", **typed)) == ["“Ralph” has a cell of this feature already."]
    page = admin_client.get(change_url(cell)).content.decode()
    assert "Ralph" in page
    assert '<div class="readonly">1</div>' in page
    response = send(admin_client, cell, open_form(admin_client, cell), text="x" * 1001)
    assert errors_of(response) == ["Ensure this value has at most 1000 characters (it has 1001)."]
    assert errors_of(send(admin_client, cell, open_form(admin_client, cell), text="no")) == []
    assert Cell.objects.get().text == "no"


def test_lists_take_few_queries(admin_client: Client) -> None:
    CellFactory.create_batch(10)
    for kind, query in (("feature", ""), ("feature", "?q=Feature"), ("cell", ""), ("cell", "?q=yes")):
        with CaptureQueriesContext(connection) as queries:
            page = admin_client.get(f"/admin/grids/{kind}/{query}").content.decode()
        assert page.count('name="_selected_action"') == 10
        assert len(queries) <= 6


def test_a_deletion_counts_what_goes_with_it(admin_client: Client) -> None:
    cell = CellFactory.create(feature__title="Maps")
    CellFactory.create_batch(11, feature=cell.feature)
    page = admin_client.get(f"/admin/grids/grid/{cell.feature.grid.pk}/delete/").content.decode()
    assert "Memberships: 12" in page
    assert "Features: 1" in page
    assert "Cells: 12" in page
    page = admin_client.get(f"/admin/packages/package/{cell.membership.package.pk}/delete/").content.decode()
    assert "Cells: 1" in page
    assert "Maps: yes" in page


def test_nothing_of_a_locked_grid_can_be_changed(editor: Client, locked: Cell) -> None:
    feature, grid = locked.feature, locked.feature.grid
    for row in (feature, locked):
        assert editor.post(change_url(row), {"title": "x", "text": "x"}).status_code == 403
        assert editor.post(f"/admin/grids/{row._meta.model_name}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
        selected = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        page = editor.post(f"/admin/grids/{row._meta.model_name}/", selected).content.decode()
        assert LOCKED in page
    assert errors_of(add(editor, "feature", grid=grid.pk, title="New", position=0)) == [LOCKED]
    member = MembershipFactory.create(grid=grid, package=PackageFactory.create())
    typed = {"feature": feature.pk, "package": member.package.pk, "text": "no"}
    assert errors_of(add(editor, "cell", **typed)) == [LOCKED]
    form = {"title": "Locked", "slug": "x", "features-TOTAL_FORMS": 1, "features-INITIAL_FORMS": 1}
    assert (
        editor.post(change_url(grid), form | {"features-0-id": feature.pk, "features-0-title": "x"}).status_code == 403
    )
    assert (Feature.objects.get().title, Cell.objects.get().text) == (feature.title, "yes")
    assert GridPackage.objects.count() == 2


def test_a_package_with_cells_in_a_locked_grid_cannot_be_deleted(editor: Client, locked: Cell) -> None:
    page = editor.get(f"/admin/packages/package/{locked.membership.package.pk}/delete/").content.decode()
    assert page.count(LOCKED) == 1
