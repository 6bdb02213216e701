"""All bulk actions on packages: one edit that can be undone, queries that do not grow, who may do it."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from editing.actions import ACTIONS, frame
from editing.models import EditBatch
from grids.models import Cell, Grid, GridPackage
from packages.models import FetchState, Package, Release
from packages.settling import settled
from tests.conftest import Get
from tests.core.admin.editors import errors_of, messages_of, open_form
from tests.core.admin.editors import send as send_form
from tests.editing.acting import LIST, begin, send, text_of, undo_link
from tests.factories import CategoryFactory, FeatureFactory, GridFactory, PackageFactory
from tests.pages import fields_of
from tests.threads import in_background

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = [action.name for action in ACTIONS]


HOSTILE = "<script>alert(1)</script>{{ 7|add:7 }}"


@pytest.fixture(autouse=True)
def _catalogue() -> None:
    GridFactory.create(title="Target")
    PackageFactory.create(title="Target", category__title="Target")


def many(number: int) -> list[Package]:
    """Return packages with facts, each in a grid with a cell."""
    category = CategoryFactory.create()
    with settled():
        packages = Package.objects.bulk_create(
            PackageFactory.build(
                category=category, pypi_url=f"project-{n}", pypi_version="1.0", pypi_downloads=7, last_fetched=NOW
            )
            for n in range(number)
        )
        Release.objects.bulk_create(Release(package=each, version="1.0", uploaded_at=NOW) for each in packages)
        FetchState.objects.bulk_create(
            FetchState(package=each, source="pypi", target=each.pypi_name, outcome="ok", last_success=NOW, next_due=NOW)
            for each in packages
        )
        grid = GridFactory.create(title="Own")
        members = GridPackage.objects.bulk_create(GridPackage(grid=grid, package=each) for each in packages)
        feature = FeatureFactory.create(grid=grid)
        Cell.objects.bulk_create(Cell(feature=feature, membership=each, text="yes") for each in members)
    return packages


def typed(action: str) -> dict[str, Any]:
    """Return what an editor types into the form of an action."""
    match action:
        case "change_category":
            return {"category": Package.objects.get(title="Target").category_id}
        case "add_to_grid":
            return {"grid": Grid.objects.get(title="Target").pk}
        case "remove_from_grid":
            return {"grid": Grid.objects.get(title="Own").pk}
        case "deprecate":
            return {"successor": Package.objects.get(title="Target").pk}
    return {}


def documents(get: Get) -> dict[tuple[Any, ...], Any]:
    """Return the values of all documents, but for the times of their last change, and of health for `valid_until`,
    which follows from these."""
    values: dict[tuple[Any, ...], Any] = {}
    for kind in ("categories", "packages", "grids", "features"):
        for each in get(f"{kind}/?fields=all&limit=100").json()["results"]:
            each.get("health", {}).pop("valid_until", None)
            values |= {(kind, each["id"], name): value for name, value in each.items() if name != "modified"}
    return values


def differences(one: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
    return {key: (one.get(key), other.get(key)) for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


AT_ONCE = {"change_category", "clear_pypi_project"}  # whose page says all before anything is typed


def flow(client: Client, action: str, packages: Sequence[Package]) -> list[list[str]]:
    """Do it, from the button beside the list of actions on; return the SQL of each request."""
    typing, requests = typed(action), list[list[str]]()

    def request(send_it: Callable[..., Any], *arguments: Any, **values: Any) -> Any:
        with CaptureQueriesContext(connection) as queries:
            response = send_it(client, *arguments, **values)
        requests.append([query["sql"] for query in queries])
        return response

    page = request(begin, action, packages)
    while page.status_code == 200:
        assert len(requests) < 3, text_of(page)
        page = request(send, page, **typing)
    return requests


@pytest.mark.parametrize("action", NAMES)
def test_undoing_leaves_all_documents_as_they_were(editor: Client, get: Get, action: str) -> None:
    packages = many(3)
    before = documents(get)
    requests = flow(editor, action, packages)
    assert len(requests) == (2 if action in AT_ONCE else 3)
    after = documents(get)
    assert after != before
    batch = EditBatch.objects.get()
    url = undo_link(editor.get(LIST))
    assert url == f"/admin/editing/editbatch/{batch.pk}/change/"
    assert messages_of(editor.post(url))[-1].startswith("Undone: ")
    assert differences(before, documents(get)) == {}
    editor.post(f"/admin/editing/editbatch/{EditBatch.objects.latest('id').pk}/change/")
    assert differences(after, documents(get)) == {}, "undoing can be undone"


@pytest.mark.parametrize("action", NAMES)
def test_queries_do_not_grow_with_the_packages(editor: Client, action: str) -> None:
    """But for those of settling, which comes last: it takes 500 packages at a time."""
    numbers = []
    for number in (2, 120):
        Grid.objects.filter(title="Own").delete()
        requests = flow(editor, action, many(number))
        requests[-1] = own(requests[-1])
        numbers.append([len(each) for each in requests])
    assert numbers[0] == numbers[1]
    assert numbers[0][0] <= 7
    assert max(numbers[0]) <= 23


def own(statements: list[str]) -> list[str]:
    """Return the statements before the edit is closed."""
    [last] = [place for place, sql in enumerate(statements) if sql.startswith('UPDATE "editing_editbatch"')]
    return statements[: last + 1]


def test_all_packages_of_a_list(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "MOST", 20)
    monkeypatch.setattr(frame, "LISTED", 5)
    packages = many(20)
    query = f"?category__id__exact={packages[0].category_id}"
    page = begin(editor, "change_category", packages[:1], query, across=True)
    assert "20 packages are selected." in text_of(page)
    assert "and 15 more." in text_of(page)
    assert len(fields_of(page, "action_form")["_selected_action"]) == 1
    late = PackageFactory.create(category=packages[0].category)
    done, more = messages_of(send(editor, page, query, **typed("change_category")))
    assert done.startswith("Moved 20 packages")
    assert more == "Not shown by the page, and left as they are: 1 further package of the selection by now."
    late.refresh_from_db()
    assert late.category_id == packages[0].category_id
    response = begin(editor, "change_category", packages[:1], across=True)
    assert response.status_code == 302
    assert messages_of(response)[-1] == "Nothing was changed: select at most 20 packages at a time."


def test_what_somebody_else_changed_meanwhile_stays(editor: Client) -> None:
    one, two, three, four = many(4)
    page = begin(editor, "change_category", [one, two, three, four])
    other = CategoryFactory.create()
    Package.objects.filter(pk=two.pk).update(category=other)
    Package.objects.filter(pk=four.pk).update(category=typed("change_category")["category"])
    three.delete()
    done, there, moved, gone = messages_of(send(editor, page, **typed("change_category")))
    assert done.startswith("Moved 1 package to the category “Target”.")
    assert there == f"Left as they are, in the category “Target” already: “{four}”."
    assert moved == f"Left as they are, changed meanwhile by somebody else: “{two}”."
    assert gone == "Deleted meanwhile: 1 package."
    two.refresh_from_db()
    assert two.category == other


def test_a_page_is_of_its_action_and_its_user(editor: Client, admin_client: Client) -> None:
    packages = many(2)
    page = begin(editor, "clear_pypi_project", packages)
    fields = fields_of(page, "action_form")
    for client, changes in (
        (editor, {"selection": ["x" + fields["selection"][0]]}),
        (editor, {"selection": []}),
        (editor, {"action": ["deprecate"]}),
        (admin_client, {}),
    ):
        response: Any = client.post(LIST, fields | changes)
        assert messages_of(response)[-1].startswith("Nothing was changed: this page was of another session.")
    assert not EditBatch.objects.exists()
    assert Package.objects.exclude(pypi_url="").count() == 2
    editor.post(LIST, {**fields, "index": "0"})
    editor.get(LIST, fields)
    assert not EditBatch.objects.exists(), "the button of the list shows the page again"


@pytest.mark.parametrize("action", ACTIONS, ids=NAMES)
def test_who_is_offered_an_action(client: Client, action: frame.BulkAction) -> None:
    needed = ["packages.change_package", *action.needs]
    packages = many(1)
    user = User.objects.create_user("bob", password="x", is_staff=True)
    client.force_login(user)
    user.user_permissions.add(Permission.objects.get(codename="view_package"))
    for name in needed:
        assert f'<option value="{action.name}">' not in client.get(LIST).content.decode()
        assert begin(client, action.name, packages).status_code != 200 or "editbatch" not in str(
            EditBatch.objects.all()
        )
        user.user_permissions.add(Permission.objects.get(codename=name.partition(".")[2]))
    assert f'<option value="{action.name}">{action.label}</option>' in client.get(LIST).content.decode()
    flow(client, action.name, packages)
    assert EditBatch.objects.get().user == user


def test_a_post_needs_its_token(admin_user: User) -> None:
    [package] = many(1)
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert begin(client, "clear_pypi_project", [package]).status_code == 403


@pytest.mark.parametrize("action", NAMES)
def test_hostile_texts_are_texts(editor: Client, action: str) -> None:
    packages = many(2)
    typing = typed(action)
    Grid.objects.update(title=HOSTILE)
    Cell.objects.update(text=HOSTILE)
    Package.objects.update(title=HOSTILE, pypi_version=HOSTILE)
    Package.objects.filter(pk=packages[0].pk).update(pypi_url="", deprecated=True)
    type(packages[0].category).objects.update(title=HOSTILE)
    page = begin(editor, action, packages)
    pages = [page, send(editor, page, **typing), editor.get(LIST)]
    if action not in AT_ONCE:
        pages += [send(editor, pages[1]), editor.get(LIST)]
    for each in (each for each in pages if each.status_code == 200):
        assert "<script>alert" not in each.content.decode()
        assert "{{ 7|add:7 }}" in each.content.decode()
    assert "&lt;script&gt;alert" in page.content.decode()


@pytest.mark.parametrize("typing", ["", "999999", "x", "\x00"])
def test_what_cannot_be_chosen_comes_back_as_an_error(editor: Client, typing: str) -> None:
    [package] = many(1)
    for action, field in (("change_category", "category"), ("add_to_grid", "grid"), ("remove_from_grid", "grid")):
        page = send(editor, begin(editor, action, [package]), **{field: typing})
        assert page.status_code == 200
        assert 'class="errorlist"' in page.content.decode()
    assert not EditBatch.objects.exists()


def test_nothing_is_selected(editor: Client) -> None:
    response = begin(editor, "deprecate", [])
    assert messages_of(response) == ["Nothing was changed: no packages are selected."]
    response = editor.post(LIST, {"action": "deprecate", "index": "0", "_selected_action": ["x", "²", "9" * 30]})
    assert messages_of(response)[-1] == "Nothing was changed: no packages are selected."


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("field", ["title", "category"])
def test_two_sessions_on_one_package(admin_client: Client, field: str) -> None:
    """One editor moves a package with others, the other one saves its form."""
    one, two = many(2)
    target, other = typed("change_category")["category"], CategoryFactory.create(title="Elsewhere").pk
    page, form = begin(admin_client, "change_category", [one, two]), open_form(admin_client, one)
    change = {"title": "Mine"} if field == "title" else {"category": other}
    ready, responses = threading.Barrier(2, timeout=10), dict[str, Any]()

    def work(name: str, send_it: Callable[..., Any], *arguments: Any, **values: Any) -> None:
        client = Client()
        client.force_login(User.objects.get())
        ready.wait()
        responses[name] = send_it(client, *arguments, **values)

    threads = [
        in_background(lambda: work("action", send, page, category=target)),
        in_background(lambda: work("form", send_form, one, form, **change)),
    ]
    for thread in threads:
        thread.result()
    one.refresh_from_db()
    two.refresh_from_db()
    assert two.category_id == target
    if field == "title":
        assert (one.title, one.category_id) == ("Mine", target)
    elif responses["form"].status_code == 302:
        assert one.category_id == other
        assert messages_of(responses["action"])[1].startswith("Left as they are, changed meanwhile")
    else:
        assert one.category_id == target
        assert "Elsewhere" in errors_of(responses["form"])[0]
