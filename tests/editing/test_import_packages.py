"""The import of packages from CSV in admin."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from changes.models import OldSlug
from editing.models import EditBatch, Upload
from editing.pruning import prune
from packages.models import FetchState, Package, Pin
from packages.successors import lock_chains
from tests.core.admin.editors import errors_of, messages_of, open_form, send
from tests.editing.importing import PACKAGES as URL
from tests.editing.importing import apply, differences, file_error, imported, number_of, preview, refusals, sheet
from tests.editing.test_admin import text_of, user_with
from tests.editing.test_undo import everything, undone
from tests.factories import CategoryFactory, PackageFactory
from tests.threads import in_background

pytestmark = pytest.mark.django_db


def counts(response: Any) -> tuple[int, int, int, int]:
    """Return the numbers of rows that are added, changed, left, refused."""
    plan = response.context_data["plan"]
    return plan.added, plan.changed, plan.unchanged, len(plan.refused)


def stored(slug: str, *columns: str) -> tuple[Any, ...]:
    return tuple(Package.objects.values_list(*columns).get(slug=slug))


def test_new_changed_and_left_rows(editor: Client) -> None:
    category = CategoryFactory.create(slug="apps")
    one, two = PackageFactory.create(slug="one", title="One"), PackageFactory.create(slug="two", title="Two")
    before, former = everything(), Package.objects.get(slug="two").modified
    content = sheet(
        ["id", "slug", "title", "category", "deprecated", "replaced_by"],
        [one.pk, "one", "First", "apps", "yes", "two"],
        ["", "two", "Two", two.category.slug, "", ""],
        ["", "three", "Three", "apps", "FALSE", ""],
    )
    shown = preview(editor, URL, content)
    assert counts(shown) == (1, 1, 1, 0)
    assert differences(shown) == {
        2: [
            ("title", "One", "First"),
            ("category", one.category.slug, "apps"),
            ("deprecated", "false", "true"),
            ("replaced_by", "-", "two"),
        ],
        4: [("slug", "-", "three"), ("title", "-", "Three"), ("category", "-", "apps")],
    }
    assert 'value="Add 1 row and change 1 row"' in shown.content.decode()
    assert everything() == before, "nothing is written yet"
    response = apply(editor, URL, shown)
    batch = EditBatch.objects.get()
    assert response.headers["Location"] == f"/admin/editing/editbatch/{batch.pk}/change/"
    assert messages_of(response) == ["Imported: 2 rows. This can be undone."]
    assert (batch.user_name, batch.words) == ("editor", "Imported packages from “file.csv”")
    assert batch.tally == {"packages_package": {"created": 1, "changed": 1}}
    assert stored("one", "title", "category", "deprecated", "replaced_by") == ("First", category.pk, True, two.pk)
    assert stored("three", "title", "deprecated", "documentation_url") == ("Three", False, "")
    assert Package.objects.get(slug="two").modified == former
    assert timezone.now() - Package.objects.get(slug="one").modified < timedelta(minutes=1)
    undone(batch, User.objects.get())
    assert everything() == before


def test_an_absent_column_is_not_an_empty_one(editor: Client) -> None:
    PackageFactory.create(slug="one", documentation_url="https://docs.example.org/", pypi_url="one")
    imported(editor, URL, sheet(["slug", "documentation_url"], ["one", ""]))
    assert stored("one", "documentation_url", "pypi_url") == ("", "one")


def test_null_and_no_text_are_the_same(editor: Client) -> None:
    PackageFactory.create(slug="one", documentation_url=None)
    shown = preview(editor, URL, sheet(["slug", "documentation_url"], ["one", ""]))
    assert counts(shown) == (0, 0, 1, 0)
    assert "There is nothing to import." in text_of(shown)
    assert not Upload.objects.exists()


def test_which_package_a_row_is_about(editor: Client) -> None:
    """By id, else by slug, else by the repository in any spelling."""
    one, two, three = (PackageFactory.create(slug=slug, repo_url=f"https://github.com/a/{slug}") for slug in "xyz")
    content = sheet(
        ["id", "slug", "repo_url", "title"],
        [one.pk, "x-renamed", one.repo_url, "1"],
        ["", "y", two.repo_url, "2"],
        ["", "", "git@github.com:A/Z.git", "3"],
    )
    shown = preview(editor, URL, content)
    assert counts(shown) == (0, 3, 0, 0)
    apply(editor, URL, shown)
    assert dict(Package.objects.values_list("pk", "title")) == {one.pk: "1", two.pk: "2", three.pk: "3"}
    assert dict(Package.objects.values_list("pk", "slug"))[one.pk] == "x-renamed"
    assert OldSlug.objects.get().slug == "x"
    assert Package.objects.get(pk=three.pk).repo_url == "git@github.com:A/Z.git"


def test_a_new_package_gets_a_slug_of_its_title(editor: Client) -> None:
    category = CategoryFactory.create()
    imported(
        editor, URL, sheet(["title", "category", "repo_url"], ["A Name!", category.slug, "https://github.com/a/b"])
    )
    assert stored("a-name", "repo_key") == ("github.com/a/b",)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "999999"}, "id: there is no package 999999; leave it empty to add a new one"),
        ({"id": "x"}, "id: there is no package x; leave it empty to add a new one"),
        ({"slug": "one", "title": ""}, "title: String should have at least 1 character"),
        ({"slug": "one", "title": "x" * 101}, "title: String should have at most 100 characters"),
        ({"slug": "one", "title": "a\0b"}, None),
        ({"slug": "new", "title": ""}, "title: a new one needs a title"),
        ({"slug": "new", "category": ""}, "category: must not be empty"),
        ({"slug": "one", "category": "ap"}, "category: there is no category “ap”. Did you mean “app”?"),
        ({"slug": "a b"}, "slug: must consist of ASCII letters, digits, hyphens and underscores"),
        ({"slug": "12"}, "A slug needs a character that is not a digit: digits alone are read as an id."),
        ({"slug": "one", "deprecated": "perhaps"}, "deprecated: must be true or false"),
        ({"slug": "one", "replaced_by": "nobody"}, "replaced_by: there is no package “nobody”."),
        ({"slug": "one", "replaced_by": "one"}, "replaced_by: the package would be replaced by itself"),
        ({"slug": "one", "documentation_url": "ftp://x"}, "documentation_url: must begin with http:// or https://"),
        ({"slug": "one", "repo_url": "javascript:alert(1)"}, "repo_url: must begin with http:// or https:// or"),
        ({"slug": "one", "reply_until": "soon"}, "reply_until: “soon” value has an invalid date format."),
    ],
)
def test_rows_that_are_refused(editor: Client, row: dict[str, str], reason: str | None) -> None:
    PackageFactory.create(slug="one", title="One", category__slug="app")
    full = {"id": "", "slug": "", "title": "One", "category": "app", **row}
    shown = preview(editor, URL, sheet(list(full), list(full.values())))
    if reason is None:  # of the whole file
        assert file_error(shown) == "line 2: It holds a NUL: save it as CSV in UTF-8."
        return
    assert counts(shown) == (0, 0, 0, 1)
    assert refusals(shown)[2].startswith(reason)
    assert "There is nothing to import." in text_of(shown)


def test_what_is_refused_is_left_out(editor: Client) -> None:
    PackageFactory.create(slug="one"), PackageFactory.create(slug="two")
    content = sheet(["slug", "title"], ["one", "New"], ["two", ""], ["one", "Again"], ["two"], ["gone", "Gone"])
    shown = preview(editor, URL, content)
    assert refusals(shown) == {
        3: "title: String should have at least 1 character",
        4: "The same package stands in line 2.",
        5: "It has 1 cells, the first line has 2.",
        6: "category: a new package needs one",
    }
    apply(editor, URL, shown)
    assert stored("one", "title") == ("New",)
    assert Package.objects.count() == 2


def test_slugs_are_traded_and_taken(editor: Client) -> None:
    one, two = PackageFactory.create(slug="one"), PackageFactory.create(slug="two")
    other = PackageFactory.create(slug="other")
    titles = ["id", "slug", "title", "category"]
    category = one.category.slug
    rows: list[list[object]] = [
        [one.pk, "two", "One", category],
        [two.pk, "one", "Two", category],
        ["", "other", "Other", category],
    ]
    imported(editor, URL, sheet(titles, *rows))
    assert dict(Package.objects.values_list("pk", "slug")) == {one.pk: "two", two.pk: "one", other.pk: "other"}
    shown = preview(editor, URL, sheet(titles, [one.pk, "other", "One", category], ["", "x", "X", category]))
    assert refusals(shown) == {2: "slug: 'other' belongs to another package"}
    Upload.objects.all().delete()
    imported(editor, URL, sheet(titles, [one.pk, "former", "One", category], [other.pk, "two", "Other", category]))
    assert dict(Package.objects.values_list("pk", "slug")) == {one.pk: "former", two.pk: "one", other.pk: "two"}


def test_successors_in_the_file_and_their_cycles(editor: Client) -> None:
    a, b, c = (PackageFactory.create(slug=slug) for slug in "abc")
    Package.objects.filter(pk=a.pk).update(replaced_by=b)
    category = a.category.slug
    titles = ["slug", "title", "category", "replaced_by"]
    content = sheet(
        titles,
        ["b", b.title, b.category.slug, "c"],
        ["c", c.title, c.category.slug, "a"],
        ["new", "New", category, "newer"],
        ["newer", "Newer", category, ""],
        ["other", "Other", category, "lost"],
        ["lost", "", category, ""],
    )
    shown = preview(editor, URL, content)
    found = refusals(shown)
    assert found[2] == found[3] == "replaced_by: the package would be replaced by itself, directly or by others"
    assert found[6] == "replaced_by: the new package that it names is refused"
    assert found.keys() == {2, 3, 6, 7}
    before = everything()
    apply(editor, URL, shown)
    assert stored("new", "replaced_by__slug") == ("newer",)
    assert stored("b", "replaced_by") == (None,)
    undone(EditBatch.objects.get(), User.objects.get())
    assert everything() == before


def test_notes_on_addresses_and_former_slugs(editor: Client) -> None:
    other = PackageFactory.create(slug="other", repo_url="https://github.com/a/b", pypi_url="shared")
    PackageFactory.create(slug="one")
    Package.objects.filter(pk=other.pk).update(slug="renamed")
    content = sheet(
        ["slug", "title", "category", "repo_url", "pypi_url"],
        ["one", "One", other.category.slug, "https://me:secret@github.com/a/b", "Shared"],
        ["other", "Other", other.category.slug, "no address", ""],
    )
    shown = preview(editor, URL, content)
    text = text_of(shown)
    assert counts(shown) == (1, 1, 0, 0)
    for note in (
        "Line 2 (one): its repo_url had a user name or password, which would be published: dropped",
        "Line 2 (one) shares its repository with renamed.",
        "Line 2 (one) shares its PyPI project with renamed.",
        "Line 3 (other): repo_url &#x27;no address&#x27;: It has blanks in it.",
        f"Line 3 (other) gets a slug that package {other.pk} had before",
    ):
        assert note in text
    apply(editor, URL, shown)
    assert stored("one", "repo_url", "repo_key") == ("https://github.com/a/b", "github.com/a/b")


def test_replies(editor: Client) -> None:
    """Of their columns, too, what the database refuses is refused in the preview."""
    for slug in ("one", "two", "three"):
        PackageFactory.create(slug=slug)
    before = everything()
    titles = ["slug", "reply_kind", "reply_note", "reply_until"]
    rows = [["one", "finished", "It is done.", "2100-01-31"], ["two", "finished", "", ""], ["three", "odd", "", ""]]
    shown = preview(editor, URL, sheet(titles, *rows))
    found = refusals(shown)
    assert found.keys() == {3, 4}
    assert found[3] in {  # it breaks two constraints
        "A reply needs the day until which it holds, and nothing else has one.",
        "A reply cannot end before it begins.",
    }
    assert found[4] == "reply_kind: Value 'odd' is not a valid choice."
    apply(editor, URL, shown)
    assert stored("one", "reply_kind", "reply_until", "reply_note") == ("finished", date(2100, 1, 31), "It is done.")
    assert stored("one", "reply_since")[0] is not None
    undone(EditBatch.objects.get(), User.objects.get())
    assert everything() == before
    imported(editor, URL, sheet(titles, rows[0]))
    imported(editor, URL, sheet(titles, ["one", "", "", ""]))
    assert stored("one", "reply_kind", "reply_since", "reply_until") == ("", None, None)


def test_pinned_columns_stay(editor: Client) -> None:
    pinned = PackageFactory.create(slug="one", documentation_url="https://mine.example/")
    PackageFactory.create(slug="two", documentation_url="https://old.example/")
    pin = Pin.objects.create(
        package=pinned,
        column="documentation_url",
        pinned="https://mine.example/",
        upstream="https://theirs.example/",
        reason="The other one is old.",
        since=timezone.now(),
    )
    rows = [[slug, f"T{slug}", "https://new.example/"] for slug in ("one", "two")]
    shown = preview(editor, URL, sheet(["slug", "title", "documentation_url"], *rows))
    assert "Line 2: documentation_url is pinned, and stays “https://mine.example/”." in text_of(shown)
    apply(editor, URL, shown)
    assert stored("one", "title", "documentation_url") == ("Tone", "https://mine.example/")
    assert stored("two", "title", "documentation_url") == ("Ttwo", "https://new.example/")
    pin.refresh_from_db()
    assert (pin.pinned, pin.upstream) == ("https://mine.example/", "https://theirs.example/")


def test_facts_of_a_former_address_are_forgotten_and_come_back(editor: Client) -> None:
    package = PackageFactory.create(slug="one", repo_watchers=5)
    FetchState.objects.create(
        package=package, source="repo", target=package.repo_key, outcome="ok", next_due=timezone.now()
    )
    before = everything()
    imported(editor, URL, sheet(["slug", "repo_url"], ["one", "https://github.com/x/y"]))
    assert stored("one", "repo_watchers", "repo_facts_of") == (0, "github.com/x/y")
    undone(EditBatch.objects.get(), User.objects.get())
    assert everything() == before


def test_what_the_database_refuses_is_refused_in_the_preview(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a rule that only the database has, the rows that break it."""
    for number in range(9):
        PackageFactory.create(slug=f"p{number}")
    monkeypatch.setattr("editing.spreadsheets.columns.has_rule", lambda _kind, key: key == "title")
    rows = [[f"p{number}", "ftp://x" if number in {2, 7} else "https://x/"] for number in range(9)]
    shown = preview(editor, URL, sheet(["slug", "documentation_url"], *rows))
    reason = "The documentation URL must begin with http:// or https://."
    assert refusals(shown) == {4: reason, 9: reason}
    apply(editor, URL, shown)
    assert Package.objects.filter(documentation_url="https://x/").count() == 7


