"""refresh_packages against a small internet on the loopback: every number true, nothing lost, few requests."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from fetchers import hosts
from fetchers.forges import github
from fetchers.models import HostRateLimit, Run
from fetchers.order import Due
from fetchers.queues import HostQueue
from fetchers.refresh import Options, Refresh
from fetchers.summary import Summary, Tally
from packages.facts import SUCCESSES, FetchTarget, Outcome
from packages.models import FetchState, Package, ReadinessCount, Snapshot
from packages.results import Attempt, Failure
from tests.factories import CategoryFactory, PackageFactory
from tests.upstream import Project, Repo, World, environment, serving

pytestmark = pytest.mark.django_db


def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish no rates of requests: the clock of these tests stands still."""
    for name in ("GITHUB", "GITHUB_ANONYMOUS_TOO", "GITHUB_GRAPHQL", "PYPI"):
        monkeypatch.setattr(hosts, name, None)


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    unlimited(monkeypatch)
    world = World()
    with serving(world) as base:
        for name, value in environment(base).items():
            setattr(settings, name, value)
        yield world


def populate(world: World, size: int) -> list[Package]:
    category = CategoryFactory.create()
    for number in range(1, size + 1):
        repo = Repo(number, f"owner{number}/name{number}", stars=number, head=f"{number:040x}")
        world.repos[repo.name] = repo
        world.projects[f"project-{number}"] = Project(f"project-{number}", serial=number, downloads=number)
    return [
        PackageFactory.create(
            category=category, repo_url=f"https://github.com/{repo.name}", pypi_url=f"project-{repo.number}"
        )
        for repo in world.repos.values()
    ]


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def days(self, number: float) -> "Clock":
        self.now += timedelta(days=number)
        return self


def refresh(clock: Clock | None = None, **options: Any) -> Summary:
    return Refresh(Options(**options), clock=clock or Clock()).run()


def assert_true(world: World) -> None:
    """Check that the catalogue equals the world."""
    for package in Package.objects.all():
        repo = world.repos[package.repo_key.partition("/")[2]]
        project = world.projects[package.pypi_name]
        assert (package.repo_watchers, package.repo_forks) == (repo.stars, repo.forks)
        assert package.last_updated == repo.committed
        assert package.participants == list(repo.people)
        assert package.commits_over_52 == list(repo.weeks)
        assert package.repo_id == str(repo.number)
        assert (package.pypi_version, package.licence) == (project.version, "MIT")
        assert [release.version for release in package.releases.all()] == [project.version]


def test_a_first_sweep_makes_every_number_true(world: World) -> None:
    populate(world, 60)
    summary = refresh()
    assert_true(world)
    assert summary.exit_code == 0
    assert summary.notes == []
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.OK: 60}
    assert summary.tallies["pypi"]["pypi"].outcomes == {Outcome.OK: 60}
    # Two queries of GraphQL, two requests of REST each, one index, and a project and its status each.
    assert world.requests == {"graphql": 2, "rest": 120, "pypi index": 1, "pypi json": 60, "pypi status": 60}
    assert Snapshot.objects.count() == 60
    run = Run.objects.get()
    assert (run.exit_code, run.finished is not None, run.sources) == (0, True, ["repo", "pypi"])


def test_a_daily_sweep_requests_only_what_changed(world: World) -> None:
    populate(world, 60)
    clock = Clock()
    refresh(clock)
    world.requests.clear()
    for name in list(world.repos)[:6]:
        world.commit(world.repos[name])
    for name in list(world.projects)[:3]:
        world.release(world.projects[name])
    summary = refresh(clock.days(1))
    assert_true(world)
    assert world.requests == {"graphql": 2, "rest": 12, "pypi index": 1, "pypi json": 3}
    assert summary.tallies["pypi"]["pypi"].outcomes == {Outcome.OK: 3, Outcome.UNCHANGED: 57}
    assert Snapshot.objects.count() == 120
    assert set(ReadinessCount.objects.values_list("as_of", flat=True)) == {clock()}


