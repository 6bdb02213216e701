"""Adding a package by a pasted address: one look-up, a form with what is proposed, and a save with the facts."""

import re
import threading
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
import responses
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from changes.models import OldSlug
from editing.adding import carried
from editing.adding.known import Known
from editing.adding.lines import read_line
from editing.models import Edit, EditBatch
from fetchers.models import HostRateLimit
from fetchers.on_demand import OnDemand, Wanted
from fetchers.order import Due
from fetchers.refresh import Options, Refresh
from packages.facts import FetchTarget
from packages.models import FetchState, Package, RepositoryAlias
from tests.editing.upstream import publish, world
from tests.factories import CategoryFactory, PackageFactory
from tests.pages import fields_of
from tests.threads import in_background
from tests.upstream import World

pytestmark = pytest.mark.django_db
PAGE = "/admin/packages/package/add/by-address/"
FORM = "package_form"
__all__ = ["world"]


def look_up(client: Client, address: str) -> Any:
    response = client.post(PAGE, {"address": address, "look_up": "Look up"})
    assert response.status_code == 200
    return response


def said(response: Any) -> list[str]:
    return [f"{each.source}: {each.words}" for each in response.context_data["said"]]


def duplicates(response: Any) -> list[tuple[str, str]]:
    return [(each.title, each.why) for each in response.context_data["duplicates"]]


def proposed(response: Any) -> dict[str, str]:
    fields = fields_of(response, FORM)
    names = ("title", "slug", "repo_url", "pypi_url", "documentation_url", "category")
    return {name: (fields.get(name) or [""])[0] for name in names}


def save(client: Client, response: Any, **typed: Any) -> Any:
    fields = fields_of(response, FORM) | {name: [str(value)] for name, value in typed.items()}
    return client.post(PAGE, fields | {"_save": ["Save"]})


# Lines


@pytest.mark.parametrize(
    ("text", "repo_url", "pypi_name"),
    [
        ("https://github.com/Acme/Thing", "https://github.com/Acme/Thing", ""),
        ("github.com/acme/thing.git", "https://github.com/acme/thing", ""),
        ("git@github.com:acme/thing.git", "https://github.com/acme/thing", ""),
        ("https://github.com/acme/thing/issues/5?utm_source=x", "https://github.com/acme/thing", ""),
        ("https://anna:secret@github.com/acme/thing", "https://github.com/acme/thing", ""),
        ("https://github.com/acme/all/tree/main/one", "https://github.com/acme/all/tree/main/one", ""),
        ("acme/thing", "https://github.com/acme/thing", ""),
        ("https://gitlab.com/a/b/c", "https://gitlab.com/a/b/c", ""),
        ("https://git.example.org/a/b", "https://git.example.org/a/b", ""),
        ("Django_Thing", "", "django-thing"),
        ("https://pypi.org/project/Django-Thing/1.0/", "", "django-thing"),
        ("pip install django-thing", "", "django-thing"),
        ("django-thing>=1.2", "", "django-thing"),
        ("zope.interface", "", "zope-interface"),
    ],
)
def test_a_line_is_a_repository_or_a_project(settings: Settings, text: str, repo_url: str, pypi_name: str) -> None:
    settings.FORGE_HOSTS = {"git.example.org": "forgejo"}
    line = read_line(text)
    assert (line.repo_url, line.pypi_name, line.refusal) == (repo_url, pypi_name, "")


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("https://example.com/a/b", "example.com is no host that packages are fetched from"),
        ("http://169.254.169.254/latest/meta-data", "169.254.169.254 is no host"),
        ("http://localhost:8000/a/b", "localhost:8000 is no host"),
        ("https://pypi.org.example.com/project/x", "pypi.org.example.com is no host"),
        ("file:///etc/passwd", "must be an http(s), git or ssh address"),
        ("https://github.com/acme", "names an owner"),
        ("https://github.com/topics/django", "a page of github.com"),
        ("???", "No project can be read in it"),
        ("x" * 501, "at most 500 characters"),
        ("<script>alert(1)</script>", ""),
        ("a b c", ""),
    ],
)
def test_a_line_that_names_nothing_says_why(text: str, refusal: str) -> None:
    line = read_line(text)
    assert (line.repo_url, line.pypi_name) == ("", "")
    assert line.refusal
    assert refusal in line.refusal


@pytest.mark.parametrize("address", ["https://example.com/a/b", "http://127.0.0.1/a/b", "???", ""])
def test_nothing_is_requested_of_other_hosts(editor: Client, address: str) -> None:
    with responses.RequestsMock():  # which knows no response
        response = look_up(editor, address)
    assert response.context_data["address"].errors
    assert address in response.content.decode()


