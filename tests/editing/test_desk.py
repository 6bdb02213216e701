"""The lists of work on the desk: what is on them, each decision, and its undoing."""

import re
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from editing.desk.lists import BY_NAME, LISTS
from editing.desk.lists.base import MOST, Today, WorkList
from editing.desk.lists.projects import NoProject
from editing.desk.pages import GONE, SHOWN
from editing.models import Dismissal, EditBatch
from grids.models import Grid
from packages.models import ANOTHER_REPOSITORY, FetchState, Package, PackageHealth, Pin, Release, RepositoryAlias
from packages.pins.write import pin
from packages.settling import settled
from tests.core.admin.editors import messages_of
from tests.editing.test_admin import user_with
from tests.editing.test_undo import everything
from tests.factories import GridFactory, MembershipFactory, PackageFactory
from tests.threads import in_background

pytestmark = pytest.mark.django_db
postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
HOSTILE = "<script>alert(1)</script>\"'{{ 1 }}"


def url_of(name: str) -> str:
    return f"/admin/desk/{name}/"


def items(name: str) -> list[Any]:
    return list(BY_NAME[name].items(Today(timezone.now())))


def package(**columns: Any) -> Package:
    """Return a package that is on no list, but for these columns."""
    with settled():
        created: Package = PackageFactory.create(**{"pypi_url": f"project-{Package.objects.count()}", **columns})
    return created


def decide(client: Client, name: str, item: Any, decision: str, value: str = "", **sent: Any) -> Any:
    """Send the form of a decision as the page has it."""
    return client.post(
        url_of(name), {"item": item.pk, "about": item.about, "decision": decision, "value": value, "at": 0, **sent}
    )


# An item of each kind


def moved() -> Package:
    item = package(repo_url="https://github.com/new/name")
    now = timezone.now()
    RepositoryAlias.objects.create(package=item, repo_url="https://github.com/old/name", repo_key="x", until=now)
    return item


def probably_moved() -> Package:
    return package(repo_url="https://github.com/old/name", pypi_repo_url="https://github.com/new/Name.git")


def archived_but_released() -> Package:
    now = timezone.now()
    columns: dict[str, Any] = {"archived": True, "last_updated": now - timedelta(days=200), "last_fetched": now}
    with settled():
        item = package(**columns, pypi_version="2.0", released=now)
        Release.objects.create(package=item, version="2.0", uploaded_at=now)
    return item


def reused() -> Package:
    item = package(repo_url="https://github.com/taken/name", repo_id="5", repo_watchers=7)
    FetchState.objects.create(
        package=item,
        source="repo",
        target=item.repo_key,
        outcome="invalid",
        failures=1,
        next_due=timezone.now(),
        validators={ANOTHER_REPOSITORY: "Another repository has this name."},
    )
    return item


def other_repository() -> Package:
    return package(repo_url="https://github.com/a/b", pypi_repo_url="https://github.com/c/d")


def unreadable() -> Package:
    return package(repo_url="https://github.com/", pypi_url="x")


def unreadable_project() -> Package:
    return package(pypi_url="my project")


def duplicate() -> Package:
    package(title="First", repo_url="https://github.com/a/b")
    return package(repo_url="https://github.com/A/B.git")


def same_project() -> Package:
    package(title="First", pypi_url="one-project")
    return package(pypi_url="https://pypi.org/project/One_Project/")


def same_repository_elsewhere() -> Package:
    package(title="First", repo_url="https://github.com/new/name", repo_id="55")
    package(repo_url="https://gitlab.com/other/name", repo_id="55")
    return package(repo_url="https://github.com/old/name", repo_id="55")


def no_project() -> Package:
    return package(pypi_url="", repo_url="https://github.com/a/name-of-it")


def no_successor() -> Package:
    return package(deprecated=True)


def pin_moved() -> Package:
    item = package(licence="MIT")
    pin(item, "licence", "BSD-3-Clause", "The file says so", "anna")
    Pin.objects.update(upstream="Apache-2.0")
    return item


def reply_ending() -> Package:
    return package(reply_kind="help_wanted", reply_note="Write to me", reply_until=timezone.now() + timedelta(days=9))


def flipped() -> Package:
    item = package()
    PackageHealth.objects.update_or_create(package=item, defaults={"since": timezone.now(), "before": "thriving"})
    return item


def empty_grid() -> Grid:
    return GridFactory.create()


