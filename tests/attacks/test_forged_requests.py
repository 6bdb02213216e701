"""Requests that lie: about the host, the client, the path or the encoding. Each is refused, or makes no difference."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import Settings

from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db
EVIL = "evil.test"


@pytest.mark.parametrize(
    "host",
    [
        *(
            EVIL,
            f"testserver.{EVIL}",
            f"{EVIL}:80",
            f"testserver@{EVIL}",
            f"testserver:80@{EVIL}",
            f"{EVIL}#testserver",
        ),
        *(
            "",
            " ",
            "testserver:x",
            "testserver/..",
            "testserver\\evil.test",
            "test server",
            "[::1",
            "testserver\t",
            "*",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/api/v4/packages/", "/admin/login/", "/", "/nope", "/robots.txt"])
def test_a_wrong_host_is_refused(client: Client, path: str, host: str) -> None:
    response = client.get(path, headers={"host": host})
    # A page that names nothing of the site asks for no host either.
    assert response.status_code == 400 or (path in {"/nope", "/"} and response.status_code in {404, 302})
    assert EVIL not in response.content.decode()
    assert EVIL not in response.headers.get("Location", "")
    assert "public" not in response.headers.get("Cache-Control", "")


FORWARDED = {
    "x_forwarded_host": EVIL,
    "x_forwarded_proto": "https",
    "x_forwarded_for": "127.0.0.1",
    "x_forwarded_port": "8443",
    "x_forwarded_prefix": f"/{EVIL}",
    "x_original_url": "/admin/",
    "x_rewrite_url": "/admin/",
    "x_http_method_override": "DELETE",
    "forwarded": f"host={EVIL};proto=https;for=127.0.0.1",
    "x_host": EVIL,
    "x_script_name": f"/{EVIL}",
    "script_name": f"/{EVIL}",
}


@pytest.mark.parametrize("path", ["/api/v4/packages/", "/api/v4/packages/p/?format=api", "/robots.txt", "/api/v4"])
def test_headers_of_proxies_make_no_difference(client: Client, settings: Settings, path: str) -> None:
    settings.CACHE_URL = "locmem://"
    PackageFactory.create(slug="p")

    def seen(headers: dict[str, str]) -> tuple[int, bytes, Any]:
        response = client.get(path, headers=headers)
        return response.status_code, response.content, response.headers.get("ETag")

    plain = seen({})
    for name, value in FORWARDED.items():
        assert seen({name: value}) == plain, name
    assert seen(FORWARDED) == plain
    assert EVIL.encode() not in plain[1]


PATHS = (
    *("/../etc/passwd", "/static/../config/settings.py", "/static/../../etc/passwd", "/static//etc/passwd"),
    *("/static/..;/settings.py", "/static/%2e%2e/config/settings.py", "/static/..%2fconfig/settings.py"),
    *("/static/\\..\\config\\settings.py", "/static/admin/../../.env", "/.env", "/.git/config", "/manage.py"),
    *("/db.sqlite3", "/config/settings.py", "/static/.env", "/static/%00", "/static/admin/css/base.css%00.py"),
    *("/api/v4/../../admin/", "/api/v4/%2e%2e/%2e%2e/admin/", "/api/..;/admin/", "/api/v4/;/../admin/"),
    *("/api/v4/packages/..%2f..%2fetc%2fpasswd/", "/api/v4/packages/%00/", "/api/v4/packages/a%00b/"),
    *("/api/v4/packages/../../../x/", "/api/v4/dumps/../../etc/passwd", "/api/v4/dumps/%2e%2e/passwd"),
    *("/api/v4/dumps/..%2f../etc/passwd", "/api/v4/dumps/latest/..%2f..%2fsettings.py", "//admin/", "/./admin/"),
    *("/Admin/", "/ADMIN/", "/admin;/", "/admin%2f", "/admin/%2e%2e/", "/admin/..;/api/", "/%61dmin/", "/admin\\"),
    *("///evil.test/%2e%2e", "//evil.test/..", "/\\evil.test", "/%5cevil.test", "/%0d%0aSet-Cookie:x=1", "/a%0d%0ab/"),
    *("/api/v4/%0d%0aLocation:%20//evil.test", "/api/v4//evil.test", "/api//evil.test", "/packages/p/..%2f..%2fx"),
    *("/.well-known/../admin/", "/healthz/../admin/", "/readyz;/", "/" + "a/" * 2_000, "/%f0%28%8c%28", "/\udcff"),
)


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_or_past_a_check(client: Client, path: str) -> None:
    encoded = quote(path, safe="/%;\\:", errors="surrogateescape")
    for accept in ("application/json", "text/html"):
        response: Any = client.get(encoded, headers={"accept": accept})
        assert response.status_code in {301, 302, 400, 404}, response.status_code
        location = response.headers.get("Location", "")
        assert not location.startswith(("//", "/\\", "http://evil", "https://evil")), location
        assert "\r" not in location
        assert "\n" not in location
        content = b"".join(response.streaming_content) if response.streaming else response.content
        for secret in (b"SECRET_KEY", b"root:", b"[core]", b"sqlite format"):
            assert secret not in content
        if "admin" in location:
            followed = client.get(location, follow=True)
            assert followed.status_code == 404 or followed.wsgi_request.path == "/admin/login/", "a login comes first"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "X" * 100])
def test_nothing_is_written_below_api(client: Client, method: str) -> None:
    package = PackageFactory.create()
    for path in ("/api/v4/packages/", f"/api/v4/packages/{package.pk}/", "/api/v4/", "/api/v3/packages/"):
        response = client.generic(method, path, b'{"title": "Theirs"}', content_type="application/json")
        assert response.status_code == 405, path
        assert b"Theirs" not in response.content
    package.refresh_from_db()
    assert package.title != "Theirs"


def test_a_session_never_reaches_the_api(admin_client: Client, client: Client, settings: Settings) -> None:
    """What an editor is served is what everybody is served: a shared cache has nothing of anybody's."""
    settings.CACHE_URL = "locmem://"
    PackageFactory.create(slug="p")
    for path in ("/api/v4/", "/api/v4/packages/p/", "/api/v4/nope/"):
        for accept in ("application/json", "text/html"):
            mine, theirs = (each.get(path, headers={"accept": accept}) for each in (admin_client, client))
            assert mine.content == theirs.content
            assert "Set-Cookie" not in mine.headers
            assert not mine.cookies
            assert "Cookie" not in mine.headers.get("Vary", "")
