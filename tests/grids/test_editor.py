"""The grid editor: its page, what a save writes, refuses and leaves to be decided, and undoing it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings as site_settings
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from editing.models import EditBatch
from editing.recorder import recording
from editing.undo import undo
from grids.editor.edits import MOST_CELLS
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package
from tests.conftest import Get
from tests.editing.test_undo import everything
from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.grids.editing_grids import edit, editor_url, post, send, shown, texts
from tests.pages import data_of

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def grid() -> Grid:
    """Return a grid of the packages A and B with the features Maps and Charts, and one cell: A's maps, "yes"."""
    grid = GridFactory.create(title="Shops", modified=LONG_AGO)
    members = [MembershipFactory.create(grid=grid, package__title=title, package__slug=title.lower()) for title in "AB"]
    features = [FeatureFactory.create(grid=grid, title=title, position=n) for n, title in enumerate(("Maps", "Charts"))]
    CellFactory.create(feature=features[0], membership=members[0], text="yes", modified=LONG_AGO)
    return grid


def feature(title: str) -> Feature:
    return Feature.objects.get(title=title)


def member(title: str) -> GridPackage:
    return GridPackage.objects.get(package__title=title)


def titles() -> list[str]:
    return list(Feature.objects.order_by("position", "id").values_list("title", flat=True))


def deletion(state: Any, part: str, title: str) -> dict[str, Any]:
    """Return the deletion of the feature or member with that title, as it is shown."""
    [row] = [each for each in state[part] if each["title"] == title]
    return {"id": row["id"], "digest": row["digest"]}


def fill(grid: Grid, rows: int, columns: int) -> list[dict[str, Any]]:
    """Add members and features, and return edits of all their cells."""
    category = CategoryFactory.create()
    packages = Package.objects.bulk_create(PackageFactory.build_batch(rows, category=category))
    GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in packages)
    features = Feature.objects.bulk_create(Feature(grid=grid, title=f"F{n}", position=9 + n) for n in range(columns))
    return [
        {"feature": column.pk, "package": package.pk, "text": "no", "was": ""}
        for package in packages
        for column in features
    ]


def test_the_page_has_the_grid_as_json(admin_client: Client, grid: Grid) -> None:
    page = admin_client.get(editor_url(grid)).content.decode()
    state = data_of(page, "grid-state")
    assert [each["title"] for each in state["features"]] == ["Maps", "Charts"]
    assert [(each["title"], each["slug"]) for each in state["members"]] == [("A", "a"), ("B", "b")]
    assert state["texts"] == [["yes", ""], ["", ""]]
    assert state["signs"] == [[1, None], [None, None]]
    settings = data_of(page, "grid-settings")
    assert settings["most"]["characters"] == 1000
    assert settings["words"]["-2"] == "-2: bad"
    assert all(settings["may"].values())
    assert "The editor needs JavaScript" in page
    assert f'href="/admin/grids/grid/{grid.pk}/history/"' in page
    assert f'href="/admin/grids/grid/{grid.pk}/change/"' in page
    assert f'href="/api/v4/grids/{grid.pk}/"' in page


def test_hostile_texts_stay_texts(admin_client: Client, grid: Grid) -> None:
    hostile = "</script><script>alert(1)</script><!--"
    Cell.objects.update(text=hostile)
    Feature.objects.filter(title="Charts").update(title=hostile, description=hostile)
    Grid.objects.update(title=hostile)
    page = admin_client.get(editor_url(grid)).content.decode()
    assert "<script>alert" not in page
    assert data_of(page, "grid-state")["texts"][0][0] == hostile


def test_the_editor_is_linked_from_the_list_and_the_form(admin_client: Client, grid: Grid) -> None:
    link = f'<a href="{editor_url(grid)}">Editor</a>'
    assert link in admin_client.get("/admin/grids/grid/").content.decode()
    page = admin_client.get(f"/admin/grids/grid/{grid.pk}/change/").content.decode()
    assert link in page
    assert 'name="_editor"' in page


