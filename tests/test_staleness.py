"""Two servers, one Redis, two host names: after a commit, however it was written, nobody sees what was before it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from django.db import connection
from django.db.models import F

from categories.models import Category
from grids.models import Grid, GridPackage
from packages.facts import Fetched, Known, RepositoryFacts
from packages.models import Package
from packages.record import Attempt, record
from tests.factories import GridFactory, MembershipFactory, PackageFactory

ROOT = Path(__file__).resolve().parent.parent
REDIS = "redis://127.0.0.1:6379/9"
ROUNDS = 12
HOSTS = ("one.example", "two.example")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="servers need a database that they can share"),
]


@pytest.fixture
def shared() -> str:
    """A Redis, or the next best thing; .ci/run starts one."""
    try:
        redis.Redis.from_url(REDIS, socket_connect_timeout=1, protocol=2).flushdb()
    except redis.RedisError:
        if os.environ.get("CI"):
            raise
        pytest.skip("no Redis on 127.0.0.1:6379")
    return REDIS


@pytest.fixture
def servers(shared: str) -> Iterator[list[str]]:
    made = connection.settings_dict
    password = f":{made['PASSWORD']}" if made["PASSWORD"] else ""
    url = f"postgresql://{made['USER']}{password}@{made['HOST']}:{made['PORT'] or 5432}/{made['NAME']}"
    with ExitStack() as stack:
        addresses = []
        for _ in range(2):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "x", "DATABASE_URL": url, "PORT": str(port)}
            environment |= {"CACHE_URL": shared, "WEB_CONCURRENCY": "1", "ALLOWED_HOSTS": ",".join(HOSTS)}
            command = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py", "--log-level=error"]
            process = stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=environment))
            stack.callback(process.terminate)
            addresses.append(f"http://127.0.0.1:{port}")
        for address in addresses:
            _wait_for(address)
        yield addresses


def _wait_for(address: str) -> None:
    for _ in range(200):
        try:
            requests.get(address, timeout=5, allow_redirects=False)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing answers at {address}")


def ways(package: Package) -> dict[str, Callable[[int], object]]:
    """Every way of writing; each puts a number where a document shows it, or moves what a document shows."""
    one = Package.objects.filter(pk=package.pk)

    def saved(number: int) -> None:
        row = one.get()
        row.repo_forks = number
        row.save()

    def bulk_updated(number: int) -> None:
        row = one.get()
        row.repo_forks = number
        Package.objects.bulk_update([row], ["repo_forks"])

    def upserted(number: int) -> None:
        row = one.get()
        row.repo_forks = number
        Package.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["repo_forks"])

    def refreshed(number: int) -> None:
        at = package.created
        facts = RepositoryFacts("7", "https://github.com/a/p", "", 1, number, None, at, None, None, at.date())
        known = Known(package.pk, host="github.com", path="a/p")
        record([Attempt(known, "repo", at, Fetched(facts, {}))])

    def by_hand(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE packages_package SET repo_forks = %s", [number])

    return {
        "save": saved,
        "bulk_update": bulk_updated,
        "bulk_create": upserted,
        "update": lambda number: one.update(repo_forks=number),
        "refresh": refreshed,
        "SQL": by_hand,
    }


def test_no_reader_sees_what_was_before_a_commit(servers: list[str]) -> None:
    package = PackageFactory.create(slug="p", repo_url="https://github.com/a/p")
    grid = GridFactory.create(slug="g", title="g")
    MembershipFactory.create(package=package, grid=grid)
    sessions = {address: requests.Session() for address in servers}
    numbers = count(1)

    def read(path: str) -> Iterator[Any]:
        for address, session in sessions.items():
            for host in HOSTS:
                response = session.get(f"{address}/api/v4/{path}", headers={"Host": host}, timeout=10)
                assert response.status_code == 200
                other = next(each for each in HOSTS if each != host)
                assert other not in response.text, "another host's links"
                yield response.json()

    for _ in range(ROUNDS):
        for what, write in ways(package).items():
            number = next(numbers)
            write(number)
            for document in read("packages/p/"):
                assert document["repo_forks"] == number, what
            for page in read("packages/?fields=repo_forks"):
                assert page["results"] == [{"repo_forks": number}], what
        number = next(numbers)
        Grid.objects.update(title=f"g{number}")
        assert {grid["title"] for grid in read("grids/g/")} == {f"g{number}"}
        assert {hits[0]["title"] for hits in read(f"search/?q=g{number}")} == {f"g{number}"}
        Category.objects.update(description=str(number))
        assert {page["results"][0]["description"] for page in read("categories/")} == {str(number)}
        GridPackage.objects.update(position=F("position") - 1)
        GridPackage.objects.all().delete()
        assert [document["grids"] for document in read("packages/p/")] == [[]] * 4
        MembershipFactory.create(package=package, grid=grid)
        assert all(len(document["grids"]) == 1 for document in read("packages/p/"))
        assert all(len(document["packages"]) == 1 for document in read("grids/g/"))