# Files


@pytest.mark.parametrize("encode", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_files_as_spreadsheet_programs_save_them(editor: Client, encode: str, delimiter: str) -> None:
    PackageFactory.create(slug="one")
    content = sheet(["Slug", " TITLE ", ""], ["one", "Größe; 日本, x", ""], ["", "", ""], delimiter=delimiter)
    imported(editor, URL, content.decode().encode(encode))
    assert stored("one", "title") == ("Größe; 日本, x",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", None),
        (b"\n\n", "It is empty."),
        (b",,\n\n,\n", "It is empty."),
        (b"slug,titel\na,b\n", "line 1: No column is called “titel”. Did you mean “title”?"),
        (b"category,deprecated\na,b\n", "line 1: No column is titled “id” or “slug” or “title” or “repo_url”."),
        (b"slug,slug\na,b\n", "line 1: Two columns are titled “slug”."),
        ("slug,title\na,Größe\n".encode("cp1252"), "line 2: It is not UTF-8: choose “CSV UTF-8” in Excel"),
        (b'slug,title\na,"b\n', "line 2: It cannot be read as CSV"),
        (b"slug,title\n" + b"a,b\n" * 10_001, "line 10002: There are too many rows: at most 10,000."),
        (b"slug,title\n" + b"a" * 5_000_000, "It is too large: at most 5 MB."),
        (b"slug,title\na," + b"b" * 200_000, "line 2: It cannot be read as CSV"),
        (b"\xff\xfeodd", "It begins as UTF-16 does"),
        (b"PK\x03\x04\0\0", "line 1: It holds a NUL"),
        ("slug,title\na\0,b\n".encode("utf-16"), "line 2: It holds a NUL"),
    ],
)
def test_files_that_are_none(editor: Client, content: bytes, why: str | None) -> None:
    shown = preview(editor, URL, content)
    assert shown.status_code == 200
    assert file_error(shown).startswith(why or "The submitted file is empty.")


