"""The session to the network, against real sockets on the loopback: what a faked wire cannot misbehave like."""

import gzip
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fetchers.network import http
from fetchers.network.http import FetchError, HttpSession

BOMB = gzip.compress(b"0" * 50_000_000)
RESPONSES = {
    "/plain": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\nX-Kind: plain\r\n\r\n" + b'{"a":1}',
    "/chunked": b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "/redirect": b"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: /plain\r\nContent-Length: 0\r\n\r\n",
    "/cut": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{",
    "/not-gzip": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "/bomb": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)
    + BOMB,
    "/nothing": b"",
    "/nonsense": b"SSH-2.0-OpenSSH_9.9\r\n",
}


class Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        path = self.rfile.readline().split()[1].decode()
        headers = b""
        while (line := self.rfile.readline()).strip():
            headers += line
        if path == "/echo":
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(headers) + headers
            )
        elif path == "/drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(30):
                time.sleep(0.1)
                self.wfile.write(b"x")
        elif path == "/silent":
            time.sleep(1)
        else:
            self.wfile.write(RESPONSES[path])


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore broken connections: the client closes them on a drip and on a bomb."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def session() -> Iterator[HttpSession]:
    session = HttpSession("package-grids/test", allow_private=True)
    yield session
    session.close()


def test_responses(session: HttpSession, address: str) -> None:
    response = session.get(f"{address}/plain", max_bytes=100)
    assert (response.status, response.headers["x-kind"], response.json()) == (200, "plain", {"a": 1})
    assert session.get(f"{address}/chunked", max_bytes=100).body == b"hello"


def test_a_redirect_is_not_followed(session: HttpSession, address: str) -> None:
    response = session.get(f"{address}/redirect", max_bytes=100)
    assert (response.status, response.headers["Location"]) == (302, "/plain")


def test_sends_a_user_agent_and_no_password(
    session: HttpSession, address: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent = session.get(f"{address}/echo", max_bytes=10_000).body.decode()
    assert "User-Agent: package-grids/test" in sent
    assert "Authorization" not in sent


@pytest.mark.parametrize(
    ("path", "why", "retryable"),
    [
        ("/cut", "broke off", True),
        ("/not-gzip", "broke off", True),
        ("/bomb", "sends more than 1,000,000 bytes", False),
        ("/drip", "took more than 1 s", True),
        ("/silent", "did not answer in time", True),
        ("/nothing", "broke off", True),
        ("/nonsense", "broke off", True),
    ],
)
def test_faults(
    session: HttpSession, address: str, monkeypatch: pytest.MonkeyPatch, *, path: str, why: str, retryable: bool
) -> None:
    monkeypatch.setattr(http, "DEADLINE", 1.0)
    monkeypatch.setattr(http, "READ_TIMEOUT", 0.5)
    with pytest.raises(FetchError, match=why) as failed:
        session.get(f"{address}{path}", max_bytes=1_000_000)
    assert failed.value.retryable is retryable
    assert "\n" not in str(failed.value)


def test_nobody_listens(session: HttpSession) -> None:
    with pytest.raises(FetchError, match=r"broke off: .*refused") as failed:
        session.get("http://127.0.0.1:1/", max_bytes=100)
    assert failed.value.retryable


@pytest.mark.parametrize(
    "url", ["ftp://a.test/", "file:///etc/passwd", "http://", "http://[::1", "http://\udcff.test/"]
)
def test_invalid_urls(session: HttpSession, url: str) -> None:
    with pytest.raises(FetchError) as failed:
        session.get(url, max_bytes=100)
    assert not failed.value.retryable
