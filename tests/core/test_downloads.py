"""Downloads from a live server: slow ones do not stop the site, whoever sends the files."""

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from tenacity import Retrying, stop_after_delay, wait_fixed

from config import gunicorn
from core.downloads import SMALL
from tests.dumps import write_dump
from tests.servers import ROOT, free_port, running, server

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
DATA = bytes(range(256)) * 2**16  # 16 MB: more than sockets take
ACCEL = "/_dumps/"


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return the path of a large file of a dump."""
    name = write_dump(tmp_path / "dumps", NOW, catalogue__sqlite=DATA, grids__csv__gz=b"x" * SMALL)
    return f"/api/v4/dumps/{name}/catalogue.sqlite"


@contextmanager
def site(tmp_path: Path, **settings: str) -> Iterator[str]:
    """Serve the dumps by one worker, which reads no database here."""
    database = f"sqlite:///{tmp_path / 'none.sqlite3'}"
    with server(DATABASE_URL=database, DUMP_ROOT=str(tmp_path / "dumps"), **settings) as url:
        yield url


@contextmanager
def slow_readers(url: str, path: str, number: int) -> Iterator[list[int]]:
    """Yield the statuses of as many requests at the same time, whose clients read no more than these."""
    parts = urlsplit(url)
    with ExitStack() as opened:
        statuses = []
        for _ in range(number):
            client = opened.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(30)
            client.connect((parts.hostname, parts.port))
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
            statuses.append(int(client.recv(100).split()[1]))
        yield statuses


def test_slow_downloads_leave_threads_for_the_site(tmp_path: Path, path: str) -> None:
    with site(tmp_path) as url:
        with slow_readers(url, path, 4) as statuses:
            assert Counter(statuses) == {200: 2, 503: 2}
            for _ in range(10):
                assert requests.get(f"{url}/api/v4/dumps/", timeout=5).status_code == 200
            small = requests.get(f"{url}{path.replace('catalogue.sqlite', 'grids.csv.gz')}", timeout=5)
            assert (small.status_code, len(small.content)) == (200, SMALL)
        # The server finds out that they are gone when it goes on sending.
        for attempt in Retrying(stop=stop_after_delay(30), wait=wait_fixed(0.1), reraise=True):
            with attempt:
                assert requests.get(url + path, timeout=30).status_code == 200
        assert {requests.get(url + path, timeout=30).content == DATA for _ in range(5)} == {True}


def test_a_worker_has_threads_for_downloads_only_if_it_sends_them() -> None:
    assert (gunicorn.threads, gunicorn._SETTINGS["DOWNLOADS"]) == (2, 0)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Run nginx with the locations that README has in front of the site, and yield the URLs of both."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    locations = re.findall(r"^    location \S+ \{\n(?:     .*\n)+    \}\n", readme, re.MULTILINE)
    port = free_port()
    with site(tmp_path, DUMP_ACCEL=ACCEL, SITE_URL=f"http://127.0.0.1:{port}") as url:
        served = "".join(locations).replace("/srv/dumps/", f"{tmp_path}/dumps/").replace("http://127.0.0.1:8000", url)
        folders = "".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("client_body", "proxy", "fastcgi"))
        folders += "".join(f"{name}_temp_path {tmp_path}/{name};" for name in ("uwsgi", "scgi"))
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(
            f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; gzip on; gzip_types *; {folders}\n"
            f"server {{ listen 127.0.0.1:{port};\n{served} }} }}"
        )
        for folder in (tmp_path, *tmp_path.parents[:2]):  # started by root, it becomes another user
            folder.chmod(0o755)
        with running(["nginx", "-e", f"{tmp_path}/error.log", "-c", str(configuration)], f"http://127.0.0.1:{port}"):
            yield f"http://127.0.0.1:{port}", url


@pytest.mark.more
def test_nginx_sends_the_files(nginx: tuple[str, str], path: str) -> None:
    front, url = nginx
    response = requests.get(front + path, timeout=30)
    assert (response.status_code, response.content == DATA) == (200, True)
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["Content-Type"] == "application/vnd.sqlite3"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert not {"Content-Encoding", "X-Accel-Redirect"} & response.headers.keys()
    etag = response.headers["ETag"]
    assert requests.get(front + path, headers={"If-None-Match": etag}, timeout=30).status_code == 304
    part = requests.get(front + path, headers={"Range": "bytes=255-256"}, timeout=30)
    assert (part.status_code, part.content) == (206, b"\xff\x00")
    assert requests.get(f"{front}{ACCEL}{path.split('dumps/')[1]}", timeout=30).status_code == 404, "it is internal"
    assert requests.get(f"{front}/api/v4/dumps/", timeout=30).json()["results"][0]["manifest"].startswith(front)
    latest = requests.get(f"{front}/api/v4/dumps/latest/catalogue.sqlite", timeout=30)
    assert (latest.url, latest.content == DATA) == (front + path, True)
    assert requests.get(f"{front}{path}x", timeout=30).status_code == 404
    with slow_readers(front, path, 20) as statuses:
        assert set(statuses) == {200}
        assert {requests.get(f"{front}/api/v4/dumps/", timeout=5).status_code for _ in range(10)} == {200}
    assert requests.get(url, timeout=5).ok