def test_sql_by_hand_is_mended_at_the_start(world: World) -> None:
    package, other = populate(world, 2)
    clock = Clock()
    refresh(clock)
    before = Package.objects.values().get(pk=other.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE packages_package SET repo_url = 'git@github.com:none/such.git' WHERE id = %s", [package.pk]
        )
    world.requests.clear()
    summary = refresh(clock.days(0.1))
    assert summary.notes == ["1 packages had facts of other addresses, which were forgotten"]
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.NOT_FOUND: 1}
    package.refresh_from_db()
    assert (package.repo_key, package.repo_facts_of, package.repo_watchers) == ("github.com/none/such",) * 2 + (0,)
    assert (package.participants, package.last_fetched, package.pypi_version) == ([], None, "1.0")
    assert Package.objects.values().get(pk=other.pk) == before


def test_nothing_is_due_twice_a_day(world: World) -> None:
    populate(world, 5)
    clock = Clock()
    refresh(clock)
    world.requests.clear()
    summary = refresh(clock.days(0.5))
    assert (summary.exit_code, summary.tallies, world.requests) == (0, {"repo": {}, "pypi": {}}, {})
    assert refresh(clock, everything=True).tallies["repo"]["github.com"].tried == 5


def test_downloads_have_a_run_of_their_own(world: World) -> None:
    populate(world, 3)
    clock = Clock()
    refresh(clock, sources=("downloads",))
    assert list(Package.objects.order_by("pk").values_list("pypi_downloads", flat=True)) == [1, 2, 3]
    assert world.requests == {"pypistats": 3}
    assert refresh(clock.days(2), sources=("downloads",)).tallies == {"downloads": {}}
    assert refresh(clock.days(5), sources=("downloads",)).tallies["downloads"]["downloads"].succeeded == 3


def test_stalest_first_within_a_limit(world: World) -> None:
    packages = populate(world, 6)
    clock = Clock()
    refresh(clock, limit=2, sources=("repo",))
    fetched = set(Package.objects.exclude(last_fetched=None).values_list("pk", flat=True))
    assert fetched == {packages[0].pk, packages[1].pk}
    refresh(clock.days(2), limit=4, sources=("repo",))
    assert Package.objects.filter(last_fetched=None).count() == 0


def test_the_quota_has_a_reserve_and_outlives_the_process(world: World) -> None:
    populate(world, 40)
    world.limit = 50
    clock = Clock()
    summary = refresh(clock, sources=("repo",))
    tally = summary.tallies["repo"]["github.com"]
    assert summary.exit_code == 0
    assert 15 <= tally.succeeded < 25
    assert world.requests["rest"] <= 45
    assert "requests are left, and reserved" in tally.stopped
    assert summary.hosts["github"]["may_go_on_at"]
    assert HostRateLimit.objects.get(name="github").remaining is not None
    before = world.requests["rest"]
    refresh(clock, sources=("repo",))
    assert world.requests["rest"] == before


def test_hourly_runs_spread_a_first_sweep_over_the_quota(world: World) -> None:
    populate(world, 60)
    world.limit = 50
    clock = Clock()
    world.clock = lambda: clock.now.timestamp()  # noqa: PLW0108 (the now of each call)
    requests = []
    while Package.objects.filter(last_fetched=None).exists():
        world.requests.clear()  # a new hour, a new quota
        assert refresh(clock, sources=("repo",)).exit_code == 0
        requests.append(world.requests["rest"])
        clock.days(1 / 24)
    assert all(number <= 45 for number in requests)
    # Two requests a package, and the one that those under way had spent when the quota ran out.
    assert 120 <= sum(requests) <= 120 + 8 * len(requests)
    assert len(requests) <= 4


def test_a_revoked_token_stops_its_host_with_one_line(world: World) -> None:
    populate(world, 60)
    world.fault = lambda path: "401" if path.startswith("/graphql") else None
    summary = refresh()
    assert summary.exit_code == 1
    assert world.requests["graphql"] == 1
    assert "refuses our token" in summary.tallies["repo"]["github.com"].stopped
    assert summary.tallies["pypi"]["pypi"].succeeded == 60


@pytest.mark.parametrize("fault", ["500", "502", "cut", "reset", "nonsense", "not json"])
def test_an_outage_changes_no_fact_and_is_no_success(world: World, fault: str) -> None:
    populate(world, 30)
    clock = Clock()
    refresh(clock)
    before = list(Package.objects.order_by("pk").values())
    world.fault = lambda _: fault
    for repo in world.repos.values():
        world.commit(repo)
    summary = refresh(clock.days(1))
    assert summary.exit_code == 1
    assert list(Package.objects.order_by("pk").values()) == before
    assert not FetchState.objects.filter(last_success__gte=clock.now).exists()
    world.fault = lambda _: None
    assert refresh(clock.days(1)).exit_code == 0
    assert_true(world)


