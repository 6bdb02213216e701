"""Roles: who may open each page of admin, and who may do each thing that can be done there.

Every URL of admin and every action of a list has a line here: one without fails a test.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any, NamedTuple

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from categories.models import Category
from editing.recorder import recording
from editing.roles import EDITORS, MODERATORS, ROLES, create_roles, permissions
from editing.tables import EDITED
from fetchers.models import HostRateLimit, Run
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import ANOTHER_REPOSITORY, Advisory, FetchState, Package
from tests.core.admin.editors import change_url
from tests.editing import importing
from tests.editing.acting import act, begin
from tests.editing.world import WHO, World, build, patterns, url_of
from tests.factories import (
    CategoryFactory,
    FeatureFactory,
    GridFactory,
    MembershipFactory,
    PackageFactory,
)
from tests.grids.editing_grids import post, shown
from tests.pages import fields_of


@pytest.fixture
def world(db: None) -> World:
    return build()


class TestGroups:
    """The groups, as `migrate` creates them."""

    @pytest.mark.usefixtures("world")
    def test_their_permissions(self) -> None:
        def held(name: str) -> set[str]:
            group = Group.objects.get(name=name)
            return {
                f"{app}.{code}" for app, code in group.permissions.values_list("content_type__app_label", "codename")
            }

        editors, moderators = held(EDITORS), held(MODERATORS)
        assert editors < moderators
        more = {"packages.delete_package", "grids.delete_grid", "grids.unlock_grid", "packages.merge_package"}
        more |= {f"categories.{action}_category" for action in ("add", "change", "delete")}
        every = {f"{app}.{code}" for app, code in Permission.objects.values_list("content_type__app_label", "codename")}
        assert moderators - editors == more & every
        assert not {each for each in moderators if each.startswith(("auth.", "admin.", "sessions."))}
        for name in ROLES:
            assert held(name) == {f"{app}.{code}" for app, code in permissions(name)}

    @pytest.mark.django_db
    def test_they_are_left_alone_once_they_exist(self) -> None:
        Group.objects.filter(name__in=ROLES).delete()
        own = Group.objects.create(name=EDITORS)
        call_command("migrate", interactive=False, verbosity=0)
        assert own.permissions.count() == 0
        Group.objects.get(name=MODERATORS).permissions.clear()
        call_command("migrate", interactive=False, verbosity=0)
        assert Group.objects.get(name=MODERATORS).permissions.count() == 0

    @pytest.mark.django_db
    def test_none_is_created_before_all_of_its_permissions_are_there(self) -> None:
        Group.objects.filter(name__in=ROLES).delete()
        Permission.objects.filter(codename="unlock_grid").delete()
        create_roles("default")
        assert not Group.objects.filter(name__in=ROLES).exists()
        call_command("migrate", interactive=False, verbosity=0)
        assert Group.objects.filter(name__in=ROLES).count() == 2

    @pytest.mark.django_db(transaction=True)
    def test_an_upgrade_brings_them(self) -> None:
        try:
            call_command("migrate", "packages", "0017", interactive=False, verbosity=0)
            Group.objects.filter(name__in=ROLES).delete()
        finally:
            call_command("migrate", interactive=False, verbosity=0)
        for name in ROLES:
            assert set(
                Group.objects.get(name=name).permissions.values_list("content_type__app_label", "codename")
            ) == permissions(name)


# --- Pages


class Line(NamedTuple):
    """The outcome for each of WHO of a GET and of an empty POST, a letter each.

    L: the login page · F: 403 · R: a page to read · W: a page with something to send · O: it is taken, or refused for
    what is in it · T: another address · X: 404 · M: 405
    """

    get: str
    post: str


def lines(prefix: str, *, lists: str, adds: str, changes: str, deletes: str) -> dict[str, Line]:
    """Return the lines of the five pages that Django gives a model; each of the arguments is as in `get`."""

    def posted(letters: str) -> str:
        return letters.replace("R", "F").replace("W", "O")

    reads = changes.replace("W", "R")
    return {
        f"{prefix}_changelist": Line(lists, lists.replace("W", "O").replace("R", "O")),
        f"{prefix}_add": Line(adds, posted(adds)),
        f"{prefix}_change": Line(changes, posted(changes)),
        f"{prefix}_history": Line(reads, reads.replace("R", "O")),
        f"{prefix}_delete": Line(deletes, posted(deletes)),
        f"{prefix}_redirect": Line("LTTTT", "LOOOO"),
    }


PAGES: dict[str, Line] = {
    **lines("auth_user", lists="LFFFW", adds="LFFFW", changes="LFFFW", deletes="LFFFW"),
    **lines("auth_group", lists="LFFFW", adds="LFFFW", changes="LFFFW", deletes="LFFFW"),
    **lines("categories_category", lists="LFRWW", adds="LFFWW", changes="LFRWW", deletes="LFFWW"),
    **lines("packages_package", lists="LFWWW", adds="LFWWW", changes="LFWWW", deletes="LFFWW"),
    **lines("grids_grid", lists="LFWWW", adds="LFWWW", changes="LFWWW", deletes="LFFWW"),
    **lines("grids_feature", lists="LFWWW", adds="LFWWW", changes="LFWWW", deletes="LFWWW"),
    **lines("grids_cell", lists="LFWWW", adds="LFWWW", changes="LFWWW", deletes="LFWWW"),
    **lines("packages_advisory", lists="LFRRR", adds="LFFFF", changes="LFRRR", deletes="LFFFF"),
    **lines("fetchers_run", lists="LFRRR", adds="LFFFF", changes="LFRRR", deletes="LFFFF"),
    **lines("fetchers_hostratelimit", lists="LFRRR", adds="LFFFF", changes="LFRRR", deletes="LFFFF"),
    **lines("axes_accessattempt", lists="LFFFW", adds="LFFFF", changes="LFFFR", deletes="LFFFW"),
    **lines("axes_accesslog", lists="LFFFR", adds="LFFFF", changes="LFFFR", deletes="LFFFF"),
    **lines("axes_accessfailurelog", lists="LFFFR", adds="LFFFF", changes="LFFFR", deletes="LFFFF"),
    **lines("editing_editbatch", lists="LFRRR", adds="LFFFF", changes="LFWWW", deletes="LFFFF"),
    "editing_editbatch_history": Line("LTTTT", "LOOOO"),  # a batch is its own history
    "auth_user_password_change": Line("LFFFW", "LFFFO"),
    "grids_cell_sign": Line("LFRRR", "LMMMM"),
    "packages_package_add_by_address": Line("LFWWW", "LFOOO"),
    "packages_package_import": Line("LFWWW", "LFOOO"),
    "packages_package_why": Line("LFRRR", "LFOOO"),
    "grids_grid_import": Line("LFWWW", "LFOOO"),
    "grids_cell_import": Line("LFWWW", "LFOOO"),
    "packages_package_fetch_now": Line("LFTTT", "LFOOO"),
    "packages_package_merge": Line("LFFTT", "LFFOO"),
    "grids_grid_editor": Line("LFRRR", "LMMMM"),
    "grids_grid_editor_save": Line("LMMMM", "LOOOO"),  # an empty request is refused before anybody looks who sent it
    "grids_grid_editor_paste": Line("LMMMM", "LFOOO"),
    "grids_grid_editor_signs": Line("LMMMM", "LFOOO"),
    "grids_grid_editor_members": Line("LMMMM", "LFOOO"),
    "desk_chart": Line("LFRRR", "LFOOO"),
    "desk_list": Line("LFRRR", "LFXXX"),  # 404: nothing says what is to be settled
    "desk_undo": Line("LFTTT", "LFXXX"),
    "index": Line("LRRRR", "LOOOO"),
    "login": Line("WTTTT", "OOOOO"),
    "logout": Line("TMMMM", "OOOOO"),
    "password_change": Line("LWWWW", "LOOOO"),
    "password_change_done": Line("LRRRR", "LMMMM"),
    "autocomplete": Line("LFRRR", "LMMMM"),
    "jsi18n": Line("LRRRR", "LMMMM"),
    "view_on_site": Line("LXXXX", "LXXXX"),
    "app_list": Line("LXRRR", "LXOOO"),
    "rest": Line("LXXXX", "LXXXX"),
}
# Of a locked grid, and of what is in it
LOCKED: dict[str, Line] = {
    "grids_grid_change": Line("LFRWW", "LFFOO"),
    "grids_grid_delete": Line("LFFWW", "LFFOO"),
    "grids_feature_change": Line("LFRWW", "LFFOO"),
    "grids_feature_delete": Line("LFFWW", "LFFOO"),
    "grids_cell_change": Line("LFRWW", "LFFOO"),
    "grids_cell_delete": Line("LFFWW", "LFFOO"),
}
_SENDS = re.compile(rb'name="(?:_save|post|action|preview|file|new_password1|set-password)"|value="(?:Undo|Log in)')


def letter(response: Any, *, is_get: bool) -> str:
    location = response.headers.get("Location", "")
    if response.status_code == 302:
        if location.startswith("/admin/login/"):
            return "L"
        return "T" if is_get else "O"
    if response.status_code == 200:
        if (
            b'name="username"' in response.content
            and b'name="password"' in response.content
            and not _is_login(response)
        ):
            return "L"
        if not is_get:
            return "O"
        return "W" if _SENDS.search(response.content) else "R"
    return {301: "T", 400: "O", 403: "F", 404: "X", 405: "M"}[response.status_code]


def _is_login(response: Any) -> bool:
    return bool(response.wsgi_request.path == "/admin/login/")


def outcome(world: World, name: str) -> Line:
    url = url_of(name, world)
    got = "".join(letter(world.clients[who].get(url), is_get=True) for who in WHO)
    sent = "".join(letter(world.clients[who].post(url), is_get=False) for who in WHO)
    return Line(got, sent)


@pytest.mark.parametrize("name", PAGES)
def test_who_may_open_each_page(world: World, name: str) -> None:
    assert outcome(world, name) == PAGES[name]


@pytest.mark.parametrize("name", LOCKED)
def test_who_may_open_each_page_of_a_locked_grid(world: World, name: str) -> None:
    Grid.objects.update(is_locked=True)
    assert outcome(world, name) == LOCKED[name]


def test_every_page_has_a_line() -> None:
    names = {name for name, _ in patterns()}
    assert names - PAGES.keys() == set(), "say in PAGES who may open them"
    assert PAGES.keys() - names == set(), "there are no such pages"


# --- Deeds


def nothing(_: World) -> None:
    """Prepare nothing."""


def lock(_: World) -> None:
    """Lock every grid."""
    Grid.objects.update(is_locked=True)


class May(NamedTuple):
    """A deed, and who can do it: the first letters of WHO. `prepare` comes before it, and is no part of it."""

    who: str
    deed: Callable[[World, Client], object]
    prepare: Callable[[World], object] = nothing


def stored() -> dict[str, list[Any]]:
    """Return all that editors write, but for the times of documents; when packages are fetched again; and users."""
    rows: dict[str, list[Any]] = {}
    further: dict[str, Any] = {
        "states": FetchState.objects.values("package", "source", "next_due", "last_attempt"),
        "users": User.objects.values("username", "is_staff"),
        "groups": Group.objects.values("name"),
        "attempts": AccessAttempt.objects.values("pk"),
        "advisories": Advisory.objects.values("pk"),
        "runs": Run.objects.values("pk"),
        "limits": HostRateLimit.objects.values("pk"),
    }
    for table in EDITED:
        columns = {field.attname for field in table.model._meta.concrete_fields} - {"modified"}
        rows[table.name] = list(table.model._base_manager.order_by("pk").values(*sorted(columns)))
    rows |= {name: list(values.order_by("pk")) for name, values in further.items()}
    return rows


def form(world: World, row: Any) -> dict[str, Any]:
    """Return the form of a row as a superuser has it."""
    return dict(world.form(change_url(row), str(row._meta.model_name)))


def change(kind: str, **typed: Any) -> Callable[[World, Client], object]:
    """Send the form of a row with other values typed; None for a box that is not ticked."""

    def deed(world: World, client: Client) -> object:
        row = getattr(world, kind)
        values = {
            name: getattr(world, value[1:]).pk if str(value)[0] == "@" else value for name, value in typed.items()
        }
        sent = form(world, row) | values
        return client.post(change_url(row), {name: value for name, value in sent.items() if value is not None})

    return deed


def delete(kind: str) -> Callable[[World, Client], object]:
    def deed(world: World, client: Client) -> object:
        url = change_url(getattr(world, kind)).removesuffix("change/")
        return client.post(f"{url}delete/", {"post": "yes"})

    return deed


def drop(kind: str, other: str) -> Callable[[World, Client], object]:
    """Tick a membership in the form of one of its documents."""

    def deed(world: World, client: Client) -> object:
        name = f"memberships-{getattr(world, other).pk}-DELETE"
        return client.post(change_url(getattr(world, kind)), form(world, getattr(world, kind)) | {name: "on"})

    return deed


def add(model: str, **typed: Any) -> Callable[[World, Client], object]:
    """Send the form of a new row; "@grid" is the world's grid."""

    def deed(world: World, client: Client) -> object:
        url = f"/admin/{model}/add/"
        fields: dict[str, Any] = dict(world.form(url, model.partition("/")[2]))
        values = {name: getattr(world, value[1:]).pk if value[0] == "@" else value for name, value in typed.items()}
        return client.post(url, fields | values)

    return deed