def test_read_only_columns_are_ignored_with_a_note(editor: Client) -> None:
    PackageFactory.create(slug="one", repo_watchers=5)
    shown = imported(editor, URL, sheet(["slug", "title", "repo_watchers", "grids"], ["one", "New", "7", "x"]))
    assert "nothing is imported, as no editor writes them: repo_watchers, grids." in text_of(shown)
    assert stored("one", "title", "repo_watchers") == ("New", 5)


def test_hostile_texts_are_shown_as_texts(editor: Client) -> None:
    category = CategoryFactory.create()
    script = "<script>alert(1)</script>"
    content = sheet(["slug", "title", "category"], ["new", script, category.slug], [script, "x", script])
    shown = preview(editor, URL, content, name=f"{script}.csv")
    assert script not in shown.content.decode()
    assert "&lt;script&gt;" in shown.content.decode()
    apply(editor, URL, shown)
    assert script not in editor.get("/admin/editing/editbatch/").content.decode()


# Who may, and what moved meanwhile


def test_permissions(client: Client) -> None:
    PackageFactory.create(slug="one")
    content = sheet(["slug", "title"], ["one", "New"])
    for names in (("add_package",), ("change_package",), ("view_package",)):
        client.force_login(user_with(*names, name="-".join(names)))
        assert client.get(URL).status_code == 403
        assert preview(client, URL, content).status_code == 403
        assert client.post(URL, {"upload": "1"}).status_code == 403
    client.force_login(user_with("add_package", "change_package"))
    assert client.get(URL).status_code == 200
    assert client.put(URL).status_code == 405
    imported(client, URL, content)