def one_good() -> Grid:
    grid = GridFactory.create()
    for rank in (1, 5):
        member = package()
        MembershipFactory.create(grid=grid, package=member)
        Package._base_manager.filter(pk=member.pk).update(verdict_rank=rank)
    return grid


MAKERS: dict[Callable[[], Any], str] = {
    moved: "moved",
    probably_moved: "probably-moved",
    archived_but_released: "probably-moved",
    reused: "name-reused",
    other_repository: "other-repository",
    unreadable: "unreadable",
    unreadable_project: "unreadable",
    duplicate: "duplicates",
    same_project: "duplicates",
    same_repository_elsewhere: "duplicates",
    no_project: "no-project",
    no_successor: "no-successor",
    pin_moved: "pin-moved",
    reply_ending: "reply-ending",
    flipped: "flipped",
    empty_grid: "empty-grid",
    one_good: "one-good",
}
# What each decision asks for; the others ask for nothing.
VALUES = {
    ("probably-moved", "take"): "https://github.com/newest/place",
    ("unreadable", "correct"): "https://github.com/right/place",
    ("no-project", "take"): "right-project",
}
SETTLED = [(make, decision.name) for make, name in MAKERS.items() for decision in BY_NAME[name].choices()]


def test_every_list_has_a_test() -> None:
    assert {kind.name for kind in LISTS} == set(MAKERS.values())


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_an_item_is_on_its_list_alone(make: Callable[[], Any], editor: Client) -> None:
    package(repo_url="https://github.com/fine/fine", pypi_repo_url="https://github.com/fine/fine/")
    item = make()
    listed = {kind.name: [each.pk for each in items(kind.name)] for kind in LISTS}
    assert listed == {kind.name: [item.pk] if kind.name == MAKERS[make] else [] for kind in LISTS}
    content = editor.get(url_of(MAKERS[make])).content.decode()
    assert "1 item" in content
    assert f'id="item-{item.pk}"' in content
    start = editor.get("/admin/").content.decode()
    assert re.search(
        rf'{MAKERS[make]}/">[^<]*</a></th>\s*<td class="number">1</td><td class="first">{item.title}', start
    )


@pytest.mark.parametrize(("make", "decision"), SETTLED, ids=lambda value: getattr(value, "__name__", value))
def test_a_decision_settles_an_item_and_can_be_undone(make: Callable[[], Any], decision: str, editor: Client) -> None:
    name = MAKERS[make]
    make()
    [item] = items(name)
    value = VALUES.get((name, decision), "")
    if make is unreadable_project and decision == "correct":
        value = "my-project"
    if decision == "successor":
        value = str(package(title="The next one").pk)
    before = everything()
    response = decide(editor, name, item, decision, value)
    assert response.status_code == 302, response.content.decode()
    assert items(name) == []
    batch = EditBatch.objects.get()
    assert response.url == f"{url_of(name)}?at=0&done={batch.pk}"
    assert f"“{item}”" in batch.words
    page = editor.get(response.url).content.decode()
    assert f"Done: {escape(batch.words)}" in page
    assert "Nothing to do here." in page
    changed = everything()
    assert changed != before
    undone: Any = editor.post(f"{url_of(name)}undo/{batch.pk}/")
    assert undone.url == f"{url_of(name)}?at=0"
    assert everything() == before
    assert [each.pk for each in items(name)] == [item.pk]


# What the decisions write


def test_a_repository_that_moved(editor: Client) -> None:
    probably_moved()
    [item] = items("probably-moved")
    assert 'value="https://github.com/new/Name.git"' in editor.get(url_of("probably-moved")).content.decode()
    modified = item.modified
    decide(editor, "probably-moved", item, "take", item.pypi_repo_url)
    item.refresh_from_db()
    assert (item.repo_url, item.repo_key) == ("https://github.com/new/Name.git", "github.com/new/name")
    assert item.modified > modified


def test_another_repository(editor: Client) -> None:
    other_repository()
    [item] = items("other-repository")
    decide(editor, "other-repository", item, "take")
    item.refresh_from_db()
    assert item.repo_url == "https://github.com/c/d"


def test_duplicates_lead_to_their_merge(editor: Client) -> None:
    item = duplicate()
    first = Package.objects.get(title="First")
    content = editor.get(url_of("duplicates")).content.decode()
    assert f'href="/admin/packages/package/merge/?ids={first.pk},{item.pk}"' in content
    assert f'href="/admin/packages/package/{first.pk}/change/"' in content
    assert 'data-key="m"><kbd>m</kbd> Merge</a>' in content
    assert editor.get(f"/admin/packages/package/merge/?ids={first.pk},{item.pk}").status_code == 200
    other = Client()
    other.force_login(user_with("change_package"))
    content = other.get(url_of("duplicates")).content.decode()
    assert "/merge/" not in content, "he may not merge"
    assert "The other one" in content