def bulk(kind: str, action: str, model: str = "", **typed: Any) -> Callable[[World, Client], object]:
    """Choose an action of a list for one row, and send its page, if it has one of our own."""

    def deed(world: World, client: Client) -> object:
        row = getattr(world, kind)
        values = {name: getattr(world, value[1:]).pk if value[0] == "@" else value for name, value in typed.items()}
        if "post" in values or "decision" in values:
            url = f"/admin/{row._meta.app_label}/{row._meta.model_name}/"
            return client.post(url, {"action": action, "_selected_action": row.pk, **values})
        return act(client, action, [row], **values)

    return deed


def fail(world: World) -> None:
    """Have a fetch fail, to be tried again in a week."""
    FetchState.objects.filter(package=world.package).delete()
    FetchState.objects.create(
        package=world.package,
        source="repo",
        target=world.package.repo_key,
        outcome="timeout",
        failures=3,
        next_due=timezone.now() + timedelta(days=7),
    )


def fetch_now(world: World, client: Client) -> object:
    page = begin(client, "fetch_now", [world.package])
    found = re.search(r'name="selection" value="([^"]+)"', page.content.decode())
    selection = found[1] if found else ""
    return client.post("/admin/packages/package/fetch-now/", {"selection": selection, "queue": "1"})


