"""Real workers on real brokers, of which one is killed in the middle: at the end everything is as after a local run."""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fetchers.models import Batch, Run
from packages.models import FetchState, Package
from tests.brokers import rabbitmq, redis_server
from tests.fetchers.test_refresh import assert_true, populate
from tests.upstream import World, environment, serving
from tests.workers import REAL, coordinate, kill, start_worker, variables, workers

pytestmark = pytest.mark.more
SIZE = 320  # packages: four batches of each source


@contextmanager
def broker(name: str, redis: str, folder: Path) -> Iterator[str]:
    if name == "redis":
        yield f"{redis}/1"
        return
    with rabbitmq(folder) as url:
        yield url


def wait_until(true: Callable[[], Any]) -> None:
    for _ in range(1_200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("the condition was not met in a minute")


@pytest.mark.parametrize("name", ["redis", "rabbitmq"])
def test_one_of_two_is_killed(shared_database: str, tmp_path: Path, name: str) -> None:
    asked: Counter[str] = Counter()

    def note(path: str) -> None:
        asked[path] += 1

    world = World(latency=0.05, fault=note, limit=10**6)
    populate(world, SIZE)
    with serving(world) as base, redis_server() as redis, broker(name, redis, tmp_path) as url:
        variable = variables(shared_database, redis, url, environment(base))
        log = tmp_path / "workers.log"
        with log.open("w") as file, workers(2, variable, file) as (one, _):
            run = coordinate(variable, "--json")
            wait_until(lambda: world.requests["rest"] > 0.4 * SIZE)
            kill(one)
            out, err = run.communicate(timeout=300)
    assert run.returncode == 0, (out, err, log.read_text())
    assert "Traceback" not in err + log.read_text()
    assert_true(world)
    summary = json.loads(out)
    assert summary["sources"]["repo"]["github.com"] == _all_well()
    assert summary["sources"]["pypi"]["pypi"] == _all_well()
    assert summary["notes"] == []
    assert FetchState.objects.filter(outcome="ok", failures=0).count() == 2 * SIZE
    # Only what the killed one had begun and not saved was asked twice: a batch at most.
    twice = [path for path, number in asked.items() if number > 1 and path.endswith("/contributors")]
    assert len(twice) <= 100
    assert max(asked[f"/repos/{repo}/contributors"] for repo in world.repos) <= 2
    assert not Batch.objects.exists()
    assert Run.objects.get().finished


def _all_well() -> dict[str, Any]:
    return {"due": SIZE, "tried": SIZE, "left": 0, "outcomes": {"ok": SIZE}, "stopped": ""}


def test_a_signal_to_the_coordinator(shared_database: str, tmp_path: Path) -> None:
    """Batches that are started are ended, and saved; the rest is left, and workers do not come to it later."""
    world = World(latency=0.05, limit=10**6)
    populate(world, SIZE)
    with serving(world) as base, redis_server() as redis:
        variable = variables(shared_database, redis, f"{redis}/1", environment(base))
        with (tmp_path / "workers.log").open("w") as file, workers(1, variable, file):
            run = coordinate(variable, "--source", "repo")
            wait_until(lambda: world.requests["rest"])
            run.send_signal(signal.SIGTERM)
            out, err = run.communicate(timeout=300)
            assert run.returncode == 128 + signal.SIGTERM, (out, err)
            assert "(the run was ended)" in out
            fetched = Package.objects.exclude(last_fetched=None).count()
            assert 0 < fetched < SIZE
            assert Run.objects.get().summary["sources"]["repo"]["github.com"]["tried"] == fetched
            again = coordinate(variable, "--source", "repo")
            out, err = again.communicate(timeout=300)
            assert again.returncode == 0, (out, err)
    assert world.requests["rest"] == 2 * SIZE


def test_a_coordinator_that_is_killed(shared_database: str, tmp_path: Path) -> None:
    """The next run, which is a local one here, waits for what workers have begun, and fetches the rest."""
    world = World(latency=0.05, limit=10**6)
    populate(world, SIZE)
    with serving(world) as base, redis_server() as redis:
        variable = variables(shared_database, redis, f"{redis}/1", environment(base))
        with (tmp_path / "workers.log").open("w") as file, workers(1, variable, file):
            run = coordinate(variable)
            wait_until(lambda: world.requests["rest"])
            run.kill()
            run.communicate(timeout=60)
            again = coordinate(variable)
            out, err = again.communicate(timeout=300)
    assert again.returncode == 0, (out, err)
    assert_true(world)
    assert world.requests["rest"] == 2 * SIZE


def test_workers_keep_to_the_published_rate_together(shared_database: str, tmp_path: Path) -> None:
    """Two workers as they are in production, beside an upstream that refuses whoever is over its limits."""
    world = World(latency=0.02, strict=True)
    populate(world, 120)
    with serving(world) as base, redis_server() as redis:
        variable = variables(shared_database, redis, f"{redis}/1", environment(base))
        with (tmp_path / "workers.log").open("w") as file:
            running = [start_worker(variable, REAL, file) for _ in range(2)]
            try:
                run = coordinate(variable, "--source", "pypi")
                out, err = run.communicate(timeout=300)
            finally:
                for worker in running:
                    kill(worker)
    assert run.returncode == 0, (out, err)
    assert world.limited.total() == 0
    assert world.requests["pypi json"] == 120
