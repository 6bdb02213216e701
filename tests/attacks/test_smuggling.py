"""Requests that two readers could read in two ways: none of them makes the site serve a request that is hidden in the
body of another one.

Each is sent to the site itself, and through nginx as the page about deployment has it.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.attacks import wire
from tests.attacks.fronts import nginx
from tests.servers import Site, sample_site

pytestmark = pytest.mark.more
WAIT = 2.0  # seconds for which a server may be silent before it is taken to wait
PATH = "/api/v4/categories/?limit=1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sample_site(
        tmp_path_factory.mktemp("site"), WEB_CONCURRENCY="1", RATE_LIMIT="0", TRUSTED_PROXIES="127.0.0.1"
    ) as site:
        yield site


@pytest.fixture(scope="module")
def behind_nginx(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with nginx(site, tmp_path_factory.mktemp("nginx")) as url:
        yield url


@pytest.fixture(params=["gunicorn", "nginx"])
def url(request: pytest.FixtureRequest, site: Site) -> Any:
    return site.url if request.param == "gunicorn" else request.getfixturevalue("behind_nginx")


numbers = count(1)


@pytest.fixture
def agent() -> str:
    """The User-Agent of a hidden request, by which the site's log tells that it was served."""
    return f"hidden-{next(numbers)}"


def hidden(host: str, agent: str) -> bytes:
    return wire.get(host, "/api/v4/grids/?limit=1", f"User-Agent: {agent}")


def post(host: str, headers: str, body: bytes, line: str = f"POST {PATH} HTTP/1.1") -> bytes:
    return f"{line}\r\nHost: {host}\r\nUser-Agent: outer\r\n{headers}\r\n\r\n".encode("latin-1") + body


def test_the_log_tells_of_a_request_that_is_served(site: Site, url: str, agent: str) -> None:
    """Otherwise the other tests would not see one that should have stayed hidden."""
    wire.exchange(url, hidden(urlsplit(url).netloc, agent), WAIT)
    assert site.statuses(agent, 1) == [200]


# Headers that name a length in two ways, or in one that some would overlook. The body ends where {length} or the chunks
# say; the hidden request is in it, or begins where the other reading would have it end.
LENGTHS: dict[str, str] = {
    "CL.TE": "Content-Length: {length}\r\nTransfer-Encoding: chunked",
    "TE.CL": "Transfer-Encoding: chunked\r\nContent-Length: 4",
    "TE twice": "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "TE of two": "Content-Length: {length}\r\nTransfer-Encoding: chunked, identity",
    "TE and gzip": "Content-Length: {length}\r\nTransfer-Encoding: gzip, chunked",
    "TE with a blank": "Content-Length: {length}\r\nTransfer-Encoding : chunked",
    "TE with a tab": "Content-Length: {length}\r\nTransfer-Encoding:\tchunked",
    "TE with a vertical tab": "Content-Length: {length}\r\nTransfer-Encoding: \x0bchunked",
    "TE after a blank": "Content-Length: {length}\r\n Transfer-Encoding: chunked",
    "TE folded": "Content-Length: {length}\r\nTransfer-Encoding:\r\n chunked",
    "TE in capitals": "Content-Length: {length}\r\nTRANSFER-ENCODING: CHUNKED",
    "TE of x": "Content-Length: {length}\r\nTransfer-Encoding: xchunked",
    "TE in quotes": 'Content-Length: {length}\r\nTransfer-Encoding: "chunked"',
    "TE with an underscore": "Content-Length: {length}\r\nTransfer_Encoding: chunked",
    "TE with a line break": "Content-Length: {length}\r\nX: x\nTransfer-Encoding: chunked",
    "TE with a carriage return": "Content-Length: {length}\r\nX: x\rTransfer-Encoding: chunked",
    "TE with a NUL": "Content-Length: {length}\r\nTransfer-Encoding: chunked\0",
    "CL twice": "Content-Length: 0\r\nContent-Length: {length}",
    "CL twice, the other way": "Content-Length: {length}\r\nContent-Length: 0",
    "CL of two": "Content-Length: 0, {length}",
    "CL with a sign": "Content-Length: +0\r\nContent-Length: {length}",
    "CL negative": "Content-Length: -1",
    "CL in hexadecimal": "Content-Length: 0x0",
    "CL with an underscore": "Content-Length: 0_0",
    "CL with a blank": "Content-Length : 0\r\nContent-Length: {length}",
    "CL after a blank": "Content-Length: {length}\r\n Content-Length: 0",
    "CL of digits beyond ASCII": "Content-Length: \xb2",
    "CL with NUL": "Content-Length: 0\0\r\nContent-Length: {length}",
}


@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("ending", [b"0\r\n\r\n", b""], ids=["after the last chunk", "at once"])
def test_two_lengths(site: Site, url: str, agent: str, name: str, ending: bytes) -> None:
    """The request is refused, or answered once: what is hidden is never served."""
    host = urlsplit(url).netloc
    body = ending + hidden(host, agent)
    sent = post(host, LENGTHS[name].format(length=len(body)), body)
    replies = wire.exchange(url, sent, WAIT)
    assert len(replies) <= 2, replies
    assert site.statuses(agent) == [], (name, replies)
    # Whatever the first one was, a second response may only refuse the rest.
    assert all(reply.status >= 400 for reply in replies), (name, replies)