def test_a_duplicate_elsewhere_names_both_addresses(editor: Client) -> None:
    same_repository_elsewhere()
    content = editor.get(url_of("duplicates")).content.decode()
    assert "<dt>same repository as</dt><dd>First</dd>" in content
    assert '<dt>of the other</dt><dd><a href="https://github.com/new/name"' in content


def test_a_wrong_project_is_cleared(editor: Client) -> None:
    other_repository()
    [item] = items("other-repository")
    decide(editor, "other-repository", item, "clear")
    item.refresh_from_db()
    assert (item.pypi_url, item.pypi_name, item.pypi_repo_url) == ("", "", "")


def test_a_successor(editor: Client) -> None:
    no_successor()
    [item] = items("no-successor")
    successor = package()
    decide(editor, "no-successor", item, "successor", str(successor.pk))
    item.refresh_from_db()
    assert item.replaced_by == successor


@pytest.mark.parametrize(
    ("named", "other"),
    [
        ("https://github.com/a/b", False),
        ("http://www.github.com/A/B.git", False),
        ("git@github.com:a/b.git", False),
        ("https://github.com/a/b/tree/main/x", False),
        ("https://github.com/a/b-ng", True),
        ("https://github.com/aa/b/", False),  # of the same name
        ("https://github.com/former/x", False),
        ("https://github.com/sponsors", False),
        ("https://example.org/a/c", False),
    ],
)
def test_addresses_that_are_other_repositories(named: str, other: bool) -> None:
    item = package(repo_url="https://github.com/a/b", pypi_repo_url=named)
    RepositoryAlias.objects.create(
        package=item,
        repo_url="https://github.com/former/x",
        repo_key="github.com/former/x",
        until=timezone.now() - timedelta(days=400),
    )
    assert [each.pk for each in items("other-repository")] == ([item.pk] if other else [])


def test_a_pin_is_kept_or_lifted(editor: Client) -> None:
    pin_moved()
    [item] = items("pin-moved")
    page = editor.get(url_of("pin-moved")).content.decode()
    assert all(text in page for text in ("BSD-3-Clause", "Apache-2.0", "MIT", "by anna: The file says so"))
    decide(editor, "pin-moved", item, "keep")
    assert (Pin.objects.get().upstream_then, Pin.objects.get().pinned) == ("Apache-2.0", "BSD-3-Clause")
    Pin.objects.update(upstream="ISC")
    [item] = items("pin-moved")
    decide(editor, "pin-moved", item, "lift")
    assert not Pin.objects.exists()
    assert Package.objects.get().licence == "ISC"


def test_a_pin_put_off_is_shown_when_upstream_changes_again(editor: Client) -> None:
    pin_moved()
    [item] = items("pin-moved")
    decide(editor, "pin-moved", item, "not-now")
    assert items("pin-moved") == []
    Pin.objects.update(upstream="ISC")
    assert len(items("pin-moved")) == 1


def test_a_reply_is_prolonged_or_ended(editor: Client) -> None:
    reply_ending()
    [item] = items("reply-ending")
    decide(editor, "reply-ending", item, "prolong")
    assert Package.objects.get().reply_until == item.reply_until + timedelta(days=365)
    Package.objects.update(reply_until=item.reply_until)
    decide(editor, "reply-ending", item, "end")
    assert (Package.objects.get().reply_kind, Package.objects.get().reply_until) == ("", None)


# Refused decisions


def test_a_value_that_is_refused_comes_back(editor: Client) -> None:
    no_project()
    [item] = items("no-project")
    for value, why in {
        HOSTILE: "",
        "https://github.com/a/b": "",
        "": "Type the PyPI project.",
        "x" * 300: "It is too long.",
    }.items():
        response = decide(editor, "no-project", item, "take", value)
        assert response.status_code == 200
        content = response.content.decode()
        assert "<script>alert" not in content
        assert escape(value) in content
        assert 'class="errornote"' in content
        assert why in content
    assert not EditBatch.objects.exists()
    assert editor.post(url_of("no-project"), {"item": item.pk, "decision": "take", "value": "\0"}).status_code == 404


