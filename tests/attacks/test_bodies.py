"""What is too much: answers of upstreams that inflate, JSON that is huge or deep, forms and files of any size."""

import gzip
import io
import json
import socketserver
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from typing import Any

import brotli
import pytest
from django.test import Client

from editing.spreadsheets.reading import read
from fetchers.network.http import FetchError, HttpSession, Response, TooLargeError
from grids.spreadsheets import RefusedError
from tests.core.admin.editors import change_url, open_form
from tests.factories import GridFactory, MembershipFactory

MEGABYTE = 1_000_000
INFLATED = 40 * MEGABYTE


def _gzip(times: int) -> bytes:
    data = b"0" * INFLATED
    for _ in range(times):
        data = gzip.compress(data, 1)
    return data


def _bombs() -> dict[str, tuple[str, bytes]]:
    once = _gzip(1)
    compressor = brotli.Compressor(quality=1)
    by_brotli = b"".join(compressor.process(b"0" * MEGABYTE) for _ in range(40)) + compressor.finish()
    return {
        "gzip": ("gzip", once),
        "deflate": ("deflate", zlib.compress(b"0" * INFLATED, 1)),
        "br": ("br", by_brotli),
        "gzip twice": ("gzip, gzip", gzip.compress(once)),
        "gzip in ten parts": ("gzip", gzip.compress(b"0" * (INFLATED // 10), 1) * 10),
        "a hundred codings": (", ".join(["gzip"] * 100), once),
        "plain": ("identity", b"0" * (2 * MEGABYTE)),
    }


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    bombs = list(_bombs().values())

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            number = int(self.rfile.readline().split()[1].decode().strip("/"))
            coding, body = bombs[number]
            headers = ("Connection: close", f"Content-Encoding: {coding}", f"Content-Length: {len(body)}", "", "")
            self.wfile.write("\r\n".join(("HTTP/1.1 200 OK", *headers)).encode())
            self.wfile.write(body)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Ignore that the client has hung up."""

    with Server(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


NAMES = ("gzip", "deflate", "br", "gzip twice", "gzip in ten parts", "a hundred codings", "plain")


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_that_inflates_is_refused_before_it_fills_the_memory(server: str, name: str) -> None:
    session = HttpSession("test", allow_private=True)
    tracemalloc.start()
    try:
        with pytest.raises(FetchError) as refused:
            session.get(f"{server}/{NAMES.index(name)}", max_bytes=MEGABYTE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        session.close()
    assert peak < 8 * MEGABYTE
    if name != "a hundred codings":
        assert isinstance(refused.value, TooLargeError)
        assert "sends more than 1,000,000 bytes" in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000, b'"' + b"\\u0000" * 10 + b"\xff", b"-", b""],
)
def test_json_that_is_deep_or_none(body: bytes) -> None:
    with pytest.raises(FetchError, match="does not answer in JSON"):
        Response("https://api.test/", 200, {}, body).json()


def test_a_number_of_a_million_digits_is_refused() -> None:
    with pytest.raises(FetchError, match="does not answer in JSON"):
        Response("https://api.test/", 200, {}, b"1" * 1_000_000).json()


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 50_000, "1" * 100_000, "null", '"x"', "[]", "{", "\x00", ""])
def test_the_grid_editor_takes_no_odd_json(admin_client: Client, body: str) -> None:
    grid = GridFactory.create()
    for page in ("save", "paste", "signs", "members"):
        url = f"/admin/grids/grid/{grid.pk}/editor/{page}/"
        response = admin_client.post(url, body, content_type="application/json")
        assert response.status_code in {400, 404, 405, 413}, page


@pytest.mark.django_db
def test_a_form_of_too_many_fields_or_bytes(client: Client, admin_client: Client) -> None:
    many = {f"f{number}": "x" for number in range(2_001)}
    large = {"username": "x" * 3_000_000, "password": "x"}
    files = {f"f{number}": io.BytesIO(b"x") for number in range(101)}
    for who in (client, admin_client):
        for fields in (many, large, files):
            response = who.post("/admin/packages/package/add/", fields)
            assert response.status_code in {400, 413}, response.status_code


CELLS = {
    "a huge cell": 'title,slug\n"' + "x" * 400_000 + '",a\n',
    "many columns": ",".join(f"c{number}" for number in range(100_000)) + "\n",
    "many rows": "title,slug\n" + "a,b\n" * 10_001,
    "a quote without an end": 'title,slug\n"' + "x,y\n" * 50_000,
    "too many bytes": "title,slug\n" + "x" * 5_000_001,
}


@pytest.mark.parametrize("name", CELLS)
def test_csv_that_is_too_much_is_refused_with_a_reason(name: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read(CELLS[name].encode(), ["title", "slug"], ["slug"], [])
    assert len(str(refused.value)) < 300


@pytest.mark.django_db
def test_the_api_reads_no_bodies(client: Client) -> None:
    for path in ("/api/v4/packages/", "/api/v4/search/?q=x"):
        response = client.post(path, json.dumps([[]] * 1_000_000), content_type="application/json")
        assert response.status_code == 413
        assert client.post(path, "[]", content_type="application/json").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize(
    "typed", ["[" * 100_000, '{"1":' * 50_000, '{"' + "9" * 5_000 + '": "x"}', "null", "[1]", '{"x": 1}']
)
def test_the_hidden_json_of_a_form_is_nothing_to_fall_over(admin_client: Client, typed: str) -> None:
    package = MembershipFactory.create().package
    fields = open_form(admin_client, package)
    (name,) = [name for name in fields if name.endswith("-shown")]
    response = admin_client.post(change_url(package), fields | {name: [typed]})
    assert response.status_code in {200, 302}