# Looking up


def test_one_paste_and_two_clicks(editor: Client, world: World) -> None:
    publish(world, "django-boxes")
    category = CategoryFactory.create()
    others = [PackageFactory.create(category=category, pypi_url="x").pk for _ in range(3)]
    response = look_up(editor, "git@github.com:Acme/django-boxes.git")
    assert said(response) == ["github.com: fetched", "PyPI: fetched: it names this repository"]
    assert proposed(response) == {
        "title": "django-boxes",
        "slug": "django-boxes",
        "repo_url": "https://github.com/acme/django-boxes",
        "pypi_url": "django-boxes",
        "documentation_url": "https://django-boxes.example.org/",
        "category": str(category.pk),
    }
    assert not Package.objects.filter(slug="django-boxes").exists()
    assert not EditBatch.objects.exists()
    world.requests.clear()
    assert save(editor, response).status_code == 302
    assert world.requests == {}
    package = Package.objects.get(slug="django-boxes")
    assert (package.repo_watchers, package.pypi_version, package.participants) == (10, "1.0", ["anna", "bert"])
    assert (package.repo_facts_of, package.pypi_facts_of) == (package.repo_key, "django-boxes")
    assert package.verdict != "unknown"
    assert package.last_fetched
    assert set(package.fetch_states.values_list("source", "outcome")) == {("repo", "ok"), ("pypi", "ok")}
    batch = EditBatch.objects.get()
    assert batch.words == "Added the package “django-boxes”"
    assert batch.tally == {"packages_package": {"created": 1}}
    assert Refresh(Options()).due("pypi") == {"pypi": Due(healthy=others)}


def test_it_can_be_undone(editor: Client, world: World) -> None:
    publish(world, "django-boxes")
    save(editor, look_up(editor, "acme/django-boxes"), category=CategoryFactory.create().pk)
    batch = EditBatch.objects.get()
    editor.post(f"/admin/editing/editbatch/{batch.pk}/change/")
    assert not Package.objects.exists()
    assert not FetchState.objects.exists()


def test_a_project_proposes_its_repository(editor: Client, world: World) -> None:
    publish(world, "boxes", owner="Acme")
    response = look_up(editor, "https://pypi.org/project/Boxes/")
    assert said(response) == ["PyPI: fetched", "github.com: fetched"]
    fields = proposed(response)
    assert (fields["repo_url"], fields["pypi_url"]) == ("https://github.com/Acme/boxes", "boxes")


def test_a_project_of_another_repository_is_not_proposed(editor: Client, world: World) -> None:
    publish(world, "boxes")
    world.projects["boxes"].source = "https://github.com/somebody/boxes"
    response = look_up(editor, "https://github.com/acme/boxes")
    assert proposed(response)["pypi_url"] == ""
    assert said(response)[1] == (
        "PyPI: the project of this name names another repository, https://github.com/somebody/boxes,"
        " and is not proposed"
    )


def test_of_a_renamed_repository_the_new_address_is_proposed(editor: Client, world: World) -> None:
    publish(world, "new-boxes")
    world.repos["acme/boxes"] = world.repos["acme/new-boxes"]
    response = look_up(editor, "https://github.com/acme/boxes")
    assert said(response)[0] == "github.com: fetched; it is at https://github.com/acme/new-boxes now"
    fields = proposed(response)
    assert (fields["title"], fields["repo_url"]) == ("new-boxes", "https://github.com/acme/new-boxes")
    save(editor, response, category=CategoryFactory.create().pk)
    package = Package.objects.get()
    assert (package.repo_watchers, package.repo_url) == (10, "https://github.com/acme/new-boxes")


def test_a_renamed_repository_that_the_catalogue_has_under_its_old_address(editor: Client, world: World) -> None:
    publish(world, "new-boxes")
    world.repos["acme/boxes"] = world.repos["acme/new-boxes"]
    PackageFactory.create(title="Old one", repo_url="https://github.com/acme/boxes")
    response = look_up(editor, "https://github.com/acme/boxes")
    assert duplicates(response) == [("Old one", "the same repository")]
    refused = save(editor, response, slug="", category=CategoryFactory.create().pk)
    assert duplicates(refused) == duplicates(response)


