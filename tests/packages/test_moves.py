"""Renamed repositories: all their packages follow, each with its folder, and keep what is known of them."""

import time
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from packages.facts import UNKNOWN, Outcome, PyPIFacts, Source
from packages.models import FetchState, Package, RepositoryAlias, Snapshot
from packages.results import Failure, save_results
from tests.packages.test_results import DAY, FACTS, NOW, PYPI, attempt, create, fetched, outcomes, state
from tests.packages.verdicts import forget_marks
from tests.threads import in_background

pytestmark = pytest.mark.django_db
OLD, NEW = "https://github.com/old/mono", "https://github.com/new/mono"


def mono(*folders: str) -> list[Package]:
    """Packages in one repository that were all fetched a day ago."""
    packages = [create(repo_url=OLD + folder) for folder in folders]
    facts = replace(FACTS, url=OLD)
    save_results([attempt(package, fetched(facts, head="abc"), at=NOW - DAY) for package in packages])
    return packages


def renamed(package: Package, url: str = NEW) -> list[str]:
    return save_results([attempt(package, fetched(replace(FACTS, url=url, watchers=12), head="def"))]).notes


def urls() -> list[tuple[str, str, str]]:
    return list(Package.objects.order_by("pk").values_list("repo_url", "repo_key", "repo_facts_of"))


def test_all_packages_of_the_repository_move_with_their_folders() -> None:
    a, b, root, other = mono("/tree/main/packages/a", "/tree/main/b/", "/", "/")
    Package.objects.filter(pk=other.pk).update(repo_url="https://github.com/other/one")
    key = "github.com/new/mono"
    assert renamed(a) == [
        f"package {a.pk} ({a.slug}) moved from {OLD}/tree/main/packages/a to {NEW}/tree/main/packages/a",
        f"package {b.pk} ({b.slug}) moved from {OLD}/tree/main/b/ to {NEW}/tree/main/b",
        f"package {root.pk} ({root.slug}) moved from {OLD}/ to {NEW}",
    ]
    assert urls() == [
        (f"{NEW}/tree/main/packages/a", key, key),
        (f"{NEW}/tree/main/b", key, key),
        (NEW, key, key),
        ("https://github.com/other/one", "github.com/other/one", "github.com/other/one"),
    ]
    assert [package.repo_watchers for package in Package.objects.order_by("pk")] == [12, 10, 10, 0]
    assert set(RepositoryAlias.objects.values_list("package", "repo_key", "repo_url", "until")) == {
        (a.pk, "github.com/old/mono", f"{OLD}/tree/main/packages/a", NOW),
        (b.pk, "github.com/old/mono", f"{OLD}/tree/main/b/", NOW),
        (root.pk, "github.com/old/mono", f"{OLD}/", NOW),
    }


def test_the_followers_keep_their_facts_states_and_history() -> None:
    a, b = mono("", "")
    before = Package.objects.values().get(pk=b.pk)
    renamed(a)
    after = Package.objects.values().get(pk=b.pk)
    key = "github.com/new/mono"
    assert after == before | {"repo_url": NEW, "repo_key": key, "repo_facts_of": key}
    row = state(b)
    assert (row.target, row.validators, row.last_success) == (key, {"head": "abc"}, NOW - DAY)
    assert not Package.objects.filter(pk=b.pk).due("repo", NOW - DAY, DAY).exists()
    assert set(Snapshot.objects.values_list("package", "day", "repo_key")) == {
        (a.pk, (NOW - DAY).date(), key),
        (a.pk, NOW.date(), key),
        (b.pk, (NOW - DAY).date(), key),
    }


def test_followers_that_were_fetched_in_the_same_batch() -> None:
    a, b = mono("/tree/main/a", "/tree/main/b")
    facts = replace(FACTS, url=NEW)
    report = save_results([attempt(each, fetched(replace(facts, watchers=each.pk))) for each in (a, b)])
    assert outcomes(report) == ["renamed", "renamed"]
    assert len(report.notes) == 2
    assert [url for url, *_ in urls()] == [f"{NEW}/tree/main/a", f"{NEW}/tree/main/b"]
    assert list(Package.objects.order_by("pk").values_list("repo_watchers", flat=True)) == [a.pk, b.pk]


def test_a_package_of_another_repository_under_the_old_name_stays() -> None:
    a, b = mono("", "")
    Package.objects.filter(pk=b.pk).update(repo_id="6")
    renamed(a)
    assert [url for url, *_ in urls()] == [NEW, OLD]


def test_a_folder_joins_packages_that_are_at_the_new_name_already() -> None:
    create(repo_url=NEW)
    (a,) = mono("/tree/main/a")
    renamed(a)
    assert [url for url, *_ in urls()] == [NEW, f"{NEW}/tree/main/a"]


def test_a_whole_repository_does_not() -> None:
    holder = create(repo_url=f"{NEW}.git")
    (a,) = mono("")
    assert renamed(a) == [f"package {a.pk} ({a.slug}) is the same repository as package {holder.pk}: {NEW}"]
    assert [url for url, *_ in urls()] == [f"{NEW}.git", OLD]
    assert state(a).target == "github.com/old/mono"


def test_a_url_that_would_be_too_long_stays() -> None:
    (a,) = mono("/tree/main/" + "x" * (499 - len(OLD) - len("/tree/main/")))
    notes = renamed(a, "https://github.com/a-longer-name/mono")
    assert notes[0].endswith("which is too long to be stored")
    assert Package.objects.get().repo_url.startswith(OLD)


def test_the_subdirectory_of_a_requirement_is_a_folder() -> None:
    (a,) = mono("@main#subdirectory=packages/a")
    renamed(a)
    assert Package.objects.get().repo_url == f"{NEW}#subdirectory=packages/a"


