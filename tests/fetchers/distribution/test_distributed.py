"""refresh_packages --distribute with its workers in the same process: the results of a local run, whatever happens."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command
from pytest_django import Settings

from fetchers import batches
from fetchers.distribution import coordinator, requirements, worker
from fetchers.distribution.app import app
from fetchers.distribution.coordinator import DistributedRefresh
from fetchers.distribution.tasks import fetch_batch
from fetchers.locks import LockedError, lock_batch
from fetchers.models import Batch, BatchState, HostRateLimit, Run
from fetchers.refresh import Options, Refresh
from fetchers.summary import Summary, as_json
from fetchers.sweeps import Sweep
from packages.facts import Outcome
from packages.models import FetchState, Package
from tests.bad_days.test_upstream import without
from tests.fetchers.test_refresh import assert_true, populate, unlimited
from tests.servers import ROOT
from tests.upstream import World, environment, serving

pytestmark = pytest.mark.django_db

Perform = Callable[[str, int], None]


@pytest.fixture
def asked() -> Counter[str]:
    """The requests for each path."""
    return Counter()


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch, redis_url: str, asked: Counter[str]) -> Iterator[World]:
    settings.CACHE_URL = redis_url
    settings.CELERY_BROKER_URL = "memory://"
    unlimited(monkeypatch)
    monkeypatch.setattr(batches, "SIZE", 5)
    monkeypatch.setattr(coordinator, "TICK_SECONDS", 0)
    monkeypatch.setattr(coordinator, "LOOK_SECONDS", 0)
    monkeypatch.setitem(app.conf, "task_always_eager", True)
    monkeypatch.setitem(app.conf, "broker_url", "memory://")

    def note(path: str) -> None:
        asked[path] += 1

    world = World(fault=note)
    with serving(world) as base:
        for name, value in environment(base).items():
            setattr(settings, name, value)
        yield world


def distribute(stop: threading.Event | None = None, **options: Any) -> Summary:
    return DistributedRefresh(Options(**options), stop=stop).run()


def on_perform(monkeypatch: pytest.MonkeyPatch, change: Callable[[Perform, str, int], None]) -> None:
    """Call `change`, with what workers do, in the place of it."""
    perform = worker.perform
    monkeypatch.setattr(worker, "perform", lambda run, pk: change(perform, run, pk))


def comparable(summary: Summary) -> dict[str, Any]:
    """Return the summary without what differs from run to run."""
    document = as_json(summary)
    document["hosts"] = {name: host["requests"] for name, host in sorted(document["hosts"].items())}
    return document | {"seconds": 0}


def test_it_equals_a_local_run(world: World, asked: Counter[str]) -> None:
    populate(world, 22)
    summary = distribute()
    assert_true(world)
    # A query of GraphQL for each batch; the index of PyPI once for all.
    assert world.requests == {"graphql": 5, "rest": 44, "pypi index": 1, "pypi json": 22, "pypi status": 22}
    assert max(asked[f"/repos/{name}/contributors"] for name in world.repos) == 1
    run = Run.objects.get()
    assert (run.exit_code, run.finished is not None, run.summary) == (0, True, as_json(summary))
    assert not Batch.objects.exists()
    assert HostRateLimit.objects.get(name="github").remaining == 5_000 - 44
    of_workers = comparable(summary)
    Package.objects.update(repo_watchers=0)
    FetchState.objects.all().delete()
    world.requests.clear()
    local = comparable(Refresh(Options()).run())
    for each in (of_workers, local):
        assert each.pop("health")["failed"] == 0
        each["hosts"].pop("github-graphql")
    assert of_workers == local


def test_a_daily_run_requests_only_what_changed(world: World) -> None:
    populate(world, 22)
    distribute()
    world.requests.clear()
    for name in list(world.repos)[:6]:
        world.commit(world.repos[name])
    for name in list(world.projects)[:3]:
        world.release(world.projects[name])
    summary = distribute(everything=True)
    assert_true(world)
    assert world.requests == {"graphql": 5, "rest": 12, "pypi index": 1, "pypi json": 3}
    assert summary.tallies["pypi"]["pypi"].outcomes == {Outcome.OK: 3, Outcome.UNCHANGED: 19}


def test_messages_have_no_more_than_the_id_of_a_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    apply_async = fetch_batch.apply_async

    def note(arguments: tuple[Any, ...], **options: Any) -> Any:
        sent.append(json.loads(json.dumps(arguments)))
        return apply_async(arguments, **options)

    monkeypatch.setattr(fetch_batch, "apply_async", note)
    populate(world, 22)
    distribute(sources=("repo",))
    assert [[type(each) for each in message] for message in sent] == [[str, int]] * 5
    assert (app.conf.task_serializer, app.conf.accept_content, app.conf.result_backend) == ("json", ["json"], None)
    assert (app.conf.task_acks_late, app.conf.task_reject_on_worker_lost) == (True, True)


def test_a_worker_that_dies_midway_has_what_it_saved_saved(
    world: World, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies after it has saved some: only the others are fetched again, and all are counted."""
    populate(world, 22)
    run, deaths = Sweep.run, list[list[int]]()

    def die(sweep: Sweep, parts: Any, on_missing: Any = None) -> None:
        (part,) = parts.values()
        if len(deaths) < 2:
            part.due.healthy[3:] = []
            deaths.append(list(part.due.healthy))
            run(sweep, parts, on_missing)
            raise SystemExit
        run(sweep, parts, on_missing)

    monkeypatch.setattr(Sweep, "run", die)

    def perform(perform: Perform, run: str, pk: int) -> None:
        try:
            perform(run, pk)
        except SystemExit:  # the process is gone
            return

    on_perform(monkeypatch, perform)
    summary = distribute(sources=("repo",))
    assert len(deaths) == 2
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.OK: 22}
    assert summary.tallies["repo"]["github.com"].tried == 22
    assert {asked[f"/repos/{name}/contributors"] for name in world.repos} == {1}
    assert FetchState.objects.filter(source="repo", outcome="ok").count() == 22