CHUNKS: dict[str, bytes] = {
    "a size that is none": b"x\r\n",
    "a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-1\r\n\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a huge size": b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a size with a blank": b"5 \r\nhello\r\n0\r\n\r\n",
    "line feeds alone": b"5\nhello\n0\n\n",
    "no line end after the data": b"5\r\nhello0\r\n\r\n",
    "more data than its size": b"2\r\nhello\r\n0\r\n\r\n",
    "a line feed in an extension": b"5;x\nx\r\nhello\r\n0\r\n\r\n",
    "a carriage return in an extension": b"5;x\rx\r\nhello\r\n0\r\n\r\n",
    "an extension of 20 KB": b"5;" + b"x" * 20_000 + b"\r\nhello\r\n0\r\n\r\n",
    "a trailer with a length": b"0\r\nContent-Length: 9\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_bad_chunks(url: str, agent: str, name: str) -> None:
    host = urlsplit(url).netloc
    sent = post(host, "Transfer-Encoding: chunked", CHUNKS[name].replace(b"hello", hidden(host, agent)[:5]))
    # A client that follows on the same connection gets its own response, or none.
    replies = wire.exchange(url, sent + wire.get(host, "/api/v4/categories/apps/", "Connection: close"), WAIT)
    assert len(replies) <= 2, (name, replies)
    assert all(reply.status < 500 or reply.status in {501, 502} for reply in replies), (name, replies)
    if replies and replies[-1].status == 200:
        assert b'"slug":"apps"' in replies[-1].body, (name, replies)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_a_body_where_none_is_expected(site: Site, url: str, agent: str, method: str) -> None:
    """It is read and thrown away, or the connection ends: it is no request."""
    host = urlsplit(url).netloc
    body = hidden(host, agent)
    for headers, content in (
        (f"Content-Length: {len(body)}", body),
        ("Transfer-Encoding: chunked", f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"),
    ):
        sent = post(host, headers, content, f"{method} {PATH} HTTP/1.1")
        replies = wire.exchange(url, sent + wire.get(host, "/api/v4/categories/apps/", "Connection: close"), WAIT)
        assert site.statuses(agent) == [], replies
        assert len(replies) <= 2 or method == "HEAD", replies


def test_a_body_that_nobody_reads(site: Site, url: str, agent: str) -> None:
    """A page that refuses a request at once leaves its body; what is in it is no request."""
    host = urlsplit(url).netloc
    for path in ("/api/v4/packages/", "/admin/login/", "/nothing", "/api/v4/?nosuch=1", "/healthz", "/robots.txt"):
        body = hidden(host, agent) * 3
        wire.exchange(url, post(host, f"Content-Length: {len(body)}", body, f"POST {path} HTTP/1.1"), WAIT)
        assert site.statuses(agent) == [], path


LINES: dict[str, bytes] = {
    "line feeds alone": b"GET /api/v4/ HTTP/1.1\nHost: {host}\nConnection: close\n\n",
    "a folded header": b"GET /api/v4/ HTTP/1.1\r\nHost: {host}\r\nX-A: b\r\n c\r\nConnection: close\r\n\r\n",
    "a folded host": b"GET /api/v4/ HTTP/1.1\r\nHost:\r\n {host}\r\nConnection: close\r\n\r\n",
    "two hosts": b"GET /api/v4/ HTTP/1.1\r\nHost: {host}\r\nHost: evil.test\r\nConnection: close\r\n\r\n",
    "no host": b"GET /api/v4/ HTTP/1.1\r\nConnection: close\r\n\r\n",
    "another host in the line": b"GET http://evil.test/api/v4/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    "a user in the line": b"GET http://x@{host}/api/v4/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    "CONNECT": b"CONNECT evil.test:80 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    "HTTP/2 without TLS": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an upgrade": b"GET /api/v4/ HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade, HTTP2-Settings, close\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    "HTTP/0.9": b"GET /api/v4/\r\n",
    "HTTP/9.9": b"GET /api/v4/ HTTP/9.9\r\nHost: {host}\r\n\r\n",
    "a method with a line break": b"GET\n/admin/ HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a path with a line break": b"GET /api/v4/\n HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "a path with a blank": b"GET /api/v4/ x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
    "a NUL in a header": b"GET /api/v4/ HTTP/1.1\r\nHost: {host}\r\nX: a\0b\r\nConnection: close\r\n\r\n",
    "a header without a name": b"GET /api/v4/ HTTP/1.1\r\nHost: {host}\r\n: x\r\nConnection: close\r\n\r\n",
    "a header of 100 KB": b"GET /api/v4/ HTTP/1.1\r\nHost: {host}\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "a thousand headers": b"GET /api/v4/ HTTP/1.1\r\nHost: {host}\r\n" + b"X: x\r\n" * 1_000 + b"\r\n",
}


@pytest.mark.parametrize("name", LINES)
def test_odd_lines(url: str, name: str) -> None:
    """One response at most, which is that of the site as it is: no other host, no other protocol."""
    host = urlsplit(url).netloc
    replies = wire.exchange(url, LINES[name].replace(b"{host}", host.encode()), WAIT)
    assert len(replies) <= 1 or all(reply.status >= 400 for reply in replies[1:]), (name, replies)
    for reply in replies:
        assert reply.status not in {101, 500, 503, 504}, (name, reply)
        assert b"evil.test" not in reply.body, (name, reply)
        assert "evil.test" not in str(reply.headers), (name, reply)
        assert "upgrade" not in reply.headers.get("connection", "").lower(), (name, reply)


def test_the_site_still_serves(url: str) -> None:
    request = wire.get(urlsplit(url).netloc, PATH, "Connection: close")
    assert [reply.status for _ in range(5) for reply in wire.exchange(url, request)] == [200] * 5