def test_a_preview_belongs_to_its_editor_and_its_page(editor: Client) -> None:
    PackageFactory.create(slug="one")
    shown = preview(editor, URL, sheet(["slug", "title"], ["one", "New"]))
    upload = Upload.objects.get()
    other = Client()
    other.force_login(user_with("add_package", "change_package"))
    for client, url in ((other, URL), (editor, "/admin/grids/grid/import/")):
        response = client.post(url, {"upload": upload.pk})
        assert messages_of(response) == [
            "This preview is not there any more: it was imported, it is older than a day, or you have had 10"
            " others since. Choose the file again."
        ]
    for odd in ("", "x", "9" * 30, "²"):
        assert editor.post(URL, {"upload": odd}).status_code == 200
    Upload.objects.update(at=timezone.now() - timedelta(days=2))
    assert apply(editor, URL, shown).status_code == 200
    assert not EditBatch.objects.exists()
    preview(editor, URL, sheet(["slug", "title"], ["one", "Newer"]))
    assert Upload.objects.count() == 1, "old ones are deleted"
    assert prune(timezone.now() + timedelta(days=2)) == 0
    assert not Upload.objects.exists(), "without another one, by housekeeping"


def test_few_previews_of_an_editor_are_kept(editor: Client) -> None:
    PackageFactory.create(slug="one")
    first, *_, last = (preview(editor, URL, sheet(["slug", "title"], ["one", f"New {n}"])) for n in range(12))
    assert Upload.objects.count() == 10
    assert apply(editor, URL, first).status_code == 200
    assert apply(editor, URL, last).status_code == 302
    assert stored("one", "title") == ("New 11",)