def test_queries_do_not_grow_with_the_packages_that_move() -> None:
    def cost(*packages: Package) -> int:
        with CaptureQueriesContext(connection) as queries:
            save_results([attempt(package, fetched(replace(FACTS, url=NEW))) for package in packages])
        return len(queries)

    few = cost(*mono(""))
    Package.objects.all().delete()
    assert cost(*mono(*(f"/tree/main/{number}" for number in range(15)))) <= few  # SQLite writes 19 at once


def test_nothing_new_of_what_was_forgotten_is_superseded() -> None:
    """The address was another one for a moment: a fetch that found nothing new was compared with forgotten facts."""
    package = create()
    save_results([attempt(package, fetched(FACTS, head="abc"))])
    late = attempt(package, fetched(None, head="abc"), at=NOW + DAY)
    Package.objects.update(repo_url="https://github.com/c/d")
    Package.objects.update(repo_url="https://github.com/a/b")
    assert save_results([late]).superseded == 1
    assert not FetchState.objects.exists()
    assert outcomes(save_results([attempt(package, fetched(FACTS), at=NOW + DAY)])) == ["ok"]


@pytest.mark.parametrize(
    ("source", "change", "back", "facts"),
    [
        ("pypi", {"pypi_url": "other"}, {"pypi_url": "b"}, PyPIFacts(status="archived")),
        (
            "repo",
            {"repo_url": "https://github.com/c/d"},
            {"repo_url": "https://github.com/a/b"},
            replace(FACTS, participants=UNKNOWN, commits_over_52=UNKNOWN),
        ),
    ],
)
@pytest.mark.parametrize("failed_since", [False, True])
def test_an_addition_to_what_was_forgotten_is_superseded(
    source: Source, change: dict[str, str], back: dict[str, str], facts: Any, failed_since: bool
) -> None:
    """A fetch that asked only for what is new, while the address was another one for a moment."""
    package = create()
    save_results([attempt(package, fetched(PYPI if source == "pypi" else FACTS, etag="1"), source)])
    late = attempt(package, fetched(facts, etag="1"), source, at=NOW + DAY)
    late = replace(late, target=replace(late.target, validators={"etag": "1"}))
    Package.objects.update(**change)
    Package.objects.update(**back)
    if failed_since:
        save_results([attempt(package, Failure(Outcome.TIMEOUT, "timed out"), source, at=NOW + DAY)])
    forget_marks()
    before = Package.objects.values().get()
    assert save_results([late]).superseded == 1
    assert Package.objects.values().get() == before
    assert not FetchState.objects.exclude(validators={}).exists()
    # What was fetched without notes is whole.
    assert outcomes(save_results([replace(late, target=replace(late.target, validators=None))])) == ["ok"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("case", ["forgotten", "followers"])
def test_rows_are_locked_in_the_order_of_their_ids(case: str) -> None:
    """Two batches that lock the same rows wait for each other, and never both."""
    first, second = mono("/tree/main/a", "/tree/main/b")
    if case == "forgotten":
        with connection.cursor() as cursor:
            cursor.execute("UPDATE packages_package SET repo_facts_of = 'x' WHERE id = %s", [second.pk])
        attempts = [attempt(each, fetched(replace(FACTS, url=OLD), head="def")) for each in (second, first)]
    else:
        attempts = [attempt(second, fetched(replace(FACTS, url=NEW), head="def"))]
    with transaction.atomic():
        Package.objects.select_for_update().get(pk=first.pk)
        batch = in_background(save_results, attempts)
        with connection.cursor() as cursor:
            for _ in range(100):
                cursor.execute(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid"
                )
                if cursor.fetchone() == (1,):
                    break
                time.sleep(0.05)
            else:
                pytest.fail("the batch does not wait for the first row")
        assert Package.objects.select_for_update(nowait=True).get(pk=second.pk)
    batch.result()
    assert RepositoryAlias.objects.count() == (0 if case == "forgotten" else 2)


def test_a_follower_that_was_edited_by_hand_takes_no_facts_of_others_along() -> None:
    a, b = mono("", "")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET repo_facts_of = 'x' WHERE id = %s", [b.pk])
    renamed(a)
    assert list(Package.objects.order_by("pk").values_list("repo_url", "repo_watchers")) == [(NEW, 12), (NEW, 0)]


def test_a_fetch_says_whose_facts_it_wrote() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS)), attempt(package, fetched(PYPI), "pypi")])
    row = Package.objects.get()
    assert (row.repo_facts_of, row.pypi_facts_of) == (row.repo_key, row.pypi_name) == ("github.com/a/b", "b")
    (snapshot,) = Snapshot.objects.all()
    assert (snapshot.repo_key, snapshot.pypi_name) == ("github.com/a/b", "b")


def test_facts_of_another_address_are_never_mixed_with_those_that_are_fetched() -> None:
    """SQL by hand in the middle of a run, and a host that is still computing the lists."""
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    models_update: Any = Package.objects.filter(pk=package.pk)
    models_update.update(repo_facts_of="github.com/other/one")
    partial = replace(FACTS, repo_id="6", participants=UNKNOWN, commits_over_52=UNKNOWN)
    assert outcomes(save_results([attempt(package, fetched(partial), at=NOW + DAY)])) == ["ok"]
    row = Package.objects.get()
    assert (row.repo_id, row.participants, row.commits_over_52) == ("6", [], [])


def test_the_documentation_of_a_project_is_stored_without_tracking() -> None:
    package = create()
    save_results(
        [attempt(package, fetched(replace(PYPI, documentation_url="https://b.test/?utm_source=pypi")), "pypi")]
    )
    assert Package.objects.get(pk=package.pk).documentation_url == "https://b.test/"
