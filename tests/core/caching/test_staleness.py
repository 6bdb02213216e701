"""Two servers, one Redis, two host names: after a commit, by whatever way of writing, no response is older than it."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import count, cycle, product
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from categories.models import Category
from core.models import Revision
from grids.models import Grid, GridPackage
from packages.facts import UNKNOWN, Fetched, FetchTarget, RepositoryFacts
from packages.models import Package
from packages.results import Attempt, save_results
from tests.core.admin.editors import grid_form, package_form
from tests.factories import GridFactory, MembershipFactory, PackageFactory
from tests.servers import ROOT, SECRET_KEY, database_url, server
from tests.threads import in_background

ROUNDS = 12
SECONDS, MOST_SECONDS = 8, 120  # of readers beside a writer; a busy machine takes longer for as many rounds
HOSTS = ("one.example", "two.example")

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="servers need a database that they can share"),
]


@pytest.fixture
def environment(redis_url: str) -> dict[str, str]:
    """The variables with which other processes use the tests' database and Redis."""
    hosts = ",".join(HOSTS)
    return {"SECRET_KEY": SECRET_KEY, "DATABASE_URL": database_url(), "CACHE_URL": redis_url, "ALLOWED_HOSTS": hosts}


@pytest.fixture
def servers(environment: dict[str, str]) -> Iterator[list[str]]:
    with server(**environment) as one, server(**environment) as two:
        yield [one, two]


@pytest.fixture
def grid() -> Grid:
    return GridFactory.create(slug="g", title="g")


@pytest.fixture
def package(grid: Grid) -> Package:
    package = PackageFactory.create(slug="p", title="0", repo_url="https://github.com/a/p")
    MembershipFactory.create(package=package, grid=grid)
    return package


Way = Callable[[int], object]


@pytest.fixture
def ways(package: Package, admin_client: Client, tmp_path: Path) -> dict[str, Way]:
    """Every way of writing; each stores a number that `shown` reads from the document."""
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
        facts = RepositoryFacts("7", "https://github.com/a/p", "", 1, number, UNKNOWN, at, UNKNOWN, UNKNOWN, at.date())
        known = FetchTarget(package.pk, host="github.com", path="a/p")
        save_results([Attempt(known, "repo", at, Fetched(facts, {}))])

    def edited(number: int) -> None:
        form = package_form(package.category, title=str(number), slug="p", repo_url=package.repo_url)
        assert admin_client.post(f"/admin/packages/package/{package.pk}/change/", form).status_code == 302

    def imported(number: int) -> None:
        call_command("export_catalogue", str(tmp_path), stdout=StringIO())
        packages = tmp_path / "packages.json"
        [document] = json.loads(packages.read_text())
        fetched = {"repo_forks": number, "last_fetched": timezone.now().isoformat()}
        packages.write_text(json.dumps([document | fetched]))
        call_command("import_catalogue", str(tmp_path), stdout=StringIO())

    return by_hand() | {
        "save": saved,
        "bulk_update": bulk_updated,
        "bulk_create": upserted,
        "update": lambda number: one.update(repo_forks=number),
        "refresh": refreshed,
        "admin": edited,
        "import": imported,
    }


def by_hand() -> dict[str, Way]:
    """Return the ways that use SQL: plain, and if the role is permitted to, with ordinary triggers switched off."""
    statement = "UPDATE packages_package SET repo_forks = {}"

    def with_triggers(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement.format(number))

    def without_triggers(number: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement.format(number))
            cursor.execute("RESET session_replication_role")

    with connection.cursor() as cursor:
        cursor.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')")
        [may_switch_triggers_off] = cursor.fetchone()
    ways: dict[str, Way] = {"SQL": with_triggers}
    return ways | ({"replica": without_triggers} if may_switch_triggers_off else {})


def shown(document: Any) -> int:
    """Return the number that was written last: fetched or typed, whichever is higher, as numbers only rise."""
    return max(int(document["repo_forks"]), int(document["title"]))


def get(session: requests.Session, url: str, host: str, path: str) -> Any:
    response = session.get(f"{url}/api/v4/{path}", headers={"Host": host}, timeout=10)
    assert response.status_code == 200, response.text
    other = next(each for each in HOSTS if each != host)
    assert other not in response.text, "another host's links"
    body = response.json()
    results = body.get("results", body) if isinstance(body, dict) else body
    assert results, f"nothing at {response.url}: {response.text} {response.headers}"
    return body


def test_no_reader_sees_a_state_before_a_commit(
    servers: list[str], environment: dict[str, str], ways: dict[str, Way], admin_client: Client
) -> None:
    package, grid = Package.objects.get(), Grid.objects.get()
    sessions = {url: requests.Session() for url in servers}
    numbers = count(1)

    def read(path: str) -> list[Any]:
        return [get(session, url, host, path) for url, session in sessions.items() for host in HOSTS]

    def another_process(number: int) -> None:
        code = "from django.db import connection; connection.cursor().execute("
        code += f"'UPDATE packages_package SET repo_forks = {number}')"
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", code]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)

    for turn in range(ROUNDS):
        also = {"another process": another_process} if turn in {0, ROUNDS - 1} else {}
        for what, write in (ways | also).items():
            number = next(numbers)
            write(number)
            assert [shown(document) for document in read("packages/p/")] == [number] * 4, what
            pages = read("packages/?fields=repo_forks,title")
            assert [shown(page["results"][0]) for page in pages] == [number] * 4, what
        number = next(numbers)
        form = grid_form(title=f"g{number}", slug="g")
        assert admin_client.post(f"/admin/grids/grid/{grid.pk}/change/", form).status_code == 302
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


def test_readers_beside_a_writer_are_never_behind_it(servers: list[str], ways: dict[str, Way]) -> None:
    """A number is published after its commit, so later requests must show it or a newer one."""
    published = [(0, 0)]
    reads = dict.fromkeys(product(servers, HOSTS), 0)
    over = threading.Event()

    def read(url: str, host: str) -> None:
        with requests.Session() as session:
            while not over.is_set():
                number, change = published[-1]
                assert shown(get(session, url, host, "packages/p/")) >= number
                number, change = published[-1]
                assert shown(get(session, url, host, "packages/?limit=1")["results"][0]) >= number
                number, change = published[-1]
                assert shown(get(session, url, host, "search/?q=p&type=package")[0]) >= number
                number, change = published[-1]
                if change:
                    changes = get(session, url, host, f"changes/?since={change - 1}")
                    assert changes["results"][0]["number"] == change
                reads[url, host] += 1

    def enough() -> bool:
        return len(published) > 3 * len(ways) and min(reads.values()) > 10

    readers = [in_background(read, *each) for each in reads]
    begun = time.monotonic()
    for number, write in enumerate(cycle(ways.values()), 1):
        write(number)
        published.append((number, Revision.objects.get(kind=Revision.LOG).number))
        if time.monotonic() > begun + (SECONDS if enough() else MOST_SECONDS):
            break
        if not all(reader.is_alive() for reader in readers):
            break
    over.set()
    for reader in readers:
        reader.result()
    assert enough()
