"""Requests that follow no schema: any bytes in paths, queries and headers."""

import json
import re
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes, urlsplit

from django.test import Client
from hypothesis import strategies as st

from core.api.docs import document

BYTES = (
    *(
        b"",
        b"\0",
        b"a\0b",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xc0\xae",
        b"\r\nX-Evil: 1",
        b"%",
        b"%00",
        b"%2e%2e/",
        b"../",
    ),
    *(b"-1", b"0", b"1", b"9" * 30, b"9" * 5000, b"1e400", b"NaN", b"0x10", b"1_000", "\u0661\u0662".encode(), b" 1 "),
    *(
        "\u202e\u2066".encode(),
        "\U0001f600".encode(),
        "\ufdfa".encode() * 50,
        b"'\";--",
        b"<script>",
        b"{}",
        b"[]",
        b",",
    ),
    *(b"true", b"null", b"all", b"ralph", b"apps", b"2026-02-30", b"2026-01-01T00:00:00+99:99", b"above-1", b"-title"),
    *(b"json", b"api", b"csv", b"jsonl", b"text/html", b"id,title", b"x" * 3000),
)
OURS = {"testserver", "localhost", "127.0.0.1"}
_NAMES = {
    each["name"]
    for operations in document()["paths"].values()
    for operation in operations.values()
    for each in operation["parameters"]
}
_PATHS = (
    *document()["paths"],
    *(f"/api/v3/{each}" for each in ("", "packages/", "packages/{reference}/", "grids/{reference}/packages/")),
    *("/api/v3/grids/{reference}/", "/api/v3/categories/{reference}/", "/api/{reference}", "/{reference}", "/"),
    *("/packages/p/{reference}/", "/sitemap-{reference}.xml", "/sitemap.xml", "/robots.txt", "/llms.txt", "/healthz"),
    *("/api/v4/docs/", "/api/v4/docs/clients/", "/static/{reference}", "/admin/login/"),
)
_METHODS = ("GET",) * 12 + ("HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
_HEADERS = (
    *("Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Cookie", "If-None-Match", "If-Modified-Since"),
    *("Range", "If-Range", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Request-ID"),
    *("X-HTTP-Method-Override", "X-Original-URL", "Authorization", "Origin", "Access-Control-Request-Method", "Expect"),
    *("Content-Encoding", "Transfer-Encoding", "Host", "User-Agent", "Referer"),
)
_VALUES = (
    *("", "*", "*/*;q=nan", "text/html;q=0,*/*", "application/json; indent=99999", "a/b;c=" + "x" * 500, ";;,,/"),
    *(
        'W/"x"',
        '"' + "a" * 64 + '"',
        "bytes=0-",
        "bytes=5-1,-9",
        "gzip;q=0, br;q=1.5",
        "identity;q=0",
        "\xe9\xff",
        "\t",
    ),
    *(
        "evil.test",
        "127.0.0.1:99999",
        "[::1",
        "for=[::1];host=evil",
        "sessionid=\xff; csrftoken=",
        "Basic !!",
        "chunked",
    ),
    *(
        "application/x-www-form-urlencoded; charset=utf-7",
        "text/html; charset=\0",
        "text/html; charset=punycode",
        "multipart/form-data; boundary=x; charset=zlib",
        "multipart/form-data; boundary=",
        "1.2.3",
    ),
)


class Request(NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def _url(path: str, parts: list[bytes], pairs: list[tuple[bytes, bytes]], joint: str) -> str:
    filled = re.sub(r"{\w+}", lambda _: quote_from_bytes(parts.pop() if parts else b"ralph", safe="/"), path)
    query = joint.join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}" for name, value in pairs)
    return f"{filled}?{query}" if query else filled


_texts = st.one_of(st.sampled_from(BYTES), st.binary(max_size=12), st.text(max_size=8).map(str.encode))
_names = st.one_of(st.sampled_from(sorted(each.encode() for each in _NAMES)), _texts)
REQUESTS = st.builds(
    Request,
    method=st.sampled_from(_METHODS),
    url=st.builds(
        _url,
        path=st.sampled_from(_PATHS),
        parts=st.lists(_texts, max_size=2),
        pairs=st.lists(st.tuples(_names, _texts), max_size=4),
        joint=st.sampled_from(["&", "&", "&", ";", "&&", "?"]),
    ),
    headers=st.dictionaries(st.sampled_from(_HEADERS), st.sampled_from(_VALUES), max_size=3),
    body=st.one_of(st.just(b""), st.just(b""), st.binary(max_size=30)),
)


def send(client: Client, request: Request) -> Any:
    """Send a request; an exception of a view is raised here."""
    environ = {}
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return client.generic(request.method, request.url, request.body, **environ)  # type: ignore[arg-type]  # any environ


def check(request: Request, response: Any) -> None:
    """Check that a mistake is told as one: no 5xx, and below /api/ JSON or a page that says what is wrong."""
    assert response.status_code < 500, request
    assert "X-Evil" not in response.headers, request
    assert (urlsplit(response.headers.get("Location", "")).hostname or "testserver") in OURS, request
    is_of_api = request.url.startswith("/api/") and request.method != "HEAD"
    if is_of_api and response.status_code >= 400 and response.headers["Content-Type"].startswith("application/json"):
        assert json.loads(response.content), request
