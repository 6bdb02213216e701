"""The API of another site, which may be anything: its redirects, its size, its errors; and the URL that names it."""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from mcp.server.mcpserver.exceptions import ToolError
from pytest_django import Settings

from config.mcp_server import catalogue as module
from config.mcp_server.catalogue import CatalogueError, RemoteCatalogue, origin_of
from config.mcp_server.server import Tools
from tests.config.mcp.catalogues import OpenCatalogue

SITE = "https://packages.example.org"
Respond = Callable[[httpx2.Request], httpx2.Response]


def remote(respond: Respond) -> RemoteCatalogue:
    return RemoteCatalogue(SITE, httpx2.MockTransport(respond))


def test_a_request() -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == f"{SITE}/api/v4/search/?q=rest+api&limit=5"
        assert request.headers["Accept"] == "application/json"
        assert request.headers["User-Agent"] == "package-grids-mcp"
        return httpx2.Response(200, json=[1], headers={"X-Total-Count": "7"})

    assert remote(respond).get("search/", q="rest api", limit=5, offset=None) == ([1], 7)


@pytest.mark.parametrize("total", ["", "x", "٣", "9" * 4_000, "-1"])
def test_a_total_that_is_none(total: str) -> None:
    headers = [(b"X-Total-Count", total.encode())]
    assert remote(lambda _: httpx2.Response(200, json=[], headers=headers)).get("search/").total is None


@pytest.mark.parametrize("location", [f"{SITE}/api/v4/packages/new/?fields=slug", "/api/v4/packages/new/?fields=slug"])
def test_the_redirect_of_an_old_slug(location: str) -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        if "old" in request.url.path:
            return httpx2.Response(301, headers={"Location": location})
        return httpx2.Response(200, json={"url": str(request.url)})

    assert remote(respond).get("packages/old/", fields="slug").body == {
        "url": f"{SITE}/api/v4/packages/new/?fields=slug"
    }


@pytest.mark.parametrize(
    "location", ["https://elsewhere.example/api/v4/", "http://packages.example.org/api/v4/", f"{SITE}/admin/", ""]
)
def test_a_redirect_to_elsewhere_is_not_followed(location: str) -> None:
    asked = []

    def respond(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url)
        return httpx2.Response(302, headers={"Location": location} if location else {})

    with pytest.raises(CatalogueError, match=r"redirects (to another site|in circles)"):
        remote(respond).get("packages/x/")
    assert {url.host for url in asked} == {"packages.example.org"}
    assert len(asked) <= 4


@pytest.mark.parametrize("location", ["http://[", "/api/v4/\x00"])
def test_a_redirect_to_nothing(location: str) -> None:
    with pytest.raises(CatalogueError, match=r"redirects to what is no URL|cannot be reached \(InvalidURL\)"):
        remote(lambda _: httpx2.Response(302, headers={"Location": location})).get("packages/x/")


def test_a_compressed_response_is_not_unpacked() -> None:
    """A few bytes of it could take any amount of memory."""

    def respond(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["Accept-Encoding"] == "identity"
        body = gzip.compress(b"{}")
        return httpx2.Response(200, stream=httpx2.ByteStream(body), headers={"Content-Encoding": "gzip"})

    with pytest.raises(CatalogueError, match="compresses its response, though"):
        remote(respond).get("packages/")


def test_a_response_without_end() -> None:
    def parts() -> Iterator[bytes]:
        while True:
            yield b" " * 1_000_000

    with pytest.raises(CatalogueError, match="larger than 5 MB"):
        remote(lambda _: httpx2.Response(200, content=parts())).get("packages/")


def test_a_response_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", -1.0)
    with pytest.raises(CatalogueError, match="too slow"):
        remote(lambda _: httpx2.Response(200, content=iter([b"1"]))).get("packages/")


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (httpx2.Response(200, html="<p>"), "did not respond with JSON (status 200)"),
        (httpx2.Response(502, html="<p>"), "did not respond with JSON (status 502)"),
        (
            httpx2.Response(503, json={"detail": "Too slow.\x1b[0m"}),
            'out of order; try again later (status 503). It says: "Too slow.[0m"',
        ),
        (httpx2.Response(400, json={"q": ["a", "b"], "x": "c"}), 'It says: "q: a b; x: c"'),
        (httpx2.Response(404, json=[1]), "The catalogue refuses that (status 404)."),
        (httpx2.Response(400, json={"detail": 'Say "yes"' + "x" * 10_000}), 'It says: "Say \\"yes\\"xx'),
        (httpx2.Response(200, json={"no": "list"}), "responded in another form than this server knows"),
        (httpx2.Response(200, content=b"[" * 100_000), "did not respond with JSON"),
        (httpx2.Response(200, content=b"null"), "responded in another form than this server knows"),
    ],
)
def test_errors_are_of_one_line_with_its_words_in_quotes(response: httpx2.Response, message: str) -> None:
    with pytest.raises(ToolError) as error:
        Tools(remote(lambda _: response)).search("x")
    assert message in str(error.value)
    assert len(str(error.value)) < 1_000
    assert str(error.value).isprintable()


def test_a_site_that_cannot_be_reached() -> None:
    def respond(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("nobody\nis there", request=request)

    with pytest.raises(ToolError, match=r"^https://packages\.example\.org cannot be reached \(ConnectError\): try"):
        Tools(remote(respond)).pick("x")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://packages.example.org", SITE),
        ("https://packages.example.org/", SITE),
        (" https://packages.example.org/api/v4/ ", SITE),
        ("http://127.0.0.1:8000/api/v4", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("HTTPS://Packages.Example.org", SITE),
    ],
)
def test_the_url_of_a_site(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        *("", "packages.example.org", "ftp://example.org", "file:///etc/passwd", "https://", "https://a:b@example.org"),
        *("https://example.org/x/", "https://example.org/api/v3/", "https://example.org/?x=y", "https://example.org:x"),
        *("https://example.org/#x", "https://a b/"),
    ],
)
def test_what_is_no_url_of_a_site(url: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*(must|not a URL)[^\n]*$"):
        origin_of(url)


@pytest.mark.django_db
@pytest.mark.parametrize("site_url", ["", "https://packages.example.org"])
@pytest.mark.parametrize("hosts", [["*"], [".example.org"], ["127.0.0.1"]])
def test_our_own_site_whatever_its_settings(settings: Settings, site_url: str, hosts: list[str]) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = site_url, hosts
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    own = OpenCatalogue()
    body: Any = own.get("").body
    assert body["packages"].startswith(site_url or f"http://{own.host}/")
    assert own.get("search/", q="x").total == 0
    with pytest.raises(CatalogueError) as error:
        own.get("packages/nope/")
    assert (error.value.status, json.dumps(error.value.said)) == (404, '"No Package matches the given query."')