def test_a_repository_that_the_catalogue_has_under_another_address(editor: Client, world: World) -> None:
    publish(world, "new-boxes")
    PackageFactory.create(title="Old one", repo_url="https://github.com/former/name", repo_id="1")
    PackageFactory.create(title="Other host", repo_url="https://gitlab.com/former/name", repo_id="1")
    response = look_up(editor, "https://github.com/acme/new-boxes")
    assert duplicates(response) == [("Old one", "the same repository, under another address")]
    refused = save(editor, response, slug="", category=CategoryFactory.create().pk)
    assert duplicates(refused) == duplicates(response)
    changed = save(editor, response, slug="", repo_url="https://github.com/acme/unlike", title="Unlike")
    assert duplicates(changed) == []


def test_saving_works_when_upstream_is_down(editor: Client, world: World) -> None:
    publish(world, "boxes")
    world.fault = lambda _path: "500"
    response = look_up(editor, "https://github.com/acme/boxes")
    assert all("the upstream is down" in each and "the next refresh asks" in each for each in said(response))
    save(editor, response, category=CategoryFactory.create().pk)
    package = Package.objects.get()
    assert (package.title, package.repo_watchers, package.last_fetched) == ("boxes", 0, None)
    assert Refresh(Options()).due("repo")["github.com"].healthy == [package.pk]


@pytest.mark.parametrize("fault", ["404", "401", "502", "nonsense", "not json", "cut", "reset"])
def test_whatever_upstreams_answer_the_form_comes(editor: Client, world: World, fault: str) -> None:
    world.fault = lambda _path: fault
    for address in ("https://github.com/acme/boxes", "boxes"):
        response = look_up(editor, address)
        assert proposed(response)["title"] == "boxes"
        assert said(response)


def test_cron_keeps_its_reserve(editor: Client, world: World) -> None:
    publish(world, "boxes")
    resets_at = timezone.now() + timedelta(hours=1)
    HostRateLimit.objects.create(name="github-graphql", limit=5_000, remaining=200, resets_at=resets_at)
    response = look_up(editor, "https://github.com/acme/boxes")
    assert "not fetched (github-graphql: 200 of 5000 requests are left, and reserved)" in said(response)[0]
    assert world.requests["graphql"] == 0
    assert proposed(response)["repo_url"] == "https://github.com/acme/boxes"


def test_a_changed_address_takes_no_facts_of_the_other(editor: Client, world: World) -> None:
    publish(world, "boxes")
    response = look_up(editor, "https://github.com/acme/boxes")
    other = "https://github.com/acme/other"
    save(editor, response, category=CategoryFactory.create().pk, repo_url=other)
    package = Package.objects.get()
    assert (package.repo_url, package.repo_watchers, package.pypi_version) == (other, 0, "1.0")


def test_only_what_was_fetched_here_is_saved(editor: Client, world: World) -> None:
    publish(world, "boxes")
    response = look_up(editor, "https://github.com/acme/boxes")
    fields = fields_of(response, FORM)
    for number, facts in enumerate(("", "x", fields["facts"][0][:-1] + "_", fields["said"][0])):
        typed = {"category": CategoryFactory.create().pk, "slug": f"boxes-{number}", "shared_repository": "on"}
        assert save(editor, response, facts=facts, **typed).status_code == 302
    assert set(Package.objects.values_list("repo_watchers", "pypi_version")) == {(0, None)}
    assert Package.objects.count() == 4