def test_what_others_changed_meanwhile_is_shown_again(editor: Client) -> None:
    for slug in ("one", "two", "three", "four"):
        PackageFactory.create(slug=slug, title="Old")
    shown = preview(
        editor, URL, sheet(["slug", "title"], *([slug, "Mine"] for slug in ("one", "two", "three", "four")))
    )
    Package.objects.filter(slug="one").update(title="Theirs")
    Package.objects.filter(slug="two").update(title="Mine")
    Package.objects.filter(slug="three").update(deprecated=True)
    Package.objects.filter(slug="four").delete()
    again = apply(editor, URL, shown)
    assert again.status_code == 409
    text = text_of(again)
    assert "Somebody else has changed something meanwhile. Nothing is imported yet" in text
    assert "Nothing differs any more in line 3." in text
    assert [(row["line"], row["is_moved"]) for row in again.context_data["rows"]] == [(2, True), (4, False)]
    assert [(row.line, is_moved) for row, is_moved in again.context_data["refused"]] == [(5, True)]
    assert not EditBatch.objects.exists()
    assert apply(editor, URL, again).status_code == 302
    assert list(Package.objects.order_by("pk").values_list("title", flat=True)) == ["Mine"] * 3
    assert stored("three", "deprecated") == (True,)


def test_another_column_of_the_same_row_is_no_matter(editor: Client) -> None:
    PackageFactory.create(slug="one", title="Old")
    shown = preview(editor, URL, sheet(["slug", "title"], ["one", "Mine"]))
    Package.objects.update(reply_kind="finished", reply_until=date(2027, 1, 1), repo_watchers=9)
    assert apply(editor, URL, shown).status_code == 302
    assert stored("one", "title", "reply_until", "repo_watchers") == ("Mine", date(2027, 1, 1), 9)


