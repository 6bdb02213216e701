"""The order in which packages are tried, and when a host is given up: runs against a small internet that fails."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from fetchers import order
from fetchers.models import Run
from fetchers.order import GITHUB_BUDGET, PYPI_BUDGET, Budget, Due, rereads, spent_today
from fetchers.waiting import Waiting
from packages.facts import SUCCESSES
from packages.models import FetchState, Package
from tests.factories import CategoryFactory, PackageFactory
from tests.fetchers.test_refresh import Clock, assert_true, populate, refresh, unlimited
from tests.upstream import World, environment, serving

pytestmark = pytest.mark.django_db
FAILING, HEALTHY = 25, 150
# PyPI knows nothing of a token for GitHub.
OF_EACH_SOURCE = [("token", "repo"), ("no token", "repo"), ("token", "pypi")]


@pytest.fixture(params=["token", "no token"])
def world(request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Serve GitHub with GraphQL, or without, where each package is requested for itself."""
    unlimited(monkeypatch)
    world = World(limit=10**6)
    with serving(world) as base:
        for name, value in environment(base).items():
            setattr(settings, name, value)
        if request.param == "no token":
            settings.GITHUB_TOKEN = ""
        yield world


def failing(numbers: set[int]) -> Callable[[str], str | None]:
    """Return the fault of all requests for some packages, alone or in a query of GraphQL; and of their projects."""
    names = {f"owner{number}/name{number}" for number in numbers}
    projects = {f"/pypi/project-{number}/json" for number in numbers}

    def fault(path: str) -> str | None:
        repository = "/".join(path.split("/")[2:4])
        return "502" if repository in names or path in projects else None

    return fault


def succeeded(clock: Clock, source: str) -> int:
    return FetchState.objects.filter(source=source, outcome__in=SUCCESSES, last_attempt=clock.now).count()


@pytest.mark.parametrize(("world", "source"), OF_EACH_SOURCE, indirect=["world"])
def test_packages_that_always_fail_cost_the_others_nothing(world: World, source: Any) -> None:
    """Neither on the first day that they fail, though they come one after the other, nor on any later one."""
    populate(world, FAILING + HEALTHY)
    clock = Clock()
    refresh(clock, sources=(source,))
    world.fault = failing(set(range(1, FAILING + 1)))
    for _ in range(4):
        for project in world.projects.values():
            world.release(project)
        clock.days(1)
        refresh(clock, sources=(source,))
        assert succeeded(clock, source) == HEALTHY
    assert FetchState.objects.filter(source=source, failures=4).count() == FAILING


def test_packages_that_fail_from_the_beginning_cost_the_others_nothing(world: World) -> None:
    populate(world, FAILING + HEALTHY)
    clock = Clock()
    world.fault = failing(set(range(1, FAILING + 1)))
    for _ in range(2):
        refresh(clock.days(1), sources=("repo",))
        assert succeeded(clock, "repo") == HEALTHY


def test_a_host_with_passing_outages_is_not_given_up(world: World) -> None:
    """However many there are in one run: what is healthy and left decides each time."""
    populate(world, 300)
    clock = Clock()
    refresh(clock, sources=("repo",))
    is_batched = "graphql" in world.requests
    # Queries of a batch are halved until 13 of them have failed; after ten packages, two probes are left to fail.
    down, every = (13, 15) if is_batched else (11, 30)
    tries = itertools.count()

    def fault(path: str) -> str | None:
        is_first = path == "/graphql" if is_batched else path.startswith("/repos/") and path.count("/") == 3
        return "502" if is_first and next(tries) % every < down else None

    world.fault = fault
    tally = refresh(clock.days(1), sources=("repo",), workers=1).tallies["repo"]["github.com"]
    assert (tally.stopped, tally.tried) == ("", 300)
    assert succeeded(clock, "repo") == 300 - (100 if is_batched else 110)


def steps_of(ids: Sequence[int]) -> Iterator[Any]:
    """Steps for three packages each, with their ids in place of functions."""
    for start in range(0, len(ids), 3):
        yield tuple(ids[start : start + 3])