def test_a_new_grid_leads_to_the_editor(admin_client: Client) -> None:
    management = {f"{rows}-{part}_FORMS": 0 for rows in ("memberships", "features") for part in ("TOTAL", "INITIAL")}
    form = management | {"title": "New", "slug": "new", "description": "", "_editor": "x"}
    response = admin_client.post("/admin/grids/grid/add/", form)
    assert response.status_code == 302
    assert response["Location"] == editor_url(Grid.objects.get())


def test_the_page_takes_few_queries(admin_client: Client, grid: Grid) -> None:
    numbers = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(editor_url(grid)).status_code == 200
        numbers.append(len(queries))
        fill(grid, 20, 5)
    assert numbers == [6, 6], "session, user, grid; features, members, cells"


def test_cells_are_written_as_they_are_typed(admin_client: Client, grid: Grid) -> None:
    typed = " ++ “fast”,\r\nsince 2.0 "
    cells = [
        edit((feature("Maps"), member("A")), "no", was="yes"),
        edit((feature("Charts"), member("B")), typed),
    ]
    response = send(admin_client, grid, cells=cells)
    body = response.json()
    assert (response.status_code, body["words"], body["conflicts"]) == (200, "2 cells changed", [])
    assert texts(grid) == {("Maps", "A"): "no", ("Charts", "B"): typed}
    assert body["state"] == shown(admin_client, grid)
    assert Grid.objects.get().modified > LONG_AGO
    assert Cell.objects.get(text="no").modified > LONG_AGO
    batch = EditBatch.objects.get()
    assert (batch.user_name, batch.words) == ("admin", "Edited the grid “Shops”: 2 cells changed")


def test_an_emptied_cell_is_deleted(admin_client: Client, grid: Grid) -> None:
    response = send(admin_client, grid, cells=[edit((feature("Maps"), member("A")), "", was="yes")])
    assert response.json()["words"] == "1 cell changed"
    assert not Cell.objects.exists()


def test_a_save_that_changes_nothing_writes_nothing(admin_client: Client, grid: Grid) -> None:
    cells = [edit((feature("Maps"), member("A")), "yes", was="no"), edit((feature("Charts"), member("A")), "")]
    response = send(admin_client, grid, cells=cells)
    assert (response.status_code, response.json()["words"]) == (200, "")
    assert Grid.objects.get().modified == LONG_AGO
    assert not EditBatch.objects.exists()


def test_features_are_added_changed_and_placed(admin_client: Client, grid: Grid) -> None:
    maps, charts = feature("Maps"), feature("Charts")
    response = send(
        admin_client,
        grid,
        features=[{"id": maps.pk, "title": {"text": " Road  maps\n", "was": "Maps"}}],
        created=[{"key": "new-1", "title": "Price", "description": "In euros"}],
        order={"to": [charts.pk, "new-1", maps.pk], "was": [maps.pk, charts.pk]},
        cells=[edit(("new-1", member("A")), "+5")],
    )
    body = response.json()
    assert (response.status_code, body["words"]) == (200, "1 feature changed, 1 feature added, 1 cell changed")
    assert titles() == ["Charts", "Price", "Road maps"]
    assert body["created"] == {"new-1": feature("Price").pk}
    assert texts(grid) == {("Road maps", "A"): "yes", ("Price", "A"): "+5"}
    assert feature("Price").description == "In euros"


def test_a_new_feature_moves_no_other(admin_client: Client, grid: Grid) -> None:
    send(admin_client, grid, created=[{"key": "new-1", "title": "Price"}])
    assert list(Feature.objects.order_by("id").values_list("title", "position")) == [
        ("Maps", 0),
        ("Charts", 1),
        ("Price", 2),
    ]


def test_a_new_feature_behind_the_last_place_that_there_is(admin_client: Client, grid: Grid) -> None:
    Feature.objects.filter(title="Charts").update(position=2**31 - 1)
    response = send(admin_client, grid, created=[{"key": "new-1", "title": "Price"}])
    assert response.json()["words"] == "2 features changed, 1 feature added"
    assert titles() == ["Maps", "Charts", "Price"]