def test_what_is_too_old_is_not_saved(editor: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(world, "boxes")
    response = look_up(editor, "https://github.com/acme/boxes")
    monkeypatch.setattr(carried, "MAX_AGE", -1)
    save(editor, response, category=CategoryFactory.create().pk)
    assert Package.objects.get().repo_watchers == 0


def test_facts_are_carried_as_they_are(world: World) -> None:
    publish(world, "boxes")
    targets = [Wanted("repo", FetchTarget(0, host="github.com", path="acme/boxes"))]
    targets.append(Wanted("pypi", FetchTarget(0, pypi_name="boxes")))
    attempts = OnDemand().fetch(targets).attempts
    assert len(attempts) == 2
    assert carried.carried(carried.carry(attempts), 0) == attempts


def test_too_many_facts_are_left_to_the_next_refresh(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(world, "boxes")
    attempts = OnDemand().fetch([Wanted("pypi", FetchTarget(0, pypi_name="boxes"))]).attempts
    monkeypatch.setattr(carried, "MAX_SIZE", 50)
    assert carried.carried(carried.carry(attempts), 0) == []


# Proposals


def test_duplicates_are_shown_before_saving(editor: Client, world: World) -> None:
    publish(world, "django-boxes")
    one = PackageFactory.create(title="One", repo_url="git@github.com:ACME/Django-Boxes.git")
    two = PackageFactory.create(title="Two", pypi_url="https://pypi.org/project/Django_Boxes/")
    three = PackageFactory.create(title="Three")
    RepositoryAlias.objects.create(
        package=three, repo_url="x", repo_key="github.com/acme/django-boxes", until=timezone.now()
    )
    PackageFactory.create(title="Django Boxes!")
    PackageFactory.create(title="Boxed")
    response = look_up(editor, "https://github.com/acme/django-boxes")
    assert duplicates(response) == [
        ("One", "the same repository"),
        ("Two", "the same project on PyPI"),
        ("Three", "its repository had this address before"),
        ("Django Boxes!", "nearly the same title"),
    ]
    text = response.content.decode()
    assert all(f"/admin/packages/package/{package.pk}/change/" in text for package in (one, two, three))
    refused = save(editor, response, category=CategoryFactory.create().pk)
    assert "Save anyway" in str(refused.context_data["errors"])
    assert said(refused) == said(response)
    assert duplicates(refused) == duplicates(response)
    assert save(editor, refused, shared_repository="on").status_code == 302
    assert Package.objects.get(slug="django-boxes").repo_watchers == 10


@pytest.mark.parametrize(
    ("title", "is_near"),
    [
        ("crispy-forms", True),
        ("django crispy form", True),
        ("Crispy Forms", True),
        ("crispy-frms", True),
        ("floppyforms", False),
        ("forms", False),
    ],
)
def test_nearly_the_same_title(title: str, *, is_near: bool) -> None:
    PackageFactory.create(title="django-crispy-forms", slug="django-crispy-forms")
    assert bool(Known([], [title]).duplicates(title, [], "")) is is_near


@pytest.mark.parametrize(("title", "is_near"), [("axes", True), ("axe", False), ("jet", False)])
def test_short_titles_are_the_same_or_not(title: str, *, is_near: bool) -> None:
    PackageFactory.create(title="django-axes", slug="django-axes")
    assert bool(Known([], [title]).duplicates(title, [], "")) is is_near


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("django-boxes", "django-boxes-2"),
        ("New", "new"),
        ("Former", "former-2"),
        ("Twice", "twice-3"),
        ("123", "package-123"),
        ("日本", "package"),
        ("x" * 100, "x" * 100),
    ],
)
def test_a_slug_is_one_that_nobody_has_or_had(title: str, slug: str) -> None:
    package = PackageFactory.create(slug="django-boxes")
    for former in ("former", "twice", "twice-2"):
        OldSlug.objects.create(kind="package", slug=former, object_id=package.pk)
    assert Known([], [title]).slug(title) == slug


def test_a_category_is_that_of_packages_like_it() -> None:
    forms, other = CategoryFactory.create(title="Forms"), CategoryFactory.create(title="Other")
    for number in range(3):
        PackageFactory.create(title=f"django-{number}-widgets", category=forms, pypi_url="x", requires_django="")
    for number in range(9):
        PackageFactory.create(title=f"django-{number}", category=other, pypi_url="x", requires_django="")
    known = Known([], [])
    assert known.category("super-widgets", is_on_pypi=True, is_for_django=True) == (
        forms.pk,
        "3 of the 3 packages with “widgets” in their names are in “Forms”.",
    )
    assert known.category("boxes", is_on_pypi=True, is_for_django=True) == (
        other.pk,
        "9 of the 12 packages that are on PyPI and require Django are in “Other”.",
    )
    assert known.category("boxes", is_on_pypi=None, is_for_django=None)[0] == other.pk
    assert known.category("boxes", is_on_pypi=False, is_for_django=None) == (None, "")


def test_hostile_texts_are_texts(editor: Client, world: World) -> None:
    publish(world, "boxes")
    evil = "<script>alert(1)</script>"
    category = CategoryFactory.create(title=evil)
    for _ in range(3):
        PackageFactory.create(title=f"boxes {evil}", category=category)
    world.projects["boxes"].source = "https://github.com/a/<script>"
    for address in ("https://github.com/acme/boxes", "boxes", "<script>alert(1)</script>"):
        text = look_up(editor, address).content.decode()
        assert "<script>alert" not in text
        assert "a/<script>" not in text


# The page