def test_a_host_that_answers_404_for_everything_marks_nothing_gone(world: World) -> None:
    populate(world, 30)
    clock = Clock()
    refresh(clock)
    world.fault = lambda path: "404" if path.startswith(("/graphql/", "/pypi/")) else None
    for _ in range(5):
        for project in world.projects.values():
            world.release(project)
        summary = refresh(clock.days(1))
        assert [note.partition(" says that")[0] for note in summary.notes] == ["github.com", "pypi"]
        assert all(note.endswith("not believed") for note in summary.notes)
    assert not Package.objects.exclude(gone_since=None).exists()
    world.fault = lambda _: None
    refresh(clock.days(1))
    assert_true(world)


@pytest.mark.parametrize(
    ("missing", "newly_missing", "tried", "total", "previously_found", "distrusted"),
    [
        # More than 20, and more than a twentieth of those that were found before.
        (20, 20, 100, 100, 100, False),
        (21, 21, 100, 100, 100, True),
        (50, 20, 100, 100, 100, False),
        (21, 21, 1_000, 1_000, 419, True),
        (21, 21, 1_000, 1_000, 420, False),
        (100, 100, 3_000, 3_000, 2_000, False),
        (101, 101, 3_000, 3_000, 2_000, True),
        # All of four or more, if these are half of the host's packages.
        (4, 0, 4, 8, 0, True),
        (4, 0, 4, 9, 0, False),
        (3, 3, 3, 3, 3, False),
        (4, 0, 5, 5, 0, False),
    ],
)
def test_too_many_missing_packages_are_distrusted(
    missing: int, newly_missing: int, tried: int, total: int, previously_found: int, distrusted: bool
) -> None:
    failure = Failure(Outcome.NOT_FOUND, "answers 404")
    queue = HostQueue("github.com", iter(()), Tally(tried=tried), 8, 8, total, previously_found)
    for number in range(missing):
        target = FetchTarget(number, previously_found=number < newly_missing)
        queue.missing.append(Attempt(target, "repo", datetime.now(UTC), failure))
    assert queue.distrusted is distrusted


def test_distrusted_packages_are_counted_as_missing_but_never_gone(world: World) -> None:
    packages = populate(world, 25)
    clock = Clock()
    refresh(clock, sources=("repo",))
    for repo in list(world.repos)[:21]:
        del world.repos[repo]
    for _ in range(4):
        summary = refresh(clock.days(1), sources=("repo",))
        assert summary.notes == ["github.com says that 21 packages are not found, which is too many: not believed"]
        assert summary.tallies["repo"]["github.com"].outcomes[Outcome.NOT_FOUND] == 21
    assert not Package.objects.exclude(gone_since=None).exists()
    assert FetchState.objects.filter(package__in=packages, missing_days=0).count() == 25


def tally(due: int, *outcomes: Outcome) -> Tally:
    return Tally(due=due, tried=len(outcomes), outcomes=Counter(outcomes))


OK, FAILED = Outcome.OK, Outcome.SERVER_ERROR


@pytest.mark.parametrize(
    ("hosts", "exit_code"),
    [
        ([], 0),
        ([tally(4)], 0),
        ([tally(3, *[FAILED] * 3)], 0),
        ([tally(4, *[FAILED] * 4)], 1),
        ([tally(4, FAILED)], 1),
        ([tally(4, FAILED, OK)], 0),
        ([tally(4, FAILED, Outcome.UNCHANGED)], 0),
        ([tally(3, FAILED), tally(9, OK)], 0),
        ([tally(4, FAILED), tally(9, OK)], 1),
        ([tally(2, FAILED), tally(1, FAILED)], 0),
        ([tally(2, FAILED), tally(2, FAILED)], 1),
        ([tally(2, FAILED), tally(2, FAILED), tally(1, OK)], 0),
        ([tally(2, FAILED), tally(2, FAILED), tally(1)], 0),
    ],
)
def test_the_exit_code(hosts: list[Tally], exit_code: int) -> None:
    """1 from four due packages on, of which none succeeded: of one host, or of all hosts of a source."""
    tallies = {str(number): tally for number, tally in enumerate(hosts)}
    assert Summary(tallies={"repo": tallies, "pypi": {"pypi": tally(1, OK)}}).exit_code == exit_code