def test_features_and_members_go_with_their_cells(admin_client: Client, grid: Grid) -> None:
    CellFactory.create(feature=feature("Charts"), membership=member("B"), text="no")
    state = shown(admin_client, grid)
    response = send(
        admin_client, grid, deleted=[deletion(state, "features", "Maps")], removed=[deletion(state, "members", "B")]
    )
    body = response.json()
    assert (response.status_code, body["words"]) == (200, "1 feature deleted, 1 member removed")
    assert (titles(), texts(grid)) == (["Charts"], {})
    assert body["state"]["members"] == [state["members"][0] | {"digest": body["state"]["members"][0]["digest"]}]


def test_a_member_that_is_removed_with_a_feature_of_its_cells(admin_client: Client, grid: Grid) -> None:
    state = shown(admin_client, grid)
    deleted, removed = deletion(state, "features", "Maps"), deletion(state, "members", "A")
    assert send(admin_client, grid, deleted=[deleted], removed=[removed]).status_code == 200
    assert titles() == ["Charts"]


def test_members_are_added(admin_client: Client, grid: Grid) -> None:
    package = PackageFactory.create(title="C")
    cell = {"feature": feature("Maps").pk, "package": package.pk, "text": "yes", "was": ""}
    response = send(admin_client, grid, added=[package.pk, package.pk, member("A").package_id], cells=[cell])
    assert response.json()["words"] == "1 member added, 1 cell changed"
    assert texts(grid) == {("Maps", "A"): "yes", ("Maps", "C"): "yes"}


def test_a_conflict_shows_who_wrote_and_the_rest_is_saved(admin_client: Client, grid: Grid) -> None:
    with recording("bob", "Typed"):
        Cell.objects.update(text="theirs")
    cells = [edit((feature("Maps"), member("A")), "mine", was="yes"), edit((feature("Maps"), member("B")), "also")]
    response = send(admin_client, grid, cells=cells)
    body = response.json()
    place = {"feature": feature("Maps").pk, "package": member("A").package_id}
    assert response.status_code == 409
    assert body["conflicts"] == [{"kind": "text", **place, "who": "bob"}]
    assert texts(grid) == {("Maps", "A"): "theirs", ("Maps", "B"): "also"}
    assert body["state"]["texts"] == [["theirs", ""], ["also", ""]]
    again = send(admin_client, grid, cells=[edit((feature("Maps"), member("A")), "mine", was="theirs")])
    assert again.status_code == 200
    assert texts(grid)["Maps", "A"] == "mine"


def test_a_cell_that_somebody_emptied_is_a_conflict(admin_client: Client, grid: Grid) -> None:
    cell = edit((feature("Maps"), member("A")), "mine", was="yes")
    with recording("bob"):
        Cell.objects.all().delete()
    response = send(admin_client, grid, cells=[cell])
    assert [each["who"] for each in response.json()["conflicts"]] == ["bob"]
    assert not Cell.objects.exists()


def test_both_titles_of_a_feature(admin_client: Client, grid: Grid) -> None:
    maps = feature("Maps")
    with recording("bob"):
        Feature.objects.filter(pk=maps.pk).update(title="Theirs")
    change = {"id": maps.pk, "title": {"text": "Mine", "was": "Maps"}, "description": {"text": "More", "was": ""}}
    response = send(admin_client, grid, features=[change])
    [conflict] = response.json()["conflicts"]
    assert conflict == {"kind": "text", "feature": maps.pk, "field": "title", "who": "bob"}
    maps.refresh_from_db()
    assert (maps.title, maps.description) == ("Theirs", "More")


def test_what_somebody_changed_does_not_go_unseen(admin_client: Client, grid: Grid) -> None:
    state = shown(admin_client, grid)
    with recording("bob"):
        Cell.objects.update(text="theirs")
    edits = {"deleted": [deletion(state, "features", "Maps")], "removed": [deletion(state, "members", "A")]}
    response = send(admin_client, grid, **edits)
    assert [(each["kind"], each["who"]) for each in response.json()["conflicts"]] == [("deletion", "bob")] * 2
    assert (titles(), texts(grid)) == (["Maps", "Charts"], {("Maps", "A"): "theirs"})
    state = response.json()["state"]
    edits = {"deleted": [deletion(state, "features", "Maps")], "removed": [deletion(state, "members", "A")]}
    assert send(admin_client, grid, **edits).status_code == 200
    assert send(admin_client, grid, **edits).json()["conflicts"] == [], "what is gone already"