def test_a_batch_that_kills_every_worker_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = populate(world, 15)

    def perform(perform: Perform, run: str, pk: int) -> None:
        batch = Batch.objects.get(pk=pk)
        if packages[0].pk in batch.work["healthy"]:
            Batch.objects.filter(pk=pk).update(state=BatchState.STARTED)
            return
        perform(run, pk)

    on_perform(monkeypatch, perform)
    summary = distribute(sources=("repo",))
    tally = summary.tallies["repo"]["github.com"]
    assert (tally.tried, tally.outcomes, summary.exit_code) == (10, {Outcome.OK: 10}, 0)
    assert [note[:42] for note in summary.notes] == ["3 workers died with the same packages of g"]


def test_a_batch_that_kills_workers_faster_than_the_coordinator_looks_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker gives it to the next worker as soon as one has died."""
    packages = populate(world, 15)
    run, deaths = Sweep.run, list[int]()

    def die(sweep: Sweep, parts: Any, on_missing: Any = None) -> None:
        (part,) = parts.values()
        if packages[0].pk in part.due.healthy:
            deaths.append(1)
            raise SystemExit
        run(sweep, parts, on_missing)

    def perform(perform: Perform, run: str, pk: int) -> None:
        for _ in range(10):
            with suppress(SystemExit):
                perform(run, pk)
                return

    monkeypatch.setattr(Sweep, "run", die)
    on_perform(monkeypatch, perform)
    summary = distribute(sources=("repo",))
    assert len(deaths) == 3
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.OK: 10}
    assert [note[:42] for note in summary.notes] == ["3 workers died with the same packages of g"]


def test_late_and_repeated_messages_are_ignored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    populate(world, 15)
    messages = []

    def perform(perform: Perform, run: str, pk: int) -> None:
        perform(run, pk)
        perform(run, pk)
        messages.append((perform, run, pk))

    on_perform(monkeypatch, perform)
    assert distribute(sources=("repo",)).tallies["repo"]["github.com"].outcomes == {Outcome.OK: 15}
    requests = dict(world.requests)
    assert requests["rest"] == 30
    for again, run, pk in messages:
        again(run, pk)
    assert dict(world.requests) == requests


def test_a_message_of_another_catalogue_is_ignored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    populate(world, 1)

    def both(perform: Perform, run: str, pk: int) -> None:
        perform("another", pk)
        assert not world.requests
        perform(run, pk)

    on_perform(monkeypatch, both)
    assert distribute(sources=("repo",)).tallies["repo"]["github.com"].tried == 1


def test_messages_that_are_lost_are_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    populate(world, 15)
    lost: Counter[int] = Counter()

    def perform(perform: Perform, run: str, pk: int) -> None:
        lost[pk] += 1
        if lost[pk] > 1:
            perform(run, pk)

    on_perform(monkeypatch, perform)
    monkeypatch.setattr(coordinator, "RESEND_SECONDS", 0)
    assert distribute().tallies["repo"]["github.com"].outcomes == {Outcome.OK: 15}
    assert_true(world)


def test_without_any_worker_it_gives_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    populate(world, 15)
    on_perform(monkeypatch, lambda *_: None)
    monkeypatch.setattr(coordinator, "GIVE_UP_SECONDS", 0)
    summary = distribute()
    assert summary.exit_code == 1
    assert summary.tallies["repo"]["github.com"].stopped == "no worker took it for 10 minutes"
    assert not Batch.objects.exists()


def test_a_signal_revokes_what_no_worker_has_begun(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    populate(world, 22)
    stop = threading.Event()

    def perform(perform: Perform, run: str, pk: int) -> None:
        if not stop.is_set():
            stop.set()
            perform(run, pk)

    on_perform(monkeypatch, perform)
    summary = distribute(stop)
    tally = summary.tallies["repo"]["github.com"]
    assert (tally.due, tally.tried, tally.stopped) == (22, 5, "the run was ended")
    assert Package.objects.exclude(last_fetched=None).count() == 5
    assert Run.objects.get().finished


def test_time_that_runs_out(world: World) -> None:
    populate(world, 22)
    summary = distribute(budget=0)
    assert summary.tallies["repo"]["github.com"].stopped == "its time ran out"
    assert (summary.exit_code, world.requests) == (0, {})


def test_a_spent_quota_stops_the_host(world: World) -> None:
    populate(world, 30)
    world.limit = 40
    summary = distribute(sources=("repo",))
    tally = summary.tallies["repo"]["github.com"]
    assert "requests are left, and reserved" in tally.stopped
    assert 10 <= tally.succeeded < 20
    assert world.requests["rest"] <= 35
    assert summary.hosts["github"]["may_go_on_at"]


def test_the_owner_of_another_token_goes_on(
    world: World, asked: Counter[str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    populate(world, 30)
    turns: list[str] = []

    def perform(perform: Perform, run: str, pk: int) -> None:
        settings.GITHUB_TOKEN = ("one", "other")[len(turns) % 2]
        world.limit = (25, 5_000)[len(turns) % 2]  # that of the token
        turns.append(settings.GITHUB_TOKEN)
        perform(run, pk)

    on_perform(monkeypatch, perform)
    summary = distribute(sources=("repo",))
    tally = summary.tallies["repo"]["github.com"]
    assert (tally.outcomes, tally.stopped) == ({Outcome.OK: 30}, "")
    # Those that a spent quota stopped at the door are counted too.
    assert world.requests["rest"] <= summary.hosts["github"]["requests"] < world.requests["rest"] + 20
    assert len(turns) > 6


def test_an_owner_who_comes_no_more_is_not_waited_for(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker that has quota left has ended: the one whose quota is spent gets the same batches again and again."""
    populate(world, 30)
    turns: list[str] = []

    def perform(perform: Perform, run: str, pk: int) -> None:
        settings.GITHUB_TOKEN = "one" if turns else "other"
        world.limit = 25 if turns else 5_000
        turns.append(settings.GITHUB_TOKEN)
        assert len(turns) < 1_000
        perform(run, pk)

    on_perform(monkeypatch, perform)
    monkeypatch.setattr(coordinator, "GIVE_UP_SECONDS", 0.2)
    tally = distribute(sources=("repo",)).tallies["repo"]["github.com"]
    assert "requests are left, and reserved" in tally.stopped
    assert 5 < tally.succeeded < 30


