"""make bench-distributed: a first sweep by 1, 2 and 4 workers, on Redis and on RabbitMQ, of which one is killed midway.

PACKAGES (20000), LATENCY in seconds (0.1), WORKERS (1 2 4) and BROKERS (redis rabbitmq) come from the environment.
Hourly limits and published rates are lifted: what is left is what the program itself takes. In the end the catalogue
must be that of a local run. Needs PostgreSQL (BENCH_DATABASE_URL), redis-server and rabbitmq-server.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from rich.console import Console
from rich.table import Table

from tests.bench.catalogue import SERVER, require_autovacuum
from tests.bench.refresh import ROOT, build
from tests.brokers import rabbitmq, redis_server
from tests.upstream import World, environment, serving
from tests.workers import coordinate, kill, start_worker, variables, workers

PACKAGES = int(os.environ.get("PACKAGES", "20000"))
LATENCY = float(os.environ.get("LATENCY", "0.1"))
WORKERS = [int(number) for number in os.environ.get("WORKERS", "1 2 4").split()]
BROKERS = os.environ.get("BROKERS", "redis rabbitmq").split()
READY_SECONDS = float(os.environ.get("READY_SECONDS", "6"))  # for workers to start
EMPTY, USED = "bench_distributed_empty", "bench_distributed"
_LOCAL = """
import json, os, sys, django
django.setup()
from django.core.management import call_command
from tests.lifted_workers import lift
lift()
call_command("refresh_packages", "--json")
"""
# Everything that was fetched, but for the times at which it was.
_TRUTH = """
SELECT p.id, repo_watchers, repo_forks, repo_description, archived, last_updated, participants::text,
    commits_over_52::text, repo_id, pypi_version, licence, requires_python, classifiers::text,
    (SELECT string_agg(source || outcome || failures, ',' ORDER BY source)
     FROM packages_fetchstate WHERE package_id = p.id),
    (SELECT string_agg(version, ',' ORDER BY version) FROM packages_release WHERE package_id = p.id)
FROM packages_package p ORDER BY p.id"""


def execute(database: str, sql: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(f"{SERVER}/{database}")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def fresh() -> str:
    """Return the URL of a database that has the catalogue, of which nothing has been fetched."""
    execute("postgres", f"DROP DATABASE IF EXISTS {USED} WITH (FORCE)")
    execute("postgres", f"CREATE DATABASE {USED} TEMPLATE {EMPTY}")
    return f"{SERVER}/{USED}"


def truth() -> str:
    return hashlib.sha256(repr(execute(USED, _TRUTH)).encode()).hexdigest()


def manage(variable: Mapping[str, str], *arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=variable, check=True)


def local(world: World, variable: Mapping[str, str]) -> float:
    """Return the seconds of a local run."""
    world.requests.clear()
    started = time.monotonic()
    names = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": fresh()}
    subprocess.run(
        [sys.executable, "-c", _LOCAL], cwd=ROOT, env={**variable, **names}, check=True, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - started


def distributed(world: World, variable: Mapping[str, str], number: int) -> tuple[float, dict[str, Any]]:
    """Return the seconds of a run by so many workers, and its summary. One is killed midway, and another one starts."""
    variable = {**variable, "DATABASE_URL": fresh()}
    world.requests.clear()
    with tempfile.TemporaryFile("w+") as log, workers(number, variable, log) as running:
        time.sleep(READY_SECONDS)  # until they are ready: what is measured is the run
        started = time.monotonic()
        run = coordinate(variable, "--json")
        while world.requests["rest"] < PACKAGES and run.poll() is None:
            time.sleep(0.02)
        kill(running[0])
        running.append(start_worker(variable, log=log))
        out, err = run.communicate()
        seconds = time.monotonic() - started
        log.seek(0)
        assert run.returncode == 0, (out, err, log.read())
    return seconds, json.loads(out)


@contextmanager
def broker(name: str, redis: str, folder: Path) -> Iterator[str]:
    if name == "redis":
        yield f"{redis}/1"
        return
    with rabbitmq(folder) as url:
        yield url


def main() -> None:
    require_autovacuum()
    world = World(latency=LATENCY, limit=10**6)
    table = Table(title=f"{PACKAGES} packages, {LATENCY * 1000:.0f} ms latency, one worker killed midway", box=None)
    for column in ("", "seconds", "packages a second", "requests", "asked twice"):
        table.add_column(column, justify="right" if column else "left")

    def row(name: str, seconds: float) -> None:
        requests = sum(world.requests[kind] for kind in ("rest", "pypi json", "pypi status"))
        numbers = (f"{seconds:.1f}", f"{PACKAGES / seconds:.0f}", f"{requests:,}", str(requests - 4 * PACKAGES))
        table.add_row(name, *numbers)
        print(name, *numbers, flush=True)  # noqa: T201 (a bench takes long)

    with tempfile.TemporaryDirectory() as scratch, serving(world) as base, redis_server() as redis:
        build(world, Path(scratch, "catalogue"), PACKAGES)
        execute("postgres", f"DROP DATABASE IF EXISTS {EMPTY} WITH (FORCE)")
        execute("postgres", f"CREATE DATABASE {EMPTY}")
        variable = variables(f"{SERVER}/{EMPTY}", redis, "", environment(base))
        manage(variable, "migrate", "--verbosity", "0")
        manage(variable, "import_catalogue", f"{scratch}/catalogue")
        row("a local run", local(world, variable))
        expected = truth()
        for name in BROKERS:
            folder = Path(scratch, name)
            folder.mkdir()
            with broker(name, redis, folder) as url:
                for number in WORKERS:
                    seconds, summary = distributed(world, {**variable, "CELERY_BROKER_URL": url}, number)
                    assert all(host["left"] == 0 for hosts in summary["sources"].values() for host in hosts.values())
                    assert truth() == expected, "the catalogue is not that of a local run"
                    row(f"{name}, {number} workers", seconds)
    for database in (USED, EMPTY):
        execute("postgres", f"DROP DATABASE {database} WITH (FORCE)")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
