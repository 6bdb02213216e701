"""Workers that are killed, clients that go away, a deploy under load: no row is half written, no request is lost."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest
import requests

from tests.bad_days.sites import PACKAGE, Site, prepare, site
from tests.clusters import Cluster, cluster
from tests.threads import in_background

pytestmark = pytest.mark.more


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster() as started:
        prepare(started.url)
        yield started


@pytest.fixture
def served(database: Cluster, tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path, database.url, WEB_CONCURRENCY="2", STATEMENT_SECONDS="30") as served:
        served.log_in()
        yield served


@contextmanager
def held(database: Cluster) -> Iterator[None]:
    """Hold the row of the package, so that whoever saves it waits in the middle of it."""
    connection = database.connect()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM packages_package WHERE slug = '{PACKAGE}' FOR UPDATE")
    try:
        yield
    finally:
        connection.close()


def rows(database: Cluster, sql: str) -> list[tuple[object, ...]]:
    with psycopg2.connect(database.url) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        found = cursor.fetchall()
    connection.close()
    return found


def wait_for_a_lock(database: Cluster) -> None:
    for _ in range(200):
        if rows(database, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            return
        time.sleep(0.05)
    raise AssertionError("nobody waits")


HISTORY = "SELECT count(*) FROM editing_editbatch"


def test_a_worker_that_is_killed_in_the_middle_of_a_save(database: Cluster, served: Site) -> None:
    """The editor's browser says that the connection broke off; nothing is saved, nothing is recorded, nothing waits."""
    before, form, history = served.title(), served.open_form(), rows(database, HISTORY)
    with held(database), ThreadPoolExecutor(1) as editor:
        saving = editor.submit(served.save, form, "Killed")
        wait_for_a_lock(database)
        for worker in served.workers():
            os.kill(worker, signal.SIGKILL)
        with pytest.raises(requests.ConnectionError):
            saving.result(60)
    served.becomes_available()
    assert served.title() == before
    assert rows(database, HISTORY) == history
    for _ in range(100):  # until PostgreSQL sees that its client is gone
        if not rows(database, "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"):
            break
        time.sleep(0.05)
    served.log_in()
    assert served.save(served.open_form(), "Saved").status_code == 302
    assert served.title() == "Saved"


def test_a_worker_that_is_killed_is_replaced(served: Site) -> None:
    before = served.workers()
    os.kill(before[0], signal.SIGKILL)
    statuses = set()
    end = time.monotonic() + 30
    while len(served.workers()) < 2 or before[0] in served.workers():
        assert time.monotonic() < end
        statuses.add(served.get("packages/").status_code)  # the other one serves meanwhile
    assert statuses <= {200}
    assert served.title()


def test_an_editor_who_closes_the_browser_in_the_middle_of_a_save(database: Cluster, served: Site) -> None:
    """The form is saved as a whole, as it was sent; the log has no traceback."""
    url, fields = served.open_form()
    parts = urlsplit(url)
    prepared = served.editor.prepare_request(requests.Request("POST", url, data=fields | {"title": ["Closed"]}))
    head = "".join(f"{name}: {value}\r\n" for name, value in prepared.headers.items())
    body = prepared.body or b""
    body = body.encode() if isinstance(body, str) else body
    with held(database), socket.create_connection((str(parts.hostname), int(parts.port or 80))) as client:
        client.sendall(f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}\r\n".encode() + body)
        wait_for_a_lock(database)
    for _ in range(200):
        if served.title() == "Closed":
            break
        time.sleep(0.05)
    assert served.title() == "Closed"
    assert "Traceback" not in served.log.read_text(encoding="utf-8")


def test_a_body_that_never_ends_changes_nothing(served: Site) -> None:
    before, (url, _) = served.title(), served.open_form()
    parts = urlsplit(url)
    cookies = "; ".join(f"{name}={value}" for name, value in served.editor.cookies.items())
    with socket.create_connection((str(parts.hostname), int(parts.port or 80))) as client:
        client.sendall(
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nCookie: {cookies}\r\nContent-Length: 1000\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\ntitle=Half".encode()
        )
    assert served.title() == before
    assert "Traceback" not in served.log.read_text(encoding="utf-8")


def test_a_deploy_under_load(served: Site) -> None:
    """Migrations, triggers installed again, new workers: all of it while requests run, and none of them is lost."""
    statuses: Counter[int] = Counter()
    ended = threading.Event()
    paths = ("packages/?limit=20", f"packages/{PACKAGE}/", "grids/rest-apis/?expand=packages", "search/?q=rest")

    def load() -> None:
        while not ended.is_set():
            for path in paths:
                statuses[served.get(path).status_code] += 1  # it raises for a lost request

    readers = [in_background(load) for _ in range(4)]
    before = served.workers()
    try:
        for command in (["migrate", "-v0"], ["install_triggers", "--all", "-v0"]):
            done = served.manage(*command)
            assert (done.returncode, done.stderr) == (0, "")
        os.kill(served.process.pid, signal.SIGHUP)
        end = time.monotonic() + 60
        while set(before) & set(served.workers()):
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        ended.set()
        for reader in readers:
            reader.result()
    assert statuses.keys() == {200}, statuses
    assert statuses[200] > 20
    assert served.save(served.open_form(), "Deployed").status_code == 302
    assert served.title() == "Deployed"
