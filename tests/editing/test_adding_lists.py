"""Adding packages by a pasted list: a preview by GitHub's batch query alone, and one edit."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
import responses
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from editing.adding import several
from editing.adding.several import Row
from editing.models import EditBatch
from fetchers.models import HostRateLimit
from fetchers.refresh import Options, Refresh
from packages.models import Package
from tests.core.admin.editors import messages_of
from tests.editing.upstream import publish, world
from tests.factories import CategoryFactory, PackageFactory
from tests.pages import fields_of
from tests.upstream import World

pytestmark = pytest.mark.django_db
PAGE = "/admin/packages/package/add/by-address/"
__all__ = ["world"]


def preview(client: Client, *lines: str) -> Any:
    response = client.post(PAGE, {"lines": "\r\n".join(lines), "preview": "Preview"})
    assert response.status_code == 200
    return response


def rows(response: Any) -> list[Row]:
    found: list[Row] = response.context_data["rows"]
    return found


def create(client: Client, response: Any, **typed: Any) -> Any:
    return client.post(PAGE, fields_of(response, "list_form") | typed)


def urls(number: int) -> list[str]:
    return [f"https://github.com/acme/boxes-{each}" for each in range(number)]


def test_a_list_becomes_one_edit(editor: Client, world: World) -> None:
    category = CategoryFactory.create()
    publish(world, "django-boxes")
    publish(world, "new-name")
    world.repos["acme/old-name"] = world.repos["acme/new-name"]
    PackageFactory.create(title="There", repo_url="https://github.com/acme/there")
    publish(world, "there")
    response = preview(
        editor,
        "https://github.com/acme/django-boxes",
        "",
        "acme/old-name",
        "git@github.com:acme/there.git",
        "acme/missing",
        "https://example.com/a/b",
        "django-chests",
        "https://gitlab.com/acme/crates",
        "github.com/Acme/Django-Boxes/issues",
        "boxes",
    )
    assert [(row.title, row.words, row.refusal.partition(" packages")[0]) for row in rows(response)] == [
        ("django-boxes", "found", ""),
        ("new-name", "found: it is at https://github.com/acme/new-name now", ""),
        ("there", "found", ""),
        ("missing", "not found (GitHub does not find it)", ""),
        ("", "", "example.com is no host that"),
        ("django-chests", several.UNASKED, ""),
        ("crates", several.UNASKED, ""),
        ("django-boxes", "found", "the same as line 1"),
        ("boxes", several.UNASKED, ""),
    ]
    assert response.context_data["ticked"] == {1, 2, 6, 7}
    assert rows(response)[8].like == 1
    assert world.requests == {"graphql": 1}
    assert not EditBatch.objects.exists()
    assert create(editor, response, category=category.pk).status_code == 302
    added = Package.objects.filter(category=category).order_by("pk")
    assert list(added.values_list("title", "slug", "repo_url", "pypi_url")) == [
        ("django-boxes", "django-boxes", "https://github.com/acme/django-boxes", ""),
        ("new-name", "new-name", "https://github.com/acme/new-name", ""),
        ("django-chests", "django-chests", "", "django-chests"),
        ("crates", "crates", "https://gitlab.com/acme/crates", ""),
    ]
    batch = EditBatch.objects.get()
    assert (batch.words, batch.tally) == ("Added 4 packages of a pasted list", {"packages_package": {"created": 4}})
    assert batch.user_name == "editor"
    assert LogEntry.objects.count() == 4
    assert len(Refresh(Options()).due("repo")["github.com"]) == 3
    editor.post(f"/admin/editing/editbatch/{batch.pk}/change/")
    assert not added.exists()


def test_ticks_decide(editor: Client, world: World) -> None:
    category = CategoryFactory.create()
    PackageFactory.create(repo_url="https://github.com/acme/boxes-0")
    response = preview(editor, *urls(3))
    assert response.context_data["ticked"] == set()  # none is found
    create(editor, response, category=category.pk, tick=["1", "3", "99", "x"])
    assert list(Package.objects.filter(category=category).values_list("title", flat=True)) == ["boxes-0", "boxes-2"]


def test_each_may_have_the_category_that_is_proposed(editor: Client, world: World) -> None:
    one, two = CategoryFactory.create(), CategoryFactory.create()
    for number in range(3):
        PackageFactory.create(title=f"{number} chests", category=one)
        PackageFactory.create(title=f"{number} crates", category=two)
    response = preview(editor, "acme-chests", "acme-crates")
    assert [row.category for row in rows(response)] == [one.pk, two.pk]
    create(editor, response)
    added = Package.objects.filter(pypi_name__startswith="acme").order_by("pk")
    assert list(added.values_list("category", flat=True)) == [one.pk, two.pk]


def test_without_a_category_none_is_added(editor: Client, world: World) -> None:
    CategoryFactory.create()
    response = create(editor, preview(editor, "acme-chests", "acme-crates"), tick=["2"])
    assert response.context_data["form"].errors == {
        "category": ["Choose one: for these lines none is proposed: 2."],
    }
    assert response.context_data["ticked"] == {2}
    response = create(editor, response, tick=[])
    assert "Tick at least one line." in response.content.decode()
    response = create(editor, response, category="999", tick=["1"])
    assert "category" in response.context_data["form"].errors
    assert not Package.objects.exists()


def test_what_was_added_meanwhile_is_left_out(editor: Client, world: World) -> None:
    category = CategoryFactory.create()
    response = preview(editor, *urls(3))
    PackageFactory.create(title="x", slug="boxes-1", repo_url="git@github.com:acme/boxes-0.git")
    done = create(editor, response, category=category.pk, tick=["1", "2"])
    assert list(Package.objects.filter(category=category).values_list("title", "slug")) == [("boxes-1", "boxes-1-2")]
    assert "“boxes-0”" in messages_of(done)[1]
    editor.get("/admin/packages/package/")  # which shows the messages
    done = create(editor, response, category=category.pk, tick=["1", "2"])  # a second click
    assert ["“boxes-1”" in message for message in messages_of(done)] == [True]
    assert Package.objects.filter(category=category).count() == 1
    assert EditBatch.objects.count() == 1


def test_a_category_that_was_deleted_meanwhile(editor: Client, world: World) -> None:
    category = CategoryFactory.create()
    packages = [PackageFactory.create(title=f"{number} chests", category=category) for number in range(3)]
    response = preview(editor, "acme-chests")
    for package in packages:
        package.delete()
    category.delete()
    assert "“acme-chests”" in messages_of(create(editor, response))[0]


def test_a_slug_that_is_taken_in_this_moment(editor: Client, world: World) -> None:
    category = CategoryFactory.create()
    response = preview(editor, "acme-chests")
    real, calls = LogEntry.objects.log_actions, list[int]()

    def faster(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise IntegrityError
        return real(*arguments, **options)

    with patch.object(LogEntry.objects, "log_actions", faster):
        create(editor, response, category=category.pk)
    assert len(calls) == 2
    assert Package.objects.get().slug == "acme-chests"


@pytest.mark.parametrize("fault", ["500", "502", "401", "404", "nonsense", "not json", "cut", "reset"])
def test_whatever_github_answers(editor: Client, world: World, fault: str) -> None:
    world.fault = lambda _path: fault
    response = preview(editor, *urls(2))
    assert [row.title for row in rows(response)] == ["boxes-0", "boxes-1"]
    assert all(row.words and row.words != "found" for row in rows(response))
    create(editor, response, category=CategoryFactory.create().pk, tick=["1", "2"])
    assert Package.objects.count() == 2


def test_without_a_token_names_are_proposed(editor: Client, world: World, settings: Settings) -> None:
    settings.GITHUB_TOKEN = ""
    response = preview(editor, *urls(2))
    assert response.context_data["ticked"] == {1, 2}
    assert "no token" in rows(response)[0].words
    assert world.requests == {}


def test_cron_keeps_its_reserve(editor: Client, world: World) -> None:
    resets_at = timezone.now() + timedelta(hours=1)
    HostRateLimit.objects.create(name="github-graphql", limit=5_000, remaining=200, resets_at=resets_at)
    response = preview(editor, *urls(2))
    assert "reserved" in rows(response)[0].words
    assert response.context_data["ticked"] == {1, 2}
    assert world.requests == {}


def test_names_that_no_column_takes(editor: Client) -> None:
    response = preview(editor, "x" * 300)
    assert "at most 500 characters, a project on PyPI 255" in rows(response)[0].refusal


def test_what_the_catalogue_has_under_another_address(editor: Client, world: World) -> None:
    publish(world, "new-boxes")
    publish(world, "new-forms")
    world.repos["acme/boxes"] = world.repos["acme/new-boxes"]
    PackageFactory.create(title="Old one", repo_url="https://github.com/acme/boxes")
    PackageFactory.create(title="Old two", repo_url="https://github.com/former/name", repo_id="2")
    response = preview(editor, "acme/boxes", "acme/new-forms")
    assert [[(each.title, each.is_same) for each in row.duplicates] for row in rows(response)] == [
        [("Old one", True)],
        [("Old two", True)],
    ]


@pytest.mark.parametrize("text", ["", "\n \n", "\n".join(map(str, range(201))), "x" * 200_000, "a\0b"])
def test_lists_that_are_refused(editor: Client, text: str) -> None:
    with responses.RequestsMock():
        response: Any = editor.post(PAGE, {"lines": text, "preview": "Preview"})
    assert response.status_code == 200
    assert response.context_data["listed"].errors


@pytest.mark.parametrize("signed", ["", "x", "forged:rows"])
def test_only_what_was_shown_is_added(editor: Client, signed: str) -> None:
    response = editor.post(PAGE, {"create": "1", "rows": signed, "tick": "1", "category": CategoryFactory.create().pk})
    assert response.status_code == 302
    assert messages_of(response) == [several.OLD]
    assert not Package.objects.exists()


def test_hostile_lines_are_texts(editor: Client, world: World) -> None:
    lines = ["<script>alert(1)</script>", 'https://github.com/a/"><script>', "javascript:alert(1)"]
    text = preview(editor, *lines).content.decode()
    assert "<script>alert" not in text
    assert '"><script>' not in text
    assert 'href="javascript' not in text


def test_two_hundred_lines_take_as_many_queries_as_two(editor: Client, world: World) -> None:
    CategoryFactory.create()
    for number in range(200):
        publish(world, f"boxes-{number}", project=False)
    PackageFactory.create(title="x", repo_url="https://github.com/acme/boxes-1")
    preview(editor, "acme/boxes-0")  # which stores the limits of the upstreams
    for size in (2, 200):
        world.requests.clear()
        with CaptureQueriesContext(connection) as queries:
            response = preview(editor, *urls(size))
        assert len(response.context_data["ticked"]) == size - 1
        assert world.requests == {"graphql": 1 if size == 2 else 4}
        assert len(queries) == 14


def test_many_are_added_by_as_many_queries_as_few(editor: Client, world: World) -> None:
    category, is_sqlite = CategoryFactory.create(), connection.vendor == "sqlite"
    ContentType.objects.get_for_model(Package)  # which is cached
    counts = []
    for size in (2, 50):
        response = preview(editor, *(f"chest-{size}-{number}" for number in range(size)))
        with CaptureQueriesContext(connection) as queries:
            create(editor, response, category=category.pk, tick=[str(number + 1) for number in range(size)])
        # SQLite inserts some rows at a time, with savepoints around them.
        kinds = {each["sql"][:60] for each in queries if "SAVEPOINT" not in each["sql"]}
        counts.append(len(kinds) if is_sqlite else len(queries))
    assert Package.objects.count() == 52
    assert counts[0] == counts[1]
