"""A thousand slow clients in front of the documented nginx: they wait there, and everybody else is served."""

import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.attacks.fronts import nginx
from tests.bad_days.sites import PACKAGE, Site, site

pytestmark = pytest.mark.more
CLIENTS = 1_000
ADDRESSES = [f"127.0.0.{number}" for number in range(2, 42)]  # 25 connections each: one has 50 at most
PROCESSES = "worker_processes 2; worker_rlimit_nofile 10000; events { worker_connections 4096; }"  # deploy/README.md
_TLS = ssl.create_default_context()
_TLS.check_hostname, _TLS.verify_mode = False, ssl.CERT_NONE

# What each of them has sent when it stops
SENT = {
    "nothing": b"",
    "half a line": b"GET /api/v4/packages/?limit=",
    "half a head": b"GET /api/v4/packages/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "half a body": b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nusername=",
    "all, and reads nothing": b"GET /api/v4/packages/?limit=1000&fields=all HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


@pytest.fixture
def served(tmp_path: Path, sqlite: str) -> Iterator[Site]:
    with site(tmp_path, sqlite) as served:
        yield served


def connected(port: int, address: str) -> ssl.SSLSocket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(30)
    client.bind((address, 0))
    client.connect(("127.0.0.1", port))
    return _TLS.wrap_socket(client, server_hostname="localhost")


def is_closed(client: ssl.SSLSocket) -> bool:
    """Return whether the other side has ended a connection, whatever it said before."""
    client.settimeout(30)
    try:
        while client.recv(65536):
            pass
    except (ConnectionError, ssl.SSLError):
        return True
    except TimeoutError:
        return False
    return True


def test_a_thousand_slow_clients(served: Site, tmp_path: Path) -> None:
    """nginx gives up whoever sends no more of a head or a body for ten seconds; the workers never see them."""
    with nginx(served, tmp_path, PROCESSES) as url, ExitStack() as opened:
        port = urlsplit(url).port
        assert port
        clients: dict[str, list[ssl.SSLSocket]] = {kind: [] for kind in SENT}
        for kind, address, _ in zip(cycle(SENT), cycle(ADDRESSES), range(CLIENTS), strict=False):
            client = opened.enter_context(connected(port, address))
            client.sendall(SENT[kind])
            clients[kind].append(client)
        with requests.Session() as visitor, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nobody has signed the certificate
            for path in ("packages/", f"packages/{PACKAGE}/", "search/?q=rest", "grids/") * 5:
                response = visitor.get(f"{url}/api/v4/{path}", verify=False, timeout=10)
                assert response.status_code == 200
        assert served.workers()
        time.sleep(11)  # client_header_timeout, client_body_timeout
        for kind in ("half a line", "half a head", "half a body"):
            assert all(is_closed(client) for client in clients[kind]), kind
        assert served.get("packages/").status_code == 200
    assert "Traceback" not in served.log.read_text(encoding="utf-8")