def test_the_empty_page_writes_and_asks_nothing(editor: Client) -> None:
    with (
        responses.RequestsMock(),
        CaptureQueriesContext(
            connection,
        ) as queries,
    ):
        response = editor.get(PAGE + "?address=boxes")
    assert response.status_code == 200
    assert not [each for each in queries if not each["sql"].startswith("SELECT")]


def test_it_is_linked(editor: Client) -> None:
    for url in ("/admin/packages/package/", "/admin/packages/package/add/"):
        assert f'href="{PAGE}"' in editor.get(url).content.decode()


def test_who_may_not_add_may_not_look_up(client: Client) -> None:
    user = User.objects.create_user("bob", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_package", "change_package")))
    client.force_login(user)
    with responses.RequestsMock():
        assert client.get(PAGE).status_code == 403
        for button in ("look_up", "save", "preview", "create"):
            assert client.post(PAGE, {"address": "boxes", "lines": "boxes", button: "1"}).status_code == 403
    assert f'href="{PAGE}"' not in client.get("/admin/packages/package/").content.decode()
    client.logout()
    assert client.post(PAGE, {"address": "boxes"}).status_code == 302


def test_forged_requests_are_refused(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    assert client.post(PAGE, {"address": "boxes"}).status_code == 403
    assert world.requests == {}


def test_a_form_sets_what_it_shows_and_nothing_else(editor: Client, world: World) -> None:
    publish(world, "boxes")
    response = look_up(editor, "boxes")
    typed = {"repo_watchers": 99, "deprecated": "on", "verdict_rank": 1, "id": 77}
    save(editor, response, category=CategoryFactory.create().pk, **typed)
    package = Package.objects.get()
    assert (package.repo_watchers, package.deprecated) == (10, False)
    assert package.pk != 77


def test_errors_come_back_with_what_was_typed(editor: Client, world: World) -> None:
    publish(world, "boxes")
    response = save(editor, look_up(editor, "boxes"), title="", documentation_url="nonsense", category="")
    assert set(response.context_data["errors"]) == {"title", "documentation_url", "category"}
    assert proposed(response)["documentation_url"] == "nonsense"
    again = save(editor, response, title="Boxes", documentation_url="", category=CategoryFactory.create().pk)
    assert again.status_code == 302
    assert Package.objects.get().repo_watchers == 10


def test_texts_that_no_database_stores(editor: Client) -> None:
    typed = {"save": "1", "title": "a\0b", "repo_url": "https://github.com/a/b\0", "pypi_url": "\0", "slug": "\0"}
    response: Any = editor.post(PAGE, typed)
    assert response.status_code == 200
    assert response.context_data["errors"]
    assert look_up(editor, "boxes\0").context_data["address"].errors


def test_another_editor_was_faster(editor: Client, world: World) -> None:
    publish(world, "boxes")
    category = CategoryFactory.create()
    response = look_up(editor, "boxes")
    with patch("editing.adding.one.save_results", side_effect=IntegrityError("packages_package_slug_key")):
        refused = save(editor, response, category=category.pk)
    assert refused.status_code == 200
    assert refused.context_data["adminform"].form.non_field_errors()
    assert not Package.objects.exists()
    assert not Edit.objects.exists()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_two_editors_at_once(editor: Client, world: World) -> None:
    publish(world, "boxes")
    response = look_up(editor, "boxes")
    category = CategoryFactory.create()
    start, statuses = threading.Barrier(2), list[int]()

    def add() -> None:
        client = Client()
        client.cookies = editor.cookies
        start.wait()
        statuses.append(save(client, response, category=category.pk).status_code)

    for thread in [in_background(add), in_background(add)]:
        thread.result()
    assert sorted(statuses) == [200, 302]
    assert Package.objects.count() == 1


def test_queries_do_not_grow_with_the_catalogue(editor: Client, world: World) -> None:
    publish(world, "boxes")
    category = CategoryFactory.create()
    counts = []
    for size in (5, 50):
        Package.objects.bulk_create(
            Package(title=f"boxes {n}", slug=f"{size}-{n}", category=category, repo_url=f"https://github.com/a/{n}")
            for n in range(size)
        )
        look_up(editor, "boxes")  # the first one stores the limits of the upstreams
        with CaptureQueriesContext(connection) as queries:
            look_up(editor, "boxes")
        counts.append(len(queries))
    assert counts == [18, 18]


def test_no_address_is_a_link_to_anywhere(editor: Client, world: World) -> None:
    publish(world, "boxes")
    world.projects["boxes"].source = "javascript:alert(1)"
    text = look_up(editor, "boxes").content.decode()
    assert not re.search(r'href="javascript', text)
