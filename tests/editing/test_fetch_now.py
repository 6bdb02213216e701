"""The actions "Fetch now" and "Retry failed": what they say, what they fetch, and that neither is an edit."""

from datetime import timedelta
from typing import Any

import pytest
import responses
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from editing.adding import fetch_now
from editing.models import Edit, EditBatch
from fetchers import on_demand
from fetchers.models import HostRateLimit
from fetchers.refresh import Options, Refresh
from packages.models import FetchState, Package
from tests.core.admin.editors import messages_of
from tests.editing.acting import LIST, act, begin
from tests.editing.upstream import publish, world
from tests.factories import CategoryFactory, PackageFactory
from tests.pages import fields_of
from tests.upstream import World

pytestmark = pytest.mark.django_db
PAGE = "/admin/packages/package/fetch-now/"
__all__ = ["world"]


def populate(world: World, number: int) -> list[Package]:
    category = CategoryFactory.create()
    packages = []
    for each in range(number):
        name = f"boxes-{each:02}"
        publish(world, name)
        url = f"https://github.com/acme/{name}"
        packages.append(PackageFactory.create(category=category, title=name, repo_url=url, pypi_url=name))
    return packages


def fetch(client: Client, page: Any, **typed: Any) -> Any:
    return client.post(PAGE, fields_of(page, "fetch_form") | typed)


def lines(response: Any, which: str = "fetched") -> list[tuple[str, str, str]]:
    return [(line.title, line.source, line.words) for line in response.context_data[which]]


def due(source: Any = "repo") -> set[int]:
    return {pk for each in Refresh(Options()).due(source).values() for pk in [*each.healthy, *each.failed]}


def test_packages_are_fetched_at_once(editor: Client, world: World) -> None:
    packages = populate(world, 2)
    page = begin(editor, "fetch_now", packages)
    assert "2 packages can be fetched" in page.content.decode()
    assert world.requests == {}
    response = fetch(editor, page)
    assert lines(response) == [
        ("boxes-00", "PyPI", "fetched"),
        ("boxes-00", "Repository", "fetched"),
        ("boxes-01", "PyPI", "fetched"),
        ("boxes-01", "Repository", "fetched"),
    ]
    assert lines(response, "queued") == []
    packages[1].refresh_from_db()
    assert (packages[1].repo_watchers, packages[1].pypi_version) == (20, "1.0")
    assert not Edit.objects.exists()
    assert not EditBatch.objects.exists()


def test_the_rest_is_queued(editor: Client, world: World) -> None:
    packages = populate(world, 22)
    on_demand.fetch_now([package.pk for package in packages[:20]])
    on_demand.fetch_now([package.pk for package in packages[20:]])
    assert due() == set()
    page = begin(editor, "fetch_now", packages)
    assert "2 more are queued" in page.content.decode()
    response = fetch(editor, page)
    assert response.context_data["number_queued"] == 2
    assert lines(response, "queued")[0] == (
        "boxes-20",
        "PyPI",
        "not fetched (20 are fetched at once); the next refresh asks",
    )
    assert due() == due("pypi") == {package.pk for package in packages[20:]}
    assert not Edit.objects.exists()


def test_all_may_be_queued(editor: Client, world: World) -> None:
    packages = populate(world, 2)
    on_demand.fetch_now([package.pk for package in packages])
    world.requests.clear()
    response = fetch(editor, begin(editor, "fetch_now", packages[:1]), queue="Queue")
    assert messages_of(response) == ["Queued for the next refresh: 1 package."]
    assert due() == due("pypi") == {packages[0].pk}
    assert world.requests == {}
    assert not Edit.objects.exists()


def test_the_outcomes_of_upstreams_are_said(editor: Client, world: World) -> None:
    [package] = populate(world, 1)
    world.fault = lambda path: "500" if path.startswith("/pypi/") else "404" if path.startswith("/graphql/") else None
    response = fetch(editor, begin(editor, "fetch_now", [package]))
    assert lines(response) == [("boxes-00", "Repository", "not found (GitHub does not find it)")]
    [(_, source, words)] = lines(response, "queued")
    assert source == "PyPI"
    assert words.startswith("not fetched (")
    assert "answers 500" in words


def test_cron_keeps_its_reserve(editor: Client, world: World) -> None:
    [package] = populate(world, 1)
    resets_at = timezone.now() + timedelta(hours=1)
    HostRateLimit.objects.create(name="github-graphql", limit=5_000, remaining=200, resets_at=resets_at)
    response = fetch(editor, begin(editor, "fetch_now", [package]))
    assert [line[1] for line in lines(response)] == ["PyPI"]
    assert "and reserved" in lines(response, "queued")[0][2]
    assert world.requests["graphql"] == world.requests["rest"] == 0


def test_packages_of_which_nothing_can_be_fetched(editor: Client, world: World) -> None:
    package = PackageFactory.create(title="Empty", repo_url="https://example.com/a", pypi_url="")
    page = begin(editor, "fetch_now", [package])
    assert "0 packages can be fetched" in page.content.decode()
    assert "Empty" in page.content.decode()
    assert "disabled" in page.content.decode()


