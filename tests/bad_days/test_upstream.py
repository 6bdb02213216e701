"""An upstream that drops a key, changes a type, or tells last year's facts: nobody sees it but the operator."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from fetchers.models import Run
from fetchers.queues import HostQueue, StepResult
from fetchers.steps import TOLD
from fetchers.summary import Tally
from packages.facts import UNKNOWN, Fetched, FetchTarget, Outcome, PyPIFacts, RepositoryFacts, Source
from packages.models import FetchState, Package
from packages.results import Attempt
from tests.factories import PackageFactory
from tests.fetchers.test_refresh import Clock, assert_true, populate, refresh, unlimited
from tests.upstream import World, environment, serving

pytestmark = pytest.mark.django_db
REPO = "github.com"
Alter = Callable[[Any], Any]


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    unlimited(monkeypatch)
    world = World()
    with serving(world) as base:
        for name, value in environment(base).items():
            setattr(settings, name, value)
        yield world


def altered(key: str, change: Callable[[dict[str, Any]], None]) -> Alter:
    """Return what changes every object that has a key."""

    def alter(value: Any) -> Any:
        if isinstance(value, list):
            return [alter(each) for each in value]
        if not isinstance(value, dict):
            return value
        copy = {name: alter(each) for name, each in value.items()}
        if key in copy:
            change(copy)
        return copy

    return alter


def without(key: str) -> Alter:
    return altered(key, lambda each: each.pop(key))


def with_type(key: str, value: Any) -> Alter:
    return altered(key, lambda each: each.update({key: value}))


def everything_changes(world: World) -> None:
    for repo in world.repos.values():
        world.commit(repo)
    for project in world.projects.values():
        world.release(project)


@pytest.mark.parametrize(
    ("alter", "host", "lost", "exit_code"),
    [
        (without("stargazerCount"), REPO, "watchers", 4),
        (with_type("databaseId", [1]), REPO, "everything", 1),  # as ever, if all that was tried failed
        (with_type("classifiers", "Framework :: Django"), "pypi", "classifiers", 4),
    ],
)
def test_a_key_that_all_packages_lose(world: World, alter: Alter, host: str, lost: str, exit_code: int) -> None:
    populate(world, 44)
    clock = Clock()
    refresh(clock)
    column = {"watchers": "repo_watchers", "everything": "repo_id"}.get(lost, lost)
    before = list(Package.objects.order_by("pk").values_list("pk", column))
    everything_changes(world)
    world.alter = alter
    summary = refresh(clock.days(1))
    assert summary.exit_code == exit_code
    [note] = summary.notes
    assert note == (
        f"{host} is not believed, and nothing more of it is saved in this run: 21 of 21 packages that were read lack"
        f" what they told before ({lost} of 21)"
    )
    [tally] = [of_host for tallies in summary.tallies.values() for name, of_host in tallies.items() if name == host]
    assert (tally.tried, tally.distrusted) == (21, True)
    source = "repo" if host == REPO else "pypi"
    saved = FetchState.objects.filter(source=source, last_attempt=clock.now).values_list("package", flat=True)
    assert len(saved) <= 20
    assert list(Package.objects.order_by("pk").values_list("pk", column)) == before, "what is lost keeps its value"
    assert Run.objects.latest("started").exit_code == exit_code
    world.alter = lambda document: document
    assert refresh(clock.days(1)).exit_code == 0
    assert_true(world)


REPOSITORY = RepositoryFacts("1", "https://github.com/a/b", "", 1, 1, False, None, (), (0,) * 52, date(2026, 5, 6))
PROJECT = PyPIFacts("1.0", "", None, (), "MIT", "", "", "", ())


@pytest.mark.parametrize(
    ("source", "facts", "column"),
    [
        *(("repo", REPOSITORY, column) for column in TOLD["repo"]),
        *(("pypi", PROJECT, column) for column in TOLD["pypi"]),
    ],
)
def test_each_fact_that_was_told_can_be_lost(source: Source, facts: Any, column: str) -> None:
    """21 of so many: more than 20, and more than a twentieth."""
    for sound, is_believed in ((398, False), (399, True)):
        queue = HostQueue("host", iter(()), Tally(), 8, 8, 10_000, 0)
        target = FetchTarget(1, told=frozenset(TOLD[source]))
        lost = Fetched(replace(facts, **{column: UNKNOWN}), {})
        for result in [Fetched(facts, {})] * sound + [Fetched(None, {})] * 9 + [lost] * 21:
            step: Future[StepResult] = Future()
            step.set_result(StepResult([Attempt(target, source, datetime.now(UTC), result)]))
            queue.running[step] = True
            queue.finish(step)
        assert queue.tally.distrusted != is_believed
        assert is_believed or queue.tally.stopped.endswith(f"lack what they told before ({column} of 21)")


def test_all_of_a_small_catalogue(world: World) -> None:
    populate(world, 5)
    clock = Clock()
    refresh(clock)
    world.alter = without("stargazerCount")
    summary = refresh(clock.days(1))
    assert summary.exit_code == 4
    assert "4 of 4 packages that were read lack what they told before (watchers of 4)" in summary.notes[0]


def test_what_a_few_packages_lack_is_theirs(world: World) -> None:
    populate(world, 20)
    clock = Clock()
    refresh(clock)
    few = {repo.number for repo in list(world.repos.values())[:9]}  # less than half of a small catalogue

    def drop(node: dict[str, Any]) -> None:
        if node["databaseId"] in few:
            del node["stargazerCount"]

    world.alter = altered("stargazerCount", drop)
    summary = refresh(clock.days(1))
    assert (summary.exit_code, summary.notes) == (0, [])
    assert summary.tallies["repo"][REPO].tried == 20


def test_what_was_never_told_is_not_lost(world: World) -> None:
    """Sample and imported packages, and a forge that does not tell everything."""
    populate(world, 6)
    world.alter = without("description")
    clock = Clock()
    assert refresh(clock).exit_code == 0
    assert refresh(clock.days(1)).exit_code == 0


def test_an_operator_can_believe_a_host_all_the_same(world: World, settings: Settings) -> None:
    [canary, *_] = populate(world, 6)
    settings.CANARIES = [canary.slug]
    clock = Clock()
    refresh(clock)
    everything_changes(world)
    world.alter = without("stargazerCount")
    summary = refresh(clock.days(1), trusted=(REPO,))
    assert (summary.exit_code, summary.notes) == (0, [])
    assert summary.tallies["repo"][REPO].succeeded == 6


LAST_YEAR = timedelta(days=365)


def _last_year(world: World) -> None:
    for repo in world.repos.values():
        repo.committed -= LAST_YEAR


def _few_stars(world: World) -> None:
    for repo in world.repos.values():
        repo.stars = repo.stars * 8 // 10


def _another_repository(world: World) -> None:
    for repo in world.repos.values():
        repo.number += 1_000


def _nothing_there(world: World) -> None:
    world.repos.clear()


@pytest.mark.parametrize(
    ("change", "host", "words"),
    [
        (_last_year, REPO, "its newest commit is "),
        (_few_stars, REPO, "80 stars, where 100 were known"),
        (_another_repository, REPO, "its id is 1001, and was 1"),
        (_nothing_there, REPO, "not_found: "),
    ],
)
def test_a_canary_that_deviates(
    world: World, settings: Settings, change: Callable[[World], None], host: str, words: str
) -> None:
    [canary, *_] = populate(world, 10)
    for repo in world.repos.values():
        repo.stars = 100
    settings.CANARIES = [canary.slug]
    clock = Clock()
    assert refresh(clock).exit_code == 0
    before = list(Package.objects.order_by("pk").values("repo_watchers", "last_updated", "repo_id", "gone_since"))
    change(world)
    for project in world.projects.values():
        world.release(project)
    world.requests.clear()
    summary = refresh(clock.days(1))
    assert summary.exit_code == 4
    [note] = summary.notes
    why = f"its canary {canary.slug} deviates: {words}"
    assert note.startswith(f"{host} is not believed, and nothing more of it is saved in this run: {why}")
    assert world.requests["graphql"] == 1, "nothing but the canary is fetched"
    after = list(Package.objects.order_by("pk").values("repo_watchers", "last_updated", "repo_id", "gone_since"))
    assert after == before
    assert summary.tallies["pypi"]["pypi"].outcomes == {Outcome.OK: 10}, "other hosts are refreshed"


def test_few_of_few_may_go(world: World, settings: Settings) -> None:
    [canary, *_] = populate(world, 3)
    settings.CANARIES = [canary.slug]
    for repo in world.repos.values():
        repo.stars, repo.forks = 4, 2
    clock = Clock()
    refresh(clock)
    for repo in world.repos.values():
        repo.stars, repo.forks = 1, 0
    assert refresh(clock.days(1)).exit_code == 0
    assert set(Package.objects.values_list("repo_watchers", "repo_forks")) == {(1, 0)}


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (with_type("licence_expression", None), ""),
        (with_type("classifiers", []), "no classifiers, where one was known"),
        (with_type("releases", {"0.9": []}), "no"),
    ],
)
def test_a_canary_at_pypi(world: World, settings: Settings, alter: Alter, words: str) -> None:
    [canary, *_] = populate(world, 3)
    settings.CANARIES = [canary.slug]
    clock = Clock()
    refresh(clock)
    world.alter = alter
    summary = refresh(clock.days(1))
    assert summary.exit_code == (4 if words else 0)
    if words:
        assert "pypi is not believed" in summary.notes[0]
        assert words in summary.notes[0]


def test_last_years_version(world: World, settings: Settings) -> None:
    [canary, *_] = populate(world, 3)
    settings.CANARIES = [canary.slug]
    clock = Clock()
    for project in world.projects.values():
        project.version = "5.2"
    refresh(clock)
    for project in world.projects.values():
        project.version, project.serial = "4.2", project.serial + 1
    summary = refresh(clock.days(1))
    assert summary.exit_code == 4
    assert summary.notes[0].endswith("its version is 4.2, and was 5.2")
    assert set(Package.objects.values_list("pypi_version", flat=True)) == {"5.2"}


def test_downloads_of_nobody(world: World, settings: Settings) -> None:
    [canary, *_] = populate(world, 3)
    settings.CANARIES = [canary.slug]
    clock = Clock()
    for project in world.projects.values():
        project.downloads = 1_000
    refresh(clock, sources=("downloads",))
    for project in world.projects.values():
        project.downloads = 0
    summary = refresh(clock.days(8), sources=("downloads",))
    assert summary.exit_code == 4
    assert summary.notes[0].endswith("0 downloads, where 1,000 were known")
    assert set(Package.objects.values_list("pypi_downloads", flat=True)) == {1_000}


def test_a_canary_that_has_really_changed_is_taken_over_by_hand(world: World, settings: Settings) -> None:
    [canary, *_] = populate(world, 6)
    settings.CANARIES = [canary.slug]
    clock = Clock()
    refresh(clock)
    _last_year(world)
    assert refresh(clock.days(1)).exit_code == 4
    assert refresh(clock, slugs=(canary.slug,)).exit_code == 0
    assert refresh(clock.days(1)).exit_code == 0
    told = {(repo.stars, repo.committed) for repo in world.repos.values()}
    assert set(Package.objects.values_list("repo_watchers", "last_updated")) == told


@pytest.mark.parametrize("fault", ["500", "502", "reset", "cut"])
def test_a_host_that_is_down_is_no_liar(world: World, settings: Settings, fault: str) -> None:
    [canary, *_] = populate(world, 5)
    settings.CANARIES = [canary.slug]
    clock = Clock()
    refresh(clock)
    world.fault = lambda _: fault
    summary = refresh(clock.days(1), sources=("repo",))
    assert summary.exit_code == 1
    assert not summary.tallies["repo"][REPO].distrusted


def test_a_canary_that_the_catalogue_does_not_have(world: World, settings: Settings) -> None:
    populate(world, 2)
    settings.CANARIES = ["no-such-package"]
    summary = refresh()
    assert summary.exit_code == 0
    assert summary.notes == ["CANARIES: there is no package with the slug no-such-package"]


def test_what_the_command_says(
    world: World, settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line on standard error, exit code 4, and no word to the monitor."""
    pinged: list[str] = []
    monkeypatch.setattr("fetchers.management.commands.refresh_packages.ping", lambda url, *_, **__: pinged.append(url))
    [canary, *_] = populate(world, 6)
    for repo in world.repos.values():
        repo.stars = 100
    settings.CANARIES, settings.PING_URL = [canary.slug], "https://ping.test/"
    call_command("refresh_packages", "--source", "repo", "--package", canary.slug)
    for repo in world.repos.values():
        repo.stars = 0
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        call_command("refresh_packages", "--source", "repo")
    out, err = capsys.readouterr()
    assert (ended.value.code, pinged) == (4, [])
    [line] = err.splitlines()
    assert line.startswith(f"note: {REPO} is not believed, and nothing more of it is saved in this run: its canary ")
    assert f"repo at {REPO}: 5 due, none tried, 5 left (its canary {canary.slug} deviates: 0 stars" in out
    call_command("refresh_packages", "--source", "repo", "--trust", REPO)
    assert set(Package.objects.exclude(pk=canary.pk).values_list("repo_watchers", flat=True)) == {0}


@pytest.mark.parametrize("host", ["git.example.org", "repo"])
def test_a_host_that_nothing_is_fetched_from_cannot_be_trusted(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="--trust") as error:
        call_command("refresh_packages", "--trust", host)
    assert error.value.returncode == 2


def test_a_package_that_was_never_fetched_is_no_canary_yet(world: World, settings: Settings) -> None:
    populate(world, 3)
    settings.CANARIES = [PackageFactory.create(repo_url="", pypi_url="").slug]
    assert refresh().exit_code == 0