def test_an_open_form_is_merged_with_an_import(editor: Client) -> None:
    package = PackageFactory.create(slug="one", title="Old")
    form = open_form(editor, package)
    imported(editor, URL, sheet(["slug", "title"], ["one", "Imported"]))
    assert errors_of(send(editor, package, form, documentation_url="https://x.example/")) == []
    assert stored("one", "title", "documentation_url") == ("Imported", "https://x.example/")


def test_a_refresh_that_renames_a_repository_is_not_undone_in_silence(editor: Client) -> None:
    package = PackageFactory.create(slug="one", repo_url="https://github.com/old/name")
    shown = preview(editor, URL, sheet(["slug", "title", "repo_url"], ["one", "New", package.repo_url]))
    assert differences(shown) == {2: [("title", package.title, "New")]}
    Package.objects.update(repo_url="https://github.com/new/name")
    again = apply(editor, URL, shown)
    assert again.status_code == 409
    assert differences(again)[2][1] == ("repo_url", "https://github.com/new/name", "https://github.com/old/name")


def test_a_form_that_was_open_during_an_import_is_asked(editor: Client) -> None:
    package = PackageFactory.create(slug="one", title="Old")
    form = open_form(editor, package)
    imported(editor, URL, sheet(["slug", "title"], ["one", "Imported"]))
    [question] = errors_of(send(editor, package, form, title="Mine"))
    assert "<td>Imported</td>" in question


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["form", "import"])
def test_of_an_import_and_a_form_at_the_same_moment_the_second_is_asked(admin_client: Client, first: str) -> None:
    package = PackageFactory.create(slug="one", title="Old")
    form = open_form(admin_client, package)
    shown = preview(admin_client, URL, sheet(["slug", "title"], ["one", "Imported"]))
    has_written, may_end = threading.Event(), threading.Event()
    responses = {}

    def work(name: str) -> None:
        client = Client()
        client.force_login(User.objects.get())
        is_form = name == "form"
        responses[name] = send(client, package, form, title="Mine") if is_form else apply(client, URL, shown)

    def hold() -> None:
        """Do the first as a whole, inside a transaction that ends later."""
        with transaction.atomic():
            work(first)
            has_written.set()
            may_end.wait(60)

    holding = in_background(hold)
    has_written.wait(60)
    [second] = {"form", "import"} - {first}
    waiting = in_background(work, second)
    waiting.join(0.5)
    assert waiting.is_alive(), "it waits for the package"
    may_end.set()
    holding.result()
    waiting.result()
    assert responses[first].status_code == 302
    if second == "form":
        assert "<td>Imported</td>" in errors_of(responses["form"])[0]
    else:
        assert responses["import"].status_code == 409
        assert differences(responses["import"]) == {2: [("title", "Mine", "Imported")]}
    assert stored("one", "title") == ("Mine" if first == "form" else "Imported",)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_an_import_that_waits_for_a_package_keeps_no_form_from_its_successor(admin_client: Client) -> None:
    package = PackageFactory.create(slug="one")
    PackageFactory.create(slug="two")
    shown = preview(admin_client, URL, sheet(["slug", "replaced_by"], ["one", "two"]))
    responses = []
    with transaction.atomic():
        Package.objects.select_for_update(no_key=True).get(pk=package.pk)  # as a form does, which then asks for a cycle
        waiting = in_background(lambda: responses.append(apply(admin_client, URL, shown)))
        waiting.join(0.5)
        assert waiting.is_alive(), "it waits for the package"
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            lock_chains()
    waiting.result()
    assert [response.status_code for response in responses] == [302]