def test_a_package_that_was_deleted_meanwhile(editor: Client, world: World) -> None:
    packages = populate(world, 2)
    page = begin(editor, "fetch_now", packages)
    packages[0].delete()
    assert {line[0] for line in lines(fetch(editor, page))} == {"boxes-01"}


@pytest.mark.parametrize("selection", ["", "x", "1"])
def test_only_what_the_page_has_shown_is_fetched(editor: Client, selection: str) -> None:
    with responses.RequestsMock():
        response = editor.post(PAGE, {"selection": selection})
        assert messages_of(response) == ["Nothing was fetched: select the packages again."]
        assert editor.get(PAGE).status_code == 302


def test_a_selection_is_of_its_editor(editor: Client, world: World) -> None:
    page = begin(editor, "fetch_now", populate(world, 1))
    other = Client()
    other.force_login(User.objects.create_superuser("root"))
    assert fetch(other, page).status_code == 302
    assert world.requests == {}


def test_who_may_not_change_packages_may_not_fetch(client: Client) -> None:
    user = User.objects.create_user("bob", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_package"))
    client.force_login(user)
    assert client.post(PAGE).status_code == 403
    text = client.get(LIST).content.decode()
    assert "fetch_now" not in text
    assert "retry_failed" not in text


def test_forged_requests_are_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    assert client.post(PAGE, {"selection": "x"}).status_code == 403


def test_hostile_titles_are_texts(editor: Client, world: World) -> None:
    [package] = populate(world, 1)
    Package.objects.update(title="<script>alert(1)</script>")
    page = begin(editor, "fetch_now", [package])
    for text in (page.content.decode(), fetch(editor, page).content.decode()):
        assert "<script>alert" not in text


def many(number: int) -> list[Package]:
    category = CategoryFactory.create()
    return Package.objects.bulk_create(
        Package(title=f"x {each}", slug=f"x-{each}", category=category, repo_url=f"https://github.com/x/{each}")
        for each in range(number)
    )


def test_many_take_as_many_queries_as_few(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = many(150)
    counts = []
    for size in (30, 150):
        with CaptureQueriesContext(connection) as asked:
            page = begin(editor, "fetch_now", packages[:size])
        with CaptureQueriesContext(connection) as queued:
            assert fetch(editor, page, queue="Queue").status_code == 302
        counts.append((len(asked), len(queued)))
    assert counts[0] == counts[1]
    assert max(counts[0]) <= 15
    monkeypatch.setattr(fetch_now, "MOST", 149)
    more = begin(editor, "fetch_now", packages)
    assert messages_of(more)[-1] == "Nothing was fetched: select at most 149 packages at a time."


# Retry failed


def fail(package: Package, source: str = "repo") -> FetchState:
    target = package.repo_key if source == "repo" else package.pypi_name
    later = timezone.now() + timedelta(days=14)
    return FetchState.objects.create(
        package=package, source=source, target=target, outcome="not_found", failures=8, next_due=later
    )


def test_failures_are_due_again(editor: Client) -> None:
    category = CategoryFactory.create()
    packages = PackageFactory.create_batch(3, category=category, pypi_url="x")
    fail(packages[0])
    fail(packages[1], "pypi")
    later = fail(packages[2])
    FetchState.objects.filter(pk=later.pk).update(failures=0, outcome="ok", last_success=timezone.now())
    page = begin(editor, "retry_failed", packages)
    text = page.content.decode()
    assert "2 packages will be tried again." in text
    assert "not found, 8 times" in text
    done = act(editor, "retry_failed", packages)
    assert [message.partition(": “")[0] for message in messages_of(done)] == [
        "Due at the next refresh: 2 packages that failed.",
        "Left as they are, nothing has failed",
    ]
    assert packages[0].pk in due()
    assert packages[2].pk not in due()
    assert packages[1].pk in due("pypi")
    assert not Edit.objects.exists()
    assert not EditBatch.objects.exists()


def test_a_failure_of_another_address_is_none(editor: Client) -> None:
    package = PackageFactory.create()
    fail(package)
    FetchState.objects.update(target="github.com/of/another")
    assert "nothing has failed" in begin(editor, "retry_failed", [package]).content.decode()


def test_many_failures_take_as_many_queries_as_few(editor: Client) -> None:
    packages = many(150)
    now = timezone.now()
    FetchState.objects.bulk_create(
        FetchState(package=each, source="repo", target=each.repo_key, outcome="invalid", failures=3, next_due=now)
        for each in packages
    )
    counts = []
    act(editor, "retry_failed", packages[:1])  # the first one reads what is cached then
    for size in (30, 150):
        FetchState.objects.update(next_due=now + timedelta(days=9))
        with CaptureQueriesContext(connection) as queries:
            act(editor, "retry_failed", packages[:size])
        counts.append(len(queries))
        assert FetchState.objects.filter(next_due__lte=timezone.now()).count() == size
    assert counts[0] == counts[1]
