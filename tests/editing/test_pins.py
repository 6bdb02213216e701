"""Pins on the form of a package, and undoing them."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from editing.models import Edit, EditBatch
from editing.recorder import recording
from editing.undo import undo
from packages.facts import ReleaseFact
from packages.models import Package, Pin
from packages.pins.columns import PINNABLE, stored
from packages.pins.write import change, lift, pin
from packages.results import save_results
from tests.conftest import Get
from tests.core.admin.editors import change_url, errors_of, messages_of, open_form, send
from tests.editing.test_admin import page_of
from tests.packages.pins.test_writers import FETCHED, VALUES, column_and_upstream, fetch, imported, pinned
from tests.packages.test_results import DAY, FACTS, NOW, PYPI, attempt, create, fetched
from tests.pages import text_of
from tests.threads import in_background

pytestmark = pytest.mark.django_db
postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")


@pytest.fixture
def editor(client: Client) -> Client:
    user = User.objects.create_user("anna", password="x", is_staff=True)
    names = ("change_package", "add_pin", "change_pin", "delete_pin")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return client


def add(client: Client, package: Package, column: str, value: str, reason: str = "It is wrong.", **more: Any) -> Any:
    form = open_form(client, package)
    row = form["pins-TOTAL_FORMS"][0]
    form["pins-TOTAL_FORMS"] = [str(int(row) + 1)]
    typed = {f"pins-{row}-column": column, f"pins-{row}-pinned": value, f"pins-{row}-reason": reason}
    return send(client, package, form | {name: [""] for name in typed}, **typed, **more)


def page_html(client: Client, package: Package) -> str:
    return str(client.get(change_url(package)).content.decode())


TYPED = {
    "repo_description": "Mine.",
    "documentation_url": "https://mine.example.org/",
    "licence": "bsd 3-clause",
    "archived": "Yes",
    "pypi_url": "mine",
    "pypi_version": "1.9",
    "released": (NOW - 99 * DAY).strftime("%Y-%m-%d %H:%M:%S"),
    "participants": "mine\r\n",
}


@pytest.mark.parametrize("column", VALUES)
def test_a_pin_is_added_changed_and_lifted(editor: Client, column: str) -> None:
    package = create(modified=NOW)
    fetch(package)
    package.refresh_from_db()
    before = getattr(package, column)
    assert errors_of(add(editor, package, column, TYPED[column])) == []
    row = Pin.objects.get()
    package.refresh_from_db()
    assert getattr(package, column) == VALUES[column][0]
    assert (row.by, row.reason, row.upstream, row.upstream_then) == ("anna", "It is wrong.", *[stored(before)] * 2)
    assert package.modified > NOW
    tally = {"packages_package": {"changed": 1}, "packages_pin": {"created": 1}}
    assert EditBatch.objects.get().tally.items() >= tally.items()
    Pin.objects.update(by="bob")
    form = open_form(editor, package)
    assert send(editor, package, form).status_code == 302
    assert Pin.objects.get().by == "bob", "saving the form without a change changes no pin"
    assert errors_of(send(editor, package, form, **{"pins-0-pinned": "", "pins-0-reason": "None."})) == []
    assert column_and_upstream(package, column)[0] == PINNABLE[column].empty
    row = Pin.objects.get()
    assert (row.by, row.reason) == ("anna", "None.")
    form = open_form(editor, package)
    assert errors_of(send(editor, package, form, **{"pins-0-DELETE": "on"})) == []
    package.refresh_from_db()
    assert (getattr(package, column) or None) == (before or None)
    assert not Pin.objects.exists()


@pytest.mark.parametrize(
    ("column", "value", "error"),
    [
        ("documentation_url", "ftp://a.example.org/", "http"),
        ("documentation_url", "https://a.example.org/?token=x", "token"),
        ("documentation_url", f"https://a.example.org/{'a' * 500}", "500"),
        ("licence", "a\nb", "one line"),
        ("licence", "x" * 101, "100"),
        ("licence", "unknown", "names no licence"),
        ("archived", "perhaps", "yes or no"),
        ("pypi_url", "a b", "project"),
        ("pypi_version", "one", "A version"),
        ("released", "yesterday", "A day like"),
        ("released", "2999-01-01", "still to come"),
        ("released", "0001-01-01", "before there was PyPI"),
        ("released", "0001-01-01T00:00+23:59", "before there was PyPI"),
        ("released", "9999-12-31T23:59-23:59", "still to come"),
        ("participants", "anna, bert", "One login a line"),
        ("participants", "\n".join(f"a{number}" for number in range(501)), "At most 500"),
        ("repo_description", "a" * 2001, "2,000"),
        ("repo_watchers", "5", "Select a valid choice"),
    ],
)
def test_a_value_that_the_column_cannot_have(editor: Client, column: str, value: str, error: str) -> None:
    package = create()
    response = add(editor, package, column, value)
    errors = errors_of(response)
    assert errors
    assert any(error in each for each in errors), errors
    assert value.split("\n", maxsplit=1)[0][:50] in text_of(response.content.decode())
    assert not Pin.objects.exists()


def test_the_project_of_another_package(editor: Client) -> None:
    package, _other = create(), create(slug="other", title="Other", repo_url="", pypi_url="theirs")
    [error] = errors_of(add(editor, package, "pypi_url", "Theirs"))
    assert "“Other” (other) has the same PyPI project" in error
    assert errors_of(add(editor, package, "pypi_url", "Theirs", shared_repository="on")) == []
    assert Package.objects.get(pk=package.pk).pypi_name == "theirs"


def test_a_pin_needs_a_reason_and_is_there_once(editor: Client) -> None:
    package = create()
    assert errors_of(add(editor, package, "licence", "MIT", reason=" ")) == ["This field is required."]
    assert errors_of(add(editor, package, "licence", "MIT")) == []
    assert "Please correct the duplicate data for column." in errors_of(add(editor, package, "licence", "ISC"))
    assert Package.objects.get().licence == "MIT"


def test_what_a_form_shows(editor: Client) -> None:
    package = create()
    fetch(package)
    pinned(package, "repo_description", "Mine.")
    page = text_of(page_html(editor, package))
    assert "Lift: it becomes “Does things.” again" in page
    assert "by anna" in page
    fetch(package, NOW + DAY, description="<b>Now</b>")
    page = editor.get(f"/admin/packages/package/{package.pk}/change/").content.decode()
    assert "“&lt;b&gt;Now&lt;/b&gt;”. This has changed since it was pinned: it was “Does things.”." in page
    Pin.objects.update(is_elsewhere=True, upstream=None)
    page = text_of(page_html(editor, package))
    assert "“nothing”. The package has got another address since it was pinned." in page
    assert "Lift: it becomes empty until upstream says something" in page


def test_without_the_permission_nothing_is_pinned(editor: Client) -> None:
    package = create()
    form = open_form(editor, package)
    User.objects.get().user_permissions.set(Permission.objects.filter(codename="change_package"))
    typed = {"pins-0-column": "licence", "pins-0-pinned": "MIT", "pins-0-reason": "It is.", "pins-TOTAL_FORMS": "1"}
    form |= {name: [""] for name in typed}
    assert send(editor, package, form, **typed, title="New").status_code == 302
    assert not Pin.objects.exists()
    assert "pins-TOTAL_FORMS" not in open_form(editor, package)


def test_two_editors_change_one_pin(editor: Client) -> None:
    package = create()
    pinned(package, "licence", "MIT")
    form = open_form(editor, package)
    Pin.objects.update(pinned="ISC")
    Package._base_manager.update(licence="ISC")
    [error] = errors_of(send(editor, package, form, **{"pins-0-pinned": "0BSD"}))
    assert "Value was changed meanwhile to another value than yours." in error
    response = send(editor, package, form, **{"pins-0-reason": "Another."})
    assert errors_of(response) == []
    assert "licence: Value was changed meanwhile, and stays as it is now: “ISC”." in messages_of(response)
    assert (Pin.objects.get().pinned, Pin.objects.get().reason) == ("ISC", "Another.")


def test_a_pin_that_another_editor_has_lifted(editor: Client) -> None:
    package = create()
    pinned(package, "licence", "MIT")
    form = open_form(editor, package)
    lift(Pin.objects.all())
    response = send(editor, package, form, title="New")
    assert errors_of(response) == []
    assert "The pin of the licence was lifted meanwhile by somebody else, and stays lifted." in messages_of(response)
    assert Package.objects.get().title == "New"


@pytest.mark.parametrize("number", ["99999", "9" * 20])
def test_more_pins_than_a_form_can_have(editor: Client, number: str) -> None:
    package = create()
    pinned(package, "licence", "MIT")
    form = open_form(editor, package)
    assert send(editor, package, form, **{"pins-INITIAL_FORMS": number, "title": "New"}).status_code in {200, 302}
    assert Pin.objects.get().pinned == "MIT"


def test_the_queries_of_a_form_do_not_grow(editor: Client) -> None:
    package = create()
    url = f"/admin/packages/package/{package.pk}/change/"
    pinned(package, "licence", "MIT")
    counts = []
    for column in ("licence", "archived", "participants"):
        if column != "licence":
            pinned(package, column, VALUES[column][0])
        editor.get(url)
        with CaptureQueriesContext(connection) as queries:
            editor.get(url)
        counts.append(len(queries))
        assert len([each for each in queries if "packages_pin" in each["sql"]]) == 1
    assert len(set(counts)) == 1


def served(get: Get, package: Package) -> Any:
    document = get(f"packages/{package.pk}/?fields=all").json()
    return {name: document[name] for name in document if name not in {"modified", "freshness", "health", "score"}}


def there_and_back(batch: EditBatch, get: Get, package: Package, before: Any, after: Any) -> None:
    for expected in (before, after, before):
        done = undo(batch, "bob")
        assert done.notes == []
        assert done.batch
        assert served(get, package) == expected
        batch = done.batch


@pytest.mark.parametrize("column", VALUES)
@pytest.mark.parametrize("is_fetched", [True, False])
def test_undoing_a_pin(get: Get, column: str, is_fetched: bool) -> None:
    package = create(documentation_url=None)
    if is_fetched:
        fetch(package)
    before = served(get, package)
    pinned(package, column, VALUES[column][0])
    after = served(get, package)
    assert [each["column"] for each in after["pins"]] == [column]
    there_and_back(EditBatch.objects.get(), get, package, before, after)


@pytest.mark.parametrize("column", VALUES)
def test_undoing_a_lifted_pin(get: Get, column: str) -> None:
    package = create()
    fetch(package)
    pinned(package, column, VALUES[column][0])
    before = served(get, package)
    with recording("anna"):
        lift(Pin.objects.all())
    after = served(get, package)
    assert after["pins"] == []
    there_and_back(EditBatch.objects.latest("pk"), get, package, before, after)


RELEASE_3 = ReleaseFact("3.0", NOW, yanked=False, requires_python="")


def refresh(package: Package, at: Any, column: str) -> None:
    facts: dict[str, Any] = {
        "repo_description": {"description": "Later."},
        "licence": {"licence": "ISC"},
        "archived": {"archived": True},
        "pypi_version": {"version": "3.0", "releases": ()},
        "released": {"version": "3.0", "releases": (RELEASE_3,)},
        "participants": {"participants": ("later",)},
    }
    fetch(package, at, **facts[column])


@pytest.mark.parametrize("column", FETCHED)
def test_undoing_a_pin_after_a_refresh(column: str) -> None:
    package = create()
    fetch(package, archived=False)
    value = False if column == "archived" else VALUES[column][0]
    pinned(package, column, value)
    batch = EditBatch.objects.get()
    refresh(package, NOW + DAY, column)
    said = column_and_upstream(package, column)[1]
    assert said != Pin.objects.get().upstream_then
    done = undo(batch, "bob")
    assert done.notes == []
    package.refresh_from_db()
    assert getattr(package, column) == said, "upstream's newest, not what it said when the pin was made"
    refresh(package, NOW + 2 * DAY, column)
    assert done.batch
    undo(done.batch, "bob")
    assert column_and_upstream(package, column) == (value, said)


@pytest.mark.parametrize("column", FETCHED)
def test_undoing_a_lifted_pin_after_a_refresh(column: str) -> None:
    package = create()
    fetch(package, archived=False)
    pinned(package, column, VALUES[column][0])
    with recording("anna"):
        lift(Pin.objects.all())
    refresh(package, NOW + DAY, column)
    package.refresh_from_db()
    said = getattr(package, column)
    assert undo(EditBatch.objects.latest("pk"), "bob").notes == []
    assert column_and_upstream(package, column) == (VALUES[column][0], said)


def test_undoing_a_pin_after_an_import(tmp_path: Path) -> None:
    package = create(modified=NOW - DAY, documentation_url="https://old.example.org/")
    pinned(package, "documentation_url", "https://mine.example.org/")
    imported(tmp_path, package, 1, documentation_url="https://new.example.org/")
    assert undo(EditBatch.objects.get(), "bob").notes == []
    assert Package.objects.get().documentation_url == "https://new.example.org/"


def test_undoing_a_pin_after_another_address() -> None:
    package = create()
    fetch(package)
    pinned(package, "repo_description", "Mine.")
    batch = EditBatch.objects.get()
    Package.objects.update(repo_url="https://github.com/c/d")
    undo(batch, "bob")
    package.refresh_from_db()
    assert package.repo_description == "", "not what the former repository said"


def test_undoing_another_address_brings_back_what_upstream_said() -> None:
    package = create()
    fetch(package)
    pinned(package, "repo_description", "Mine.")
    with recording("anna"):
        Package.objects.update(repo_url="https://github.com/c/d")
    assert column_and_upstream(package, "repo_description") == ("Mine.", "")
    undo(EditBatch.objects.latest("pk"), "bob")
    assert column_and_upstream(package, "repo_description") == ("Mine.", "Does things.")
    assert not Pin.objects.moved().exists()


def test_undoing_what_was_before_a_pin_leaves_the_pin() -> None:
    package = create()
    fetch(package)
    with recording("anna"):
        Package.objects.update(repo_url="https://github.com/c/d")
    batch = EditBatch.objects.get()
    pinned(package, "repo_description", "Mine.")
    undo(batch, "bob")
    assert column_and_upstream(package, "repo_description") == ("Mine.", "Does things.")


@pytest.mark.parametrize("column", ["licence", "documentation_url"])
def test_undoing_a_changed_pin(get: Get, column: str) -> None:
    package = create()
    fetch(package)
    row = pinned(package, column, VALUES[column][0])
    before = served(get, package)
    with recording("anna"):
        change(row, "" if column == "licence" else "https://other.example.org/", "Another.", "carla")
    there_and_back(EditBatch.objects.latest("pk"), get, package, before, served(get, package))


def test_a_package_comes_back_with_its_pins(get: Get) -> None:
    package = create()
    fetch(package)
    pinned(package, "licence", "ISC")
    before = served(get, package)
    with recording("anna"):
        Package.objects.get().delete()
    assert not Pin.objects.exists()
    undo(EditBatch.objects.latest("pk"), "bob")
    assert served(get, package) == before
    assert column_and_upstream(package, "licence") == ("ISC", "MIT")


def test_undoing_a_package_that_was_added_with_a_pin() -> None:
    with recording("anna") as recorded:
        package = create()
        pin(package, "licence", "ISC", "It is.", "anna")
    assert undo(recorded.batch, "bob").notes == []
    assert not Package.objects.exists()


def test_a_refresh_adds_no_row() -> None:
    package = create()
    pinned(package, "licence", "ISC")
    edits = Edit.objects.count()
    fetch(package)
    assert (Edit.objects.count(), EditBatch.objects.count()) == (edits, 1)


def test_the_history_of_a_package_has_its_pins(admin_client: Client) -> None:
    package = create(title="Fast")
    pinned(package, "licence", "ISC")
    for url in (f"/admin/packages/package/{package.pk}/history/", page_of(EditBatch.objects.get())):
        assert "licence of “Fast”" in text_of(admin_client.get(url).content.decode())


def meanwhile(package: Package, work: Any) -> None:
    """Pin the licence and the description, and have other work on the same package begin before the commit."""
    is_pinned, may_end = threading.Event(), threading.Event()

    def edit() -> None:
        with recording("anna"):
            list(Package.objects.select_for_update(no_key=True).filter(pk=package.pk))
            pin(package, "licence", "ISC", "It is wrong.", "anna")
            pin(package, "repo_description", "Mine.", "It is wrong.", "anna")
            is_pinned.set()
            may_end.wait(60)

    editor = in_background(edit)
    is_pinned.wait(60)
    other = in_background(work)
    other.join(0.5)
    assert other.is_alive(), "it waits for the package"
    may_end.set()
    editor.result()
    other.result()


@postgresql
@pytest.mark.django_db(transaction=True)
def test_an_editor_pins_while_a_refresh_saves() -> None:
    package = create()

    def refresh_it() -> None:
        save_results([attempt(package, fetched(FACTS)), attempt(package, fetched(PYPI), source="pypi")])

    meanwhile(package, refresh_it)
    assert column_and_upstream(package, "licence") == ("ISC", "MIT")
    assert column_and_upstream(package, "repo_description") == ("Mine.", "Does things.")
    assert Package.objects.get().repo_watchers == FACTS.watchers


@postgresql
@pytest.mark.django_db(transaction=True)
def test_an_editor_pins_while_an_import_runs(tmp_path: Path) -> None:
    package = create(modified=NOW - DAY)
    meanwhile(package, lambda: imported(tmp_path, package, 1, repo_description="Theirs.", title="New"))
    assert column_and_upstream(package, "repo_description") == ("Mine.", "Theirs.")
    assert column_and_upstream(package, "licence") == ("ISC", "")
    assert Package.objects.get().title == "New"