def test_what_is_typed_into_what_is_gone(admin_client: Client, grid: Grid) -> None:
    package = PackageFactory.create()
    cells = [edit((feature("Maps"), member("B")), "x"), edit((feature("Charts"), member("A")), "y")]
    title = {"id": feature("Maps").pk, "title": {"text": "Other", "was": "Maps"}}
    maps = feature("Maps").pk
    with recording("bob"):
        feature("Maps").delete()
        member("A").delete()
    pk = package.pk
    package.delete()
    response = send(admin_client, grid, cells=cells, features=[title], added=[pk])
    conflicts = [(each["kind"], each.get("feature"), each["who"]) for each in response.json()["conflicts"]]
    assert conflicts == [
        ("gone", maps, "bob"),
        ("gone", None, ""),
        ("gone", maps, "bob"),
        ("gone", feature("Charts").pk, "bob"),
    ]
    assert response.json()["words"] == ""


def test_two_orders(admin_client: Client, grid: Grid) -> None:
    maps, charts = feature("Maps").pk, feature("Charts").pk
    third = FeatureFactory.create(grid=grid, title="Third", position=2)
    was = [maps, charts, third.pk]
    with recording("bob"):
        Feature.objects.filter(pk=third.pk).update(position=0)
        Feature.objects.filter(pk=maps).update(position=3)
    assert titles() == ["Third", "Charts", "Maps"]
    response = send(admin_client, grid, order={"to": [charts, maps, third.pk], "was": was})
    assert response.json()["conflicts"] == [{"kind": "order", "who": "bob"}]
    assert titles() == ["Third", "Charts", "Maps"]
    now = [third.pk, charts, maps]
    assert send(admin_client, grid, order={"to": [charts, maps, third.pk], "was": now}).status_code == 200
    assert titles() == ["Charts", "Maps", "Third"]


def test_an_order_that_knows_not_all_features(admin_client: Client, grid: Grid) -> None:
    maps, charts = feature("Maps").pk, feature("Charts").pk
    FeatureFactory.create(grid=grid, title="Theirs", position=0)
    response = send(admin_client, grid, order={"to": [charts, maps], "was": [maps, charts]})
    assert response.status_code == 200
    assert titles() == ["Charts", "Maps", "Theirs"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The request cannot be read: Invalid JSON"),
        (b"[]", "The request cannot be read: Input should be an object"),
        ({"user": 1, "grid": 2}, "grid: Extra inputs are not permitted"),
        ({"user": 1, "cells": [{"feature": 1, "package": 1, "text": "x"}]}, "cells.0.was: Field required"),
        ({"user": 1, "cells": [{"feature": "x", "package": 1, "text": "x", "was": ""}]}, "cells.0.feature"),
        ({"user": 1, "added": [2**63]}, "added.0: Input should be less than"),
        ({"user": 1, "added": [1] * 1001}, "added: List should have at most 1000 items"),
        ('{"user": 1, "created": [{"key": "new-1", "title": "\\ud800"}]}', "Invalid JSON"),
        ({"user": 1, "created": [{"key": "new-1", "title": "a"}] * 2}, "The request names a new feature twice."),
        ({"user": 1, "features": [{"id": 1}] * 2}, "The request names a feature twice."),
        ({"user": 1, "deleted": [{"id": 1, "digest": ""}] * 2}, "The request names a deleted feature twice."),
        ({"user": 1, "removed": [{"id": 1, "digest": ""}] * 2}, "The request names a removed member twice."),
        (
            {"user": 1, "cells": [{"feature": 1, "package": 1, "text": text, "was": ""} for text in "ab"]},
            "The request names a cell twice.",
        ),
    ],
)
def test_a_body_that_is_none(admin_client: Client, grid: Grid, body: Any, words: str) -> None:
    response = post(admin_client, grid, "save/", body)
    assert response.status_code == 400
    assert words in response.json()["detail"]


