"""GET /api/v4/dumps/ and the files of dumps: the list is never stale, files never change, nothing else is served."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from core import dumps
from core.api.dumps import MOST
from core.caching.stores import store
from tests.conftest import Get
from tests.core.api.test_formats import BROWSER
from tests.dumps import write_dump

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
NAME = "20260506T070809.123Z"
DATA = bytes(range(256)) * 400  # more than is sent without a limit
IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.DUMP_ROOT = str(tmp_path / "dumps")
    settings.DOWNLOADS = 2
    (tmp_path / "dumps").mkdir()
    return tmp_path / "dumps"


@pytest.fixture
def dump(root: Path) -> Path:
    write_dump(root, NOW, 81, packages__csv__gz=DATA, catalogue__sqlite=b"SQLite", catalogue__sqlite__gz=b"compressed")
    return root / NAME


def body(response: Any) -> bytes:
    """Return all that a response sends, and close it as a server does."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    close(response)
    return bytes(content)


def close(response: Any) -> None:
    """Close a response, but not the test's connection to the database with it."""
    request_finished.disconnect(close_old_connections)
    try:
        response.close()
    finally:
        request_finished.connect(close_old_connections)


def test_the_list(get: Get, dump: Path, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    older = write_dump(dump.parent, NOW - timedelta(days=1), 17)
    with django_assert_num_queries(0):
        response = get("dumps/")
    assert response.status_code == 200
    url = f"http://testserver/api/v4/dumps/{NAME}"
    document = response.json()
    assert list(document) == ["latest", "results"]
    assert document["latest"] == "http://testserver/api/v4/dumps/latest/manifest.json"
    newest, other = document["results"]
    assert {key: value for key, value in newest.items() if key != "files"} == {
        "name": NAME,
        "time": "2026-05-06T03:08:09.123456-04:00",
        "change": 81,
        "changes": "http://testserver/api/v4/changes/?since=81",
        "licence": "CC0-1.0",
        "manifest": f"{url}/manifest.json",
    }
    file = newest["files"][0]
    assert (file["name"], file["url"]) == ("packages.csv.gz", f"{url}/packages.csv.gz")
    assert (file["rows"], file["bytes"], len(file["sha256"])) == (7, len(DATA), 64)
    assert len(newest["files"]) == 3
    assert (other["name"], other["files"]) == (older, [])


def test_links_keep_the_format_but_files_have_none(get: Get, dump: Path) -> None:
    newest = get("dumps/?format=json").json()["results"][0]
    assert newest["changes"].endswith("/changes/?since=81&format=json")
    assert newest["manifest"].endswith("/manifest.json")
    assert newest["files"][0]["url"].endswith("/packages.csv.gz")


def test_the_list_is_bounded(get: Get, root: Path) -> None:
    names = [write_dump(root, NOW + timedelta(days=day)) for day in range(MOST + 2)]
    listed = [dump["name"] for dump in get("dumps/").json()["results"]]
    assert listed == names[::-1][:MOST]


def manifest(time: str = NOW.isoformat(), files: Any = None, **other: Any) -> bytes:
    return json.dumps({"time": time, "change": 1, "licence": None, "files": files or {}} | other).encode()


FILE = {"rows": 1, "bytes": 1, "sha256": "0" * 64}
NO_MANIFESTS = [
    *(None, b"", b"[]", b"{}", b'{"time": 1, "files": {}}', b"\xff", b'{"files": []}'),
    *(manifest("2026-05-06T07:08:09"), manifest("0001-01-01T00:00:00Z"), manifest("9999-12-31T23:59:59Z")),
    *(manifest(change="1"), manifest(change=-1), manifest(change=True), manifest(licence={}), manifest(more=1)),
    *(manifest(files={name: FILE}) for name in ("../x", "manifest.json.bak", "x")),
    *(manifest(files={"packages.csv.gz": FILE | wrong}) for wrong in ({"rows": None}, {"bytes": "1"}, {"sha256": 5})),
]


@pytest.mark.parametrize("manifest", NO_MANIFESTS)
def test_what_is_no_dump_is_not_listed(get: Get, dump: Path, manifest: bytes | None) -> None:
    foreign = dump.parent / dumps.name_at(NOW + timedelta(days=1))
    foreign.mkdir()
    if manifest is not None:
        (foreign / "manifest.json").write_bytes(manifest)
    for other in (f".{foreign.name}.writing", f".{foreign.name}.deleting", "notes"):
        (dump.parent / other).mkdir()
    (dump.parent / dumps.name_at(NOW + timedelta(days=2))).symlink_to(dump)
    (dump.parent / dumps.name_at(NOW + timedelta(days=3))).write_text("a file")
    for accept in ("*/*", BROWSER):
        assert get("dumps/", accept=accept).status_code == 200
    assert [each["name"] for each in get("dumps/").json()["results"]] == [NAME]
    assert f"/{NAME}/" in get("dumps/latest/packages.csv.gz")["Location"]


@pytest.mark.parametrize("path", ["dumps/", "dumps/latest/packages.csv.gz", f"dumps/{NAME}/packages.csv.gz"])
def test_a_folder_that_cannot_be_read(
    get: Get, dump: Path, settings: Settings, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DUMP_ROOT = str(dump / "manifest.json")
    response = get(path)
    assert (response.status_code, response["Retry-After"], response["Cache-Control"]) == (503, "60", "no-store")
    assert response.json() == {"detail": "The dumps cannot be read at the moment; try again later."}
    assert f"DUMP_ROOT cannot be read: [Errno 20] Not a directory: '{dump / 'manifest.json'}'" in caplog.messages


def test_a_file_that_cannot_be_read(get: Get, dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The view does not redirect to itself."""

    def refuse(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("core.downloads.DumpFile.get_response", refuse)
    assert get(f"dumps/{NAME}/packages.csv.gz").status_code == 503
    assert get("dumps/latest/packages.csv.gz").status_code == 302


@pytest.mark.parametrize("folder", ["", "nosuch"])
def test_no_dumps(get: Get, root: Path, settings: Settings, folder: str) -> None:
    if folder:
        settings.DUMP_ROOT = str(root / folder)
    assert get("dumps/").json() == {"latest": None, "results": []}
    response = get("dumps/latest/packages.csv.gz")
    assert (response.status_code, response.json()) == (404, {"detail": "There is no dump yet."})
    settings.DUMP_ROOT = ""
    for path in ("dumps/", "dumps/latest/manifest.json", f"dumps/{NAME}/manifest.json"):
        response = get(path)
        assert (response.status_code, response.json()) == (404, {"detail": "This site offers no dumps."})


def test_the_root_leads_to_them(get: Get, dump: Path) -> None:
    assert get("").json()["dumps"] == "http://testserver/api/v4/dumps/"


@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_the_list_is_cached_until_there_is_another_dump(get: Get, dump: Path, settings: Settings, accept: str) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    before = get("dumps/", accept=accept)
    assert before["Cache-Control"] == "public, no-cache"
    (dump / "manifest.json").unlink()
    cached = get("dumps/", accept=accept)
    assert (cached["ETag"], cached.content) == (before["ETag"], before.content)
    assert get("dumps/", accept=accept, if_none_match=before["ETag"]).status_code == 304
    name = write_dump(dump.parent, NOW + timedelta(days=1))
    after = get("dumps/", accept=accept, if_none_match=before["ETag"])
    assert name in after.content.decode()
    dumps_left = dump.parent / name
    dumps_left.rename(dump.parent / ".gone")
    assert name not in get("dumps/", accept=accept).content.decode()


def test_the_page(get: Get, dump: Path) -> None:
    write_dump(dump.parent, NOW - timedelta(days=1), 17)
    page = get("dumps/", accept=BROWSER).content.decode()
    assert "6 May 2026, 03:08 EDT" in page
    assert f'<a href="http://testserver/api/v4/dumps/{NAME}/packages.csv.gz">packages.csv.gz</a>' in page
    assert "100.0\xa0KB" in page
    assert "change 81" in page
    assert "Older dumps" in page
    assert "5 May 2026" in page


def test_the_page_without_a_dump(get: Get, root: Path) -> None:
    assert "There is no dump yet." in get("dumps/", accept=BROWSER).content.decode()


def test_a_file(get: Get, dump: Path, client: Client) -> None:
    response = get(f"dumps/{NAME}/packages.csv.gz", accept_encoding="gzip, br")
    assert response.status_code == 200
    assert body(response) == DATA
    assert dict(response.items()) == {
        "Content-Type": "application/gzip",
        "Content-Length": str(len(DATA)),
        "Cache-Control": IMMUTABLE,
        "Accept-Ranges": "bytes",
        "ETag": response["ETag"],
        "Last-Modified": response["Last-Modified"],
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": response["Access-Control-Expose-Headers"],
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Request-ID": "0123456789abcdef",
    }
    types = {"catalogue.sqlite": "application/vnd.sqlite3", "manifest.json": "application/json"}
    for name, type_ in types.items():
        response = get(f"dumps/{NAME}/{name}", accept_encoding="gzip")
        assert response["Content-Type"] == type_
        assert "Content-Encoding" not in response, "though there is a compressed one beside it"
        assert body(response) == (dump / name).read_bytes()
    head = client.head(f"/api/v4/dumps/{NAME}/packages.csv.gz")
    assert (head["Content-Length"], body(head)) == (str(len(DATA)), b"")


def test_a_client_that_has_it(get: Get, dump: Path) -> None:
    path = f"dumps/{NAME}/packages.csv.gz"
    first = get(path)
    for headers in ({"if_none_match": first["ETag"]}, {"if_modified_since": first["Last-Modified"]}):
        response = get(path, **headers)
        assert (response.status_code, body(response)) == (304, b"")
        assert (response["ETag"], response["Cache-Control"]) == (first["ETag"], IMMUTABLE)
    close(first)


def test_a_client_that_has_it_among_others(get: Get, dump: Path) -> None:
    path = f"dumps/{NAME}/packages.csv.gz"
    first = get(path)
    close(first)
    for header, status in (
        (f"W/{first['ETag']}", 304),
        (f'"other", {first["ETag"]}', 304),
        ("*", 304),
        ('"other"', 200),
    ):
        response = get(path, if_none_match=header)
        assert (response.status_code, header) == (status, header)
        close(response)


def test_a_download_that_goes_on_with_another_file_begins_anew(get: Get, client: Client, dump: Path) -> None:
    """A client that was redirected by `latest` before, and is redirected to a newer dump now."""
    path = f"dumps/{NAME}/packages.csv.gz"
    whole = get(path)
    close(whole)
    for condition, status in (
        (whole["ETag"], 206),
        (whole["Last-Modified"], 206),
        ('"other"', 200),
        (f"W/{whole['ETag']}", 200),
        ("Wed, 06 May 2020 07:08:09 GMT", 200),
        ("", 200),
    ):
        response = get(path, range="bytes=9-", if_range=condition)
        assert (response.status_code, body(response)) == (status, DATA[9:] if status == 206 else DATA), condition
    head = client.head(f"/api/v4/{path}", headers={"range": "bytes=9-"})
    assert (head.status_code, head["Content-Length"]) == (200, str(len(DATA)))


@pytest.mark.parametrize("accel", ["", "/_dumps/"])
def test_a_file_has_no_parameters(get: Get, dump: Path, settings: Settings, accel: str) -> None:
    settings.DUMP_ACCEL = accel
    response = get(f"dumps/{NAME}/packages.csv.gz?x=1")
    assert (response.status_code, list(response.json())) == (400, ["x"])
    response = get(f"dumps/{NAME}/packages.csv.gz?&")
    assert (response.status_code, response["Cache-Control"]) == (200, IMMUTABLE)
    close(response)


@pytest.mark.parametrize(
    ("range_", "start", "end"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=0-0", 0, 0),
        ("bytes=102399-", 102399, 102399),
        ("bytes=-1", 102399, 102399),
        ("bytes=102390-999999", 102390, 102399),
        ("bytes=-999999", 0, 102399),
        ("bytes=100-", 100, 102399),
    ],
)
def test_a_part_of_a_file(get: Get, dump: Path, range_: str, start: int, end: int) -> None:
    response = get(f"dumps/{NAME}/packages.csv.gz", range=range_)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {start}-{end}/102400"
    assert response["Content-Length"] == str(end - start + 1)
    assert (response["Content-Type"], response["Cache-Control"]) == ("application/gzip", IMMUTABLE)
    assert body(response) == DATA[start : end + 1]


@pytest.mark.parametrize(
    ("range_", "status"),
    [
        *(("bytes=102400-", 416), ("bytes=-0", 416)),
        *(("bytes=x", 200), ("rows=0-9", 200), ("bytes=5-2", 200), ("bytes=--5", 200), ("bytes=1_0-2_0", 200)),
        *(("bytes=0-1,5-6", 200), ("bytes=+1-5", 200), ("bytes=-", 200), (f"bytes=0-{'9' * 5_000}", 200)),
    ],
)
def test_a_part_that_is_none(get: Get, dump: Path, range_: str, status: int) -> None:
    response = get(f"dumps/{NAME}/packages.csv.gz", range=range_)
    assert response.status_code == status
    if status == 416:
        assert (response["Content-Range"], response["Content-Length"]) == ("bytes */102400", "0")
        assert "Content-Type" not in response
    close(response)


def test_the_latest_file_redirects(get: Get, dump: Path) -> None:
    response = get("dumps/latest/packages.csv.gz")
    assert (response.status_code, response["Cache-Control"]) == (302, "public, max-age=60")
    assert response["Location"] == f"http://testserver/api/v4/dumps/{NAME}/packages.csv.gz"
    name = write_dump(dump.parent, NOW + timedelta(days=1), packages__csv__gz=b"")
    assert get("dumps/latest/packages.csv.gz")["Location"].endswith(f"/{name}/packages.csv.gz")
    response = get("dumps/latest/grids.csv.gz")
    assert response.status_code == 404
    assert response["Cache-Control"] == "no-store"


SECRETS = [
    *(".months.json", "secret.txt", "link.csv.gz", "grids.csv.gz", "packages.csv", "packages.csv.gz~"),
    *("history-2026-13.csv.gz", "history-2026-05.csv.gz", "manifest.json.bak", "..", "."),
    *("../outside.txt", "..%2foutside.txt", "%2e%2e%2foutside.txt", "..%5coutside.txt", "%00", "manifest.json%00"),
]


@pytest.mark.parametrize("accel", ["", "/_dumps/"])
@pytest.mark.parametrize("file", SECRETS)
def test_a_foreign_file_is_not_served(get: Get, dump: Path, settings: Settings, file: str, accel: str) -> None:
    settings.DUMP_ACCEL = accel
    outside = dump.parent.parent / "outside.txt"
    for path in (dump / ".months.json", dump / "secret.txt", dump / "packages.csv", dump / "packages.csv.gz~", outside):
        path.write_text("secret")
    (dump / "grids.csv.gz").symlink_to(outside)
    (dump / "history-2026-05.csv.gz").mkdir()
    response = get(f"dumps/{NAME}/{file}")
    assert response.status_code == 404, response
    assert "X-Accel-Redirect" not in response


@pytest.mark.parametrize("accel", ["", "/_dumps/"])
@pytest.mark.parametrize(
    "name",
    [f".{NAME}.writing", f".{NAME}.deleting", "notes", "..", "%2e%2e", "20260506T070809.124Z", f"{NAME}%0a", "x"],
)
def test_a_foreign_folder_is_not_served(get: Get, dump: Path, settings: Settings, name: str, accel: str) -> None:
    settings.DUMP_ACCEL = accel
    for folder in (f".{NAME}.writing", f".{NAME}.deleting", "notes"):
        (dump.parent / folder).mkdir()
        (dump.parent / folder / "manifest.json").write_text("secret")
    (dump.parent / "20260506T070809.124Z").symlink_to(dump)
    response = get(f"dumps/{name}/manifest.json")
    assert response.status_code == 404, response
    assert "X-Accel-Redirect" not in response


def test_nginx_sends_what_a_header_names(get: Get, dump: Path, settings: Settings) -> None:
    settings.DUMP_ACCEL = "/_dumps/"
    response = get(f"dumps/{NAME}/packages.csv.gz")
    assert response.status_code == 200
    assert response["X-Accel-Redirect"] == f"/_dumps/{NAME}/packages.csv.gz"
    assert (response["Content-Type"], response["Cache-Control"]) == ("application/gzip", IMMUTABLE)
    assert (response.content, "ETag" in response) == (b"", False)


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_files_are_read_only(client: Client, dump: Path, method: str) -> None:
    response = getattr(client, method)(f"/api/v4/dumps/{NAME}/packages.csv.gz")
    assert (response.status_code, response["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_only_so_many_downloads_at_a_time(dump: Path, client: Client) -> None:
    path = f"/api/v4/dumps/{NAME}/packages.csv.gz"
    first, second = client.get(path), client.get(path, headers={"range": "bytes=9-"})
    assert (first.status_code, second.status_code) == (200, 206)
    for _ in range(2):
        third = client.get(path)
        assert (third.status_code, third["Retry-After"], third["Cache-Control"]) == (503, "30", "no-store")
        assert third.json() == {"detail": "Too many downloads at the same time: try again in 30 seconds."}
    for free in (client.head(path), client.get(f"/api/v4/dumps/{NAME}/manifest.json"), client.get("/api/v4/dumps/")):
        assert free.status_code == 200, "what takes no time has no limit"
        close(free)
    assert client.get(path, headers={"if_none_match": first["ETag"]}).status_code == 304
    assert body(client.get(path, headers={"range": "bytes=0-9"})) == DATA[:10]
    close(second)
    close(second)
    again = client.get(path)
    assert again.status_code == 200
    assert client.get(path).status_code == 503, "a response that was closed twice has made room once"
    for response in (first, again):
        assert body(response) == DATA
    for _ in range(5):
        body(client.get(path))


def test_a_file_that_is_deleted_meanwhile(dump: Path, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    find = dumps.find

    def find_and_delete(root: Path, name: str, file: str) -> Path | None:
        path = find(root, name, file)
        if path:
            path.unlink()
        return path

    monkeypatch.setattr(dumps, "find", find_and_delete)
    for _ in range(3):
        assert client.get(f"/api/v4/dumps/{NAME}/packages.csv.gz").status_code == 404
