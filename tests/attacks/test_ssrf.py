"""Requests to what is not on the public internet: refused by address, in any spelling, and by what a name leads to."""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from fetchers.hosts import READ, Upstreams
from fetchers.network.http import FetchError, HttpSession, follow_redirects
from fetchers.network.ping import ping
from packages.facts import FetchTarget
from packages.identity import derived, is_fetchable
from packages.keys import KNOWN_HOSTS
from packages.public_hosts import is_public, may_be_public
from tests.fetchers.upstreams import make_upstream

PUBLIC = "93.184.215.14"
NOT_PUBLIC = (
    *("127.0.0.1", "127.9.9.9", "0.0.0.1", "10.0.0.7", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254"),
    *(
        "192.0.0.8",
        "192.88.99.1",
        "3fff::1",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.251",
        "240.0.0.1",
    ),
    *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:db8::1", "fe80::1"),
    *("fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "100::1", "5f00::1", "", "x", "1.2.3"),
    "::ffff:1.1.1.1",
)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST.", "a.localhost", "printer.local", "git.internal", "metadata.google.internal", "db"),
        *("127.1", "127.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1", "0", "10.1"),
        *("0xa9fea9fe", "2852039166", "169.254.43518", "[::1]".strip("[]"), "fe80::1%eth0", "nas.lan", "a.home.arpa"),
    ],
)
def test_hosts_that_are_certainly_not_public(host: str) -> None:
    assert not may_be_public(host)
    url = f"http://{f'[{host}]' if ':' in host else host}/latest/meta-data/"
    with pytest.raises(FetchError, match="not on the public internet"):
        HttpSession("test").get(url, max_bytes=100)


@given(
    st.sampled_from(["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"])
    .flatmap(lambda network: st.ip_addresses(v=4, network=network))
    .map(int)
)
def test_no_spelling_of_a_private_address_passes(number: int) -> None:
    a, b, c, d = number.to_bytes(4, "big")
    spellings = (
        *(f"{a}.{b}.{c}.{d}", f"{a}.{b}.{c * 256 + d}", f"{a}.{number & 0xFFFFFF}", str(number), hex(number)),
        *(f"0{number:o}", f"0x{a:x}.{b}.0{c:o}.{d}", f"0{a:o}.0{b:o}.0{c:o}.0{d:o}", f"{a}.{b}.{c}.{d}."),
        *(
            f"::ffff:{a}.{b}.{c}.{d}",
            f"::{a}.{b}.{c}.{d}",
            f"64:ff9b::{a}.{b}.{c}.{d}",
            f"2002:{a:02x}{b:02x}:{c:02x}{d:02x}::",
        ),
    )
    assert [each for each in spellings if may_be_public(each)] == []


@pytest.fixture
def loopback() -> Iterator[int]:
    """A server that a test must not reach; it fails the test by its answer."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\nreached")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def resolving(monkeypatch: pytest.MonkeyPatch, *turns: tuple[str, ...]) -> list[str]:
    """Have names resolve to these addresses, another tuple with each look at the DNS; return the names looked up."""
    looked_up: list[str] = []

    def getaddrinfo(host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        addresses = turns[min(len(looked_up), len(turns) - 1)]
        looked_up.append(str(host))
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return looked_up


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.7", "169.254.169.254"])
def test_a_name_that_leads_to_a_private_address(monkeypatch: pytest.MonkeyPatch, scheme: str, address: str) -> None:
    looked_up = resolving(monkeypatch, (address,))
    with pytest.raises(FetchError, match="not on the public internet") as refused:
        HttpSession("test").get(f"{scheme}://rebound.example/x", max_bytes=100)
    assert looked_up == ["rebound.example"]
    assert not refused.value.retryable
    assert address not in str(refused.value), "everybody reads the errors of packages"


def test_a_name_that_changes_between_check_and_connection(monkeypatch: pytest.MonkeyPatch, loopback: int) -> None:
    """DNS rebinding: there is one look, and what it found is connected to."""
    looked_up = resolving(monkeypatch, (PUBLIC,), ("127.0.0.1",))
    connected: list[Any] = []

    def connect(address: Any, *_: Any, **__: Any) -> Any:
        connected.append(address)
        raise OSError("refused")

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with pytest.raises(FetchError, match="broke off"):
        HttpSession("test").get(f"http://rebound.example:{loopback}/", max_bytes=100)
    assert looked_up == ["rebound.example"]
    assert connected == [(PUBLIC, loopback)]


def test_of_several_addresses_the_public_ones_are_tried_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ("10.0.0.1", PUBLIC, "::1", PUBLIC, "1.1.1.1"))
    connected: list[Any] = []

    def connect(address: Any, *_: Any, **__: Any) -> Any:
        connected.append(address)
        raise OSError("refused")

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with pytest.raises(FetchError, match="broke off"):
        HttpSession("test").get("http://many.example/", max_bytes=100)
    assert connected == [(PUBLIC, 80), ("1.1.1.1", 80)]


def test_with_allow_private_hosts_it_is_reached(loopback: int) -> None:
    session = HttpSession("test", allow_private=True)
    assert session.get(f"http://localhost:{loopback}/", max_bytes=100).body == b"reached"
    session.close()


def test_through_a_proxy_the_name_counts(monkeypatch: pytest.MonkeyPatch, loopback: int) -> None:
    """A proxy of the environment is on the operator's network; whom it is asked for is checked by name."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{loopback}")
    monkeypatch.setenv("NO_PROXY", "")
    session = HttpSession("test")
    assert session.get("http://public.example/", max_bytes=100).body == b"reached"
    for host in ("127.0.0.1", "2130706433", "[::1]", "localhost", "metadata.google.internal"):
        with pytest.raises(FetchError, match="not on the public internet"):
            session.get(f"http://{host}/", max_bytes=100)
    session.close()