def merge(world: World, client: Client) -> object:
    url, ids = "/admin/packages/package/merge/", f"{world.package.pk},{world.other_package.pk}"
    page = world.superuser.get(url, {"ids": ids, "into": str(world.package.pk)})
    return client.post(url, fields_of(page, "merge_form"))


def by_address(world: World, client: Client) -> object:
    fields = {**NEW, "category": world.category.pk, "repo_url": "https://github.com/new/new", "_save": "Save"}
    return client.post("/admin/packages/package/add/by-address/", {"save": "1", **fields})


def editor(**edits: Callable[[World], Any]) -> Callable[[World, Client], object]:
    """Save edits by the grid editor, as the one who is logged in."""

    def deed(world: World, client: Client) -> object:
        user = int(client.session.get("_auth_user_id", 0))
        return post(client, world.grid, "save/", {"user": user} | {part: [of(world)] for part, of in edits.items()})

    return deed


def going(part: str, name: str) -> Callable[[World], Any]:
    """Return the deletion of a feature or a member as the grid editor shows it."""

    def deletion(world: World) -> dict[str, Any]:
        rows = shown(world.clients["superuser"], world.grid)[part]
        [row] = [each for each in rows if each["id"] == getattr(world, name).pk]
        return {"id": row["id"], "digest": row["digest"]}

    return deletion