def test_the_queries_do_not_grow_with_the_rows(editor: Client) -> None:
    category = CategoryFactory.create()

    def queries(number: int) -> tuple[int, int]:
        for each in range(number):
            PackageFactory.create(slug=f"old-{number}-{each}", category=category)
        rows = [[f"old-{number}-{each}", f"T{each}", "https://x.example/"] for each in range(number)]
        new = [[f"new-{number}-{each}", f"T{each}", "https://y.example/"] for each in range(number)]
        content = sheet(
            ["slug", "title", "documentation_url", "category", "replaced_by", "repo_url"],
            *(
                [*row, category.slug, f"old-{number}-0" if n else "", f"https://github.com/x/{number}-{n}"]
                for n, row in enumerate([*rows, *new])
            ),
        )
        with CaptureQueriesContext(connection) as first:
            shown = preview(editor, URL, content)
        assert counts(shown) == (number, number, 0, 0)
        with CaptureQueriesContext(connection) as second:
            assert apply(editor, URL, shown).status_code == 302
        return number_of(first), number_of(second)

    queries(2)  # the first one reads content types
    few = queries(3)
    assert queries(100) == few
    assert max(few) <= 60


def test_the_link_beside_the_list(editor: Client) -> None:
    assert f'<a href="{URL}">Import from CSV</a>' in editor.get("/admin/packages/package/").content.decode()
    User.objects.get().user_permissions.remove(Permission.objects.get(codename="add_package"))
    assert URL not in editor.get("/admin/packages/package/").content.decode()
