"""A PostgreSQL that is silent, stopped, full, locked or restarted: 503 in time, in one log line, and no longer than it
lasts. On a cluster of the tests' own, with a real server."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from config.probes import KEPT_SECONDS
from tests.clusters import Cluster, cluster, silent_listener
from tests.servers import ROOT, server

STATEMENT_SECONDS = 2
MOST_SECONDS = STATEMENT_SECONDS + 3
PAUSE_SECONDS = 5
MANAGE = {"PATH": os.environ["PATH"], "DEBUG": "true", "PYTHONWARNINGS": "ignore"}
PAGE = {"Accept": "text/html"}
API = {
    "packages": "api/v4/packages/?limit=5",
    "package": "api/v4/packages/djangorestframework/",
    "grid": "api/v4/grids/rest-apis/?expand=packages",
    "search": "api/v4/search/?q=rest",
    "changes": "api/v4/changes/",
    "feed": "api/v4/feeds/packages.atom",
    "nothing there": "api/v4/packages/there-is-none/",
}
WITHOUT_DATABASE = {
    "root": "api/v4/",
    "schema": "api/v4/schema/",
    "docs": "api/v4/docs/",
    "no route": "api/v4/nowhere/",
}


class Answer(NamedTuple):
    status: int
    seconds: float
    headers: "requests.structures.CaseInsensitiveDict[str]"
    text: str
    lines: list[str]


class Site:
    """A server, an editor's session, and the log."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log, self.editor = url, log, requests.Session()

    def get(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Answer:
        before, start = len(self._lines()), time.monotonic()
        response = self.editor.request(method, f"{self.url}/{path}", headers=headers, timeout=60)
        seconds = time.monotonic() - start
        return Answer(response.status_code, seconds, response.headers, response.text, self._lines()[before:])

    def log_in(self) -> None:
        form = f"{self.url}/admin/login/"
        self.editor.get(form, timeout=60)
        data = {"username": "editor", "password": "editor", "csrfmiddlewaretoken": self.editor.cookies["csrftoken"]}
        assert self.editor.post(form, data=data, timeout=60, allow_redirects=False).status_code == 302

    def _lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster() as started:
        variables = MANAGE | {"DATABASE_URL": started.url, "DJANGO_SUPERUSER_PASSWORD": "editor"}
        for command in (
            ["migrate", "--verbosity=0"],
            ["load_sample", "--verbosity=0"],
            ["createsuperuser", "--no-input", "--username=editor", "--email=editor@example.org", "--verbosity=0"],
        ):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=variables, check=True)
        yield started


@contextmanager
def serve(url: str, folder: Path) -> Iterator[Site]:
    settings = {"STATEMENT_SECONDS": str(STATEMENT_SECONDS), "DJANGO_SETTINGS_MODULE": "tests.uncollected"}
    log = folder / "log"
    with log.open("w") as file, server(file, DATABASE_URL=url, CACHE_URL="dummy://", **settings) as address:
        yield Site(address, log)


@pytest.fixture
def site(database: Cluster, tmp_path: Path) -> Iterator[Site]:
    """A server that has a connection, as one that has served for a while."""
    with serve(database.url, tmp_path) as site:
        site.log_in()
        yield site


def check_unavailable(answer: Answer, *, is_json: bool) -> None:
    assert answer.status == 503
    assert answer.seconds < MOST_SECONDS
    assert answer.headers["Retry-After"] == "5"
    assert len(answer.lines) == 1, answer.lines
    assert "Service Unavailable: /" in answer.lines[0]
    assert "The database" in answer.text
    if is_json:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Content-Length"] == str(len(answer.text))
    else:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "<h1>Service unavailable</h1>" in answer.text