def import_line(url: str, client: Client, **values: object) -> object:
    """Import a file of one line."""
    page = importing.preview(client, url, importing.sheet(list(values), list(values.values())))
    found = re.search(r'name="upload" value="(\d+)"', page.content.decode())
    return client.post(url, {"upload": found[1] if found else "1"})


def imports(kind: str, **values: str) -> Callable[[World, Client], object]:
    """Import other values of a document."""
    url = {"package": importing.PACKAGES, "grid": importing.GRIDS}[kind]
    return lambda world, client: import_line(url, client, id=getattr(world, kind).pk, **values)


def import_cell(world: World, client: Client) -> object:
    of = {"grid": world.grid.slug, "package": world.package.slug, "feature": world.feature.title}
    return import_line(importing.CELLS, client, **of, feature_id=world.feature.pk, text="New")


def settle(name: str, kind: str, decision: str) -> Callable[[World, Client], object]:
    """Settle an item of a list of the desk."""

    def deed(world: World, client: Client) -> object:
        url, pk = f"/admin/desk/{name}/", getattr(world, kind).pk
        page = world.clients["superuser"].get(url).content.decode()
        found = re.search(rf'name="item" value="{pk}">\s*<input type="hidden" name="about" value="([^"]*)"', page)
        assert found, page
        return client.post(url, {"item": pk, "about": unescape(found[1]), "decision": decision})

    return deed