def test_texts_that_cannot_be_stored_are_named(admin_client: Client, grid: Grid) -> None:
    good, bad = (
        edit((feature("Maps"), member("A")), "no", was="yes"),
        edit((feature("Charts"), member("A")), "é" * 1001),
    )
    nul = edit((feature("Charts"), member("B")), "\x00")
    new = {"key": "new-1", "title": " \n", "description": "x" * 5001}
    changed = {"id": feature("Maps").pk, "title": {"text": "x" * 101, "was": "Maps"}}
    response = send(admin_client, grid, cells=[good, bad, nul], created=[new], features=[changed])
    body = response.json()
    assert (response.status_code, body["detail"]) == (400, "Nothing is saved: mend 5 texts first.")
    assert [each["message"] for each in body["places"]] == [
        "It has 1,001 characters: at most 1,000.",
        "It holds a NUL: take it out.",
        "It has 101 characters: at most 100.",
        "A feature needs a title.",
        "It has 5,001 characters: at most 5,000.",
    ]
    assert body["places"][0] | {"message": ""} == {
        "feature": feature("Charts").pk,
        "package": member("A").package_id,
        "message": "",
    }
    assert texts(grid) == {("Maps", "A"): "yes"}
    fitting = edit((feature("Charts"), member("A")), "é" * 1000)
    assert send(admin_client, grid, cells=[fitting]).status_code == 200


def test_bounds(admin_client: Client, grid: Grid) -> None:
    cell = edit((feature("Maps"), member("A")), "x")
    assert send(admin_client, grid, cells=[cell] * (MOST_CELLS + 1)).status_code == 400
    assert site_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    response = post(admin_client, grid, "save/", " " * (site_settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))
    assert response.status_code == 413
    assert "too much at once" in response.json()["detail"]
    new = [{"key": f"new-{n}", "title": "x"} for n in range(1, 100)]
    response = send(admin_client, grid, created=new)
    assert response.status_code == 400
    assert "A grid has at most 100 features" in response.json()["detail"]
    assert len(titles()) == 2


def test_a_locked_grid_can_be_looked_at(editor: Client, grid: Grid) -> None:
    Grid.objects.update(is_locked=True)
    page = editor.get(editor_url(grid)).content.decode()
    assert "The grid “Shops” is locked." in page
    assert not any(data_of(page, "grid-settings")["may"].values())
    response = send(editor, grid, cells=[edit((feature("Maps"), member("A")), "no", was="yes")])
    assert response.status_code == 403
    assert "The grid “Shops” is locked." in response.json()["detail"]
    assert texts(grid) == {("Maps", "A"): "yes"}


def test_a_grid_that_is_gone(admin_client: Client, grid: Grid) -> None:
    cell = edit((feature("Maps"), member("A")), "no", was="yes")
    grid_was = Grid.objects.get()
    grid.delete()
    response = send(admin_client, grid_was, cells=[cell])
    assert response.status_code == 404
    assert "deleted meanwhile" in response.json()["detail"]
    assert admin_client.get(editor_url(grid_was)).status_code == 404


PARTS: dict[str, tuple[str, ...]] = {
    "cells": ("add_cell", "change_cell", "delete_cell"),
    "features": ("change_feature",),
    "order": ("change_feature",),
    "created": ("add_feature",),
    "deleted": ("delete_feature", "delete_cell"),
    "added": ("add_gridpackage",),
    "removed": ("delete_gridpackage", "delete_cell"),
}


def edits_of(client: Client, grid: Grid) -> dict[str, Any]:
    """Return an edit of each part."""
    state = shown(client, grid)
    maps, charts = feature("Maps").pk, feature("Charts").pk
    return {
        "cells": [edit((feature("Maps"), member("A")), "no", was="yes")],
        "features": [{"id": maps, "title": {"text": "Other", "was": "Maps"}}],
        "order": {"to": [charts, maps], "was": [maps, charts]},
        "created": [{"key": "new-1", "title": "New"}],
        "deleted": [deletion(state, "features", "Maps")],
        "added": [PackageFactory.create().pk],
        "removed": [deletion(state, "members", "A")],
    }