def test_a_project_of_another_package_is_refused(editor: Client) -> None:
    package(title="Owner", pypi_url="taken")
    no_project()
    [item] = items("no-project")
    response = decide(editor, "no-project", item, "take", "Taken")
    assert "The package “Owner”" in response.content.decode()
    item.refresh_from_db()
    assert item.pypi_url == ""


def test_a_successor_that_is_refused(editor: Client) -> None:
    no_successor()
    [item] = items("no-successor")
    replaced = package(title="Replaced", replaced_by=item)
    for value, why in {"": "Choose", "x": "Choose", "9" * 30: "Choose", str(item.pk): "itself"}.items():
        assert why in decide(editor, "no-successor", item, "successor", value).content.decode()
    assert "leads to" in decide(editor, "no-successor", item, "successor", str(replaced.pk)).content.decode()
    item.refresh_from_db()
    assert item.replaced_by is None


def test_a_locked_grid_is_not_deleted(editor: Client, admin_client: Client) -> None:
    grid = GridFactory.create(is_locked=True)
    [item] = items("empty-grid")
    response = decide(editor, "empty-grid", item, "delete")
    assert "is locked" in response.content.decode()
    assert Grid.objects.filter(pk=grid.pk).exists()
    assert decide(admin_client, "empty-grid", item, "delete").status_code == 302
    assert not Grid.objects.exists()


def test_an_item_that_somebody_else_has_settled(editor: Client) -> None:
    other_repository()
    [item] = items("other-repository")
    decide(editor, "other-repository", item, "right")
    response = decide(editor, "other-repository", item, "take")
    assert messages_of(response) == [GONE]
    Package.objects.filter(pk=item.pk).update(pypi_repo_url="https://github.com/e/f")
    response = decide(editor, "other-repository", item, "take")
    assert GONE in messages_of(response), "the page showed another repository"
    item.refresh_from_db()
    assert item.repo_url == "https://github.com/a/b"


@postgresql
@pytest.mark.django_db(transaction=True)
def test_two_editors_settle_an_item_at_once(editor: Client) -> None:
    """The first is heard, the second is told."""
    other_repository()
    [item] = items("other-repository")
    second = Client()
    second.force_login(user_with("change_package", name="gina"))
    barrier, told = Barrier(2), []

    def settle(client: Client, decision: str) -> None:
        barrier.wait(20)
        told.append(messages_of(decide(client, "other-repository", item, decision)))

    threads = [in_background(settle, editor, "take"), in_background(settle, second, "clear")]
    for thread in threads:
        thread.result()
    assert sorted(told, key=len) == [[], [GONE]]
    [batch] = EditBatch.objects.all()
    item.refresh_from_db()
    settled = {"editor": ("https://github.com/c/d", "project-0"), "gina": ("https://github.com/a/b", "")}
    assert (item.repo_url, item.pypi_url) == settled[batch.user_name]


@pytest.mark.parametrize(
    "sent",
    [
        {"decision": "explode"},
        {"decision": "__class__"},
        {"item": "x"},
        {"item": "-1"},
        {"item": "9" * 30},
        {"item": ""},
        {"decision": ""},
    ],
)
def test_nonsense(editor: Client, sent: dict[str, str]) -> None:
    no_project()
    [item] = items("no-project")
    right = {"item": item.pk, "about": "", "decision": "right"}
    assert editor.post(url_of("no-project"), right | sent).status_code == 404
    assert not Dismissal.objects.exists()
    for query in ("?at=x&done=y", "?at=999&done=999999999999999999", "?at=-1&done=", f"?done={'9' * 40}&at={'9' * 40}"):
        assert editor.get(url_of("no-project") + query).status_code == 200
    assert editor.get(url_of("nothing")).status_code == 404


# Dismissals


def test_not_now_ends(editor: Client) -> None:
    no_project()
    [item] = items("no-project")
    decide(editor, "no-project", item, "not-now")
    dismissal = Dismissal.objects.get()
    assert dismissal.by == "editor"
    assert dismissal.until is not None
    assert timedelta(days=29) < dismissal.until - timezone.now() <= timedelta(days=30)
    Dismissal.objects.update(until=timezone.now())
    assert [each.pk for each in items("no-project")] == [item.pk]
    decide(editor, "no-project", item, "right")
    assert Dismissal.objects.get().until is None


def test_what_is_about_something_else_is_shown_again(editor: Client) -> None:
    other_repository()
    [item] = items("other-repository")
    decide(editor, "other-repository", item, "right")
    Package.objects.filter(pk=item.pk).update(pypi_repo_url="https://github.com/another/one")
    assert [each.pk for each in items("other-repository")] == [item.pk]