@pytest.mark.parametrize(("good", "expected"), [(0, []), (1, [(6, 7)]), (2, [(6, 7)]), (3, [(6, 7), (3, 4, 5)])])
def test_probes_are_the_last_that_were_fetched_before(good: int, expected: list[Any]) -> None:
    waiting = Waiting(Due(healthy=list(range(8)), good=good), steps_of, 3)
    probes: list[Any] = list(waiting.probes())
    first: list[Any] = list(waiting.first())
    assert probes == expected
    assert [each for step in first for each in step] == list(range(8 - sum(map(len, expected))))


@pytest.mark.parametrize("chunk", [3, 200])
def test_probes_are_taken_from_what_is_left(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("fetchers.waiting.CHUNK", chunk)
    waiting = Waiting(Due(healthy=list(range(11)), good=11), steps_of, 3)
    first, probes = waiting.first(), waiting.probes()
    taken: list[Any] = [next(first), next(probes), next(first), next(probes)]
    assert taken == [(0, 1, 2), (9, 10), (3, 4, 5), (6, 7, 8)]
    assert (list(probes), list(first)) == ([], [])


@pytest.mark.parametrize("days_down", [1, 3])
def test_a_host_that_is_down_is_left_after_60_requests(world: World, days_down: int) -> None:
    populate(world, 150)
    clock = Clock()
    refresh(clock)
    for project in world.projects.values():
        world.release(project)
    world.fault = lambda path: None if path == "/simple/" else "502"
    for _ in range(days_down):
        world.requests.clear()
        summary = refresh(clock.days(1))
        assert summary.exit_code == 1
        assert world.requests["graphql"] + world.requests["rest"] <= 60
        assert world.requests["pypi json"] + world.requests["pypi status"] <= 60
        for tallies in summary.tallies.values():
            for tally in tallies.values():
                assert "times in a row" in tally.stopped
    world.fault = lambda _: None
    for _ in range(2):
        refresh(clock.days(1))
    assert_true(world)


def test_a_host_that_is_down_from_the_beginning(world: World) -> None:
    populate(world, 150)
    world.fault = lambda path: None if path == "/simple/" else "502"
    refresh()
    assert world.requests["graphql"] + world.requests["rest"] <= 60
    assert world.requests["pypi json"] + world.requests["pypi status"] <= 60


def test_lists_that_fail_for_every_package_are_an_outage_too(world: World) -> None:
    populate(world, 150)
    world.fault = lambda path: "502" if path.endswith(("/contributors", "/participation")) else None
    summary = refresh(sources=("repo",))
    if "graphql" in world.requests:
        assert world.requests["rest"] <= 60
        assert "50 times in a row" in summary.tallies["repo"]["github.com"].stopped


def test_what_failed_comes_after_what_is_healthy_and_due() -> None:
    clock = Clock()
    category = CategoryFactory.create()

    def create(number: int, days: int | None, failures: int = 0, tried: int = 0) -> int:
        package = PackageFactory.create(category=category, repo_url=f"https://github.com/a/{number}")
        if days is not None or failures:
            FetchState.objects.create(
                package=package,
                source="repo",
                target=package.repo_key,
                outcome="timeout" if failures else "ok",
                failures=failures,
                last_success=None if days is None else clock.now - timedelta(days=days),
                last_attempt=clock.now - timedelta(days=tried or days or 0),
                next_due=clock.now,
            )
        return package.pk

    never_good = create(1, None, failures=3, tried=2)
    good_before = [create(2, 50, failures=1, tried=1), create(3, 40, failures=5, tried=3)]
    healthy = [create(4, 3), create(5, 9)]
    new = create(6, None)
    moved = create(7, 30, failures=2, tried=1)
    Package.objects.filter(pk=moved).update(repo_url="https://github.com/b/7")
    due = order.due_by_host(Package.objects.due("repo", clock.now, timedelta(hours=20)), "repo", None)
    assert due == {
        "github.com": Due(
            healthy=[new, moved, healthy[1], healthy[0]], failed=[good_before[1], good_before[0], never_good], good=2
        )
    }
    limited = order.due_by_host(Package.objects.due("repo", clock.now, timedelta(hours=20)), "repo", 2)
    assert limited == {"github.com": Due(healthy=[new, moved])}


# What an older reader wrote


@pytest.mark.parametrize(
    ("budget", "size", "candidates", "spent", "expected"),
    [
        (GITHUB_BUDGET, 700, 100, 0, 87),
        (GITHUB_BUDGET, 700, 100, 155, 10),
        (GITHUB_BUDGET, 700, 100, 175, 0),
        (GITHUB_BUDGET, 700, 100, 400, 0),
        (GITHUB_BUDGET, 70, 5, 0, 5),
        (PYPI_BUDGET, 700, 200, 5, 50),
        (PYPI_BUDGET, 7_000, 2_000, 0, 525),
        (None, 70, 30, 9_999, 10),
        (None, 71, 30, 0, 11),
    ],
)
def test_a_seventh_within_the_budget(
    budget: Budget | None, size: int, candidates: int, spent: int, expected: int
) -> None:
    assert rereads(size, range(candidates), budget, spent) == expected


def test_earlier_runs_of_the_day_count_too() -> None:
    clock = Clock()
    for hours, requests in [(1, 3), (19, 4), (21, 100)]:
        hosts = {"github": {"requests": requests}, "github-graphql": {"requests": 1}, "pypi": {"requests": 50}}
        Run.objects.create(started=clock.now - timedelta(hours=hours), summary={"hosts": hosts})
    Run.objects.create(started=clock.now)
    assert spent_today(GITHUB_BUDGET, clock.now) == 9


@pytest.mark.parametrize(("world", "source"), OF_EACH_SOURCE, indirect=["world"])
def test_what_an_older_reader_wrote_heals(world: World, monkeypatch: pytest.MonkeyPatch, source: Any) -> None:
    """Though its ETag, head commit or serial is the same; within the budget; and then it is left alone."""
    populate(world, 70)
    clock = Clock()
    refresh(clock, sources=(source,))
    wrong: Any = {"repo": {"participants": ["mallory"]}, "pypi": {"licence": "BSD"}}[source]
    Package.objects.update(**wrong)
    refresh(clock.days(1), sources=(source,))
    assert Package.objects.filter(**wrong).count() == 70, "nothing tells that it is wrong"
    _new_reader(monkeypatch, world, source)
    left = 70
    for _ in range(60):
        world.requests.clear()
        refresh(clock.days(1), sources=(source,))
        before, left = left, Package.objects.filter(**wrong).count()
        assert before - left <= 10, "a seventh of the catalogue"
        if world.requests["graphql"]:
            assert world.requests["graphql"] + world.requests["rest"] <= 0.25 * 70
        if source == "pypi" and not world.requests["pypi status"] > before - left:
            assert world.requests.total() <= 0.15 * 70 + 1
        if not left:
            break
    assert left == 0
    world.requests.clear()
    refresh(clock.days(1), sources=(source,))
    assert world.requests["pypi json"] == 0
    if world.requests["graphql"]:
        assert world.requests["rest"] == 0


def _new_reader(monkeypatch: pytest.MonkeyPatch, world: World, source: str) -> None:
    from fetchers import hosts  # noqa: PLC0415

    monkeypatch.setattr(hosts, "READERS", {**hosts.READERS, "github": "next", "pypi": "next"})
    monkeypatch.setattr("fetchers.steps.READERS", {**hosts.READERS, "github": "next", "pypi": "next"})


def test_force_reads_everything_at_once(world: World) -> None:
    populate(world, 20)
    clock = Clock()
    refresh(clock)
    Package.objects.update(participants=["mallory"], licence="BSD")
    refresh(clock, everything=True)
    assert Package.objects.filter(participants=["mallory"], licence="BSD").count() == 20
    refresh(clock, everything=True, force=True)
    assert_true(world)


def test_the_summary_counts_packages_that_nothing_can_be_asked_for(world: World, settings: Settings) -> None:
    for repo_url, pypi_url in [
        ("", ""),
        ("https://git.example.org/a/b", ""),
        ("http://code.google.com/p/x/", ""),
        ("not a url at all", ""),
        ("https://github.com/only-an-owner", ""),
        ("https://git.example.org/a/c", "x"),
        ("https://github.com/a/b", ""),
    ]:
        PackageFactory.create(repo_url=repo_url, pypi_url=pypi_url)
    assert refresh(sources=("downloads",)).nothing_to_ask == {
        "without an address": 1,
        "with an address that names no repository": 2,
        "on unknown hosts": 2,
    }
    settings.FORGE_HOSTS = {"git.example.org": "forgejo"}
    assert refresh(sources=("downloads",)).nothing_to_ask["on unknown hosts"] == 1
    assert refresh(sources=("downloads",), slugs=("x",)).nothing_to_ask == {}