@pytest.mark.parametrize("part", PARTS)
def test_each_part_needs_its_permissions(client: Client, grid: Grid, part: str) -> None:
    user = User.objects.create_user("staff", password="x", is_staff=True)
    client.force_login(user)
    needed = ["change_grid", *PARTS[part]]
    user.user_permissions.set(Permission.objects.filter(codename__in=needed))
    edits = edits_of(client, grid)
    for missing in needed:
        has = set(needed) - {missing}
        user.user_permissions.set(Permission.objects.filter(codename__in={*has, "view_grid"}))
        page = client.get(editor_url(grid)).content.decode()
        assert data_of(page, "grid-settings")["may"][part] is False
        response = send(client, grid, **{part: edits[part]})
        assert (response.status_code, response.json()["detail"].endswith("Nothing is saved.")) == (403, True)
    user.user_permissions.set(Permission.objects.filter(codename__in=needed))
    response = send(client, grid, **{part: edits[part]})
    assert response.status_code == 200, response.json()
    assert response.json()["words"]


def test_others_may_do_nothing(client: Client, grid: Grid) -> None:
    for part in ("", "save/", "paste/", "signs/", "members/"):
        method = client.post if part else client.get
        assert method(editor_url(grid, part)).status_code == 302, "to the login"
    user = User.objects.create_user("staff", password="x", is_staff=True)
    client.force_login(user)
    assert client.get(editor_url(grid)).status_code == 403
    assert send(client, grid).status_code == 403
    for part, body in (("paste/", {"text": "x"}), ("signs/", {"texts": ["x"]}), ("members/", {"lines": ["x"]})):
        assert post(client, grid, part, body).status_code == 403


def test_methods_and_tokens(admin_client: Client, grid: Grid) -> None:
    assert admin_client.post(editor_url(grid)).status_code == 405
    assert admin_client.get(editor_url(grid, "save/")).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    assert post(strict, grid, "save/", {"user": User.objects.get().pk}).status_code == 403


