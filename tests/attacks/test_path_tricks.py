"""Paths that mean one thing to nginx and another one to the site: no file outside the folders of static files and of
dumps is read, no internal location is reached, and no redirect leads away."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.attacks import wire
from tests.attacks.fronts import nginx
from tests.dumps import write_dump
from tests.servers import sample_site

pytestmark = pytest.mark.more
SECRET = b"a secret of the machine"
UPS = ("../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..;/", "..\\", "..%5c", "%252e%252e%252f", ".%00./", "..%c0%af", "..//")
BASES = (
    *("/static/", "/static", "/static/pages/", "/_dumps/", "/_dumps", "/api/v4/dumps/", "/api/v4/dumps/latest/"),
    *("/api/v4/dumps/{dump}/", "/", "//", "/admin/", "/.well-known/", "/dumps/", "/api/v4/"),
)
FILES = ("secret.txt", "config/settings.py")
FORBIDDEN = (SECRET, b"root:x:0", b"execute_from_command_line", b"SQLite format 3", b"SECRET_KEY", b"INSTALLED_APPS")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "secret.txt").write_bytes(SECRET)
    write_dump(folder / "dumps", datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC), packages__csv__gz=b"the packages")
    (folder / "dumps" / ".hidden").mkdir()
    (folder / "dumps" / ".hidden" / "secret.txt").write_bytes(SECRET)
    return folder


@pytest.fixture(scope="module", params=["the site itself", "nginx"])
def url(request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    accel = {"DUMP_ACCEL": "/_dumps/"} if request.param == "nginx" else {}
    settings = {
        "DUMP_ROOT": str(folder / "dumps"),
        "WEB_CONCURRENCY": "1",
        "RATE_LIMIT": "0",
        "TRUSTED_PROXIES": "127.0.0.1",
        **accel,
    }
    with sample_site(tmp_path_factory.mktemp("site"), **settings) as site:
        if not accel:
            yield site.url
            return
        with nginx(site, folder) as front:
            yield front


def one(url: str, path: str) -> wire.Reply:
    [reply] = wire.exchange(url, wire.get(urlsplit(url).netloc, path, "Connection: close"))
    return reply


def test_no_file_outside_is_read(url: str, folder: Path) -> None:
    dump = next(path.name for path in (folder / "dumps").iterdir() if not path.name.startswith("."))
    for base in BASES:
        for up in UPS:
            for file in (up + FILES[0], *(up * 3 + file for file in FILES)):
                path = base.replace("{dump}", dump) + file
                reply = one(url, path)
                assert reply.status < 500, path
                assert not any(text in reply.body for text in FORBIDDEN), (path, reply)


def test_hidden_and_internal_places_are_not_reached(url: str, folder: Path) -> None:
    dump = next(path.name for path in (folder / "dumps").iterdir() if not path.name.startswith("."))
    assert one(url, f"/api/v4/dumps/{dump}/packages.csv.gz").body == b"the packages"
    for path in (
        *(f"/_dumps/{dump}/packages.csv.gz", f"/_DUMPS/{dump}/packages.csv.gz", f"//_dumps/{dump}/packages.csv.gz"),
        *(f"/x/../_dumps/{dump}/packages.csv.gz", f"/%5fdumps/{dump}/packages.csv.gz", "/_dumps/.hidden/secret.txt"),
        *("/api/v4/dumps/.hidden/secret.txt", "/api/v4/dumps/%2ehidden/secret.txt", "/_dumps/", "/_dumps"),
        *("/static/", "/static/.", "/static/pages/", "/static/staticfiles.json/", "/static//etc/passwd"),
    ):
        reply = one(url, path)
        assert reply.status in {301, 302, 400, 403, 404}, (path, reply)
        assert b"the packages" not in reply.body, path
        assert SECRET not in reply.body, path
        assert b"Index of" not in reply.body, path


def test_a_client_cannot_send_what_the_site_tells_nginx(url: str, folder: Path) -> None:
    for header in ("X-Accel-Redirect: /_dumps/", "X-Sendfile: /etc/passwd", "X-Accel-Expires: 99", "X-Reproxy-URL: x"):
        [reply] = wire.exchange(url, wire.get(urlsplit(url).netloc, "/nothing", header, "Connection: close"))
        assert reply.status == 404, header


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//evil.test",
            "//evil.test/",
            "//evil.test/%2e%2e",
            "//evil.test/..",
            "/\\evil.test",
            "/%5cevil.test/",
            "///evil.test",
        ),
        *(
            "/admin//evil.test",
            "/api/v4//evil.test/",
            "/api/v4/packages//evil.test",
            "//evil.test/api/v4/packages/ralph",
        ),
        *(
            "/.evil.test",
            "/@evil.test",
            "/http://evil.test/",
            "/api/v4/packages/ralph?next=//evil.test",
            "/%0d%0aX-Evil:1",
        ),
        *("//admin", "/admin", "//evil.test/admin", "/packages/p//evil.test", "/api//evil.test/v4"),
    ],
)
def test_no_redirect_leads_away(url: str, path: str) -> None:
    reply = one(url, path)
    assert reply.status < 500
    assert "x-evil" not in reply.headers
    location = reply.headers.get("location", "").replace("\\", "/")
    assert not location.startswith("//"), location
    assert (urlsplit(location).hostname or "localhost") in {"localhost", "127.0.0.1"}, location
