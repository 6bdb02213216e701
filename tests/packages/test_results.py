"""packages.results: the rows that an attempt changes, and above all those that a failure must not change."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from packages.facts import (
    UNKNOWN,
    DownloadFacts,
    Fetched,
    FetchTarget,
    Outcome,
    PyPIFacts,
    ReleaseFact,
    RepositoryFacts,
    Source,
)
from packages.models import FetchState, Package, Release, Snapshot
from packages.results import FRESH_FOR, Attempt, Failure, SaveReport, save_results
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 4, 5, 6, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = RepositoryFacts(
    repo_id="5",
    url="https://github.com/a/b",
    description="Does things.",
    watchers=10,
    forks=3,
    archived=False,
    last_updated=NOW - DAY,
    participants=("anna", "bert"),
    commits_over_52=tuple(range(52)),
    weeks_end=date(2026, 11, 23),
)
RELEASES = (
    ReleaseFact("1.0", NOW - 9 * DAY, yanked=True, requires_python=""),
    ReleaseFact("2.0", NOW - 2 * DAY, yanked=False, requires_python=">=3.11"),
)
PYPI = PyPIFacts(
    version="2.0",
    requires_python=">=3.11",
    classifiers=("Framework :: Django",),
    licence="MIT",
    documentation_url="https://b.example.org/",
    releases=RELEASES,
    status="active",
)


def create(**columns: Any) -> Package:
    return PackageFactory.create(**{"repo_url": "https://github.com/a/b", "pypi_url": "b"} | columns)


def target_of(package: Package) -> FetchTarget:
    path = package.repo_key.partition("/")[2]
    return FetchTarget(package.pk, host=package.repo_host, path=path, pypi_name=package.pypi_name)


def attempt(package: Package, result: Any, source: Source = "repo", at: datetime = NOW) -> Attempt:
    return Attempt(target_of(package), source, at, result)


def fetched(facts: Any, *odd: str, **validators: str) -> Fetched[Any]:
    return Fetched(facts, validators, odd=odd)


def outcomes(report: SaveReport) -> list[Outcome]:
    return [outcome for _, outcome in report.outcomes]


def columns(package: Package) -> dict[str, Any]:
    """Return the stored columns, but for the verdict that follows from them."""
    values = dict(Package.objects.values().get(pk=package.pk))
    del values["verdict_rank"]
    return values


def state(package: Package, source: Source = "repo") -> FetchState:
    return FetchState.objects.get(package=package, source=source)


def test_a_success_writes_facts_state_and_history() -> None:
    package = create(modified=NOW - 99 * DAY)
    before = columns(package)
    assert outcomes(save_results([attempt(package, fetched(FACTS, head="abc"))])) == [Outcome.OK]
    assert columns(package) == before | {
        "repo_id": "5",
        "repo_description": "Does things.",
        "repo_watchers": 10,
        "repo_forks": 3,
        "archived": False,
        "last_updated": NOW - DAY,
        "participants": ["anna", "bert"],
        "commits_over_52": list(range(52)),
        "weeks_end": date(2026, 11, 23),
        "last_fetched": NOW,
    }
    row = state(package)
    assert (row.outcome, row.last_success, row.last_attempt, row.failures) == ("ok", NOW, NOW, 0)
    assert (row.next_due, row.validators) == (NOW + timedelta(hours=20), {"head": "abc"})
    assert list(Snapshot.objects.values_list("day", "stars", "forks", "downloads")) == [(NOW.date(), 10, 3, None)]


@pytest.mark.parametrize("outcome", [each for each in Outcome if each not in {"ok", "unchanged", "renamed", "partial"}])
def test_a_failure_changes_no_fact(outcome: Outcome) -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS, head="abc"))])
    before = columns(package)
    save_results([attempt(package, Failure(outcome, "why"), at=NOW + DAY)])
    assert columns(package) == before
    row = state(package)
    assert (row.outcome, row.error, row.failures) == (outcome, "why", 1)
    assert (row.last_success, row.last_attempt, row.validators) == (NOW, NOW + DAY, {"head": "abc"})
    assert Snapshot.objects.count() == 1


def test_nothing_new_is_a_success_too() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    save_results([attempt(package, Failure(Outcome.TIMEOUT, "slow"), at=NOW + DAY)])
    assert outcomes(save_results([attempt(package, fetched(None, head="x"), at=NOW + 2 * DAY)])) == [Outcome.UNCHANGED]
    row = state(package)
    assert (row.outcome, row.failures, row.error, row.last_success) == ("unchanged", 0, "", NOW + 2 * DAY)
    assert Package.objects.get().last_fetched == NOW + 2 * DAY
    assert Snapshot.objects.count() == 2


def test_lists_that_the_source_cannot_give_stay() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    without_lists = replace(FACTS, watchers=11, participants=UNKNOWN, commits_over_52=UNKNOWN)
    save_results([attempt(package, fetched(without_lists))])
    row = Package.objects.get()
    assert (row.repo_watchers, row.participants, row.commits_over_52) == (11, ["anna", "bert"], list(range(52)))


@pytest.mark.parametrize(
    ("field", "columns_of_it"),
    [
        ("url", ["repo_url"]),
        ("description", ["repo_description"]),
        ("watchers", ["repo_watchers"]),
        ("forks", ["repo_forks"]),
        ("archived", ["archived"]),
        ("last_updated", ["last_updated"]),
        ("last_human_commit", ["last_human_commit"]),
        ("participants", ["participants"]),
        ("commits_over_52", ["commits_over_52", "weeks_end"]),
    ],
)
def test_a_fact_that_is_unknown_keeps_the_stored_one(field: str, columns_of_it: list[str]) -> None:
    package = create()
    save_results([attempt(package, fetched(replace(FACTS, archived=True, last_human_commit=NOW - 3 * DAY)))])
    before = columns(package)
    news: dict[str, Any] = {
        "description": "Does more.",
        "watchers": 11,
        "forks": 4,
        "archived": False,
        "last_updated": NOW,
        "last_human_commit": NOW,
        "participants": ("carl",),
        "commits_over_52": (1,) * 52,
        "weeks_end": date(2026, 11, 24),
    }
    facts = replace(FACTS, **news)
    save_results([attempt(package, fetched(facts), at=NOW + DAY)])
    after = columns(package)
    unknown: dict[str, Any] = {field: UNKNOWN}
    assert all(after[name] != before[name] for name in columns_of_it if name != "repo_url")
    Package.objects.update(**before)
    save_results([attempt(package, fetched(replace(facts, **unknown)), at=NOW + DAY)])
    assert columns(package) == after | {name: before[name] for name in columns_of_it}
    assert state(package).outcome == "ok"


def test_an_odd_part_makes_a_success_partial() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS, head="abc"))])
    facts = replace(FACTS, watchers=12, participants=UNKNOWN)
    odd = ("contributors answer 500", "the participation has 0 weeks instead of 52")
    report = save_results([attempt(package, fetched(facts, *odd, head="def"), at=NOW + DAY)])
    assert outcomes(report) == [Outcome.PARTIAL]
    row = Package.objects.get()
    assert (row.repo_watchers, row.participants, row.last_fetched) == (12, ["anna", "bert"], NOW + DAY)
    saved = state(package)
    assert (saved.outcome, saved.error) == ("partial", "; ".join(odd))
    assert (saved.failures, saved.last_success, saved.validators) == (0, NOW + DAY, {"head": "def"})
    assert saved.next_due == NOW + DAY + FRESH_FOR["repo"]
    # What is odd still is told, though nothing changed.
    save_results([attempt(package, fetched(None, "odd still", head="def"), at=NOW + 2 * DAY)])
    assert (state(package).outcome, state(package).error) == ("partial", "odd still")
    save_results([attempt(package, fetched(None, head="def"), at=NOW + 3 * DAY)])
    assert (state(package).outcome, state(package).error) == ("unchanged", "")


def test_what_was_odd_at_another_address_is_odd_no_more() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS, "odd"))])
    Package.objects.update(repo_url="https://github.com/x/y")
    package.refresh_from_db()
    facts = replace(FACTS, url="https://github.com/x/y")
    assert outcomes(save_results([attempt(package, fetched(facts))])) == [Outcome.OK]
    assert (state(package).outcome, state(package).error) == ("ok", "")


def test_a_part_is_odd_though_the_repository_was_renamed() -> None:
    package = create()
    renamed = replace(FACTS, url="https://github.com/new/name")
    assert outcomes(save_results([attempt(package, fetched(renamed, "odd"))])) == [Outcome.PARTIAL]
    assert Package.objects.get().repo_url == "https://github.com/new/name"


def test_odd_parts_do_not_hide_a_reused_name() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    assert outcomes(save_results([attempt(package, fetched(replace(FACTS, repo_id="6"), "odd"))])) == [Outcome.INVALID]


@pytest.mark.parametrize("part", ["watchers", "forks"])
def test_a_number_that_stayed_is_not_history(part: str) -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    numbers: dict[str, Any] = {"watchers": 77, "forks": 77, part: UNKNOWN}
    save_results([attempt(package, fetched(replace(FACTS, **numbers)), at=NOW + DAY)])
    assert list(Snapshot.objects.values_list("day", "stars", "forks")) == [(NOW.date(), 10, 3)]


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("version", "pypi_version"),
        ("requires_python", "requires_python"),
        ("classifiers", "classifiers"),
        ("licence", "licence"),
        ("status", "pypi_status"),
        ("releases", "released"),
    ],
)
def test_an_unknown_fact_of_a_project_keeps_the_stored_one(field: str, column: str) -> None:
    package = create()
    save_results([attempt(package, fetched(PYPI), "pypi")])
    before = columns(package)
    newest = ReleaseFact("3.0", NOW, yanked=False, requires_python="")
    news = PyPIFacts(
        version="3.0",
        requires_python="",
        classifiers=(),
        licence="",
        documentation_url="",
        releases=(newest,),
        status="archived",
    )
    unknown: dict[str, Any] = {field: UNKNOWN}
    save_results([attempt(package, fetched(replace(news, **unknown)), "pypi")])
    expected: dict[str, Any] = {
        "pypi_version": "3.0",
        "requires_python": "",
        "classifiers": [],
        "licence": "",
        "pypi_status": "archived",
        "released": NOW,
    }
    # The version that stayed is no release any more; of a version whose releases are unknown the day is unknown too.
    released = {"released": None} if field in {"version", "releases"} else {}
    assert columns(package) == before | expected | {column: before[column]} | released
    assert Release.objects.count() == (2 if field == "releases" else 1)


def test_the_odd_part_of_a_release_keeps_its_old_value() -> None:
    package = create()
    save_results([attempt(package, fetched(PYPI), "pypi")])
    odd = (
        ReleaseFact("2.0", UNKNOWN, yanked=UNKNOWN, requires_python=UNKNOWN),
        ReleaseFact("3.0", UNKNOWN, yanked=UNKNOWN, requires_python=UNKNOWN),
    )
    save_results([attempt(package, fetched(replace(PYPI, releases=odd), "odd"), "pypi")])
    rows = list(Release.objects.order_by("version").values_list("version", "uploaded_at", "yanked", "requires_python"))
    assert rows == [("2.0", NOW - 2 * DAY, False, ">=3.11"), ("3.0", None, False, "")]
    assert Package.objects.get().released == NOW - 2 * DAY


def test_editors_columns_and_modified_are_never_written() -> None:
    package = create(documentation_url="https://typed.example.org/")
    edited = ("title", "slug", "category_id", "repo_url", "pypi_url", "documentation_url", "modified", "created")
    before = {name: columns(package)[name] for name in edited}
    save_results([attempt(package, fetched(FACTS))])
    save_results([attempt(package, fetched(PYPI), "pypi")])
    assert {name: columns(package)[name] for name in edited} == before


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_documentation_url_is_filled(empty: str | None) -> None:
    package = create(documentation_url=empty)
    save_results([attempt(package, fetched(PYPI), "pypi")])
    assert Package.objects.get().documentation_url == "https://b.example.org/"


def test_pypi_facts_and_releases() -> None:
    package = create()
    save_results([attempt(package, fetched(PYPI), "pypi")])
    row = Package.objects.get()
    assert (row.pypi_version, row.licence, row.released, row.pypi_status) == ("2.0", "MIT", NOW - 2 * DAY, "active")
    assert (row.requires_python, row.classifiers) == (">=3.11", ["Framework :: Django"])
    assert row.last_fetched is None, "a package with a repository is fetched when that is"
    first = list(Release.objects.order_by("version").values("id", "version", "yanked", "requires_python"))
    newer = (replace(RELEASES[1], yanked=True), ReleaseFact("3.0", NOW, yanked=False, requires_python=""))
    save_results([attempt(package, fetched(replace(PYPI, releases=newer, status=UNKNOWN)), "pypi")])
    releases = list(Release.objects.order_by("version").values("id", "version", "yanked", "requires_python"))
    assert [release["version"] for release in releases] == ["2.0", "3.0"]
    assert releases[0] == first[1] | {"yanked": True}
    assert Package.objects.get().pypi_status == "active"


@pytest.mark.parametrize("repo_url", ["", "http://code.google.com/p/x/", "https://github.com/only-an-owner"])
def test_without_a_repository_that_can_be_fetched_pypi_moves_last_fetched(repo_url: str) -> None:
    package = create(repo_url=repo_url)
    save_results([attempt(package, fetched(PYPI), "pypi")])
    assert Package.objects.get().last_fetched == NOW


def test_downloads() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    save_results([attempt(package, fetched(DownloadFacts(77)), "downloads")])
    row = Package.objects.get()
    assert (row.pypi_downloads, row.last_fetched) == (77, NOW)
    assert list(Snapshot.objects.values_list("stars", "forks", "downloads")) == [(10, 3, 77)]
    assert state(package, "downloads").next_due == NOW + 7 * DAY - timedelta(hours=4)


def missing(package: Package, days: Sequence[float], *, trusted: bool = True) -> Package:
    for day in days:
        failure = Failure(Outcome.NOT_FOUND, "answers 404", trusted=trusted)
        save_results([attempt(package, failure, at=NOW + day * DAY)])
    package.refresh_from_db()
    return package


def counted(package: Package, ago: dict[int, dict[str, Any]]) -> None:
    """Store the snapshots of earlier days, by the days before now."""
    for days, numbers in ago.items():
        Snapshot.objects.create(package=package, day=(NOW - days * DAY).date(), **numbers)


def gains(package: Package) -> tuple[int | None, int | None, float | None, int | None, float | None]:
    package.refresh_from_db()
    of_stars = package.stars_30d, package.stars_90d, package.stars_trend
    return *of_stars, package.downloads_30d, package.downloads_trend


def starred(package: Package, stars: Any, at: datetime = NOW) -> SaveReport:
    facts = replace(FACTS, repo_id=package.repo_id or "5", url=package.repo_url, watchers=stars)
    return save_results([attempt(package, fetched(facts), at=at)])


def test_gains_are_written_with_the_snapshot() -> None:
    package = create()
    starred(package, 100)
    assert gains(package) == (None, None, None, None, None)
    history = {20: {"stars": 85}, 31: {"stars": 80, "downloads": 2_000}, 88: {"stars": 108}, 16: {"downloads": 2_500}}
    counted(package, history)
    starred(package, 98)
    assert gains(package) == (18, -10, 18 / 180, None, None)
    save_results([attempt(package, fetched(DownloadFacts(3_050)), "downloads")])
    assert gains(package) == (18, -10, 18 / 180, 1_050, 1_050 / 2_100)


def test_gains_are_counted_to_the_last_number_that_was_fetched() -> None:
    package = create()
    counted(package, {30: {"stars": 80}, 15: {"stars": 85}, 14: {"downloads": 9}})
    starred(package, 100)
    expected = (20, None, 20 / 180, None, None)
    for days, result in ((1, Failure(Outcome.TIMEOUT, "slow")), (30, Failure(Outcome.NOT_FOUND, "404"))):
        save_results([attempt(package, result, at=NOW + days * DAY)])
        assert gains(package) == expected
    starred(package, UNKNOWN, at=NOW + 31 * DAY)
    assert gains(package) == expected
    save_results([attempt(package, fetched(None), at=NOW + 32 * DAY)])  # nothing new: the number is the same
    assert gains(package) == (0, None, None, None, None)


def test_gains_are_of_the_present_addresses() -> None:
    package = create()
    counted(package, {30: {"stars": 80, "downloads": 50, "repo_key": "github.com/c/d", "pypi_name": "c"}})
    counted(package, {28: {"stars": 99, "downloads": 60}})
    starred(package, 100)
    save_results([attempt(package, fetched(DownloadFacts(75)), "downloads")])
    assert gains(package) == (1, None, None, 15, None)
    Package.objects.filter(pk=package.pk).update(repo_url="https://github.com/c/d", pypi_url="c")
    assert gains(package) == (None, None, None, None, None)
    starred(package, 100, at=NOW)
    save_results([attempt(package, fetched(DownloadFacts(75)), "downloads")])
    assert gains(package) == (20, None, None, 25, None)


def test_a_renamed_repository_takes_its_gains_along() -> None:
    package = create(repo_id="5")
    counted(package, {30: {"stars": 4}})
    save_results([attempt(package, fetched(replace(FACTS, url="https://github.com/new/name")))])
    assert gains(package) == (6, None, None, None, None)
    assert package.repo_url == "https://github.com/new/name"


def test_gains_of_a_batch_are_of_each_package_and_its_day() -> None:
    packages = [create(repo_url=f"https://github.com/a/b{number}", repo_id=f"{number}") for number in (1, 2)]
    for package in packages:
        counted(package, {30: {"stars": 1}, 10: {"stars": 3}, 0: {"stars": 7}})
    facts = [replace(FACTS, repo_id=package.repo_id, url=package.repo_url) for package in packages]
    days = dict(zip(packages, (0, 20), strict=True))
    save_results(
        [attempt(each, fetched(of), at=NOW + days[each] * DAY) for each, of in zip(packages, facts, strict=True)]
    )
    assert [gains(package)[0] for package in packages] == [9, 7]


def test_gone_after_three_days_and_back_after_a_success() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    before = columns(package)
    assert missing(package, [0, 0.1, 0.2, 1]).gone_since is None
    gone = missing(package, [3])
    assert gone.gone_since == NOW + 3 * DAY
    assert gone.gone_reason == "not found on 3 days: answers 404"
    assert columns(package) == before | {"gone_since": gone.gone_since, "gone_reason": gone.gone_reason}
    save_results([attempt(package, fetched(FACTS), at=NOW + 9 * DAY)])
    package.refresh_from_db()
    assert (package.gone_since, package.gone_reason) == (None, "")
    assert missing(package, [10, 11]).gone_since is None


def test_other_failures_never_count_towards_gone() -> None:
    package = create()
    for day, outcome in enumerate((Outcome.PRIVATE, Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.INVALID) * 3):
        save_results([attempt(package, Failure(outcome, ""), at=NOW + day * DAY)])
    assert Package.objects.get().gone_since is None
    assert missing(package, [20, 21]).gone_since is None


def test_a_distrusted_not_found_never_counts() -> None:
    package = create()
    assert missing(package, range(6), trusted=False).gone_since is None
    assert state(package).next_due == NOW + 5 * DAY + timedelta(hours=20)


def test_a_project_that_is_not_found_does_not_make_its_repository_gone() -> None:
    package = create()
    for day in range(5):
        save_results([attempt(package, Failure(Outcome.NOT_FOUND, ""), "pypi", NOW + day * DAY)])
    assert Package.objects.get().gone_since is None
    alone = create(repo_url="", pypi_url="c")
    for day in range(3):
        save_results([attempt(alone, Failure(Outcome.NOT_FOUND, ""), "pypi", NOW + day * DAY)])
    alone.refresh_from_db()
    assert alone.gone_since == NOW + 2 * DAY


def test_backing_off_up_to_14_days() -> None:
    package = create()
    waits = []
    for _ in range(8):
        save_results([attempt(package, Failure(Outcome.INVALID, ""))])
        waits.append((state(package).next_due - NOW) / timedelta(hours=1))
    assert waits == [20, 40, 80, 160, 320, 336, 336, 336]
    save_results([attempt(package, Failure(Outcome.SERVER_ERROR, ""))])
    assert state(package).next_due == NOW + timedelta(hours=20)


def test_a_failed_package_is_due_when_its_back_off_ends() -> None:
    """The age of its last success does not count."""
    package = create()
    second = timedelta(seconds=1)

    def is_due(after: timedelta) -> bool:
        return Package.objects.due("repo", NOW + after, FRESH_FOR["repo"]).exists()

    save_results([attempt(package, fetched(FACTS))])
    assert [is_due(timedelta(hours=20) - second), is_due(timedelta(hours=20))] == [False, True]
    for hours in (20, 40, 80):
        save_results([attempt(package, Failure(Outcome.INVALID, ""), at=NOW)])
        due_in = timedelta(hours=hours)
        assert [is_due(due_in - second), is_due(due_in)] == [False, True]
    save_results([attempt(package, fetched(FACTS))])
    assert is_due(timedelta(hours=20))


@pytest.mark.parametrize(
    ("committed", "stored"),
    [(NOW - DAY, NOW - DAY), (NOW + timedelta(seconds=1), NOW), (NOW + 900 * DAY, NOW), (None, None)],
)
def test_a_commit_in_the_future_counts_as_one_of_now(committed: datetime | None, stored: datetime | None) -> None:
    package = create()
    save_results([attempt(package, fetched(replace(FACTS, last_updated=committed)))])
    assert columns(package)["last_updated"] == stored


def test_a_renamed_repository_keeps_its_old_url_as_an_alias() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    report = save_results([attempt(package, fetched(replace(FACTS, url="https://github.com/new/name", watchers=12)))])
    assert outcomes(report) == [Outcome.RENAMED]
    package.refresh_from_db()
    assert (package.repo_url, package.repo_key) == ("https://github.com/new/name", "github.com/new/name")
    assert package.repo_watchers == 12
    assert list(package.aliases.values_list("repo_url", "repo_key", "until")) == [
        ("https://github.com/a/b", "github.com/a/b", NOW)
    ]
    assert report.notes == [
        f"package {package.pk} ({package.slug}) moved from https://github.com/a/b to https://github.com/new/name"
    ]


def test_a_redirect_is_followed_if_no_id_is_known() -> None:
    package = create()
    save_results([attempt(package, fetched(replace(FACTS, url="https://github.com/new/name")))])
    assert Package.objects.get().repo_url == "https://github.com/new/name"


def test_another_spelling_of_the_same_url_is_no_rename() -> None:
    package = create(repo_url="http://www.GitHub.com/A/b.git")
    assert outcomes(save_results([attempt(package, fetched(FACTS))])) == [Outcome.OK]
    assert Package.objects.get().repo_url == "http://www.GitHub.com/A/b.git"


@pytest.mark.parametrize("url", ["https://github.com/a/b", "https://github.com/new/name"])
def test_a_reused_name_writes_nothing(url: str) -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS))])
    before = columns(package)
    report = save_results([attempt(package, fetched(replace(FACTS, repo_id="6", url=url, watchers=99)))])
    assert outcomes(report) == [Outcome.INVALID]
    assert columns(package) == before
    assert state(package).error == f"another repository (id 6, ours had 5) has this name now: {url}"
    assert "an editor must decide" in report.notes[0]


@pytest.mark.parametrize(
    ("version", "releases", "released"),
    [
        ("3.0", UNKNOWN, None),  # not the day of 2.0
        (None, UNKNOWN, None),
        ("2.0", UNKNOWN, NOW - 2 * DAY),
        (UNKNOWN, UNKNOWN, NOW - 2 * DAY),
        (UNKNOWN, RELEASES, NOW - 2 * DAY),
        ("1.0", RELEASES, NOW - 9 * DAY),
    ],
)
def test_the_day_of_a_release_is_that_of_the_version(version: Any, releases: Any, released: datetime | None) -> None:
    package = create()
    save_results([attempt(package, fetched(PYPI), "pypi")])
    facts = replace(PYPI, version=version, releases=releases)
    save_results([attempt(package, fetched(facts, "releases is not an object"), "pypi", at=NOW + DAY)])
    row = Package.objects.get()
    assert (row.pypi_version, row.released) == ("2.0" if version is UNKNOWN else version, released)
    assert Release.objects.count() == 2


def test_another_url_starts_afresh() -> None:
    package = create()
    save_results([attempt(package, fetched(FACTS, head="abc"))])
    missing(package, [1, 2])
    Package.objects.filter(pk=package.pk).update(repo_url="https://github.com/x/y")
    package.refresh_from_db()
    assert list(Package.objects.due("repo", NOW + 2 * DAY, timedelta(days=99))) == [package]
    assert missing(package, [3]).gone_since is None
    assert (state(package).failures, state(package).missing_days) == (1, 1)
    another = replace(FACTS, repo_id="6", url="https://github.com/x/y")
    assert outcomes(save_results([attempt(package, fetched(another), at=NOW + 5 * DAY)])) == [Outcome.OK]
    assert Package.objects.get().repo_id == "6"
    assert not Package.objects.due("repo", NOW + 6 * DAY, timedelta(days=99)).exists()


def test_facts_without_an_id_identify_no_repository() -> None:
    """Facts like those of the sample catalogue, which leave it to the first fetch to tell the id."""
    one, two = create(), create(repo_url="https://github.com/x/y")
    unidentified = fetched(replace(FACTS, repo_id="", url=UNKNOWN))
    report = save_results([attempt(one, unidentified), attempt(two, unidentified)])
    assert (outcomes(report), report.notes) == ([Outcome.OK, Outcome.OK], [])
    assert outcomes(save_results([attempt(one, fetched(FACTS), at=NOW + DAY)])) == [Outcome.OK]
    assert set(Package.objects.values_list("repo_id", flat=True)) == {"5", ""}


def test_packages_that_turn_out_to_be_one_repository_are_noted_not_merged() -> None:
    one, two = create(), create(repo_url="https://github.com/old/name")
    report = save_results([attempt(one, fetched(FACTS)), attempt(two, fetched(FACTS))])
    assert Package.objects.get(pk=two.pk).repo_url == "https://github.com/old/name"
    assert report.notes == [
        f"package {two.pk} ({two.slug}) is the same repository as package {one.pk}: https://github.com/a/b",
        f"packages {one.pk}, {two.pk} are one repository (id 5 at github.com)",
    ]


@pytest.mark.parametrize(
    ("source", "change"), [("repo", {"repo_url": "https://github.com/x/y"}), ("pypi", {"pypi_url": "z"})]
)
def test_an_edit_in_the_meantime_supersedes_an_attempt(source: Source, change: dict[str, str]) -> None:
    package = create()
    late = attempt(package, fetched(FACTS if source == "repo" else PYPI), source)
    Package.objects.filter(pk=package.pk).update(**change)
    before = columns(package)
    report = save_results([late])
    assert (report.superseded, report.outcomes) == (1, [])
    assert columns(package) == before
    assert not FetchState.objects.exists()


def test_a_package_deleted_in_the_meantime() -> None:
    package = create()
    late = attempt(package, fetched(FACTS))
    package.delete()
    assert save_results([late]).superseded == 1


def test_queries_of_a_batch_do_not_grow_with_its_size(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    def batch(start: int, size: int) -> list[Attempt]:
        packages = [create(repo_url=f"https://github.com/a/b{number}") for number in range(start, start + size)]
        return [
            attempt(package, fetched(replace(FACTS, url=package.repo_url, repo_id=str(package.pk))))
            for package in packages
        ]

    few, many = batch(0, 2), batch(10, 60)
    with CaptureQueriesContext(connection) as cost:
        save_results(few)
    assert len(cost) <= 20
    # SQLite takes 999 values a statement, so that a batch is written in several.
    more = 0 if connection.vendor == "postgresql" else 8
    with django_assert_max_num_queries(len(cost) + more):
        save_results(many)
