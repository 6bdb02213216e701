"""A cache in front of the site, and someone who tries to put into it what others get.

What is sent besides the path, the query, Accept and Accept-Encoding never changes what the next client gets: neither
with Varnish as README has it, nor with one that holds responses for a minute without asking.
"""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
import requests

from packages.documents import PACKAGE_COLUMNS
from tests.attacks import wire
from tests.core.api.test_formats import BROWSER
from tests.core.caching.test_real_caches import VCL, varnish
from tests.servers import Site, sample_site

pytestmark = pytest.mark.more
EVIL = "evil.test"
HELD = VCL.replace("beresp.ttl = 0.001ms", "beresp.ttl = 60s")
# Headers of one response alone: the id of a request too, which a cache that does not ask hands on as any other header
OF_ITS_OWN = {
    "date",
    "age",
    "via",
    "x-varnish",
    "x-request-id",
    "ratelimit",
    "connection",
    "transfer-encoding",
    "accept-ranges",
}


class Attack(NamedTuple):
    headers: tuple[str, ...] = ()
    body: bytes = b""
    query: str = ""  # after the one that the victim sends
    method: str = "GET"


def _header(name: str, *values: str) -> dict[str, Attack]:
    return {f"{name}: {value[:40]}": Attack((f"{name}: {value}",)) for value in values}


ATTACKS: dict[str, Attack] = {
    **{
        key: attack
        for name in (
            *(
                "X-Forwarded-Host",
                "X-Host",
                "X-Forwarded-Server",
                "X-HTTP-Host-Override",
                "X-Original-Host",
                "Forwarded",
            ),
            *("X-Forwarded-Prefix", "X-Script-Name", "X-Request-ID", "X-Correlation-ID", "Referer", "Origin"),
            *("User-Agent", "From", "X-Wap-Profile", "Traceparent"),
        )
        for key, attack in _header(name, f"host={EVIL}" if name == "Forwarded" else EVIL).items()
    },
    **_header("X-Forwarded-Proto", "https", "javascript"),
    **_header("X-Forwarded-Port", "1", EVIL),
    **_header("X-Forwarded-For", EVIL, "127.0.0.1", "1.2.3.4, 127.0.0.1"),
    **_header("X-Real-IP", EVIL),
    **_header("X-Original-URL", "/admin/", f"/{EVIL}"),
    **_header("X-Rewrite-URL", "/admin/"),
    **_header("X-HTTP-Method-Override", "DELETE", "POST", "HEAD"),
    **_header("X-Method-Override", "POST"),
    **_header(
        "Accept", "image/png", "text/html;q=0, */*;q=0.1", "application/json; indent=4", "text/html,*/*;q=0", "\t"
    ),
    **_header("Accept-Language", "de", f"{EVIL}"),
    **_header("Accept-Charset", "utf-16"),
    **_header("Accept-Encoding", "gzip;q=0", "identity;q=0", "deflate", "zstd", f"{EVIL}"),
    **_header("Cookie", "sessionid=x", f"django_language={EVIL}", "csrftoken=" + "x" * 32, "messages=" + EVIL),
    **_header("Authorization", "Basic eDp4", "Bearer x"),
    **_header("Range", "bytes=0-9", "bytes=5-", "bytes=0-0,2-2", "bytes=999999999-", "x=1"),
    **_header("If-None-Match", "*", '"x"', 'W/"x"'),
    **_header("If-Match", '"x"'),
    **_header("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", "x"),
    **_header("If-Unmodified-Since", "Fri, 01 Jan 1990 00:00:00 GMT"),
    **_header("Cache-Control", "no-store", "no-cache", "only-if-cached", "max-age=0"),
    **_header("Pragma", "no-cache", "akamai-x-get-cache-key"),
    **_header("Expect", "100-continue", "x"),
    **_header("TE", "trailers"),
    **_header("Upgrade", "h2c"),
    **_header("Max-Forwards", "0"),
    **_header("RateLimit", '"default";r=0;t=60'),
    **_header("Retry-After", "9999"),
    **_header("Content-Type", "application/json", "text/html; charset=utf-7"),
    **_header("Transfer-Encoding", "x"),
    **_header("X-Long", "x" * 7_000, "x" * 30_000),
    **_header("X-Meta", "a\x07b", "a\x00b", "a\x7fb"),
    **_header("A_B", EVIL),
    **_header("Content-Length", "0", "x"),
    "a body": Attack(
        ("Content-Length: 30", "Content-Type: application/x-www-form-urlencoded"), b"limit=1&offset=2&title=" + b"x" * 7
    ),
    "a body in JSON": Attack(("Content-Length: 11", "Content-Type: application/json"), b'{"limit":1}'),
    "HEAD": Attack(method="HEAD"),
    "OPTIONS": Attack(method="OPTIONS"),
    "POST": Attack(("Content-Length: 0",), method="POST"),
    "PURGE": Attack(method="PURGE"),
    "BAN": Attack(method="BAN"),
    "TRACE": Attack(method="TRACE"),
    "a parameter behind a semicolon": Attack(query=";limit=1"),
    "a parameter in another one": Attack(query=f"&utm_content=x;limit=1&callback={EVIL}"),
    "a parameter twice": Attack(query="&limit=1"),
    "a parameter with a coded ampersand": Attack(query="%26limit=1"),
    "an empty one": Attack(query="&"),
    "a fragment": Attack(query=f"#{EVIL}"),
    "another host": Attack((f"Host: {EVIL}",)),
    "another port": Attack(("Host: 127.0.0.1:1",)),
    "a host with a dot": Attack(("Host: 127.0.0.1.",)),
    "a host with a user": Attack((f"Host: {EVIL}@127.0.0.1",)),
}
# What the victim asks for: where, and with which headers
VICTIMS = {
    "JSON": ("/api/v4/packages/?limit=3", {"Accept": "*/*", "Accept-Encoding": "identity"}),
    "a page": ("/api/v4/grids/?limit=3", {"Accept": BROWSER, "Accept-Encoding": "gzip"}),
    "a document": ("/api/v4/packages/ralph/?fields=", {"Accept": "application/json", "Accept-Encoding": "br"}),
}