@pytest.mark.parametrize("part", ["save/", "paste/", "signs/", "members/"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_a_form_is_no_body(admin_client: Client, grid: Grid, part: str, kind: str) -> None:
    """The guard against forms of other sites reads it, and nothing is left."""
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    strict.get("/admin/password_change/")
    token = strict.cookies["csrftoken"].value
    body = f"csrfmiddlewaretoken={token}"
    if kind.startswith("multipart"):
        body = f'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n--x--\r\n'
    response = strict.post(editor_url(grid, part), body, content_type=kind)
    assert response.status_code == 400
    assert response.json()["detail"] == "The request is a form: send JSON, as the page does. Nothing is saved."


def test_a_page_that_another_user_opened(admin_client: Client, grid: Grid) -> None:
    mine = User.objects.get().pk
    cell = edit((feature("Maps"), member("A")), "no", was="yes")
    response = post(admin_client, grid, "save/", {"user": mine + 1, "cells": [cell]})
    body = response.json()
    assert (response.status_code, body["user"], body["name"]) == (403, mine, "admin")
    assert "You are logged in as “admin” by now." in body["detail"]
    assert texts(grid) == {("Maps", "A"): "yes"}


def queries_of(client: Client, grid: Grid, **edits: Any) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        assert send(client, grid, **edits).status_code == 200
    return [query["sql"] for query in queries]


def test_a_save_takes_the_same_queries_for_one_cell_and_for_many(admin_client: Client, grid: Grid) -> None:
    cells = fill(grid, 40, 5)
    send(admin_client, grid, cells=cells[:1])  # settles the new packages too
    one, many = (queries_of(admin_client, grid, cells=each) for each in (cells[1:2], cells[2:]))
    emptied = queries_of(admin_client, grid, cells=[each | {"text": "", "was": "no"} for each in cells])
    again = queries_of(admin_client, grid, cells=cells)
    both = queries_of(admin_client, grid, cells=[each | {"text": "yes", "was": "no"} for each in cells])
    numbers = [len(each) for each in (one, many, emptied, again, both)]
    assert max(numbers) <= LIMIT, numbers
    if connection.vendor == "postgresql":
        assert len(set(numbers)) == 1, numbers


LIMIT = 40


def test_a_save_of_everything_takes_few_queries(admin_client: Client, grid: Grid) -> None:
    fill(grid, 30, 8)
    state = shown(admin_client, grid)
    features = [{"id": each["id"], "title": {"text": "T", "was": each["title"]}} for each in state["features"][5:]]
    edits = {
        "features": features,
        "created": [{"key": f"new-{n}", "title": "New"} for n in range(1, 9)],
        "deleted": [{"id": each["id"], "digest": each["digest"]} for each in state["features"][:5]],
        "removed": [{"id": each["id"], "digest": each["digest"]} for each in state["members"][:15]],
        "added": [PackageFactory.create().pk for _ in range(10)],
    }
    assert len(queries_of(admin_client, grid, **edits)) <= LIMIT


def test_a_save_is_undone_as_a_whole(admin_client: Client, grid: Grid, get: Get) -> None:
    CellFactory.create(feature=feature("Charts"), membership=member("B"), text="no\n“it”")
    state, before = shown(admin_client, grid), everything()
    paths = [f"grids/{grid.pk}/", f"grids/{grid.pk}/features/", f"grids/{grid.pk}/comparison/"]
    served = [without_modified(get(path).json()) for path in paths]
    edits: Any = edits_of(admin_client, grid)
    before = everything()
    edits["cells"].append(edit(("new-1", member("B")), "new"))
    edits |= {"deleted": [deletion(state, "features", "Charts")], "removed": [deletion(state, "members", "B")]}
    edits["cells"] = edits["cells"][:1]
    assert send(admin_client, grid, **edits).status_code == 200
    batch = EditBatch.objects.get()
    assert undo(batch, User.objects.get()).notes == []
    assert everything() == before
    assert [without_modified(get(path).json()) for path in paths] == served


def without_modified(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: without_modified(value) for key, value in document.items() if key != "modified"}
    return [without_modified(each) for each in document] if isinstance(document, list) else document


def test_pasting_reads_what_spreadsheets_write(admin_client: Client, grid: Grid) -> None:
    text = 'yes\t"two\nlines, ""quoted"""\t"plain" quotes\r\n\'=1\t1\t"a\tb"\r\n'
    response = post(admin_client, grid, "paste/", {"text": text, "shown": [["yes", "x"], ["x", "+1"]]})
    assert response.json() == {"texts": [[None, 'two\nlines, "quoted"', '"plain" quotes'], ["=1", None, "a\tb"]]}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [[""]]),
        ("a", [["a"]]),
        ("a\n", [["a"]]),
        ("a\n\nb", [["a"], [""], ["b"]]),
        ("a\tb\r\nc\td\r\n", [["a", "b"], ["c", "d"]]),
        ("a\rb", [["a"], ["b"]]),
        ('"a', [['"a']]),
        ('"a"', [['"a"']]),
        ('""\t"x\ny"', [['""', "x\ny"]]),
        ('"a\nb\tc', [['"a'], ["b", "c"]]),
        ("\t", [["", ""]]),
    ],
)
def test_a_block_of_a_spreadsheet(admin_client: Client, grid: Grid, text: str, rows: list[list[str]]) -> None:
    unlike = [["something else"] * 3] * 3
    response = post(admin_client, grid, "paste/", {"text": text, "shown": unlike})
    assert response.json() == {"texts": rows}


def test_signs_of_many_texts(admin_client: Client, grid: Grid) -> None:
    response = post(admin_client, grid, "signs/", {"texts": ["yes", "--", "", "x" * 2000]})
    assert response.json() == {"signs": [1, -2, None, 0]}
    assert post(admin_client, grid, "signs/", {"texts": [1]}).status_code == 400
    assert post(admin_client, grid, "signs/", json.dumps({"texts": ["x"] * (MOST_CELLS + 1)})).status_code == 400