PRIVATE_TARGETS = ("http://127.0.0.1/", "http://169.254.169.254/latest/", "http://[::1]/", "https://10.0.0.7/", "//0/")


@responses.activate
@pytest.mark.parametrize("target", [*PRIVATE_TARGETS, "file:///etc/passwd", "gopher://127.0.0.1/", "http://else.test/"])
def test_no_redirect_of_an_upstream_leads_elsewhere(target: str) -> None:
    responses.get("https://api.test/x", status=302, headers={"Location": target})
    upstream = make_upstream("api.test", "https://api.test", headers={"Authorization": "Bearer t"})
    with pytest.raises(FetchError, match="redirects to another host"):
        upstream.get("x")
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize("target", PRIVATE_TARGETS)
def test_even_an_allowed_redirect_reaches_no_private_address(target: str) -> None:
    responses.get("http://api.test/x", status=302, headers={"Location": target})
    session = HttpSession("test")
    with pytest.raises(FetchError, match="not on the public internet"):
        follow_redirects("http://api.test/x", lambda url: session.get(url, max_bytes=100), lambda *_: True)


@responses.activate
@pytest.mark.parametrize("url", ["https://else.test/x", "http://api.test/x", "https://api.test.else.test/"])
def test_no_response_chooses_where_the_next_request_goes(url: str) -> None:
    upstream = make_upstream("api.test", "https://api.test/v1", headers={"Authorization": "Bearer t"})
    for send in (upstream.get, lambda path: upstream.post(path, {})):
        with pytest.raises(FetchError, match=r"is not of api\.test"):
            send(url)
    assert len(responses.calls) == 0


@pytest.mark.django_db
def test_the_settings_decide_for_all_upstreams(settings: Settings) -> None:
    for settings.ALLOW_PRIVATE_HOSTS in (False, True):
        upstreams = Upstreams()
        assert {each.allow_private for each in upstreams.all()} == {settings.ALLOW_PRIVATE_HOSTS}
        assert len(upstreams.all()) > 5


def test_a_ping_reaches_no_private_address(caplog: pytest.LogCaptureFixture, loopback: int) -> None:
    url = f"http://127.0.0.1:{loopback}/a-secret"
    assert not ping(url, "test")
    assert caplog.messages == ["The ping to 127.0.0.1 failed: invalid"]
    assert ping(url, "test", allow_private=True)


ADDRESSES = (
    *("http://127.0.0.1/a/b", "https://github.com@127.0.0.1/a/b", "https://github.com.evil.test/a/b"),
    *("https://github.com:80@evil.test/a/b", "https://github.com\\@127.0.0.1/a/b", "http://github.com:22/a/b"),
    *(
        "https://127.0.0.1#@github.com/a/b",
        "file:///github.com/a/b",
        "git@127.0.0.1:a/b",
        "https://\uff47ithub.com/a/b",
    ),
    *("http://169.254.169.254/latest/meta-data", "http://[::1]/a/b", "http://localhost:8000/a/b", "ssh://10.0.0.7/a/b"),
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_address_of_a_package_names_a_host_to_fetch_from(address: str) -> None:
    assert not is_fetchable(**derived("repo_url", address)), "only the hosts of the settings are"


@pytest.mark.parametrize("path", ["../user", "a/..", "..", "a/../../user", "./a", "a//b", "a/%2e%2e", "a/..%2f..", ""])
@pytest.mark.parametrize("host", ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org"])
@responses.activate
def test_no_path_of_a_repository_leads_to_another_part_of_the_api(host: str, path: str) -> None:
    """Such as to what the owner of our token may see."""
    responses.get(re.compile(".*"), status=404, json={})
    upstream = make_upstream(host, "https://api.test/v1")
    with pytest.raises(FetchError):
        READ[KNOWN_HOSTS[host]](upstream, FetchTarget(1, host=host, path=path), date(2026, 5, 6))
    for url in (urlsplit(str(call.request.url)) for call in responses.calls):
        assert re.fullmatch(r"/v1/(repos|repositories|projects)/[^/]+(/[^/]+)?", url.path), url
        assert ".." not in url.path.replace("%2F", "/").split("/")