def undoing(
    write: Callable[[World], object],
    by: str = "",
    first: Callable[[World], object] = nothing,
    then: Callable[[World], object] = nothing,
) -> dict[str, Any]:
    """Undo what another editor did, or what one of WHO did; something else came before it, or after it."""

    def prepare(world: World) -> None:
        first(world)
        with recording(User.objects.get(username=by) if by else "another") as recorded:
            write(world)
        world.batch = recorded.batch
        then(world)

    return {"prepare": prepare, "deed": lambda world, client: client.post(change_url(world.batch))}


def reuse(world: World) -> None:
    FetchState.objects.filter(package=world.package).delete()
    FetchState.objects.create(
        package=world.package,
        source="repo",
        target=world.package.repo_key,
        outcome="gone",
        next_due=timezone.now(),
        validators={ANOTHER_REPOSITORY: "7"},
    )


NEW = {"title": "New", "slug": "new"}
MEMBER = {"memberships-TOTAL_FORMS": "1"}
USER = {"username": "new", "password1": "kahx7Wee", "password2": "kahx7Wee", "usable_password": "true"}


def of_cell(world: World) -> dict[str, Any]:
    return {"feature": world.feature.pk, "package": world.package.pk, "text": "yes", "was": "no"}


def of_feature(_: World) -> dict[str, Any]:
    return {"key": "new-1", "title": "New"}


