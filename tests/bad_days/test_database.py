"""A database that is read-only, or fails over to its standby; those that are down, hung, restarted or full stand in
tests/config/test_unavailable_database.py."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
import requests

from tests.bad_days.sites import PACKAGE, PAGE, Site, check_unavailable, prepare, site
from tests.clusters import Cluster, cluster, program, run
from tests.servers import free_port

pytestmark = pytest.mark.more


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster() as started:
        prepare(started.url)
        yield started


def alter(database: Cluster, setting: str) -> None:
    connection = psycopg2.connect(f"{database.url}?options=-c%20default_transaction_read_only%3Doff")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER SYSTEM {setting}")
        cursor.execute("SELECT pg_reload_conf()")
    connection.close()
    time.sleep(0.3)  # for the sessions to take it


@contextmanager
def read_only(database: Cluster) -> Iterator[None]:
    alter(database, "SET default_transaction_read_only = on")
    try:
        yield
    finally:
        alter(database, "RESET default_transaction_read_only")


def test_read_only(database: Cluster, tmp_path: Path) -> None:
    """All can be read. Whoever writes is told, in a page; nothing of it is half done, and no command hides it."""
    with site(tmp_path, database.url) as served:
        served.log_in()
        before, form = served.title(), served.open_form()
        with read_only(database):
            for path in ("packages/", f"packages/{PACKAGE}/", "search/?q=rest", "changes/", "grids/?expand=packages"):
                assert served.get(path).status_code == 200
                if path != "changes/":
                    assert served.get(path, PAGE).status_code == 200
            assert requests.get(f"{served.url}/readyz", timeout=60).status_code == 200
            lines = served.lines()
            check_unavailable(served.save(form, "Read-only"), is_page=True)
            [line] = served.new_lines(lines)
            assert "Service Unavailable: /admin/packages/package/" in line
            assert "read-only transaction" in line
            assert served.title() == before
            for command in (["refresh_packages"], ["update_health", "--all"]):
                done = served.manage(*command)
                assert done.returncode == 1
                [line] = done.stderr.splitlines()
                assert line.startswith("Database: cannot execute ")
                assert line.endswith(" in a read-only transaction")
        assert served.save(form, "Written").status_code == 302
        assert served.title() == "Written"


def standby_of(primary: Cluster, parent: Path) -> Cluster:
    """Copy a primary, and follow it."""
    folder, port = parent / "data", free_port()
    run(program("pg_basebackup"), "-d", primary.url, "-D", str(folder), "-R", "-X", "stream", "-c", "fast")
    with (folder / "postgresql.auto.conf").open("a", encoding="ascii") as file:
        file.write(f"port = {port}\n")
    started = Cluster(folder, port)
    started.control("start")
    return started


@contextmanager
def two_clusters() -> Iterator[tuple[Cluster, Cluster]]:
    with cluster() as primary:
        prepare(primary.url)
        parent = primary.folder.parent / "standby"
        parent.mkdir()
        shutil.chown(parent, "postgres", "postgres")
        standby = standby_of(primary, parent)
        try:
            yield primary, standby
        finally:
            standby.control("stop", "--mode=immediate")
            if primary.is_stopped():
                primary.control("start")


def _available(served: Site) -> bool:
    response = served.get(f"packages/{PACKAGE}/")
    if response.status_code != 200:
        check_unavailable(response)
    return response.status_code == 200


def test_failing_over(tmp_path: Path) -> None:
    """The primary stops, the standby becomes the primary: 503 meanwhile, then everything, without a restart."""
    with two_clusters() as (primary, standby):
        ports = f"{primary.port},{standby.port}"
        url = f"postgresql://owner@/postgres?host=127.0.0.1,127.0.0.1&port={ports}&target_session_attrs=read-write"
        with site(tmp_path, url) as served:
            served.log_in()
            assert served.save(served.open_form(), "Before").status_code == 302
            assert served.title() == "Before"
            for _ in range(100):  # the standby has it
                with psycopg2.connect(standby.url) as connection, connection.cursor() as cursor:
                    cursor.execute(f"SELECT title FROM packages_package WHERE slug = '{PACKAGE}'")
                    found = cursor.fetchone()
                connection.close()
                if found == ("Before",):
                    break
                time.sleep(0.1)
            primary.control("stop", "--mode=immediate")
            assert not _available(served), "the standby takes no writes yet"
            standby.control("promote")
            served.becomes_available(15)
            assert served.title() == "Before"
            assert served.save(served.open_form(), "After").status_code == 302
            assert served.title() == "After"
            done = served.manage("update_health")
            assert (done.returncode, done.stderr) == (0, "")
            assert all("Service Unavailable" in line for line in served.lines()), served.lines()


def test_a_save_that_came_too_late(tmp_path: Path, database: Cluster) -> None:
    """A session that was open while the primary became read-only: a save is refused, not lost."""
    with site(tmp_path, database.url) as served:
        served.log_in()
        form = served.open_form()
        with read_only(database):
            check_unavailable(served.save(form, "Lost"), is_page=True)
        assert served.title() != "Lost"