PAIRS = list(combinations(PACKAGE_COLUMNS.extended, 2))  # of keys: as many addresses of one document


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sample_site(tmp_path_factory.mktemp("site"), RATE_LIMIT="0") as site:
        yield site


@pytest.fixture(scope="module", params=["as README has it", "that holds for a minute"])
def cache(request: pytest.FixtureRequest, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    vcl = VCL if request.param == "as README has it" else HELD
    with varnish(site, tmp_path_factory.mktemp("varnish"), gzip=False, vcl=vcl) as url:
        yield url


def seen(response: requests.Response) -> Any:
    """Return what a client has of a response, without what is of that one alone."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return response.status_code, {k: v for k, v in headers.items() if k not in OF_ITS_OWN}, response.content


def attack_of(host: str, path: str, headers: dict[str, str], attack: Attack) -> bytes:
    """Return the attacker's request: the victim's, with the attack's own headers in place of those of the same name."""
    own = {header.partition(":")[0].lower() for header in attack.headers}
    lines = [f"{name}: {value}" for name, value in {"Host": host, **headers}.items() if name.lower() not in own]
    head = [f"{attack.method} {path}{attack.query} HTTP/1.1", *lines, *attack.headers, "Connection: close", "", ""]
    return "\r\n".join(head).encode("latin-1") + attack.body


@pytest.mark.parametrize("victim", VICTIMS)
def test_nobody_gets_what_an_attack_was_answered(site: Site, cache: str, victim: str) -> None:
    path, headers = VICTIMS[victim]
    wrong: dict[str, Any] = {}
    requested: set[str] = set()
    for number, (name, attack) in enumerate(ATTACKS.items()):
        # Each at an address of its own, that nobody has requested before
        address = f"{path}&offset={number}" if "limit" in path else f"{path}{','.join(PAIRS[number])}"
        assert address not in requested
        requested.add(address)
        wire.exchange(cache, attack_of(urlsplit(cache).netloc, address, headers, attack), 2.0)
        got = [requests.get(cache + address, headers=headers, timeout=30) for _ in range(2)]
        right = requests.get(site.url + address, headers=headers, timeout=30)
        assert right.status_code == 200
        if any(seen(each) != seen(right) or EVIL in str(seen(each)) for each in got):
            wrong[name] = [seen(each)[:2] for each in (*got, right)]
    assert wrong == {}


@pytest.mark.parametrize(
    "path", ["/api/v4/packages/ralph/x.css", "/admin/x.css", "/admin/login/;x.js", "/api/v4/packages/ralph.css"]
)
def test_a_page_of_someone_is_not_held_as_a_file(site: Site, cache: str, path: str) -> None:
    """Paths that look like static files, and responses that a session has part in, are not cached."""
    first = requests.get(cache + path, headers={"Cookie": "sessionid=x"}, timeout=30, allow_redirects=False)
    assert first.status_code in {301, 302, 404}
    again = requests.get(cache + path, timeout=30, allow_redirects=False)
    assert "Age" not in again.headers or int(again.headers["Age"]) == 0
    assert "no-store" in again.headers.get("Cache-Control", "no-store") or "max-age=0" in again.headers["Cache-Control"]


def test_a_login_is_not_held(cache: str) -> None:
    forms = [requests.get(f"{cache}/admin/login/", timeout=30) for _ in range(2)]
    tokens = {response.cookies["csrftoken"] for response in forms}
    assert len(tokens) == 2, "two clients have one secret"


def test_errors_are_not_held(site: Site, cache: str, tmp_path: Path) -> None:
    """A client that breaks its own request breaks it for nobody else."""
    path, headers = "/api/v4/categories/?limit=7", {"Accept": "*/*"}
    for broken in ("Accept: image/png", "X: a\x07b", "X: " + "x" * 30_000, "Range: bytes=99999999-", "Expect: x"):
        request = attack_of(urlsplit(cache).netloc, path, headers, Attack((broken,)))
        wire.exchange(cache, request, 2.0)
        assert requests.get(cache + path, headers=headers, timeout=30).status_code == 200, broken
