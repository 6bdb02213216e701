"""A form that was open while others changed the document."""

import re
import threading
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from categories.models import Category
from grids.models import Grid
from packages.models import Package
from tests.core.admin.editors import errors_of, messages_of, open_form, send
from tests.factories import CategoryFactory, GridFactory, PackageFactory
from tests.pages import fields_of
from tests.threads import in_background

pytestmark = pytest.mark.django_db
LONG_AGO = parse_datetime("2020-01-01T00:00:00Z")
FACTORIES: tuple[Any, ...] = (CategoryFactory, PackageFactory, GridFactory)


@pytest.fixture(params=FACTORIES, ids=lambda factory: factory._meta.model.__name__)
def document(request: pytest.FixtureRequest) -> Any:
    return request.param.create(title="Shown", slug="shown", modified=LONG_AGO)


def stored(document: Any, *names: str) -> tuple[Any, ...]:
    row: tuple[Any, ...] = type(document).objects.values_list(*names).get(pk=document.pk)
    return row


def others(document: Any, **columns: Any) -> None:
    """Change a document as another editor does."""
    type(document).objects.filter(pk=document.pk).update(**columns)


def test_a_form_in_which_nothing_is_changed_writes_nothing(admin_client: Client, document: Any) -> None:
    form = open_form(admin_client, document)
    with CaptureQueriesContext(connection) as queries:
        assert send(admin_client, document, form).status_code == 302
    table = document._meta.db_table
    assert [query["sql"] for query in queries if query["sql"].startswith(f'UPDATE "{table}"')] == []
    assert stored(document, "title", "modified") == ("Shown", LONG_AGO)


def test_a_save_writes_what_the_form_changed_and_nothing_else(admin_client: Client, document: Any) -> None:
    form = open_form(admin_client, document)
    with CaptureQueriesContext(connection) as queries:
        assert send(admin_client, document, form, title="Mine").status_code == 302
    table = document._meta.db_table
    updates = [query["sql"] for query in queries if query["sql"].startswith(f'UPDATE "{table}"')]
    assert [re.findall(r'"(\w+)" = ', update.partition(" WHERE ")[0]) for update in updates] == [
        ["title"],
        ["modified"],
    ]
    assert LogEntry.objects.get().get_change_message() == "Changed Title."


def test_changes_of_other_fields_are_merged_with_a_message(admin_client: Client, document: Any) -> None:
    form = open_form(admin_client, document)
    others(document, slug="theirs")
    response = send(admin_client, document, form, title="Mine")
    assert errors_of(response) == []
    assert stored(document, "title", "slug") == ("Mine", "theirs")
    assert "Slug was changed meanwhile, and stays as it is now: “theirs”." in messages_of(response)
    assert LogEntry.objects.get().get_change_message() == "Changed Title."


def test_a_field_that_both_changed_is_asked_about(admin_client: Client, document: Any) -> None:
    form = open_form(admin_client, document)
    others(document, title="Theirs <b>")
    question = send(admin_client, document, form, title="Mine", slug="my-slug")
    assert stored(document, "title", "slug") == ("Theirs <b>", "shown")
    page = question.content.decode()
    assert re.search(r"<td>Mine</td>\s*<td>Theirs &lt;b&gt;</td>", page)

    asked = fields_of(question, f"{document._meta.model_name}_form")
    assert (asked["title"], asked["slug"], asked["choice-title"]) == (["Mine"], ["my-slug"], ["mine"])
    assert errors_of(send(admin_client, document, asked)) == []
    assert stored(document, "title", "slug") == ("Mine", "my-slug")


def test_the_other_value_can_be_taken(admin_client: Client, document: Any) -> None:
    form = open_form(admin_client, document)
    others(document, title="Theirs")
    asked = fields_of(
        send(admin_client, document, form, title="Mine", slug="my-slug"), f"{document._meta.model_name}_form"
    )
    assert errors_of(send(admin_client, document, asked, **{"choice-title": "theirs"})) == []
    assert stored(document, "title", "slug") == ("Theirs", "my-slug")


@pytest.mark.parametrize("choice", ["mine", "theirs"])
def test_a_value_that_moves_again_is_asked_about_again(admin_client: Client, document: Any, choice: str) -> None:
    form = open_form(admin_client, document)
    others(document, title="Theirs")
    asked = fields_of(send(admin_client, document, form, title="Mine"), f"{document._meta.model_name}_form")
    others(document, title="Newest")
    [error] = errors_of(send(admin_client, document, asked, **{"choice-title": choice}))
    assert re.search(r"<td>Mine</td>\s*<td>Newest</td>", error)
    assert stored(document, "title") == ("Newest",)


