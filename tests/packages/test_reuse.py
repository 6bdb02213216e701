"""Reused names: an editor takes the new repository, or drops the address."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from packages import actions
from packages.facts import UNKNOWN, Outcome
from packages.models import FetchState, Package, Snapshot
from packages.results import Failure, save_results
from tests.conftest import Get
from tests.packages.test_results import DAY, FACTS, NOW, attempt, columns, create, fetched, outcomes

pytestmark = pytest.mark.django_db
LIST = "/admin/packages/package/"
NEW = replace(FACTS, repo_id="6", watchers=99)


@pytest.fixture
def reused() -> Package:
    package = create(title="Reused", modified=NOW - 9 * DAY)
    save_results([attempt(package, fetched(FACTS, head="abc"))])
    assert outcomes(save_results([attempt(package, fetched(NEW), at=NOW + DAY)])) == ["invalid"]
    return package


@pytest.fixture
def healthy() -> Package:
    package = create(title="Healthy", repo_url="https://github.com/c/d", pypi_url="d")
    save_results([attempt(package, fetched(replace(FACTS, url="https://github.com/c/d", repo_id="7")))])
    return package


def post(client: Client, *packages: Package, **more: str) -> Any:
    chosen = {"action": "decide_about_reused_names", "_selected_action": [package.pk for package in packages]}
    return client.post(LIST, chosen | more, follow=True)


def messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_the_question_names_the_packages_and_changes_nothing(
    admin_client: Client, reused: Package, healthy: Package
) -> None:
    before = [columns(package) for package in (reused, healthy)]
    page = post(admin_client, reused, healthy).content.decode()
    assert "another repository (id 6, ours had 5) has this name now: https://github.com/a/b" in page
    assert f'name="_selected_action" value="{reused.pk}"' in page
    assert "Healthy" not in page
    assert [columns(package) for package in (reused, healthy)] == before


def test_taking_the_new_repository(admin_client: Client, reused: Package, healthy: Package, get: Get) -> None:
    before = columns(healthy)
    response = post(admin_client, reused, healthy, decision="take")
    assert messages(response) == ["Took the repository that has the name now. Of: “Reused”."]
    row = Package.objects.get(pk=reused.pk)
    assert (row.repo_url, row.repo_watchers, row.repo_id, row.last_fetched) == ("https://github.com/a/b", 0, "", None)
    assert row.modified == reused.modified
    assert not FetchState.objects.filter(package=reused, source="repo").exists()
    assert get(f"packages/{reused.pk}/history/").json()["results"] == []
    assert Snapshot.objects.get(package=reused).repo_key == "#5 github.com/a/b"
    assert columns(healthy) == before
    assert LogEntry.objects.get().object_id == str(reused.pk)
    # The next refresh fetches it like a new one.
    assert list(Package.objects.due("repo", NOW, 9 * DAY)) == [reused]
    assert outcomes(save_results([attempt(reused, fetched(NEW), at=NOW + 2 * DAY)])) == ["ok"]
    assert Package.objects.get(pk=reused.pk).repo_watchers == 99


def test_dropping_the_address(admin_client: Client, reused: Package) -> None:
    response = post(admin_client, reused, decision="drop")
    assert messages(response) == ["Dropped the repository URL, whose name another repository has now. Of: “Reused”."]
    row = Package.objects.get()
    assert (row.repo_url, row.repo_key, row.repo_watchers, row.repo_id) == ("", "", 0, "")
    assert row.modified > reused.modified
    # Its numbers stay with the address, should that have been a mistake.
    assert Snapshot.objects.get().repo_key == "github.com/a/b"


def test_another_address_is_a_decision_too(admin_client: Client, reused: Package) -> None:
    Package.objects.update(repo_url="https://github.com/x/y")
    assert messages(post(admin_client, reused, decision="drop")) == NONE_REUSED
    assert Package.objects.get().repo_url == "https://github.com/x/y"


NONE_REUSED = ["No selected package has a name that was reused."]


def test_another_failure_is_no_reuse(admin_client: Client, healthy: Package) -> None:
    invalid = Failure(Outcome.INVALID, "another repository has this name now, says an upstream")
    save_results([attempt(healthy, invalid, at=NOW + DAY)])
    assert messages(post(admin_client, healthy)) == NONE_REUSED


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.NOT_FOUND, Outcome.INVALID])
def test_a_failure_since_does_not_hide_it(admin_client: Client, reused: Package, outcome: Outcome) -> None:
    save_results([attempt(reused, Failure(outcome, "why"), at=NOW + 2 * DAY)])
    page = post(admin_client, reused).content.decode()
    assert "another repository (id 6, ours had 5) has this name now: https://github.com/a/b" in page
    post(admin_client, reused, decision="take")
    assert Package.objects.get().repo_id == ""


@pytest.mark.parametrize("facts", [replace(FACTS, watchers=11), None])
def test_the_old_repository_found_again_is_no_reuse(admin_client: Client, reused: Package, facts: Any) -> None:
    """Also where the fetch passes on all notes that it was given."""
    again = attempt(reused, fetched(facts, **FetchState.objects.get().validators), at=NOW + 2 * DAY)
    save_results([again])
    assert FetchState.objects.get().validators == {"head": "abc"}
    assert messages(post(admin_client, reused)) == NONE_REUSED


@pytest.mark.parametrize("url", ["https://github.com/a/b" + "/x" * 230, UNKNOWN])
def test_a_long_or_unknown_url_does_not_hide_it(admin_client: Client, url: Any) -> None:
    package = create(repo_url="https://github.com/a/b")
    save_results([attempt(package, fetched(FACTS))])
    save_results([attempt(package, fetched(replace(NEW, url=url)), at=NOW + DAY)])
    page = post(admin_client, package).content.decode()
    shown = "https://github.com/a/b" if url is UNKNOWN else url
    assert f"another repository (id 6, ours had 5) has this name now: {shown}" in page
    assert FetchState.objects.get().error.startswith("another repository (id 6, ours had 5) has this name now: https:")


def test_packages_of_one_name_keep_each_its_own_history(admin_client: Client, reused: Package) -> None:
    other = create(repo_url="https://github.com/a/b/tree/main/b", pypi_url="")
    save_results([attempt(other, fetched(replace(FACTS, repo_id="4")))])
    save_results([attempt(other, fetched(NEW), at=NOW + DAY)])
    post(admin_client, reused, other, decision="take")
    keys = dict(Snapshot.objects.values_list("package", "repo_key"))
    assert keys == {reused.pk: "#5 github.com/a/b", other.pk: "#4 github.com/a/b"}


def test_at_most_a_hundred(admin_client: Client, reused: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST", 0)
    assert messages(post(admin_client, reused, decision="drop")) == ["Select at most 0 packages."]
    assert Package.objects.get().repo_url == "https://github.com/a/b"


def test_only_who_may_change_packages_decides(client: Client, reused: Package) -> None:
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_package"))
    client.force_login(user)
    post(client, reused, decision="drop")
    assert Package.objects.get().repo_url == "https://github.com/a/b"
    user.user_permissions.add(Permission.objects.get(codename="change_package"))
    post(client, reused, decision="drop")
    assert Package.objects.get().repo_url == ""


def test_a_get_decides_nothing(admin_client: Client, reused: Package) -> None:
    chosen = {"action": "decide_about_reused_names", "_selected_action": str(reused.pk), "decision": "drop"}
    admin_client.get(LIST, chosen)
    assert Package.objects.get().repo_url == "https://github.com/a/b"