# Actions of lists, by the label of the model and the name
ACTIONS: dict[str, May] = {
    "auth.user:delete_selected": May("s", bulk("user", "delete_selected", post="yes")),
    "axes.accessattempt:delete_selected": May("s", bulk("attempt", "delete_selected", post="yes")),
    "auth.group:delete_selected": May("s", bulk("group", "delete_selected", post="yes")),
    "categories.category:delete_selected": May("ms", bulk("category", "delete_selected", post="yes")),
    "grids.grid:delete_selected": May("ms", bulk("grid", "delete_selected", post="yes")),
    "grids.feature:delete_selected": May("ems", bulk("feature", "delete_selected", post="yes")),
    "grids.cell:delete_selected": May("ems", bulk("cell", "delete_selected", post="yes")),
    "packages.advisory:delete_selected": May("", bulk("advisory", "delete_selected", post="yes")),
    "fetchers.run:delete_selected": May("", bulk("run", "delete_selected", post="yes")),
    "fetchers.hostratelimit:delete_selected": May("", bulk("limit", "delete_selected", post="yes")),
    "packages.package:delete_selected": May("ms", bulk("package", "delete_selected", post="yes")),
    "packages.package:decide_about_reused_names": May(
        "ems", bulk("package", "decide_about_reused_names", decision="drop"), reuse
    ),
    "packages.package:change_category": May("ems", bulk("package", "change_category", category="@category")),
    "packages.package:add_to_grid": May("ems", bulk("package", "add_to_grid", grid="@other_grid")),
    "packages.package:remove_from_grid": May("ems", bulk("package", "remove_from_grid", grid="@grid")),
    "packages.package:deprecate": May("ems", bulk("package", "deprecate")),
    "packages.package:export_as_csv": May("ems", bulk("package", "export_as_csv", post="yes")),
    "grids.grid:export_as_csv": May("ems", bulk("grid", "export_as_csv", post="yes")),
    "grids.grid:export_cells_as_csv": May("ems", bulk("grid", "export_cells_as_csv", post="yes")),
    "grids.cell:export_as_csv": May("ems", bulk("cell", "export_as_csv", post="yes")),
    "packages.package:fetch_now": May("ems", fetch_now, fail),
    "packages.package:retry_failed": May("ems", bulk("package", "retry_failed"), fail),
    "packages.package:merge_packages": May("ms", merge),
    "packages.package:clear_pypi_project": May("ems", bulk("other_package", "clear_pypi_project")),
}
DEEDS: dict[str, May] = {
    "add a package": May("ems", add("packages/package", **NEW, category="@category")),
    "add a package by its address": May("ems", by_address),
    "rename a package": May("ems", change("package", title="New")),
    "reply": May("ems", change("package", reply_kind="finished", reply_until="2200-01-01")),
    "put a package into a grid": May("ems", change("package", **MEMBER, **{"memberships-0-grid": "@other_grid"})),
    "take a package out of a grid": May("ems", drop("package", "grid")),
    "delete a package": May("ms", delete("package")),
    "add a grid": May("ems", add("grids/grid", **NEW)),
    "rename a grid": May("ems", change("grid", title="New")),
    "lock a grid": May("ms", change("grid", is_locked="on")),
    "add a member": May("ems", change("grid", **MEMBER, **{"memberships-0-package": "@other_package"})),
    "remove a member": May("ems", drop("grid", "package")),
    "add a feature in the form of its grid": May(
        "ems", change("grid", **{"features-TOTAL_FORMS": "2", "features-1-title": "New", "features-1-position": "9"})
    ),
    "delete a grid": May("ms", delete("grid")),
    "add a feature": May("ems", add("grids/feature", grid="@grid", title="New", position="9")),
    "rename a feature": May("ems", change("feature", title="New")),
    "delete a feature": May("ems", delete("feature")),
    "add a cell": May("ems", add("grids/cell", feature="@other_feature", package="@package", text="New")),
    "change a cell": May("ems", change("cell", text="New")),
    "delete a cell": May("ems", delete("cell")),
    "edit a cell in the grid editor": May("ems", editor(cells=of_cell)),
    "add a feature in the grid editor": May("ems", editor(created=of_feature)),
    "delete a feature in the grid editor": May("ems", editor(deleted=going("features", "feature"))),
    "add a member in the grid editor": May("ems", editor(added=lambda world: world.other_package.pk)),
    "remove a member in the grid editor": May("ems", editor(removed=going("members", "package"))),
    "import packages": May("ems", imports("package", title="New")),
    "import grids": May("ems", imports("grid", title="New")),
    "import cells": May("ems", import_cell),
    "lock a grid by an import": May("ms", imports("grid", is_locked="true")),
    "put an item of the desk off": May("ems", settle("no-project", "package", "not-now")),
    "delete an empty grid on the desk": May("ms", settle("empty-grid", "other_grid", "delete")),
    "add a category": May("ms", add("categories/category", **NEW, title_plural="News")),
    "rename a category": May("ms", change("category", title="New")),
    "delete a category": May("ms", delete("category")),
    "add a user": May("s", add("auth/user", **USER)),
    "delete a user": May("s", delete("user")),
    "add a group": May("s", add("auth/group", name="New")),
    "make oneself a moderator": May("s", change("group", name="New")),
    "undo that a package was changed": May("ems", **undoing(lambda _: Package.objects.update(title="Theirs"))),
    "undo that a package was added": May(
        "ms", **undoing(lambda world: PackageFactory.create(category=world.category), "superuser")
    ),
    "undo that a package was deleted": May(
        "ems", **undoing(lambda world: Package.objects.filter(pk=world.other_package.pk).delete())
    ),
    "undo that a grid was added": May("ms", **undoing(lambda _: GridFactory.create())),
    "undo that a grid was deleted": May(
        "ems", **undoing(lambda world: Grid.objects.filter(pk=world.other_grid.pk).delete())
    ),
    "undo that a grid was locked": May("ms", **undoing(lock)),
    "undo that a locked grid was deleted": May(
        "ms", **undoing(lambda world: Grid.objects.filter(pk=world.other_grid.pk).delete(), first=lock)
    ),
    "undo that a category was changed": May("ms", **undoing(lambda _: Category.objects.update(description="Theirs"))),
    "undo that a category was added": May("ms", **undoing(lambda _: CategoryFactory.create())),
    "undo that a category was deleted": May(
        "ms", **undoing(lambda world: Category.objects.filter(pk=world.category.pk).delete())
    ),
    "undo that a member was added": May(
        "ems", **undoing(lambda world: MembershipFactory.create(grid=world.other_grid, package=world.package))
    ),
    "undo that a member was removed": May(
        "ems", **undoing(lambda world: GridPackage.objects.filter(pk=world.member.pk).delete())
    ),
    "undo that a cell was changed": May("ems", **undoing(lambda _: Cell.objects.update(text="Theirs"))),
    "undo that a feature was added": May("ems", **undoing(lambda world: FeatureFactory.create(grid=world.grid))),
    "undo what an editor has added himself": May("ems", **undoing(lambda _: GridFactory.create(), "editor")),
}
# The same about a locked grid, and what is in it
OF_A_LOCKED_GRID: dict[str, May] = {
    **{
        name: DEEDS[name]._replace(who="ms", prepare=lock)
        for name in (
            *("rename a grid", "add a member", "remove a member", "add a feature in the form of its grid"),
            *("delete a grid", "add a feature", "rename a feature", "delete a feature"),
            *("add a cell", "change a cell", "delete a cell", "delete a package"),
            *("put a package into a grid", "take a package out of a grid"),
            *("edit a cell in the grid editor", "add a feature in the grid editor"),
            *("delete a feature in the grid editor", "add a member in the grid editor"),
            *("remove a member in the grid editor", "import grids", "import cells"),
        )
    },
    **{
        name: ACTIONS[name]._replace(who="ms", prepare=lock)
        for name in (
            *("packages.package:add_to_grid", "packages.package:remove_from_grid", "packages.package:delete_selected"),
            *("grids.grid:delete_selected", "grids.feature:delete_selected", "grids.cell:delete_selected"),
            "packages.package:merge_packages",
        )
    },
    "unlock it": May("ms", change("grid", is_locked=None), lock),
    "unlock it by an import": May("ms", imports("grid", is_locked="false"), lock),
    **{
        f"undo: {name}": May("ms", **undoing(write, then=lock))
        for name, write in {
            "a member": lambda world: GridPackage.objects.filter(pk=world.member.pk).delete(),
            "a cell": lambda _: Cell.objects.update(text="Theirs"),
            "a feature": lambda _: Feature.objects.update(title="Theirs"),
        }.items()
    },
}