def test_the_same_change_by_both_is_no_question(admin_client: Client, document: Any) -> None:
    form = open_form(admin_client, document)
    others(document, title="Same")
    response = send(admin_client, document, form, title="Same")
    assert response.status_code == 302
    assert not any("meanwhile" in message for message in messages_of(response))
    assert LogEntry.objects.get().get_change_message() == "No fields changed."


@pytest.mark.parametrize(
    ("factory", "name", "theirs", "mine", "words"),
    [
        (GridFactory, "header", True, None, None),  # nobody but the other one changed it
        (GridFactory, "description", "Their\nlines", "My\r\nlines", ("My<br>lines", "Their<br>lines")),
        (CategoryFactory, "show_pypi", False, "on", None),
        (CategoryFactory, "title_plural", "Theirs", "", ("(empty)", "Theirs")),
        (PackageFactory, "pypi_url", "theirs", "mine", ("mine", "theirs")),
        (PackageFactory, "documentation_url", None, "https://mine.test/", None),
        (PackageFactory, "documentation_url", "https://a.test/", "https://b.test/", ("https://b", "https://a")),
        (PackageFactory, "deprecated", True, None, None),
    ],
)
def test_every_type_of_field(
    admin_client: Client, factory: Any, name: str, theirs: Any, mine: Any, words: tuple[str, str] | None
) -> None:
    document = factory.create()
    form = open_form(admin_client, document)
    others(document, **{name: theirs})
    response = send(admin_client, document, form, **{name: mine})
    if words is None:
        assert errors_of(response) == []
        assert stored(document, name) == (mine if name == "documentation_url" else theirs,)
    else:
        [error] = errors_of(response)
        assert re.search(rf"<td>{re.escape(words[0])}.*</td>\s*<td>{re.escape(words[1])}", error)
        assert stored(document, name) == (theirs,)


@pytest.mark.parametrize("name", ["category", "replaced_by"])
def test_a_question_about_a_choice_names_what_is_chosen(admin_client: Client, name: str) -> None:
    factory: Any = CategoryFactory if name == "category" else PackageFactory
    package, mine, theirs = PackageFactory.create(), factory.create(title="My"), factory.create(title="Their")
    form = open_form(admin_client, package)
    others(package, **{name: theirs})
    [error] = errors_of(response := send(admin_client, package, form, **{name: mine.pk}))
    assert re.search(r"<td>My</td>\s*<td>Their</td>", error)
    asked = fields_of(response, "package_form")
    assert errors_of(send(admin_client, package, asked, **{f"choice-{name}": "mine"})) == []
    assert stored(package, name) == (mine.pk,)


def test_a_refresh_is_not_undone_and_asks_nothing(admin_client: Client) -> None:
    package = PackageFactory.create(repo_url="https://github.com/old/name")
    form = open_form(admin_client, package)
    package.refresh_from_db()
    package.repo_url, package.repo_watchers, package.last_fetched = "https://github.com/new/name", 7, timezone.now()
    package.repo_facts_of = "github.com/new/name"
    package.save()
    response = send(admin_client, package, form, title="Mine")
    assert errors_of(response) == []
    assert stored(package, "title", "repo_url", "repo_key", "repo_watchers") == (
        "Mine",
        "https://github.com/new/name",
        "github.com/new/name",
        7,
    )
    assert (
        "Repository URL was changed meanwhile, and stays as it is now: “https://github.com/new/name”."
        in messages_of(response)
    )


def test_a_refresh_while_only_facts_move_says_nothing(admin_client: Client) -> None:
    package = PackageFactory.create()
    form = open_form(admin_client, package)
    others(package, last_fetched=timezone.now(), repo_watchers=8, licence="MIT")
    response = send(admin_client, package, form, title="Mine")
    assert not any("meanwhile" in message for message in messages_of(response))
    assert stored(package, "title", "repo_watchers", "licence") == ("Mine", 8, "MIT")


def test_line_ends_and_blanks_of_an_import_are_no_change(admin_client: Client) -> None:
    grid = GridFactory.create(title=" Imported ", description="a\n\nb ", modified=LONG_AGO)
    form = open_form(admin_client, grid)
    assert form["description"] == ["a\r\n\r\nb "]
    assert send(admin_client, grid, form).status_code == 302
    assert stored(grid, "title", "description", "modified") == (" Imported ", "a\n\nb ", LONG_AGO)