def test_a_verdict_that_flips_again_is_shown_again(editor: Client) -> None:
    flipped()
    [item] = items("flipped")
    decide(editor, "flipped", item, "seen")
    PackageHealth.objects.update(since=timezone.now() + timedelta(seconds=1))
    assert [each.pk for each in items("flipped")] == [item.pk]


def test_a_verdict_of_the_same_level_is_no_flip() -> None:
    item = flipped()
    Package._base_manager.filter(pk=item.pk).update(verdict_rank=2)
    assert items("flipped") == []
    Package._base_manager.filter(pk=item.pk).update(verdict_rank=5)
    assert len(items("flipped")) == 1


def test_a_history_names_what_was_dismissed(editor: Client) -> None:
    no_project()
    [item] = items("no-project")
    decide(editor, "no-project", item, "right")
    batch = EditBatch.objects.get()
    assert batch.words == f"No PyPI project: it has none, “{item}”"
    content = editor.get(f"/admin/editing/editbatch/{batch.pk}/change/").content.decode()
    assert "Dismissed item" in content
    assert f"“{item}”" in content


# Who may


def test_permissions(client: Client) -> None:
    no_project()
    empty_grid()
    [item], [grid] = items("no-project"), items("empty-grid")
    assert client.get(url_of("no-project")).status_code == 302
    client.force_login(user_with("change_category", name="carl"))
    assert "desk-title" not in client.get("/admin/").content.decode()
    for path in (url_of("no-project"), url_of("empty-grid"), "/admin/desk/chart/repo.svg"):
        assert client.get(path).status_code == 403
    assert decide(client, "no-project", item, "right").status_code == 403
    client.force_login(user_with("change_package", name="dora"))
    content = client.get("/admin/").content.decode()
    assert "No PyPI project" in content
    assert "Empty grid" not in content
    assert decide(client, "no-project", item, "right").status_code == 302
    assert decide(client, "empty-grid", grid, "keep").status_code == 403
    client.force_login(user_with("change_grid", "change_package", name="emil"))
    assert "Delete it" not in client.get(url_of("empty-grid")).content.decode()
    assert decide(client, "empty-grid", grid, "delete").status_code == 403
    assert Grid.objects.exists()


def test_pins_are_of_those_who_may_change_pins(client: Client) -> None:
    pin_moved()
    [item] = items("pin-moved")
    client.force_login(user_with("change_package", "change_pin"))
    assert "Lift it" not in client.get(url_of("pin-moved")).content.decode()
    assert decide(client, "pin-moved", item, "lift").status_code == 403
    assert decide(client, "pin-moved", item, "keep").status_code == 302
    client.force_login(user_with("change_package", name="dora"))
    Pin.objects.update(upstream="ISC")
    [item] = items("pin-moved")
    assert decide(client, "pin-moved", item, "keep").status_code == 403
    assert [each.pk for each in items("pin-moved")] == [item.pk]


def test_undoing_is_of_ones_own(editor: Client, client: Client) -> None:
    no_project()
    [item] = items("no-project")
    decide(editor, "no-project", item, "take", "a-project")
    batch = EditBatch.objects.get()
    path = f"{url_of('no-project')}undo/{batch.pk}/"
    redirect: Any = editor.get(path)
    assert redirect.url == url_of("no-project")
    User.objects.get(username="editor").user_permissions.set(Permission.objects.filter(codename="change_package"))
    client.force_login(user_with("change_package", name="fred"))
    assert client.post(path).status_code == 404
    assert f"Done: {batch.words}" not in client.get(f"{url_of('no-project')}?done={batch.pk}").content.decode()


def test_undoing_what_was_changed_since_asks(editor: Client) -> None:
    no_project()
    [item] = items("no-project")
    decide(editor, "no-project", item, "take", "a-project")
    batch = EditBatch.objects.get()
    Package.objects.filter(pk=item.pk).update(pypi_url="another-project")
    response: Any = editor.post(f"{url_of('no-project')}undo/{batch.pk}/")
    assert response.url == f"/admin/editing/editbatch/{batch.pk}/change/"
    assert Package.objects.get(pk=item.pk).pypi_url == "another-project"


def test_csrf(client: Client) -> None:
    no_project()
    [item] = items("no-project")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user_with("change_package"))
    assert decide(strict, "no-project", item, "right").status_code == 403
    assert not Dismissal.objects.exists()