@pytest.mark.parametrize(("number", "index"), [(19, 0), (20, 1)])
def test_the_index_is_fetched_from_20_projects_on(world: World, number: int, index: int) -> None:
    populate(world, number)
    refresh(sources=("pypi",))
    assert (world.requests["pypi index"], world.requests["pypi json"]) == (index, number)


def test_a_few_that_are_not_found_are_gone_after_three_days_and_come_back(world: World) -> None:
    packages = populate(world, 30)
    clock = Clock()
    refresh(clock)
    lost = world.repos.pop("owner1/name1")
    for _ in range(4):
        refresh(clock.days(1))
    assert list(Package.objects.exclude(gone_since=None).values_list("pk", flat=True)) == [packages[0].pk]
    assert Package.objects.get(pk=packages[0].pk).repo_watchers == 1
    world.repos[lost.name] = lost
    for _ in range(8):
        refresh(clock.days(1))
    assert not Package.objects.exclude(gone_since=None).exists()


def test_a_host_that_is_not_listed_gets_no_request(world: World, settings: Settings) -> None:
    PackageFactory.create(repo_url="https://git.example.org/a/b")
    PackageFactory.create(repo_url="https://github.com/only-an-owner")
    PackageFactory.create(repo_url="http://code.google.com/p/x/")
    assert refresh(sources=("repo",)).tallies == {"repo": {}}
    settings.FORGE_HOSTS = {"git.example.org": "forgejo"}
    forges = Refresh(Options()).upstreams.forges
    assert forges["git.example.org"].base_url == "https://git.example.org/api/v1"
    package = Package.objects.get(repo_host="git.example.org")
    assert Refresh(Options()).due("repo") == {"git.example.org": Due(healthy=[package.pk])}


def test_without_a_token_rest_works_within_its_quota(world: World, settings: Settings) -> None:
    settings.GITHUB_TOKEN = ""
    world.limit = 60
    populate(world, 30)
    summary = refresh(sources=("repo",))
    assert "graphql" not in world.requests
    assert world.requests["rest"] <= 55
    assert 8 <= summary.tallies["repo"]["github.com"].succeeded <= 14
    assert summary.exit_code == 0


def test_a_renamed_repository_is_followed(world: World) -> None:
    package = populate(world, 5)[0]
    clock = Clock()
    refresh(clock)
    world.repos["owner1/name1"].name = "somebody/else"
    world.repos["somebody/else"] = world.repos["owner1/name1"]
    summary = refresh(clock.days(1))
    package.refresh_from_db()
    assert package.repo_url == "https://github.com/somebody/else"
    assert package.aliases.get().repo_url == "https://github.com/owner1/name1"
    assert summary.tallies["repo"]["github.com"].outcomes[Outcome.RENAMED] == 1


def test_a_bug_costs_one_package_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = populate(world, 5)
    complete = github.complete

    def stumble(rest: Any, target: FetchTarget, *rest_of_it: Any) -> Any:
        if target.package == packages[0].pk:
            raise ZeroDivisionError
        return complete(rest, target, *rest_of_it)

    monkeypatch.setattr(github, "complete", stumble)
    summary = refresh(sources=("repo",))
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.OK: 4, Outcome.INVALID: 1}
    assert FetchState.objects.get(package=packages[0]).error == "a fault of this program: ZeroDivisionError"


def test_mixed_faults_end_in_the_truth(world: World) -> None:
    """A fifth of all responses is faulty, in every known way; a package that failed never looks fresh."""
    populate(world, 40)
    faults = random.Random(7)
    clock = Clock()
    world.fault = lambda _: (
        faults.choice(["500", "502", "cut", "nonsense", "not json"]) if faults.random() < 0.2 else None
    )
    for _ in range(25):
        refresh(clock.days(1))
        for state in FetchState.objects.exclude(outcome__in=SUCCESSES):
            assert state.last_success is None or state.last_success < clock.now
    world.fault = lambda _: None
    for repo in world.repos.values():
        world.commit(repo)  # the world's weeks stand still while the clock moves: only a commit shows them again
    refresh(clock.days(15))
    assert_true(world)
    assert not FetchState.objects.filter(failures__gt=0).exists()