def test_a_category_that_the_others_left_and_deleted_is_no_error(admin_client: Client) -> None:
    package, new = PackageFactory.create(), CategoryFactory.create(title="New one")
    form = open_form(admin_client, package)
    old = package.category
    others(package, category=new)
    old.delete()
    response = send(admin_client, package, form, title="Mine")
    assert errors_of(response) == []
    assert stored(package, "title", "category") == ("Mine", new.pk)
    assert "Category was changed meanwhile, and stays as it is now: “New one”." in messages_of(response)


def test_another_error_and_a_merge_at_once_lose_nothing(admin_client: Client, document: Any) -> None:
    form = open_form(admin_client, document)
    others(document, slug="theirs")
    response = send(admin_client, document, form, title="")
    assert errors_of(response) == ["This field is required."]
    again = fields_of(response, f"{document._meta.model_name}_form")
    assert (again["slug"], again["initial-slug"]) == (["theirs"], ["theirs"])
    assert "Slug was changed meanwhile, and stays as it is now: “theirs”." in response.content.decode()


@pytest.mark.parametrize("button", ["_save", "_continue"])
def test_a_document_that_was_deleted_meanwhile_comes_back_as_a_new_one(
    admin_client: Client, document: Any, button: str
) -> None:
    form = open_form(admin_client, document)
    type(document).objects.all().delete()
    response = send(admin_client, document, form, title="Mine", **{button: "Save"})
    name = str(document._meta.verbose_name)
    assert errors_of(response) == [
        f"This {name} was deleted while the form was open. What you typed is here still: saving adds it anew."
    ]
    assert not type(document).objects.exists()
    add = f"/admin/{document._meta.app_label}/{document._meta.model_name}/add/"
    assert f'action="{add}"' in response.content.decode()
    typed = fields_of(response, f"{document._meta.model_name}_form")
    assert (typed["title"], typed["slug"]) == (["Mine"], ["shown"])
    assert admin_client.post(add, typed).status_code == 302
    assert type(document).objects.values_list("title", "slug").get() == ("Mine", "shown")


def test_what_may_not_be_saved_any_more_is_shown(client: Client) -> None:
    user = User.objects.create_user("changer", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["change_grid", "view_grid"]))
    client.force_login(user)
    grid, gone = GridFactory.create(title="Before"), GridFactory.create()
    forms = [(document, open_form(client, document)) for document in (grid, gone)]
    others(grid, is_locked=True)
    gone.delete()  # and the user may not add another one
    member = PackageFactory.create(title="A new member")
    for document, form in forms:
        typed = {"title": "Mine", "description": "Two\nlines <b>", "memberships-0-package": str(member.pk)}
        response = send(client, document, form, **typed)
        assert response.status_code == 403
        page = response.content.decode()
        assert "<dt>Package</dt><dd>A new member</dd>" in page
        assert "csrf" not in page.partition("<dl>")[2].partition("</dl>")[0]
        assert "<dd>Mine</dd>" in page
        assert "<dd>Two<br>lines &lt;b&gt;</dd>" in page
    assert list(Grid.objects.values_list("title", flat=True)) == ["Before"]


def test_the_row_is_locked_while_a_form_is_saved(admin_client: Client, document: Any) -> None:
    form = open_form(admin_client, document)
    with CaptureQueriesContext(connection) as queries:
        send(admin_client, document, form, title="Mine")
    sql = [query["sql"] for query in queries]
    if connection.vendor == "postgresql":  # SQLite has one writer at a time
        table = f'"{document._meta.db_table}"'
        lock, *_ = (position for position, text in enumerate(sql) if "FOR NO KEY UPDATE" in text)
        reads = [position for position, text in enumerate(sql) if text.startswith("SELECT") and table in text]
        assert lock == min(reads)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_the_same_moment_the_second_is_asked(admin_client: Client) -> None:
    grid = GridFactory.create(title="Shown")
    form = open_form(admin_client, grid)
    ready, responses = threading.Barrier(2, timeout=10), {}

    def work(title: str) -> None:
        client = Client()
        client.force_login(User.objects.get())
        ready.wait()
        responses[title] = send(client, grid, form, title=title)

    for thread in [in_background(work, title) for title in ("One", "Other")]:
        thread.result()
    [saved] = [title for title, response in responses.items() if response.status_code == 302]
    [asked] = responses.keys() - {saved}
    assert stored(grid, "title") == (saved,)
    assert re.search(rf"<td>{asked}</td>\s*<td>{saved}</td>", responses[asked].content.decode())


def test_categories_packages_and_grids_are_all_there_is() -> None:
    assert {factory._meta.model for factory in FACTORIES} == {Category, Package, Grid}
