"""A clock that was a year ahead, or behind, and is right again: nothing waits for that day, and nothing is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from changes.models import Change
from fetchers.models import HostRateLimit, Run
from fetchers.network.rate_limit import RateLimit, RateLimitState
from packages.facts import Outcome
from packages.models import FetchState, Package, PackageHealth, Snapshot
from packages.settling.update import update_health
from tests.fetchers.test_refresh import Clock, assert_true, populate, refresh, unlimited
from tests.upstream import World, environment, serving

pytestmark = pytest.mark.django_db
YEAR = 400  # days


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    unlimited(monkeypatch)
    world = World()
    with serving(world) as base:
        for name, value in environment(base).items():
            setattr(settings, name, value)
        yield world


def test_a_run_a_year_ahead_leaves_nothing_that_waits_for_that_day(world: World) -> None:
    populate(world, 5)
    clock = Clock()
    refresh(clock)
    assert refresh(clock.days(YEAR)).tallies["repo"]["github.com"].succeeded == 5
    for repo in world.repos.values():
        world.commit(repo)
    summary = refresh(clock.days(1 - YEAR))
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.OK: 5}
    assert summary.tallies["pypi"]["pypi"].tried == 5
    assert summary.exit_code == 0
    assert_true(world)
    assert not FetchState.objects.filter(last_attempt__gt=clock.now).exists()
    assert refresh(clock).tallies == {"repo": {}, "pypi": {}}, "and nothing is due twice"


def test_failures_of_the_future_are_tried_again(world: World) -> None:
    populate(world, 5)
    clock = Clock()
    world.fault = lambda _: "500"
    refresh(clock.days(YEAR))
    world.fault = lambda _: None
    assert refresh(clock.days(-YEAR)).tallies["repo"]["github.com"].succeeded == 5


def test_a_run_a_year_ahead_deletes_nothing(world: World) -> None:
    """The log, the daily numbers and the runs are lost for good if a wrong clock takes them for old."""
    populate(world, 3)
    clock = Clock()
    refresh(clock)
    for _ in range(1, 9):
        refresh(clock.days(1))
    changes, runs, snapshots = Change.objects.count(), Run.objects.count(), Snapshot.objects.count()
    summary = refresh(clock.days(YEAR + 30))
    assert (
        f"the last run is {YEAR + 30} days ago, if the clock is right: nothing is pruned in this run" in summary.notes
    )
    assert summary.pruned == 0
    assert Change.objects.count() >= changes
    assert Run.objects.count() == runs + 1
    assert Snapshot.objects.count() >= snapshots


def test_the_numbers_of_days_to_come_are_forgotten(world: World) -> None:
    [package, *_] = populate(world, 2)
    clock = Clock()
    refresh(clock)
    refresh(clock.days(YEAR))
    summary = refresh(clock.days(1 - YEAR))
    assert "the clock was ahead: 2 snapshots of days to come are deleted" in summary.notes
    days = Snapshot.objects.filter(package=package).order_by("day").values_list("day", flat=True)
    assert list(days) == [(clock.now - timedelta(days=1)).date(), clock.now.date()]


def test_a_run_a_year_behind_does_no_harm(world: World) -> None:
    populate(world, 3)
    clock = Clock()
    refresh(clock)
    refresh(clock.days(-YEAR))
    summary = refresh(clock.days(YEAR + 1))
    assert summary.tallies["repo"]["github.com"].succeeded == 3
    assert_true(world)


@pytest.mark.parametrize("behind", [3, YEAR])
def test_a_clock_that_is_behind_deletes_no_numbers(world: World, behind: int) -> None:
    """The days that were look like days to come."""
    populate(world, 3)
    clock = Clock()
    refresh(clock)
    for _ in range(1, 9):
        refresh(clock.days(1))
    days = set(Snapshot.objects.values_list("day", flat=True))
    summary = refresh(clock.days(-behind))
    assert "the clock may be behind" in summary.notes[0]
    refresh(clock.days(behind + 1))
    assert len(days) == 9
    assert days < set(Snapshot.objects.values_list("day", flat=True))


def test_a_pause_that_ends_next_year_is_none(world: World) -> None:
    populate(world, 2)
    clock = Clock()
    ahead = clock.now + timedelta(days=YEAR)
    HostRateLimit.objects.create(name="github", paused_until=ahead, spent_until=ahead)
    HostRateLimit.objects.create(name="github-graphql", paused_until=ahead, spent_until=ahead)
    assert refresh(clock).tallies["repo"]["github.com"].succeeded == 2
    assert not HostRateLimit.objects.filter(paused_until__gt=clock.now).exists()


@pytest.mark.parametrize(("hours", "is_kept"), [(1, True), (24, True), (25, False), (24 * 365, False)])
def test_the_longest_pause_that_is_believed(hours: int, is_kept: bool) -> None:
    now = datetime(2026, 5, 6, tzinfo=UTC)
    limit = RateLimit(RateLimitState(paused_until=now + timedelta(hours=hours)), lambda: now)
    assert (limit.may_go_on_at is not None) == is_kept


def test_verdicts_of_next_year_are_settled_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Active packages look abandoned to a clock that is ten years ahead."""
    populate(world, 3)
    refresh()
    before = list(Package.objects.order_by("pk").values_list("verdict_rank", flat=True))
    with monkeypatch.context() as patch:
        ahead = timezone.now() + timedelta(days=3_650)
        patch.setattr("django.utils.timezone.now", lambda: ahead)
        update_health(everything=True)
    wrong = list(Package.objects.order_by("pk").values_list("verdict_rank", flat=True))
    assert wrong != before
    assert update_health().changed == 3
    assert list(Package.objects.order_by("pk").values_list("verdict_rank", flat=True)) == before
    assert not PackageHealth.objects.filter(since__gt=timezone.now()).exists()
    update_health()  # since no time to come is noted any more
    assert update_health().settled == 0


def test_verdicts_that_stay_are_settled_once_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages that were settled first by a clock that was ahead are settled once more, and not by each run; and once
    more when its time has come."""
    with monkeypatch.context() as patch:
        ahead = timezone.now() + timedelta(days=2)
        patch.setattr("django.utils.timezone.now", lambda: ahead)
        populate(world, 3)
        refresh()
    assert PackageHealth.objects.filter(since__gt=timezone.now()).count() == 3
    assert update_health().settled == 3
    assert update_health().settled == 0
    with monkeypatch.context() as patch:
        patch.setattr("django.utils.timezone.now", lambda: ahead)
        assert update_health().settled == 3
        assert update_health().settled == 0