def test_too_many_missing_are_not_believed(world: World) -> None:
    populate(world, 44)
    distribute(sources=("repo",))
    for name in list(world.repos)[:22]:
        del world.repos[name]
    summary = distribute(everything=True, sources=("repo",))
    assert summary.notes == ["github.com says that 22 packages are not found, which is too many: not believed"]
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.OK: 22, Outcome.NOT_FOUND: 22}
    assert not FetchState.objects.filter(missing_days__gt=0).exists()
    assert FetchState.objects.filter(outcome="not_found", failures=1).count() == 22


def test_few_missing_are_believed(world: World) -> None:
    populate(world, 12)
    distribute(sources=("repo",))
    for name in list(world.repos)[:2]:
        del world.repos[name]
    summary = distribute(everything=True, sources=("repo",))
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.OK: 10, Outcome.NOT_FOUND: 2}
    assert FetchState.objects.filter(outcome="not_found", missing_days=1).count() == 2


def test_an_index_that_fails_stops_pypi_alone(world: World) -> None:
    populate(world, 22)
    world.fault = lambda path: "500" if path == "/simple/" else None
    summary = distribute()
    assert summary.tallies["repo"]["github.com"].outcomes == {Outcome.OK: 22}
    assert summary.tallies["pypi"]["pypi"].stopped == "its index could not be fetched"
    assert summary.exit_code == 1


