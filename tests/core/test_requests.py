"""The id of each request, in its response and nowhere else."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from core.caching.memory import Memory
from core.caching.stores import store
from core.requests import REQUEST_ID, current_id, name_process, new_id
from tests.factories import PackageFactory

pytestmark = pytest.mark.django_db(transaction=True)
OURS = re.compile("[0-9a-f]{16}")
ELSEWHERE = {"host": "evil.example.org"}


@pytest.fixture(autouse=True)
def _ids(_one_request_id: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.requests.new_id", new_id)


@pytest.mark.parametrize(
    ("path", "status", "headers"),
    [
        ("/api/v4/", 200, {}),
        ("/api/v4/packages/", 200, {"accept": "text/html"}),
        ("/api/v4/packages/none/", 404, {}),
        ("/api/v4/packages/?x=y", 400, {}),
        ("/api/v4/packages/", 400, ELSEWHERE),
        ("/api/v4/packages", 301, {}),
        ("/api/v4/feeds/packages.atom", 200, {}),
        ("/api/v3/packages/", 200, {}),
        ("/healthz", 200, ELSEWHERE),
        ("/metrics", 404, {}),
        ("/robots.txt", 200, {}),
        ("/nowhere/", 404, {}),
        ("/admin/login/", 200, {}),
        ("/admin/", 302, {}),
        ("/static/none.css", 404, {}),
    ],
)
def test_every_response_has_one(client: Client, path: str, status: int, headers: dict[str, str]) -> None:
    ids = set()
    for method in (client.get, client.head, client.get):
        response: Any = method(path, headers=headers)
        assert response.status_code == status
        assert OURS.fullmatch(response["X-Request-ID"])
        ids.add(response["X-Request-ID"])
    assert len(ids) == 3


@pytest.mark.parametrize(
    "offered",
    ["0b7c1de0a3f14c1f8f6d2f3f5a6b7c8d", "3e4666bf-d5e5-4aa7-b8ce-cefe41c7568a", "abcdefgh", "A.b_c-1234" * 6],
)
def test_one_that_the_client_has_is_taken(client: Client, offered: str) -> None:
    assert client.get("/api/v4/", headers={"x-request-id": offered})["X-Request-ID"] == offered
    assert client.get("/nowhere/", headers={"x-request-id": offered})["X-Request-ID"] == offered


@pytest.mark.parametrize(
    "offered",
    ["", "short", "a" * 65, "-abcdefgh", "abcdefgh ijkl", "abcd\nefgh1", 'abc"defgh', "b\u00fccherei1", "a" * 5000],
)
def test_one_that_is_not_well_formed_is_not(client: Client, offered: str) -> None:
    assert OURS.fullmatch(client.get("/api/v4/", headers={"x-request-id": offered})["X-Request-ID"])


def test_none_is_stored_with_a_response(client: Client, settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    PackageFactory.create(slug="p")
    first, second = (
        client.get("/api/v4/packages/p/", headers={"x-request-id": f"client-{number}"}) for number in (1, 2)
    )
    assert (first["X-Request-ID"], second["X-Request-ID"]) == ("client-1", "client-2")
    assert first["ETag"] == second["ETag"]
    assert first.content == second.content
    cached = store("locmem://")
    assert isinstance(cached, Memory)
    assert [b"X-Request-ID" in each.headers for each in cached.responses.values()] == [False]
    not_modified = client.get(
        "/api/v4/packages/p/", headers={"if-none-match": first["ETag"], "x-request-id": "client-3"}
    )
    assert (not_modified.status_code, not_modified["X-Request-ID"]) == (304, "client-3")


def test_a_run_of_a_command_has_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.requests._of_process", [""])
    token = REQUEST_ID.set("")
    try:
        assert current_id() == ""
        name_process()
        of_process = current_id()
        assert OURS.fullmatch(of_process)
        REQUEST_ID.set("of-a-request")
        assert current_id() == "of-a-request"
    finally:
        REQUEST_ID.reset(token)
