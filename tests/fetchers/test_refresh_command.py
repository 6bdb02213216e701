"""manage.py refresh_packages as cron and as a person run it: exit codes, locks, signals, kills."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from fetchers.locks import LockedError, lock
from fetchers.models import Run
from packages.models import Package
from tests.factories import PackageFactory
from tests.fetchers.test_refresh import assert_true, populate, unlimited
from tests.upstream import World, environment, serving

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def base() -> Iterator[tuple[World, str]]:
    world = World()
    with serving(world) as base:
        yield world, base


@pytest.fixture
def world(base: tuple[World, str], settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    unlimited(monkeypatch)
    for name, value in environment(base[1]).items():
        setattr(settings, name, value)
    return base[0]


def exit_code(*arguments: Any) -> int:
    try:
        call_command("refresh_packages", *arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    except CommandError as error:
        return error.returncode
    return 0


@pytest.mark.django_db
def test_the_summary(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    populate(world, 3)
    assert exit_code() == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = shown.out.splitlines()
    assert lines[:2] == ["repo at github.com: 3 due, 3 ok", "pypi: 3 due, 3 ok"]
    assert lines[2] == "github: 6 requests, 4994 left"
    assert lines[-2] == "health: 0 verdicts changed, 3 for the first time"
    assert lines[-1].startswith("done in ")
    assert exit_code("--json", "--all") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["sources"]["repo"]["github.com"] == {
        "due": 3,
        "tried": 3,
        "left": 0,
        "outcomes": {"ok": 3},
        "stopped": "",
    }
    assert set(document["hosts"]["github-graphql"]) == {"requests", "remaining", "may_go_on_at"}
    assert list(document) == [
        *("sources", "nothing_to_ask", "hosts", "notes", "snapshots_pruned", "health", "seconds", "exit_code")
    ]
    assert document["health"] == {"settled": 6, "new": 0, "changed": 0, "failed": 0}
    assert document == Run.objects.first().summary  # type: ignore[union-attr]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [
        ["--package", "nobody"],
        ["--host", "example.org"],
        ["--source", "svn"],
        ["--limit", "0"],
        ["--limit", "x"],
        ["--stale-hours", "-1"],
        ["--stale-hours", "nan"],
        ["--workers", "0"],
        ["--time-budget", "soon"],
    ],
)
def test_wrong_arguments(world: World, arguments: list[str]) -> None:
    try:
        call_command("refresh_packages", *arguments)
    except CommandError as error:
        # Off the command line argparse's own errors come as CommandErrors without a code; there it exits with 2.
        code = error.returncode if arguments[0] in {"--package", "--host"} else 2
    assert code == 2
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_a_dry_run_sends_no_request(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    populate(world, 3)
    assert exit_code("--dry-run") == 0
    assert capsys.readouterr().out == "repo: 3 due at github.com\npypi: 3 due\n"
    assert exit_code("--dry-run", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"due": {"repo": {"github.com": 3}, "pypi": {"pypi": 3}}}
    assert not world.requests
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_force_reads_everything_again(world: World) -> None:
    populate(world, 3)
    assert exit_code() == 0
    Package.objects.update(licence="BSD", participants=["mallory"])
    assert exit_code("--all") == 0
    assert Package.objects.filter(licence="BSD", participants=["mallory"]).count() == 3
    assert exit_code("--force") == 0
    assert_true(world)


@pytest.mark.django_db
def test_the_summary_tells_what_cannot_be_asked_for(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for repo_url in ("", "https://git.example.org/a/b", "https://svn.example.org/c"):
        PackageFactory.create(repo_url=repo_url, pypi_url="")
    assert exit_code() == 0
    assert "nothing to ask: 3 (1 without an address, 2 on unknown hosts)\n" in capsys.readouterr().out
    assert exit_code("--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["nothing_to_ask"] == {"without an address": 1, "on unknown hosts": 2}


@pytest.mark.django_db
def test_a_short_pause_does_not_outlast_the_run(world: World) -> None:
    """A host that is limited costs its own packages alone, and no more time than the run has."""
    populate(world, 10)
    world.strict = True
    world.windows["rest"].extend([time.monotonic()] * 900)
    started = time.monotonic()
    assert exit_code("--time-budget", "3") == 0
    assert time.monotonic() - started < 20
    summary = Run.objects.get().summary
    assert summary["sources"]["repo"]["github.com"]["stopped"]
    assert world.limited["rest"]


@pytest.mark.django_db
def test_one_package_whatever_is_due(world: World) -> None:
    packages = populate(world, 3)
    assert exit_code("--package", packages[1].slug) == 0
    assert list(Package.objects.exclude(last_fetched=None)) == [packages[1]]
    assert "pypi index" not in world.requests
    world.repos["owner2/name2"].stars = 77
    assert exit_code("--package", packages[1].slug, "--source", "repo") == 0
    assert Package.objects.get(pk=packages[1].pk).repo_watchers == 77


@pytest.mark.django_db
def test_time_that_runs_out_is_no_failure(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    populate(world, 30)
    assert exit_code("--time-budget", "0") == 0
    assert "30 left (its time ran out)" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_a_held_lock_is_exit_code_3_for_its_source_alone(world: World) -> None:
    populate(world, 2)
    if connection.vendor == "postgresql":
        holder = connection.copy()
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(crc) FROM (VALUES (%s)) AS key (crc)", [_key("repo")])
        assert exit_code() == 3
        assert exit_code("--source", "pypi") == 0
        with holder.cursor() as cursor:  # a session that is closed may hold its locks for a moment
            cursor.execute("SELECT pg_advisory_unlock_all()")
        holder.close()
    else:
        with lock("repo"):
            assert exit_code() == 3
            assert exit_code("--source", "pypi") == 0
    assert exit_code() == 0
    assert Run.objects.count() == 2


def _key(source: str) -> int:
    return crc32(f"package-grids:refresh:{source}".encode())


class Outside:
    """The command in another process, on a database that the test reads too."""

    def __init__(self, base: str, database: str) -> None:
        self.environment = {
            "PATH": os.environ["PATH"],
            "DEBUG": "true",
            "DATABASE_URL": database,
            **environment(base),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "manage.py", "refresh_packages", *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


# Forks the command from a process that has loaded the program, line by line; prints each one's process id and, at its
# end, its exit code.
FORKS = """
import os, runpy, sys
import django
django.setup()
for line in sys.stdin:
    process = os.fork()
    if not process:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.argv = ["manage.py", *line.split()]
        runpy.run_path("manage.py", run_name="__main__")
        sys.exit()
    print(process, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


class Forks:
    """The command in processes of its own, one after the other, of which none takes time to start."""

    def __init__(self, parent: "subprocess.Popen[str]") -> None:
        self.parent, self.running = parent, 0

    def _read(self) -> int:
        assert self.parent.stdout
        return int(self.parent.stdout.readline())

    def start(self, *arguments: str) -> None:
        assert self.parent.stdin
        self.parent.stdin.write(" ".join(["refresh_packages", *arguments]) + "\n")
        self.parent.stdin.flush()
        self.running = self._read()

    def is_running(self) -> bool:
        return Path(f"/proc/{self.running}").exists()

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.kill(self.running, signal.SIGKILL)

    def exit_code(self) -> int:
        return self._read()


@pytest.fixture
def forks(outside: "Outside") -> Iterator[Forks]:
    variables = outside.environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", FORKS]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdin=pipe, stdout=pipe, text=True) as parent:
        yield Forks(parent)  # which ends with its input


@pytest.fixture
def outside(base: tuple[World, str], tmp_path: Path, transactional_db: None) -> Iterator[Outside]:
    """Use the test's own database on PostgreSQL; one of SQLite is in memory, so it is copied to a file."""
    settings = connection.settings_dict
    if connection.vendor == "postgresql":
        credentials = f"{settings['USER']}:{settings['PASSWORD']}" if settings["PASSWORD"] else settings["USER"]
        address = f"{settings['HOST']}:{settings['PORT'] or 5432}"
        yield Outside(base[1], f"postgresql://{credentials}@{address}/{settings['NAME']}")
        return
    file = tmp_path / "db.sqlite3"
    before, name = connection.connection, settings["NAME"]
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM INTO '{file}'")
    connection.connection = None
    settings["NAME"] = str(file)
    try:
        yield Outside(base[1], f"sqlite:///{file}")
    finally:
        connection.close()
        settings["NAME"] = name
        connection.connection = before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(base: tuple[World, str], outside: Outside, number: signal.Signals) -> None:
    world = base[0]
    populate(world, 120)
    world.latency = 0.05
    process = outside.start()
    _wait_until(lambda: world.requests["rest"] > 30)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "Traceback" not in err
    assert "the run was ended" in out
    run = Run.objects.get()
    assert run.finished is not None
    assert Package.objects.exclude(last_fetched=None).count() == run.summary["sources"]["repo"]["github.com"]["tried"]


def test_two_at_once(base: tuple[World, str], outside: Outside) -> None:
    world = base[0]
    populate(world, 60)
    # The first run gets no response before the second has ended, however long that takes to start.
    second_ended = threading.Event()
    world.fault = lambda _: None if second_ended.wait(60) else "500"
    first = outside.start()
    try:
        _wait_until(lambda: world.requests["graphql"])
        second = outside.start()
        _, err = second.communicate(timeout=60)
        assert (second.returncode, "another run" in err) == (3, True)
    finally:
        second_ended.set()
        first.communicate(timeout=60)
    assert first.returncode == 0
    assert_true(world)


def test_killed_at_random_moments_it_loses_nothing(base: tuple[World, str], forks: Forks) -> None:
    """Twenty runs die; a package is then whole, as it is or as it was; one run more makes every number true."""
    world = base[0]
    populate(world, 12)
    world.latency = 0.005
    requests = random.Random(20)
    for _ in range(20):
        for repo, project in zip(world.repos.values(), world.projects.values(), strict=True):
            world.commit(repo)
            world.release(project)
        last = world.requests.total() + requests.randrange(1, 44)
        forks.start("--all")
        while world.requests.total() < last and forks.is_running():
            time.sleep(0.005)
        forks.kill()
        forks.exit_code()
        _wait_until(_is_unlocked)  # PostgreSQL needs a moment to see that a client is gone
        for package in Package.objects.exclude(last_fetched=None):
            # Each commit brings one star and one count of the last week: both are there, or neither is.
            assert package.repo_watchers - int(package.repo_id) == package.commits_over_52[-1] - 1
            assert package.fetch_states.filter(source="repo").exists()
    forks.start("--all")
    assert forks.exit_code() == 0
    assert_true(world)
    assert Run.objects.filter(finished=None).count() >= 10


def _is_unlocked() -> bool:
    try:
        with lock("repo"), lock("pypi"):
            return True
    except LockedError:
        return False


def _wait_until(true: Any) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("the condition was not met in 30 s")