def check_everything(site: Site, pause: float = 0) -> None:
    """Request everything, each `pause` seconds after the other: in the first seconds no connection is opened."""
    for path in API.values():
        check_unavailable(site.get(path), is_json=True)
        time.sleep(pause)
    check_unavailable(site.get(API["packages"], PAGE), is_json=False)
    head = site.get(API["packages"], method="HEAD")
    assert (head.status, head.text, len(head.lines)) == (503, "", 1)
    check_unavailable(site.get("admin/packages/package/"), is_json=False)
    time.sleep(KEPT_SECONDS + 1)  # gunicorn closes connections that are idle for two seconds
    ready = site.get("readyz")
    assert (ready.status, ready.headers["Content-Type"]) == (503, "application/json")
    assert '"database": "it does not respond"' in ready.text
    assert ready.seconds < MOST_SECONDS
    assert site.get("healthz").text == "ok\n"
    for path in WITHOUT_DATABASE.values():
        answer = site.get(path)
        assert answer.status == (404 if "nowhere" in path else 200)
        assert answer.seconds < MOST_SECONDS


def check_recovered(site: Site, within: float = PAUSE_SECONDS + 1) -> None:
    end = time.monotonic() + within
    while site.get(API["package"]).status != 200:
        assert time.monotonic() < end
        time.sleep(0.1)
    for path in API.values():
        assert site.get(path).status == (404 if "there-is-none" in path else 200)
    assert site.get("admin/packages/package/").status == 200
    time.sleep(KEPT_SECONDS + 1)  # gunicorn closes connections that are idle for two seconds
    assert site.get("readyz").status == 200


def test_a_silent_listener(tmp_path: Path) -> None:
    with silent_listener() as (port, accepted), serve(f"postgresql://o@127.0.0.1:{port}/x", tmp_path) as site:
        site.editor.cookies["sessionid"] = "one-that-must-be-looked-up"
        answer = site.get(API["packages"])
        check_unavailable(answer, is_json=True)
        assert answer.seconds > STATEMENT_SECONDS
        assert len(accepted) == 1, "no second try"
        assert site.get(API["package"]).seconds < STATEMENT_SECONDS, "nobody waits for what was silent a moment ago"
        check_everything(site)


@pytest.mark.more
def test_stopped_where_it_stands(database: Cluster, site: Site) -> None:
    check_recovered(site)
    with database.frozen():
        answer = site.get("admin/packages/package/")
        check_unavailable(answer, is_json=False)
        assert answer.seconds > STATEMENT_SECONDS
        check_everything(site, pause=1)
    check_recovered(site)


@pytest.mark.more
def test_many_requests_of_a_stopped_database(database: Cluster, site: Site) -> None:
    """The worker's two threads wait for it once; those who queue behind them are refused immediately."""
    check_recovered(site)

    def seconds(path: str) -> float:
        start = time.monotonic()
        assert requests.get(f"{site.url}/{path}", timeout=60).status_code == 503
        return time.monotonic() - start

    with database.frozen(), ThreadPoolExecutor(len(API)) as clients:
        assert max(clients.map(seconds, API.values())) < MOST_SECONDS
    check_recovered(site)


@pytest.mark.more
def test_down(database: Cluster, site: Site) -> None:
    check_recovered(site)
    with database.down():
        check_everything(site)
        assert site.get(API["package"]).seconds < 1
    check_recovered(site, within=0)


@pytest.mark.more
def test_full(database: Cluster, site: Site) -> None:
    check_recovered(site)
    with database.full():
        check_everything(site)
    check_recovered(site, within=1)


@pytest.mark.more
def test_restarted(database: Cluster, site: Site) -> None:
    for path in [*API.values(), "admin/packages/package/"]:
        check_recovered(site, within=0)
        with database.down():
            pass
        assert site.get(path).status == (404 if "there-is-none" in path else 200), "the first request reconnects"


@pytest.mark.more
@pytest.mark.parametrize(
    ("table", "are_unavailable"),
    [
        ("changes_revision", {*API}),
        ("packages_package", {*API} - {"root", "changes"}),
        ("django_session", set()),
    ],
)
def test_locked(database: Cluster, site: Site, table: str, are_unavailable: set[str]) -> None:
    check_recovered(site)
    with database.locked(table):
        for name, path in API.items():
            answer = site.get(path)
            if name in are_unavailable:
                check_unavailable(answer, is_json=True)
            else:
                assert answer.status == (404 if name == "nothing there" else 200)
        if table == "changes_revision":  # which admin reads nowhere
            assert site.get("admin/packages/package/").status == 200
        else:
            check_unavailable(site.get("admin/packages/package/"), is_json=False)
    check_recovered(site, within=0)
