"""Fetching while an editor waits: within seconds, beside a run, and short of twice the reserve that it keeps."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from django.db import connection  # noqa: F401 (of the condition of a mark)
from django.utils import timezone
from pytest_django import Settings

from fetchers import on_demand, sweeps
from fetchers.hosts import Upstreams
from fetchers.models import HostRateLimit
from fetchers.network.http import FetchError
from fetchers.network.rate_limit import RateLimit, RateLimitState
from fetchers.on_demand import OnDemand, Wanted, failed, fetch_now, queue, retry
from fetchers.refresh import Options, Refresh
from packages.facts import FetchTarget, Outcome
from packages.models import FetchState, Package
from packages.results import FRESH_FOR, save_results
from tests.editing.upstream import world
from tests.factories import CategoryFactory, PackageFactory
from tests.threads import in_background
from tests.upstream import Project, Repo, World

__all__ = ["world"]
pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def populate(world: World, size: int) -> list[Package]:
    category = CategoryFactory.create()
    packages = []
    for number in range(1, size + 1):
        repo = Repo(number, f"owner{number}/name{number}", stars=number, head=f"{number:040x}")
        world.repos[repo.name] = repo
        world.projects[f"project-{number}"] = Project(f"project-{number}", serial=number)
        url = f"https://github.com/{repo.name}"
        packages.append(PackageFactory.create(category=category, repo_url=url, pypi_url=f"project-{number}"))
    return packages


def ids_of(packages: list[Package]) -> list[int]:
    return [package.pk for package in packages]


def low(name: str, remaining: int, limit: int = 5_000) -> HostRateLimit:
    resets_at = timezone.now() + HOUR
    return HostRateLimit.objects.create(name=name, limit=limit, remaining=remaining, resets_at=resets_at)


def due(source: Any = "repo") -> list[int]:
    return [pk for each in Refresh(Options()).due(source).values() for pk in [*each.healthy, *each.failed]]


def test_packages_are_fetched_and_saved(world: World) -> None:
    packages = populate(world, 2)
    report = fetch_now(ids_of(packages))
    assert report.outcomes == {
        (package.pk, source): (Outcome.OK, "") for package in packages for source in ("repo", "pypi")
    }
    assert report.queued == {}
    package = Package.objects.get(pk=packages[1].pk)
    assert (package.repo_watchers, package.pypi_version, package.participants) == (2, "1.0", ["anna", "bert"])
    assert due() == due("pypi") == []
    assert world.requests == {"graphql": 1, "rest": 4, "pypi json": 2, "pypi status": 2}
    assert HostRateLimit.objects.get(name="github").remaining is not None


def test_what_is_fetched_again_is_conditional(world: World) -> None:
    packages = populate(world, 1)
    fetch_now(ids_of(packages))
    world.requests.clear()
    report = fetch_now(ids_of(packages))
    assert report.outcomes[packages[0].pk, "pypi"] == (Outcome.UNCHANGED, "")
    assert world.requests == {"graphql": 1, "pypi json": 1}


def test_twenty_are_fetched_and_the_others_queued(world: World) -> None:
    packages = populate(world, 22)
    report = fetch_now(ids_of(packages))
    assert {pk for pk, _ in report.outcomes} == set(ids_of(packages[:20]))
    assert {pk for pk, _ in report.queued} == set(ids_of(packages[20:]))
    assert world.requests["pypi index"] == 0


def test_packages_without_anything_to_fetch_take_no_place(world: World) -> None:
    empty = [PackageFactory.create(repo_url="", pypi_url="").pk for _ in range(20)]
    [package] = populate(world, 1)
    assert {pk for pk, _ in fetch_now([*empty, package.pk]).outcomes} == {package.pk}


@pytest.mark.parametrize(("left", "is_asked"), [(201, True), (200, False), (101, False)])
def test_twice_the_reserve_is_left(world: World, left: int, *, is_asked: bool) -> None:
    [package] = populate(world, 1)
    low("github-graphql", left)
    report = fetch_now([package.pk])
    assert ((package.pk, "repo") in report.outcomes) is is_asked
    assert world.requests["graphql"] == int(is_asked)
    assert (package.pk, "pypi") in report.outcomes
    if not is_asked:
        assert f"{left} of 5000 requests are left, and reserved" in report.queued[package.pk, "repo"]
        # A run may spend the half that is left to it.
        row = HostRateLimit.objects.get(name="github-graphql")
        assert (row.paused_until, row.remaining) == (None, left)


def test_the_lists_of_a_repository_stop_at_it_too(world: World) -> None:
    [package] = populate(world, 1)
    low("github", 150)
    report = fetch_now([package.pk])
    assert world.requests["rest"] == 0
    assert (package.pk, "repo") in report.queued
    assert not FetchState.objects.filter(package=package, source="repo").exists()


def test_a_run_stops_at_the_reserve_itself() -> None:
    now = timezone.now()
    state = RateLimitState(limit=5_000, remaining=150, resets_at=now + HOUR)
    RateLimit(state, lambda: now).acquire()


def test_a_published_limit_is_half_spent(settings: Settings) -> None:
    settings.BITBUCKET_TOKEN = ""
    upstream = OnDemand().upstreams.forges["bitbucket.org"]
    for _ in range(25):
        upstream.rate_limit.acquire()
    with pytest.raises(Exception, match="its published limit is reached"):
        upstream.rate_limit.acquire()
    ahead = upstream.rate_limit.state.spent_until
    HostRateLimit.objects.create(name="bitbucket.org", spent_until=ahead)
    for _ in range(25):
        assert Upstreams().forges["bitbucket.org"].rate_limit.acquire() == timedelta()


def test_requests_of_both_stay_within_a_published_rate() -> None:
    both = [upstreams.pypi.rate_limit for upstreams in (Upstreams(), OnDemand().upstreams)]
    rates = [1 / limit._rate.interval.total_seconds() for limit in both if limit._rate]
    assert sum(rates) == pytest.approx(20, abs=0.001)


def test_a_pause_is_not_waited_for(world: World) -> None:
    [package] = populate(world, 1)
    until = timezone.now() + timedelta(seconds=60)
    HostRateLimit.objects.create(name="pypi", paused_until=until)
    started = time.monotonic()
    report = fetch_now([package.pk])
    assert time.monotonic() - started < 5
    assert "it may be asked in" in report.queued[package.pk, "pypi"]
    assert HostRateLimit.objects.get(name="pypi").paused_until == until
    assert world.requests["pypi json"] == 0


def test_it_ends_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "SECONDS", 0.3)
    world.latency = 0.6
    [package] = populate(world, 1)
    started = time.monotonic()
    report = fetch_now([package.pk])
    assert time.monotonic() - started < 0.6
    assert set(report.queued) == {(package.pk, "repo"), (package.pk, "pypi")}
    assert not FetchState.objects.exists()


def test_nothing_is_sent_after_the_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "SECONDS", -1.0)
    report = fetch_now(ids_of(populate(world, 1)))
    assert len(report.queued) == 2
    assert world.requests == {}


def test_a_fault_of_the_host_is_not_held_against_a_package(world: World) -> None:
    [package] = populate(world, 1)
    fetch_now([package.pk])
    world.fault = lambda path: "500" if path.startswith("/pypi/") else None
    report = fetch_now([package.pk])
    assert "answers 500" in report.queued[package.pk, "pypi"]
    state = FetchState.objects.get(source="pypi")
    assert (state.outcome, state.failures) == ("ok", 0)
    assert due("pypi") == [package.pk]
    assert due("repo") == []


def test_what_is_not_found_counts_for_no_day(world: World) -> None:
    [package] = populate(world, 1)
    fetch_now([package.pk])
    world.fault = lambda path: "404" if path != "/graphql" else None
    for _ in range(4):
        report = fetch_now([package.pk])
    assert report.outcomes[package.pk, "repo"][0] == Outcome.NOT_FOUND
    package.refresh_from_db()
    assert (package.gone_since, package.repo_watchers) == (None, 1)
    state = FetchState.objects.get(source="repo")
    assert (state.outcome, state.failures, state.missing_days) == ("not_found", 4, 0)


@pytest.mark.parametrize("fault", ["502", "401", "nonsense", "not json", "cut", "reset"])
def test_whatever_upstreams_say(world: World, fault: str) -> None:
    [package] = populate(world, 1)
    world.fault = lambda _path: fault
    report = fetch_now([package.pk])
    assert {*report.outcomes, *report.queued} == {(package.pk, "repo"), (package.pk, "pypi")}
    package.refresh_from_db()
    assert package.repo_watchers == 0


def test_a_huge_answer(settings: Settings) -> None:
    settings.GITHUB_TOKEN = ""
    with responses.RequestsMock() as wire:
        wire.get("https://api.github.com/repos/a/b", body=b" " * (5 * 1024 * 1024 + 1))
        received = OnDemand().fetch([Wanted("repo", FetchTarget(0, host="github.com", path="a/b"))])
    assert "sends more than" in received.attempts[0].result.message  # type: ignore[union-attr]


# Overviews of many


def targets(number: int) -> list[FetchTarget]:
    return [FetchTarget(each, host="github.com", path=f"owner{each}/name{each}") for each in range(1, number + 1)]


def test_overviews_of_many_take_a_query_for_fifty(world: World) -> None:
    populate(world, 60)
    overviews, reason = OnDemand().overviews(targets(120))
    assert (len(overviews), reason) == (120, "")
    assert sum(isinstance(each, Exception) for each in overviews.values()) == 60
    assert world.requests == {"graphql": 3}


def test_overviews_without_a_token(world: World, settings: Settings) -> None:
    settings.GITHUB_TOKEN = ""
    assert OnDemand().overviews(targets(1)) == ({}, on_demand.NO_TOKEN)
    assert world.requests == {}


def test_overviews_stop_at_twice_the_reserve(world: World) -> None:
    low("github-graphql", 200)
    overviews, reason = OnDemand().overviews(targets(1))
    assert overviews == {}
    assert "reserved" in reason
    assert world.requests == {}


def test_overviews_end_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_demand, "SECONDS", 0.2)
    world.latency = 0.5
    started = time.monotonic()
    overviews, _reason = OnDemand().overviews(targets(60))
    assert time.monotonic() - started < 0.5
    assert all(isinstance(each, FetchError) and each.outcome == "timeout" for each in overviews.values())


# The queue


def test_a_queued_package_is_due_at_the_next_run_whatever_it_was(world: World) -> None:
    fresh, other = populate(world, 2)
    fetch_now([fresh.pk, other.pk])
    assert due() == []
    queue([(fresh.pk, "repo")])
    assert due() == [fresh.pk]
    assert due("pypi") == []
    Refresh(Options()).run()
    assert due() == []


def test_the_queue_moves_nothing_later() -> None:
    package = PackageFactory.create()
    earlier = timezone.now() - HOUR
    state = FetchState.objects.create(package=package, source="repo", outcome="ok", next_due=earlier)
    queue([(package.pk, "repo")])
    state.refresh_from_db()
    assert state.next_due == earlier


def test_an_ordinary_age_counts_as_before(world: World) -> None:
    [package] = populate(world, 1)
    fetch_now([package.pk])
    now = timezone.now()

    def is_due(after: timedelta, fresh_for: timedelta) -> bool:
        return Package.objects.due("repo", now + after, fresh_for, FRESH_FOR["repo"]).exists()

    assert not is_due(19 * HOUR, FRESH_FOR["repo"])
    assert is_due(21 * HOUR, FRESH_FOR["repo"])
    assert not is_due(21 * HOUR, 48 * HOUR)


def test_failures_are_retried_though_they_were_many() -> None:
    now = timezone.now()
    packages = [PackageFactory.create(pypi_url=f"name{number}") for number in range(3)]
    later: dict[str, Any] = {"next_due": now + timedelta(days=14), "outcome": "invalid", "failures": 9}
    for package in packages:
        FetchState.objects.create(package=package, source="repo", target=package.repo_key, **later)
    FetchState.objects.filter(package=packages[1]).update(failures=0, outcome="ok", last_success=now)
    FetchState.objects.filter(package=packages[2]).update(target="github.com/of/another")
    FetchState.objects.create(package=packages[1], source="pypi", target="name1", **later)
    states = failed(ids_of(packages))
    assert {(state.package_id, state.source) for state in states} == {
        (packages[0].pk, "repo"),
        (packages[1].pk, "pypi"),
    }
    retry(states)
    assert packages[0].pk in due()
    assert packages[1].pk not in due()
    assert packages[1].pk in due("pypi")
    assert FetchState.objects.get(package=packages[0]).failures == 9


# Beside a run


def test_quotas_are_never_stored_as_greater_than_they_are(world: World) -> None:
    mine, others = OnDemand(), Upstreams()
    for upstreams, remaining in ((others, 300), (mine.upstreams, 998)):
        limit = upstreams.forges["github.com"].rate_limit
        limit.note_quota(5_000, remaining, datetime.now(UTC).replace(microsecond=0) + HOUR)
    others.save()
    mine.upstreams.save()
    assert HostRateLimit.objects.get(name="github").remaining == 300
    assert mine.upstreams.forges["github.com"].rate_limit.state.remaining == 300


def test_a_pause_that_another_was_told_is_kept() -> None:
    mine, others = Upstreams(), Upstreams()
    until = others.pypi.rate_limit.pause(90)
    others.save()
    mine.save()
    assert HostRateLimit.objects.get(name="pypi").paused_until == until
    assert mine.pypi.rate_limit.may_go_on_at == until


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        (RateLimitState(limit=9, remaining=5, resets_at=NOW + HOUR), RateLimitState(), 5),
        (
            RateLimitState(limit=9, remaining=5, resets_at=NOW + HOUR),
            RateLimitState(limit=9, remaining=3, resets_at=NOW + HOUR),
            3,
        ),
        (RateLimitState(), RateLimitState(limit=9, remaining=3, resets_at=NOW + HOUR), 3),
        (RateLimitState(), RateLimitState(limit=9, remaining=3, resets_at=NOW), None),  # a window that has ended
        (
            RateLimitState(limit=9, remaining=1, resets_at=NOW + HOUR),
            RateLimitState(limit=9, remaining=8, resets_at=NOW + 2 * HOUR),
            8,
        ),
        (
            RateLimitState(limit=9, remaining=1, resets_at=NOW + 2 * HOUR),
            RateLimitState(limit=9, remaining=8, resets_at=NOW + HOUR),
            1,
        ),
    ],
)
def test_the_least_of_a_window_and_the_later_window_count(
    own: RateLimitState, other: RateLimitState, expected: int | None
) -> None:
    limit = RateLimit(own, lambda: NOW)
    limit.merge(other)
    assert limit.state.remaining == expected


def assert_true(world: World, size: int) -> None:
    """Check that all facts of the packages are stored, and that nothing has failed."""
    assert Package.objects.count() == size
    for package in Package.objects.all():
        number = int(package.pypi_name.rpartition("-")[2])
        assert (package.repo_watchers, package.pypi_version) == (number, "1.0")
        assert (package.participants, len(package.commits_over_52)) == (["anna", "bert"], 52)
        assert list(package.releases.values_list("version", flat=True)) == ["1.0"]
    assert set(FetchState.objects.values_list("failures", flat=True)) == {0}
    assert FetchState.objects.count() == 2 * size
    left = HostRateLimit.objects.get(name="github").remaining
    assert left is not None
    assert left <= world.limit - 2 * size


@pytest.mark.parametrize("was_fetched", [False, True])
@pytest.mark.parametrize("waits", [on_demand, sweeps])
def test_a_run_of_the_same_packages_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch, waits: Any, *, was_fetched: bool
) -> None:
    """One has fetched, and before it saves, the other one fetches and saves."""
    packages = populate(world, 2)
    steps: dict[Any, Callable[[], object]] = {
        on_demand: lambda: fetch_now(ids_of(packages)),
        sweeps: lambda: Refresh(Options(everything=True)).run(),
    }
    if was_fetched:
        fetch_now(ids_of(packages))
    other = steps[sweeps if waits is on_demand else on_demand]
    ran: list[object] = []

    def save_after_the_other(attempts: Any) -> Any:
        if not ran:
            ran.append(other())
        return save_results(attempts)

    monkeypatch.setattr(waits, "save_results", save_after_the_other)
    steps[waits]()
    assert len(ran) == 1
    assert_true(world, 2)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_run_of_the_same_packages_at_the_same_time(world: World) -> None:
    packages = populate(world, 8)
    world.latency = 0.02
    run = in_background(lambda: Refresh(Options()).run())
    reports = [fetch_now(ids_of(packages)) for _ in range(2)]
    run.result()
    assert all(len(report.outcomes) + len(report.queued) == 16 for report in reports)
    assert_true(world, 8)
