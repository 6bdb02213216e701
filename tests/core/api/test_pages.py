"""Pages of lists: limit and offset, and the errors of invalid ones."""

from urllib.parse import quote

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from core.database.sessions import begin_session
from tests.conftest import Get
from tests.factories import CategoryFactory, PackageFactory

pytestmark = pytest.mark.django_db

KINDS = ("packages", "grids", "categories")
LIMIT = ["Must be a whole number from 1 to 1000."]
OFFSET = ["Must be a whole number from 0 up."]
CATEGORIES = "http://testserver/api/v4/categories/"
NOT_NUMBERS = ["x", "1.5", "1e2", "+1", "1 ", "0x1", "٣", "--1", "-1", str(10**30), str(-(10**30))]


def ids(get: Get, query: str) -> list[int]:
    return [category["id"] for category in get(f"categories/{query}").json()["results"]]


@pytest.fixture
def newest_first() -> list[int]:
    return [category.pk for category in CategoryFactory.create_batch(45)][::-1]


def test_twenty_at_a_time(get: Get, newest_first: list[int]) -> None:
    body = get("categories/").json()
    assert [category["id"] for category in body["results"]] == newest_first[:20]
    assert (body["count"], body["next"], body["previous"]) == (45, f"{CATEGORIES}?limit=20&offset=20", None)


def test_following_next_and_previous(get: Get, newest_first: list[int]) -> None:
    second = get("categories/?limit=20&offset=20").json()
    assert [category["id"] for category in second["results"]] == newest_first[20:40]
    assert second["previous"] == f"{CATEGORIES}?limit=20"
    assert second["next"] == f"{CATEGORIES}?limit=20&offset=40"
    last = get("categories/?limit=20&offset=40").json()
    assert [category["id"] for category in last["results"]] == newest_first[40:]
    assert (last["previous"], last["next"]) == (f"{CATEGORIES}?limit=20&offset=20", None)


def test_limit_and_offset(get: Get, newest_first: list[int]) -> None:
    assert ids(get, "?limit=3") == newest_first[:3]
    assert ids(get, "?limit=1&offset=44") == newest_first[44:]
    assert ids(get, "?offset=30") == newest_first[30:]
    assert ids(get, "?limit=007&offset=00") == newest_first[:7]


def test_the_highest_limit(get: Get, newest_first: list[int]) -> None:
    body = get("categories/?limit=1000").json()
    assert [category["id"] for category in body["results"]] == newest_first
    assert (body["next"], body["previous"]) == (None, None)


@pytest.mark.parametrize("offset", [45, 10**6, 10**17])
def test_past_the_end(get: Get, newest_first: list[int], offset: int) -> None:
    response = get(f"categories/?offset={offset}")
    assert response.status_code == 200
    assert (response.json()["count"], response.json()["results"], response.json()["next"]) == (45, [], None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [*NOT_NUMBERS, "0", "1001", "100000"])
def test_wrong_limits(get: Get, kind: str, value: str) -> None:
    response = get(f"{kind}/?limit={quote(value)}")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/json"
    assert response.json() == {"limit": LIMIT}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", NOT_NUMBERS)
def test_wrong_offsets(get: Get, kind: str, value: str) -> None:
    response = get(f"{kind}/?offset={quote(value)}")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/json"
    assert response.json() == {"offset": OFFSET}


def test_a_browser_gets_the_error_of_a_wrong_limit_as_a_page(get: Get) -> None:
    response = get("packages/?limit=x", accept="text/html")
    assert response.status_code == 400
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert LIMIT[0] in response.content.decode()


def test_filtered_lists_have_a_highest_offset(get: Get) -> None:
    message = {"offset": ["At most 10000 with filters or an ordering: walk further by cursor=."]}
    for query in ("ordering=title", "q=x"):
        response = get(f"packages/?{query}&offset=10001")
        assert (response.status_code, response.json()) == (400, message)
        assert get(f"packages/?{query}&offset=10000").status_code == 200
    assert get("packages/?offset=900000").status_code == 200


def test_a_query_that_takes_too_long_is_stopped(
    get: Get, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if connection.vendor == "postgresql":  # as on a server
        connection.cursor().execute("SET LOCAL statement_timeout = '200ms'")
    monkeypatch.setattr("core.api.views.SECONDS", 0.2)

    def endless(*_: object) -> object:
        return connection.cursor().execute(
            "SELECT pg_sleep(20)"
            if connection.vendor == "postgresql"
            else "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        )

    monkeypatch.setattr("core.api.row_sources.FilteredRows.page", endless)
    PackageFactory.create(title="x")
    with transaction.atomic():
        response = get("packages/?q=x")
        transaction.set_rollback(True)
    assert response.status_code == 503
    assert response.json()["detail"].startswith("The database did not respond in time;")
    assert response["Retry-After"] == "5"
    reason = {"postgresql": "canceling statement due to statement timeout", "sqlite": "interrupted"}[connection.vendor]
    assert caplog.messages == [f"Service Unavailable: /api/v4/packages/: {reason}"]


def test_statements_of_a_server_have_a_timeout(settings: Settings) -> None:
    settings.STATEMENT_SECONDS = 7
    begin_session(connection)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("7s",)
            cursor.execute("RESET statement_timeout")
