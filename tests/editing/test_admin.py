"""Admin: what editors do is recorded, their pages show it, and undo it."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from categories.models import Category
from changes.log import RETENTION
from editing import pruning
from editing.admin import EditBatchAdmin
from editing.models import Edit, EditBatch
from editing.recorder import paused, recording
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package, Release
from tests.core.admin.editors import change_url, errors_of, messages_of, open_form, package_form, send
from tests.factories import CategoryFactory, CellFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/editing/editbatch/"


def page_of(batch: EditBatch) -> str:
    return f"{LIST}{batch.pk}/change/"


def text_of(response: Any) -> str:
    """Return the text of a page, without its tags."""
    content = re.search(r'id="content-main".*</div>', response.content.decode(), re.DOTALL)
    assert content
    return " ".join(re.sub(r"<[^>]*>", " ", content[0]).split())


def ticks(response: Any) -> list[str]:
    return re.findall(r'name="tick" value="([^"]*)"', response.content.decode())


def user_with(*codenames: str, name: str = "bob") -> User:
    user = User.objects.create_user(name, password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


# Recording


def test_a_form_is_one_batch(editor: Client) -> None:
    package, grid = PackageFactory.create(title="Old"), GridFactory.create()
    form = package_form(package.category, repo_url=package.repo_url, pypi_url="", title="New") | {
        "memberships-TOTAL_FORMS": 1,
        "memberships-0-grid": grid.pk,
    }
    assert errors_of(editor.post(change_url(package), form)) == []
    batch = EditBatch.objects.get()
    assert (batch.user_name, batch.words) == ("editor", "Changed the package “New”")
    assert batch.tally == {"grids_gridpackage": {"created": 1}, "packages_package": {"changed": 1}}
    edit = batch.edits.get(table_name="packages_package")
    assert edit.before and edit.after
    assert {name: (edit.before[name], edit.after[name]) for name in edit.before if name != "modified"} == {
        "title": ("Old", "New"),
        "slug": (package.slug, "new"),
    }
    assert (edit.package_id, edit.grid_id) == (package.pk, None)


def test_a_save_that_changes_nothing_is_none(editor: Client) -> None:
    package = PackageFactory.create()
    send(editor, package, open_form(editor, package))
    assert not EditBatch.objects.exists()
    assert not Edit.objects.exists()


def test_a_form_with_errors_is_none(editor: Client) -> None:
    package = PackageFactory.create()
    assert errors_of(send(editor, package, open_form(editor, package), title=""))
    assert not EditBatch.objects.exists()


def test_an_addition_and_a_deletion(editor: Client) -> None:
    category = CategoryFactory.create()
    assert errors_of(editor.post("/admin/packages/package/add/", package_form(category))) == []
    pk = Package.objects.get().pk
    editor.post(f"/admin/packages/package/{pk}/delete/", {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [category.pk], "post": "yes"}
    editor.post("/admin/categories/category/", chosen)
    assert list(EditBatch.objects.order_by("id").values_list("words", flat=True)) == [
        "Added the package “New”",
        "Deleted the package “New”",
        f"Deleted the category “{category}”",
    ]


def test_an_action_says_what_it_is_called(admin_client: Client) -> None:
    package = PackageFactory.create(repo_url="https://github.com/a/b")
    package.fetch_states.create(
        source="repo",
        target=package.repo_key,
        outcome="invalid",
        next_due=timezone.now(),
        validators={"another_repository": "Another one has this name."},
    )
    chosen = {"action": "decide_about_reused_names", "_selected_action": [package.pk], "decision": "drop"}
    admin_client.post("/admin/packages/package/", chosen)
    batch = EditBatch.objects.get()
    assert batch.words == "Decide about reused repository names"
    admin_client.post(page_of(batch))
    package.refresh_from_db()
    assert package.repo_url == "https://github.com/a/b"
    assert package.fetch_states.get().outcome == "invalid"


def test_a_batch_inside_another_is_part_of_it() -> None:
    with recording("one", "First") as outer:
        CategoryFactory.create()
        with recording("two", "Second") as inner:
            GridFactory.create()
    assert inner is outer
    assert EditBatch.objects.get().tally == {
        "categories_category": {"created": 1},
        "grids_grid": {"created": 1},
    }


def test_nothing_is_recorded_while_it_is_paused() -> None:
    with recording("one"):
        package = PackageFactory.create()
        with paused():
            Package.objects.update(repo_watchers=5)
            Release.objects.create(package=package, version="1.0")
        Package.objects.update(title="Last")
    tables = set(Edit.objects.values_list("table_name", flat=True))
    assert tables == {"categories_category", "packages_package"}
    with paused():
        Package.objects.update(title="Other")
    assert EditBatch.objects.count() == 1


def test_what_is_rolled_back_is_not_recorded() -> None:
    with pytest.raises(ValueError, match="No"), recording("one"):
        CategoryFactory.create()
        raise ValueError("No")
    CategoryFactory.create()
    assert not EditBatch.objects.exists()
    assert not Edit.objects.exists()


def test_a_row_that_comes_and_goes_leaves_nothing() -> None:
    with recording("one"):
        Cell.objects.filter(pk=CellFactory.create().pk).update(text="no")
        Cell.objects.all().delete()
        Package.objects.all().delete()
        Grid.objects.all().delete()
    assert EditBatch.objects.get().tally == {"categories_category": {"created": 1}}


def test_a_save_takes_a_few_queries_more(editor: Client) -> None:
    category = CategoryFactory.create()
    fields = open_form(editor, category)
    with CaptureQueriesContext(connection) as queries:
        send(editor, category, fields, title="Other")
    of_history = [each["sql"] for each in queries if "editing_" in each["sql"] or "editing.batch" in each["sql"]]
    assert len(of_history) == 5


# Pages


def test_the_history_of_a_grid_has_its_rows(editor: Client) -> None:
    cell = CellFactory.create(text="yes", feature__title="Speed")
    grid = cell.feature.grid
    Package.objects.update(title="Fast")
    send(editor, cell, open_form(editor, cell), text="no: slow")
    editor.post(f"/admin/grids/feature/{cell.feature.pk}/delete/", {"post": "yes"})
    text = text_of(editor.get(f"/admin/grids/grid/{grid.pk}/history/"))
    assert "Cell “Speed” of “Fast”: changed Text yes → no: slow" in text
    assert f"Feature “Speed” in “{grid}”: deleted" in text
    assert "Deleted the feature “Speed”" in text
    assert "Cell “Speed” of “Fast”: changed" in text_of(editor.get(f"/admin/grids/feature/{cell.feature.pk}/history/"))
    package = Package.objects.get()
    assert "Cell “Speed” of “Fast”: changed" in text_of(editor.get(f"/admin/packages/package/{package.pk}/history/"))


def test_the_history_of_a_deleted_row(editor: Client) -> None:
    grid = GridFactory.create(title="Gone")
    url = f"/admin/grids/grid/{grid.pk}/"
    editor.post(f"{url}delete/", {"post": "yes"})
    text = text_of(editor.get(f"{url}history/"))
    assert "This grid is deleted." in text
    assert "Deleted the grid “Gone”" in text
    assert editor.get("/admin/grids/grid/999/history/").status_code == 302
    assert editor.get("/admin/grids/grid/abc/history/").status_code == 404


def test_a_new_row_shows_what_it_was_given(editor: Client) -> None:
    category = CategoryFactory.create(title="Apps")
    editor.post("/admin/packages/package/add/", package_form(category, title="New", deprecated="on"))
    text = text_of(editor.get(f"/admin/packages/package/{Package.objects.get().pk}/history/"))
    assert "Package “New”: created Title New Slug new Category Apps PyPI project django Deprecated yes" in text


def test_a_long_history_has_pages(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("editing.history.BATCHES", 2)
    grid = GridFactory.create()
    for number in range(3):
        with recording("anna", f"Edit {number}"):
            Grid.objects.update(title=f"Title {number}")
    url = f"/admin/grids/grid/{grid.pk}/history/"
    first = editor.get(url)
    assert "Edit 2" in text_of(first)
    assert "Edit 0" not in text_of(first)
    [earlier] = re.findall(r'href="(\?before=[0-9]+)"', first.content.decode())
    assert "Edit 0" in text_of(editor.get(url + earlier))
    assert "No editor has changed this" in text_of(editor.get(f"/admin/grids/grid/{GridFactory.create().pk}/history/"))
    for nonsense in ("x", "²", "9" * 30):
        assert editor.get(url, {"before": nonsense}).status_code == 200


def test_an_edit_of_many_rows_says_that_there_are_more(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("editing.history.ROWS", 2)
    grid = GridFactory.create()
    for number in range(2):
        with recording("anna", f"Edit {number}"):
            for _ in range(3):
                MembershipFactory.create(grid=grid)
    url = f"/admin/grids/grid/{grid.pk}/history/"
    first = editor.get(url)
    assert text_of(first).count("Membership") == 2
    assert "and further rows, which this page does not show." in text_of(first)
    assert "Edit 0" not in text_of(first)
    [earlier] = re.findall(r'href="(\?before=[0-9]+)"', first.content.decode())
    assert "Edit 0" in text_of(editor.get(url + earlier))


def test_the_list_and_its_filters(editor: Client) -> None:
    with recording("anna", "Added a grid"):
        GridFactory.create()
    with recording("bob", "Added a category"):
        CategoryFactory.create()
    for query, words in (
        ("", ["Added a category", "Added a grid"]),
        ("?who=anna", ["Added a grid"]),
        ("?table=categories_category", ["Added a category"]),
        (f"?at__year={timezone.now().year}", ["Added a category", "Added a grid"]),
        ("?q=grid", ["Added a grid"]),
    ):
        response = editor.get(LIST + query)
        assert [batch.words for batch in response.context["cl"].result_list] == words, query
    assert "1 category created" in text_of(editor.get(LIST))
    assert editor.get(f"{LIST}?who=%00").status_code == 302


def test_the_queries_of_pages_do_not_grow(editor: Client) -> None:
    def queries_of(url: str) -> int:
        editor.get(url)
        with CaptureQueriesContext(connection) as queries:
            assert editor.get(url).status_code == 200
        return len(queries)

    grid = GridFactory.create()

    def edit(members: int) -> EditBatch:
        with recording("anna") as recorded:
            for _ in range(members):
                CellFactory.create(feature__grid=grid, membership__grid=grid)
        return recorded.batch

    batch = edit(1)
    urls = (LIST, f"/admin/grids/grid/{grid.pk}/history/", page_of(batch))
    before = [queries_of(url) for url in urls]
    batch = edit(5)
    assert [queries_of(url) for url in (*urls[:2], page_of(batch))] == before
    assert max(before) <= 40


def test_hostile_texts_are_texts(editor: Client) -> None:
    bad = "<script>alert(1)</script>{{ 7|add:7 }}"
    grid = GridFactory.create(title=bad, description=bad)
    with recording(bad, bad) as recorded:
        Grid.objects.update(description=f"{bad} again")
    Grid.objects.update(description=f"{bad} and again")
    for url in (LIST, page_of(recorded.batch), f"/admin/grids/grid/{grid.pk}/history/"):
        content = editor.get(url).content.decode()
        assert "<script>alert" not in content
        assert "&lt;script&gt;alert" in content


# Undoing


def test_a_click_undoes_and_another_one_undoes_that(editor: Client) -> None:
    package = PackageFactory.create(title="Old")
    send(editor, package, open_form(editor, package), title="New")
    batch = EditBatch.objects.get()
    assert "changed Title Old → New Sets the former values." in text_of(editor.get(page_of(batch)))
    response: Any = editor.post(page_of(batch))
    assert messages_of(response) == ["Undone: 1 row. This can be undone too."]
    package.refresh_from_db()
    assert package.title == "Old"
    again = EditBatch.objects.get(undoes=batch)
    assert (response.url, again.words, again.user_name) == (page_of(again), f"Undid: {batch.words}", "editor")
    assert "Undone by editor" in text_of(editor.get(page_of(batch)))
    editor.post(page_of(again))
    package.refresh_from_db()
    assert package.title == "New"
    assert messages_of(editor.post(page_of(again)))[-1] == "There was nothing to undo."


def test_a_get_undoes_nothing_and_a_post_needs_its_token(admin_user: User) -> None:
    with recording("anna") as recorded:
        CategoryFactory.create()
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.post(page_of(recorded.batch)).status_code == 403
    assert client.get(page_of(recorded.batch)).status_code == 200
    assert EditBatch.objects.count() == 1


def test_what_others_changed_since_is_asked_about(editor: Client) -> None:
    grid = GridFactory.create(title="Old", description="Old words")
    with recording("anna") as recorded:
        Grid.objects.update(title="New", description="New words")
    with recording("bob"):
        Grid.objects.update(title="Newer")
    page = editor.get(page_of(recorded.batch))
    assert "Title was changed since by bob on" in text_of(page)
    assert "Now: Newer ; tick to have it Old all the same." in text_of(page)
    response = editor.post(page_of(recorded.batch))
    assert "Left as it is: grid" in messages_of(response)[0]
    grid.refresh_from_db()
    assert (grid.title, grid.description) == ("Newer", "Old words")
    [tick] = ticks(page)
    response = editor.post(page_of(recorded.batch), {"tick": tick})
    assert messages_of(response)[-1] == "Undone: 1 row. This can be undone too."
    grid.refresh_from_db()
    assert grid.title == "Old"


def test_a_tick_is_of_what_the_page_showed(editor: Client) -> None:
    grid = GridFactory.create(title="Old")
    with recording("anna") as recorded:
        Grid.objects.update(title="New")
    Grid.objects.update(title="Newer")
    [tick] = ticks(editor.get(page_of(recorded.batch)))
    Grid.objects.update(title="Newest")
    editor.post(page_of(recorded.batch), {"tick": tick})
    grid.refresh_from_db()
    assert grid.title == "Newest"


def test_what_others_added_since_does_not_go_in_silence(editor: Client) -> None:
    with recording("anna") as recorded:
        member = MembershipFactory.create()
    CellFactory.create(membership=member, feature__grid=member.grid)
    page = editor.get(page_of(recorded.batch))
    text = text_of(page)
    assert "1 cell of somebody else would go with it" in text
    assert "1 feature of somebody else would go with it" in text
    response = editor.post(page_of(recorded.batch))
    assert messages_of(response)[-1] == "There was nothing to undo.", "a cell keeps its package and its grid"
    assert (Cell.objects.count(), GridPackage.objects.count(), Feature.objects.count()) == (1, 1, 1)
    assert messages_of(editor.post(page_of(recorded.batch), {"tick": ticks(page)}))[-1].startswith("Undone: 4 rows")
    assert not GridPackage.objects.exists()
    editor.post(page_of(EditBatch.objects.latest("id")))
    assert (Cell.objects.count(), GridPackage.objects.count(), Feature.objects.count()) == (1, 1, 1)


def test_a_slug_that_was_taken_since(editor: Client) -> None:
    package = PackageFactory.create(slug="mine", category=CategoryFactory.create(title="Kept"))
    other = PackageFactory.create(title="Other")
    with recording("anna") as recorded:
        Package.objects.filter(pk=package.pk).update(slug="else")
        Category.objects.update(title="Changed")
    Package.objects.filter(pk=other.pk).update(slug="mine")
    reason = "The slug “mine” is taken by another package now."
    assert reason in text_of(editor.get(page_of(recorded.batch)))
    response = editor.post(page_of(recorded.batch))
    assert response.status_code == 409
    assert reason in text_of(response)
    package.category.refresh_from_db()
    assert package.category.title == "Changed", "nothing is half done"


def test_a_repository_that_another_package_has_by_now(editor: Client) -> None:
    package = PackageFactory.create(title="First", repo_url="https://github.com/a/b")
    with recording("anna") as recorded:
        package.delete()
    PackageFactory.create(title="Second", repo_url="https://github.com/A/B/")
    page = editor.get(page_of(recorded.batch))
    assert "the package “Second” has the same repository now" in text_of(page)
    editor.post(page_of(recorded.batch))
    assert Package.objects.count() == 1
    editor.post(page_of(recorded.batch), {"tick": ticks(page)})
    assert Package.objects.count() == 2


def test_what_it_belongs_to_is_gone(editor: Client) -> None:
    member = MembershipFactory.create()
    package = member.package
    with recording("anna") as recorded:
        package.delete()
    member.grid.delete()
    assert "its grid was deleted since" in text_of(editor.get(page_of(recorded.batch)))
    messages = messages_of(editor.post(page_of(recorded.batch)))
    assert [message for message in messages if "its grid was deleted since" in message]
    assert Package.objects.exists()


def test_a_category_that_has_packages_by_now(editor: Client) -> None:
    with recording("anna") as recorded:
        category = CategoryFactory.create()
    PackageFactory.create(category=category)
    assert "The category has 1 package by now." in text_of(editor.get(page_of(recorded.batch)))
    assert editor.post(page_of(recorded.batch)).status_code == 409
    category.refresh_from_db()


def test_locked_grids_stay_as_they_are(editor: Client, admin_client: Client) -> None:
    cell = CellFactory.create(text="yes")
    grid = cell.feature.grid
    with recording("anna") as of_cell:
        Cell.objects.update(text="no")
    with recording("anna") as of_lock:
        Grid.objects.update(is_locked=True)
    why = f"The grid “{grid}” is locked. Only users with the permission to unlock grids can change it."
    for recorded in (of_cell, of_lock):
        assert why in text_of(editor.get(page_of(recorded.batch)))
        assert editor.post(page_of(recorded.batch)).status_code == 403
    with recording("anna") as of_grid:
        grid.delete()
    assert "bring a locked grid back" in text_of(editor.get(page_of(of_grid.batch)))
    assert editor.post(page_of(of_grid.batch)).status_code == 403
    for recorded in (of_grid, of_cell, of_lock):
        assert admin_client.post(page_of(recorded.batch)).status_code == 302
    assert (Cell.objects.get().text, Grid.objects.get().is_locked) == ("yes", False)


def test_a_grid_that_is_locked_while_an_editor_undoes_stays_as_it_is(
    editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = CellFactory.create(text="yes")
    with recording("anna") as recorded:
        Cell.objects.update(text="no")
    begin = EditBatchAdmin._undo

    def late(*arguments: Any) -> Any:
        Grid.objects.update(is_locked=True)  # after the rights were read
        return begin(*arguments)

    monkeypatch.setattr(EditBatchAdmin, "_undo", late)
    response = editor.post(page_of(recorded.batch))
    assert response.status_code == 409
    assert f"The grid “{cell.feature.grid}” is locked." in text_of(response)
    assert Cell.objects.get().text == "no"


@pytest.mark.parametrize(("event", "action"), [("created", "delete"), ("changed", "change"), ("deleted", "add")])
def test_who_may_undo(client: Client, event: str, action: str) -> None:
    category = CategoryFactory.create()
    with recording("anna") as recorded:
        if event == "created":
            CategoryFactory.create()
        elif event == "changed":
            type(category).objects.update(title="Other")
        else:
            category.delete()
    user = user_with("change_grid")
    client.force_login(user)
    assert f"You may not {action} categories, which undoing does." in text_of(client.get(page_of(recorded.batch)))
    assert client.post(page_of(recorded.batch)).status_code == 403
    user.user_permissions.add(Permission.objects.get(codename=f"{action}_category"))
    assert client.post(page_of(recorded.batch)).status_code == 302
    assert EditBatch.objects.filter(undoes=recorded.batch, user=user).exists()


def test_who_may_look(client: Client) -> None:
    with recording("anna") as recorded:
        grid = GridFactory.create()
    history = f"/admin/grids/grid/{grid.pk}/history/"
    client.force_login(user_with("view_grid", name="viewer"))
    assert client.get(LIST).status_code == client.get(page_of(recorded.batch)).status_code == 403
    assert "created" in text_of(client.get(history))
    assert b"editbatch" not in client.get(history).content.split(b"content-main")[1]
    client.force_login(user_with("view_package", name="other"))
    assert client.get(history).status_code == 403
    client.force_login(user_with("view_editbatch", name="third"))
    assert client.get(page_of(recorded.batch)).status_code == 200
    for path in ("add/", f"{recorded.batch.pk}/delete/"):
        assert client.get(LIST + path).status_code == 403
    assert client.get(f"{LIST}999999/change/").status_code == 404
    for only in ("x", "999999"):
        assert client.get(page_of(recorded.batch), {"only": only}).status_code == 404


def test_one_row_alone(editor: Client) -> None:
    one, two = CellFactory.create(text="a"), CellFactory.create(text="b")
    with recording("anna") as recorded:
        Cell.objects.update(text="c")
    edit = Edit.objects.get(batch=recorded.batch, object_id=one.pk)
    page = editor.get(page_of(recorded.batch), {"only": edit.pk})
    assert "one row of it" in text_of(page)
    editor.post(page_of(recorded.batch), {"only": edit.pk})
    assert [Cell.objects.get(pk=each.pk).text for each in (one, two)] == ["a", "c"]


def test_a_user_who_is_deleted_leaves_a_name(editor: Client) -> None:
    grid = GridFactory.create()
    send(editor, grid, open_form(editor, grid), title="Other")
    User.objects.all().delete()
    batch = EditBatch.objects.get()
    assert (batch.user, batch.user_name) == (None, "editor")


def test_old_edits_are_pruned_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BATCHES", 2)
    monkeypatch.setattr(pruning, "ROWS", 2)
    for _ in range(5):
        with recording("anna"):
            MembershipFactory.create()
    kept = EditBatch.objects.latest("id")
    now = timezone.now()
    EditBatch.objects.exclude(pk=kept.pk).update(at=now - RETENTION)
    EditBatch.objects.filter(pk=kept.pk).update(at=now)
    assert pruning.prune(now) == 0
    EditBatch.objects.exclude(pk=kept.pk).update(at=now - RETENTION * 2)
    assert pruning.prune(now) == 4
    assert [batch.pk for batch in EditBatch.objects.all()] == [kept.pk]
    assert set(Edit.objects.values_list("batch", flat=True)) == {kept.pk}