def doers(world: World, may: May) -> str:
    """Return who changes anything by a deed, or gets a file, the first letters of WHO."""
    able = ""
    for who in WHO:
        with transaction.atomic():
            may.prepare(world)
            before = stored()
            response: Any = may.deed(world, world.clients[who])
            has_file = response.headers.get("Content-Type", "").startswith("text/csv")
            able += who[0] if has_file or stored() != before else ""
            transaction.set_rollback(True)
    return able


@pytest.mark.parametrize("name", DEEDS)
def test_who_can_do_each_thing(world: World, name: str) -> None:
    assert doers(world, DEEDS[name]) == DEEDS[name].who


@pytest.mark.parametrize("name", ACTIONS)
def test_who_can_use_each_action(world: World, name: str) -> None:
    assert doers(world, ACTIONS[name]) == ACTIONS[name].who


@pytest.mark.parametrize("name", OF_A_LOCKED_GRID)
def test_who_can_change_a_locked_grid_in_each_way(world: World, name: str) -> None:
    assert doers(world, OF_A_LOCKED_GRID[name]) == OF_A_LOCKED_GRID[name].who


def _actions_of(model_admin: Any) -> list[Any]:
    return list(model_admin._get_base_actions())


def test_every_action_has_a_line() -> None:
    site = admin.site
    names = {
        f"{model._meta.label_lower}:{name}"
        for model in site._registry
        for _, name, _ in _actions_of(site.get_model_admin(model))
        if site.get_model_admin(model).actions is not None
    }
    assert names - ACTIONS.keys() == set(), "say in ACTIONS who may use them"
    assert ACTIONS.keys() - names == set(), "there are no such actions"
