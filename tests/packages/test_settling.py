"""Settling: every way through the program writes verdicts with the facts that they follow from."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from packages.facts import Outcome
from packages.health.facts import SourceState, Upload
from packages.models import FetchState, Package, PackageHealth, Release, UnsettledPackage
from packages.rederived import rederive
from packages.results import Failure, save_results
from packages.reuse import drop_address, take_repository
from packages.settling import settle, settled
from packages.settling.reading import facts_of
from packages.settling.update import update_health
from tests.changes.log import moved
from tests.core.admin.editors import open_form, send
from tests.documents import catalogue, category
from tests.documents import package as document
from tests.factories import PackageFactory
from tests.fetchers.mirror.importing import import_documents
from tests.packages.test_results import FACTS, PYPI, attempt, fetched
from tests.packages.verdicts import assert_settled, due
from tests.threads import in_background

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC)
DAY = timedelta(days=1)
REPOSITORY = "https://github.com/a/b"
postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")


def sharers(**columns: Any) -> tuple[Package, Package]:
    """Return two packages of one repository with a commit each, whose verdicts are settled."""
    facts = {"repo_url": REPOSITORY, "repo_id": "5", "last_updated": NOW - DAY, "last_fetched": NOW} | columns
    with settled():
        return PackageFactory.create(**facts), PackageFactory.create(**facts)


def verdict(package: Package) -> str:
    return Package.objects.get(pk=package.pk).verdict


def warnings(package: Package) -> list[str]:
    return list(PackageHealth.objects.get(pk=package.pk).warnings)


# Facts of rows


def facts(package: Package) -> Any:
    [(_, found)] = facts_of([Package.objects.get(pk=package.pk)])
    return found


def state(package: Package, source: str = "repo", **columns: Any) -> None:
    target = package.repo_key if source == "repo" else package.pypi_name
    values = {"target": target, "outcome": "ok", "next_due": NOW} | columns
    FetchState.objects.create(package=package, source=source, **values)


def test_facts_of_a_fetched_package() -> None:
    package = PackageFactory.create(
        repo_url=REPOSITORY,
        pypi_url="b",
        modified=NOW - 9 * DAY,
        last_updated=NOW - DAY,
        last_human_commit=NOW - 2 * DAY,
        commits_over_52=[1] * 52,
        participants=["anna", 7, None],
        archived=True,
        pypi_version="2.0",
        classifiers=["Framework :: Django", 5],
        requires_python=">=3.11",
        pypi_status="active",
        pypi_downloads=70,
        reply_kind="finished",
        reply_until=date(2027, 1, 1),
        gone_since=NOW,
        replaced_by=PackageFactory.create(),
    )
    state(package, last_success=NOW - DAY)
    state(package, "pypi", last_success=NOW)
    Release.objects.create(package=package, version="2.0", uploaded_at=NOW - 3 * DAY, yanked=True)
    Release.objects.create(package=package, version="1.0")
    found = facts(package)
    assert (found.repo, found.pypi) == (
        SourceState(is_asked=True, last_success=NOW - DAY, asked_since=NOW - 9 * DAY),
        SourceState(is_asked=True, last_success=NOW, asked_since=NOW - 9 * DAY),
    )
    assert (found.last_commit, found.last_human_commit, found.archived) == (NOW - DAY, NOW - 2 * DAY, True)
    assert (found.weeks, found.participants, found.classifiers) == ([1] * 52, ["anna"], ["Framework :: Django"])
    assert (found.latest_version, found.requires_python, found.pypi_status) == ("2.0", ">=3.11", "active")
    assert sorted(found.uploads, key=lambda each: each.version) == [
        Upload("1.0", None),
        Upload("2.0", NOW - 3 * DAY, yanked=True),
    ]
    assert (found.downloads, found.finished_until, found.gone_since) == (70, date(2027, 1, 1), NOW)
    assert (found.has_successor, found.deprecated) == (True, False)
    assert (found.is_shared, found.names_folder, found.name_reused) == (False, False, False)


def test_an_import_says_when_its_facts_were_fetched() -> None:
    package = PackageFactory.create(pypi_url="b", last_updated=NOW - DAY, last_fetched=NOW)
    assert (facts(package).repo.last_success, facts(package).pypi.last_success) == (NOW, None)
    Package.objects.update(pypi_version="1.0")
    assert facts(package).pypi.last_success == NOW
    state(package, outcome="timeout")
    assert facts(package).repo.last_success == NOW, "a failed fetch does not take what is known"
    FetchState.objects.update(last_success=NOW + DAY)
    assert facts(package).repo.last_success == NOW + DAY
    state(package, "downloads", last_success=NOW + 9 * DAY)
    assert facts(package).pypi.last_success == NOW, "downloads is no source"


def test_any_time_is_settled() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    with settled():
        package = PackageFactory.create(pypi_url="b", pypi_version="1", modified=last, last_fetched=last)
        Release.objects.create(package=package, version="1", uploaded_at=last)
    assert verdict(package) == "maintained"


def test_a_source_without_an_address_is_not_asked() -> None:
    elsewhere = PackageFactory.create(repo_url="https://git.example.org/a/b")
    incomplete = PackageFactory.create(repo_url="https://github.com/a")
    assert not any(facts(each).repo.is_asked or facts(each).pypi.is_asked for each in (elsewhere, incomplete))


def test_facts_of_another_address_are_not_known() -> None:
    package = PackageFactory.create(
        pypi_url="b", last_updated=NOW, archived=True, pypi_version="1.0", classifiers=["x"], pypi_downloads=3
    )
    state(package, last_success=NOW)
    Release.objects.create(package=package, version="1.0", uploaded_at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE packages_package SET repo_key = 'github.com/c/d', pypi_name = 'c'")
    found = facts(package)
    assert (found.last_commit, found.archived, found.repo.last_success) == (None, None, None)
    assert (found.latest_version, found.classifiers, list(found.uploads), found.downloads) == (None, (), [], None)


def test_a_reused_name_counts_while_the_address_is_the_same() -> None:
    package = PackageFactory.create()
    state(package, validators={"another_repository": "another one"})
    assert facts(package).name_reused
    FetchState.objects.update(target="github.com/c/d")
    assert not facts(package).name_reused


@pytest.mark.parametrize(
    ("columns", "is_shared"),
    [
        ({}, True),
        ({"deprecated": True}, False),
        ({"gone_since": NOW}, False),
        ({"pypi_status": "quarantined"}, False),
        ({"pypi_status": "deprecated"}, False),
        ({"pypi_status": "archived"}, True),
        ({"repo_url": "https://github.com/c/d"}, False),
    ],
)
def test_a_repository_is_shared_with_what_is_neither_deprecated_nor_gone(
    columns: dict[str, Any], is_shared: bool
) -> None:
    package = PackageFactory.create(repo_url=REPOSITORY)
    other = PackageFactory.create(**{"repo_url": REPOSITORY + "/"} | columns)
    assert facts(package).is_shared == is_shared
    assert facts(other).is_shared == ("repo_url" not in columns)


def test_a_package_with_a_successor_shares_with_nobody() -> None:
    package = PackageFactory.create(repo_url=REPOSITORY)
    PackageFactory.create(repo_url=REPOSITORY, replaced_by=package)
    assert not facts(package).is_shared
    assert facts(PackageFactory.create(repo_url=REPOSITORY + "/tree/main/x")).names_folder


# What is stored


def test_the_history_of_a_verdict() -> None:
    package, other = sharers()
    with transaction.atomic():
        settle([package.pk], NOW)
    assert [verdict(package), warnings(package)] == ["unknown", ["shared_repository"]]
    first = PackageHealth.objects.get(pk=package.pk)
    assert (first.before, first.reasons[-1]["rule"], first.reasons[-1]["holds"]) == ("", "nothing_known", True)
    assert set(first.reasons[0]) == {"rule", "holds", "value", "threshold"}
    Package.objects.filter(pk=other.pk).update(deprecated=True)
    with transaction.atomic():
        report = settle([package.pk, other.pk], NOW + DAY)
    assert (report.settled, report.new, report.changed) == (2, 0, 2)
    second = PackageHealth.objects.get(pk=package.pk)
    assert (verdict(package), second.since, second.before) == ("maintained", NOW + DAY, "unknown")
    with transaction.atomic():
        assert settle([package.pk], NOW + 2 * DAY).changed == 0
    third = PackageHealth.objects.get(pk=package.pk)
    assert (third.since, third.before) == (NOW + DAY, "unknown")
    assert third.valid_until is not None
    with transaction.atomic():
        settle([package.pk], third.valid_until)
    assert warnings(package) == ["stale"]
    assert PackageHealth.objects.get(pk=package.pk).since == NOW + DAY, "warnings have no history"


def test_a_verdict_may_become_unknown() -> None:
    package, _ = sharers()
    Package.objects.filter(pk=package.pk).update(verdict_rank=2)
    with transaction.atomic():
        settle([package.pk], NOW)
    assert (verdict(package), PackageHealth.objects.get(pk=package.pk).before) == ("unknown", "maintained")


@pytest.mark.django_db(transaction=True)
def test_a_change_of_the_verdict_is_logged_and_no_other() -> None:
    package, other = sharers()

    def deprecate() -> None:
        with settled():
            Package.objects.filter(pk=package.pk).update(deprecated=True)

    changed = [("package", "changed", each.pk) for each in (package, package, other)]
    assert moved(deprecate) == (changed, {"packages"}), "what the editor changed, and two verdicts"
    assert moved(lambda: update_health(everything=True)) == ([], set())
    row = PackageHealth.objects.get(pk=other.pk)
    assert (row.warnings, verdict(other)) == ([], "maintained")

    def let_time_pass() -> None:
        with transaction.atomic():
            settle([other.pk], row.valid_until or NOW)

    assert moved(let_time_pass) == ([], {"packages"})
    assert warnings(other) == ["stale"]


def test_a_first_verdict_has_none_before_it() -> None:
    package = PackageFactory.create(last_updated=NOW, last_fetched=NOW)
    modified = package.modified
    with transaction.atomic():
        report = settle([package.pk], NOW)
    assert (report.settled, report.new, report.changed) == (1, 1, 0)
    row = PackageHealth.objects.get(pk=package.pk)
    assert (verdict(package), row.since, row.before) == ("maintained", NOW, "")
    assert Package.objects.get(pk=package.pk).modified == modified


def test_queries_do_not_grow_with_the_packages(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    packages = PackageFactory.create_batch(20, last_updated=NOW, last_fetched=NOW)
    for number, package in enumerate(packages):
        Release.objects.bulk_create(Release(package=package, version=f"1.{each}") for each in range(number))
    with transaction.atomic():
        for some in (packages[:1], packages[1:]):
            with django_assert_num_queries(8):
                settle([package.pk for package in some], NOW)
        with django_assert_num_queries(6):
            settle([package.pk for package in packages], NOW)  # what is the same is not written


# Ways through the program: each gets two packages that share a repository, and changes the first


def fetch(package: Package, _: Any) -> None:
    save_results([attempt(package, fetched(FACTS)), attempt(package, fetched(PYPI), "pypi")])


def fail(package: Package, _: Any) -> None:
    save_results([attempt(package, Failure(Outcome.TIMEOUT, "no answer"))])


def find_gone(package: Package, _: Any) -> None:
    for day in range(3):
        save_results([attempt(package, Failure(Outcome.NOT_FOUND, "no"), at=NOW + day * DAY)])


def find_moved(package: Package, _: Any) -> None:
    save_results([attempt(package, fetched(replace(FACTS, url="https://github.com/c/d")))])


def find_reused(package: Package, _: Any) -> None:
    save_results([attempt(package, fetched(replace(FACTS, repo_id="6")))])
    assert "name_reused" in warnings(package)


def take(package: Package, _: Any) -> None:
    take_repository(Package.objects.filter(pk=package.pk))


def drop(package: Package, _: Any) -> None:
    drop_address(Package.objects.filter(pk=package.pk))


def derive_anew(package: Package, _: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE packages_package SET repo_url = 'https://github.com/e/f' WHERE id = {package.pk}")
    rederive()


def change(package: Package, client: Client) -> None:
    assert send(client, package, open_form(client, package), deprecated="on", slug="other").status_code == 302


def delete(package: Package, client: Client) -> None:
    assert client.post(f"/admin/packages/package/{package.pk}/delete/", {"post": "yes"}).status_code == 302


def delete_selected(package: Package, client: Client) -> None:
    form = {"action": "delete_selected", "_selected_action": package.pk, "post": "yes"}
    assert client.post("/admin/packages/package/", form).status_code == 302


WAYS = (fetch, fail, find_gone, find_moved, find_reused, take, drop, derive_anew, change, delete, delete_selected)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_through_the_program_settles(way: Callable[[Package, Any], None], admin_client: Client) -> None:
    package, other = sharers()
    assert_settled()
    assert [warnings(other), verdict(other)] == [["shared_repository"], "unknown"]
    way(package, admin_client)
    shares = way in (fetch, fail, find_reused, find_moved, take)
    assert ("shared_repository" in warnings(other)) == shares
    assert_settled()


def test_an_import_settles(tmp_path: Path) -> None:
    times: dict[str, Any] = {"last_updated": NOW.isoformat(), "last_fetched": NOW.isoformat()}
    shared = [document(pk, repo_url=REPOSITORY, **times) for pk in (100, 101)]
    import_documents(tmp_path, catalogue([category()], [], [*shared, document(102, **times)]))
    assert_settled()
    assert [verdict(each) for each in Package.objects.order_by("pk")] == ["unknown", "unknown", "maintained"]
    import_documents(tmp_path, catalogue([category()], [], shared[:1]), prune=True)
    assert_settled()
    assert [verdict(each) for each in Package.objects.all()] == ["maintained"]


def test_a_dry_run_of_an_import_settles_nothing(tmp_path: Path) -> None:
    import_documents(tmp_path, catalogue([category()], [], [document(100)]), dry_run=True)
    assert not PackageHealth.objects.exists()


def test_the_sample_is_settled() -> None:
    call_command("load_sample", verbosity=0)
    assert_settled()


def test_what_others_have_marked_is_left(admin_client: Client) -> None:
    packages = PackageFactory.create_batch(3)
    if connection.vendor == "postgresql":
        UnsettledPackage.objects.update(marked_by=1)  # the test and the editor are one transaction here
    change(packages[0], admin_client)
    assert due() == [package.pk for package in packages[1:]]


def test_the_outermost_block_settles() -> None:
    with settled() as report:
        with settled() as inner:
            package = PackageFactory.create()
        assert (inner.settled, due()) == (0, [package.pk])
    assert (report.settled, due()) == (1, [])


# Others who write at the same time


@postgresql
@pytest.mark.django_db(transaction=True)
def test_who_settles_last_sees_what_all_others_have_written() -> None:
    package, _ = sharers()
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Package.objects.select_for_update(no_key=True).get(pk=package.pk)
            Release.objects.create(package=package, version="1", uploaded_at=NOW)
            is_held.set()
            may_end.wait(60)

    holder = in_background(hold)
    is_held.wait(60)
    Release.objects.create(package=package, version="2", uploaded_at=NOW)
    updating = in_background(update_health)
    updating.join(0.5)
    assert updating.is_alive(), "it waits for the package"
    may_end.set()
    holder.result()
    updating.result()
    assert_settled()
    assert PackageHealth.objects.get(pk=package.pk).reasons[2]["value"]["releases"] == 2


@postgresql
@pytest.mark.django_db(transaction=True)
def test_editors_who_settle_each_others_packages_wait_for_nobody_with_their_locks() -> None:
    packages = sharers()
    both_have_written = threading.Barrier(2, timeout=60)

    def deprecate(package: Package) -> None:
        with settled():
            Package.objects.filter(pk=package.pk).update(deprecated=True)
            both_have_written.wait()

    threads = [in_background(deprecate, package) for package in packages]
    for thread in threads:
        thread.result()
    assert [warnings(package) for package in packages] == [[], []]
    assert_settled()


@postgresql
@pytest.mark.django_db(transaction=True)
def test_packages_that_come_to_a_repository_at_the_same_time_share_it() -> None:
    with settled():
        packages = [PackageFactory.create(last_updated=NOW - DAY, last_fetched=NOW) for _ in range(2)]
    both_have_written = threading.Barrier(2, timeout=60)

    def come(package: Package) -> None:
        with settled():
            Package.objects.filter(pk=package.pk).update(repo_url=REPOSITORY)
            both_have_written.wait()

    threads = [in_background(come, package) for package in packages]
    for thread in threads:
        thread.result()
    assert [warnings(package) for package in packages] == [["shared_repository"]] * 2
    assert_settled()