# The pages


def test_the_weightiest_is_first() -> None:
    now = timezone.now()
    columns: list[dict[str, Any]] = [
        {"title": "few", "pypi_downloads": 5, "last_fetched": now},
        {"title": "many", "pypi_downloads": 1_000_000, "last_fetched": now},
        {"title": "stars", "repo_watchers": 1_000, "last_fetched": now},
        {"title": "stale", "pypi_downloads": 1_000_000, "last_fetched": now - timedelta(days=60)},
        {"title": "never", "pypi_downloads": 1_000_000},
        {"title": "good", "pypi_downloads": 1_000_000, "last_fetched": now - timedelta(days=60), "verdict_rank": 1},
    ]
    for each in columns:
        rank = each.pop("verdict_rank", None)
        item = package(pypi_url="", repo_url="", **each)
        Package._base_manager.filter(pk=item.pk).update(verdict_rank=rank, **each)
    assert [(each.title, round(each.weight, 2)) for each in items("no-project")] == [
        ("good", 55.26),  # ln(1,000,010) * 2 * 2
        ("never", 41.45),  # ln(1,000,010) * 3
        ("stale", 27.63),  # ln(1,000,010) * 2
        ("many", 13.82),
        ("stars", 9.21),  # ln(10,010)
        ("few", 2.71),  # ln(15)
    ]


def test_a_list_that_fails_breaks_nothing(editor: Client, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    flipped()

    def fail(self: WorkList, today: Today) -> Any:
        raise RuntimeError("x")

    monkeypatch.setattr(NoProject, "matching", fail)
    content = editor.get("/admin/").content.decode()
    assert "It could not be read: the log says why." in content
    assert "Verdict flipped" in content
    assert "The list “no-project” of the desk failed" in caplog.text


def test_hostile_texts(editor: Client) -> None:
    title = '<script>x</script>"{{'
    package(title=title, deprecated=True, repo_description=HOSTILE, pypi_url="", pypi_repo_url="javascript:alert(1)")
    GridFactory.create(title=title, description=HOSTILE)
    item = package(title=title, repo_url="javascript", pypi_url="<script>x</script>")
    PackageHealth.objects.update_or_create(package=item, defaults={"since": timezone.now(), "before": "gone"})
    for path in ("/admin/", *(url_of(kind.name) for kind in LISTS)):
        content = editor.get(path).content.decode()
        assert "<script>x" not in content
        assert "<script>alert" not in content
        assert 'href="javascript' not in content


def test_a_long_list_is_bounded(editor: Client) -> None:
    template = no_project()
    Package.objects.bulk_create(
        Package(title=f"P{n}", slug=f"p{n}", category=template.category) for n in range(MOST + 5)
    )
    assert f'<td class="number">{MOST}+</td>' in editor.get("/admin/").content.decode()
    content = editor.get(url_of("no-project")).content.decode()
    assert f"More than {MOST} items, of which the first {SHOWN} are here" in content
    assert content.count('class="desk-item"') == SHOWN


def test_the_next_item_is_focused(editor: Client) -> None:
    for _ in range(3):
        no_project()
    first, second, third = items("no-project")
    response = decide(editor, "no-project", second, "right", at=1)
    content = editor.get(response.url).content.decode()
    [focused] = re.findall(r'id="item-(\d+)"[^>]*autofocus', content)
    assert int(focused) == third.pk
    response = decide(editor, "no-project", third, "right", at=1)
    [focused] = re.findall(r'id="item-(\d+)"[^>]*autofocus', editor.get(response.url).content.decode())
    assert int(focused) == first.pk, "the last one is gone"


def queries_of(client: Client, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_queries_do_not_grow_with_rows(editor: Client) -> None:
    for make in MAKERS:
        make()
    paths = ["/admin/", *(url_of(kind.name) for kind in LISTS)]
    before = {path: queries_of(editor, path) for path in paths}
    for make in list(MAKERS) * 2:
        if make not in {moved, reused, same_repository_elsewhere}:
            make()
    after = {path: queries_of(editor, path) for path in paths}
    assert after == before
    assert before["/admin/"] <= 24
    assert max(number for path, number in before.items() if path != "/admin/") <= 8


def test_queries_of_a_decision(editor: Client) -> None:
    no_project()
    [item] = items("no-project")
    with CaptureQueriesContext(connection) as queries:
        decide(editor, "no-project", item, "right")
    assert len(queries) <= 24