def test_batches_of_a_run_that_died_are_ended_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker may go on with one: a run of the same source waits until it has ended, whoever fetches."""
    populate(world, 3)
    died = Run.objects.create(started="2026-01-01T00:00Z", sources=["repo"])
    for state in BatchState.values:
        Batch.objects.create(run=died, source="repo", host="github.com", state=state)
    of_another = Batch.objects.create(run=died, source="downloads", host="downloads")
    looks = []

    def is_held(pk: int) -> Any:
        looks.append(pk)
        if len(looks) < 3:
            raise LockedError
        return real(pk)

    real = lock_batch
    monkeypatch.setattr(batches, "lock_batch", is_held)
    monkeypatch.setattr(batches, "POLL_SECONDS", 0)
    assert Refresh(Options(sources=("repo",))).run().tallies["repo"]["github.com"].tried == 3
    assert len(looks) == 3
    assert list(Batch.objects.all()) == [of_another]


def test_a_run_whose_time_is_up_waits_for_no_worker_of_another(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    populate(world, 1)
    died = Run.objects.create(started="2026-01-01T00:00Z", sources=["repo"])
    Batch.objects.create(run=died, source="repo", host="github.com", state=BatchState.STARTED)

    def is_held(pk: int) -> Any:
        raise LockedError

    monkeypatch.setattr(batches, "lock_batch", is_held)
    tally = Refresh(Options(sources=("repo",), budget=0.1)).run().tallies["repo"]["github.com"]
    assert (tally.tried, tally.stopped) == (0, "its time ran out")


def run_command(*arguments: str) -> None:
    call_command("refresh_packages", "--distribute", *arguments)


def test_the_command(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    populate(world, 15)
    run_command()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["repo at github.com: 15 due, 15 ok", "pypi: 15 due, 15 ok", "github: 30 requests, 4970 left"]
    assert_true(world)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"CELERY_BROKER_URL": ""}, "needs a broker: set CELERY_BROKER_URL"),
        ({"CACHE_URL": "locmem://"}, "needs a Redis that all workers share"),
        ({"CACHE_URL": "redis://127.0.0.1:1/0"}, "needs the Redis of CACHE_URL, which cannot be reached"),
    ],
)
def test_it_says_what_it_lacks(world: World, settings: Settings, changed: dict[str, str], message: str) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match=message) as refused:
        run_command()
    assert (refused.value.returncode, "\n" in str(refused.value)) == (1, False)
    assert not Run.objects.exists()


def test_it_needs_celery(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "find_spec", lambda _: None)
    with pytest.raises(CommandError, match="needs Celery, which is not installed"):
        run_command()


def test_it_needs_the_broker(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coordinator, "reaches_broker", lambda: False)
    with pytest.raises(CommandError, match="the broker of CELERY_BROKER_URL, which cannot be reached"):
        run_command()


def test_redis_that_fails_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    populate(world, 3)

    def fail(_: str) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(coordinator, "of_run", fail)
    summary = distribute()
    assert summary.notes == ["Redis could not be reached in the end, so requests are not counted"]
    assert_true(world)


def test_without_it_nothing_of_celery_is_imported() -> None:
    program = (
        "import sys, django; django.setup(); from django.core.management import load_command_class;"
        "load_command_class('fetchers', 'refresh_packages').create_parser('manage.py', 'refresh_packages');"
        "sys.exit(bool({'celery', 'kombu', 'amqp'} & sys.modules.keys()))"
    )
    variables = {"DEBUG": "true", "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": "sqlite:////dev/null"}
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=variables, check=True)


def test_a_host_whose_packages_lack_what_they_told_is_not_believed(world: World) -> None:
    """Though no batch alone has enough packages to say so."""
    populate(world, 44)
    distribute(sources=("repo",))
    before = list(Package.objects.order_by("pk").values_list("repo_watchers", flat=True))
    for repo in world.repos.values():
        world.commit(repo)
    world.alter = without("stargazerCount")
    summary = distribute(sources=("repo",), everything=True)
    assert summary.exit_code == 4
    assert "github.com is not believed" in summary.notes[0]
    assert list(Package.objects.order_by("pk").values_list("repo_watchers", flat=True)) == before
