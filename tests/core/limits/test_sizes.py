"""Requests that are larger than the site has a use for."""

from typing import Any

import pytest
from django.test import Client

from core.limits.sizes import MOST_BODY, MOST_FORM, MOST_URL
from editing.spreadsheets.reading import MOST_BYTES
from tests.core.api.test_formats import BROWSER

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}


def test_a_url_is_as_long_as_gunicorn_takes(client: Client) -> None:
    path = "/api/v4/packages/?id__in="
    most = MOST_URL - len(path) + 1
    assert client.get(path + "1" * most, headers=JSON).status_code == 400
    response = client.get(path + "1" * (most + 1), headers=JSON)
    assert response.status_code == 414
    assert response.json() == {"detail": "This URL has 8191 characters: 8190 at most. Name fewer at a time."}
    assert response["Cache-Control"] == "no-store"
    assert response["Access-Control-Allow-Origin"] == "*"


def test_a_url_that_is_too_long_is_a_page_for_people(client: Client) -> None:
    for path in ("/api/v4/packages/", "/"):
        response = client.get(f"{path}?q={'x' * MOST_URL}", headers={"accept": BROWSER})
        assert response.status_code == 414
        assert "8190 at most" in response.content.decode()
    assert client.head(f"/?q={'x' * MOST_URL}").content == b""


@pytest.mark.parametrize("query", ["a&" * 4_000, "a&" * 5_000, "format=json&" + "a=&" * 2_001])
def test_a_url_with_thousands_of_parameters(client: Client, query: str) -> None:
    """Django would fail: it refuses to read such a query, also for the page that says so."""
    for path in ("/api/v4/packages/", "/api/v3/packages/", "/api/v4/nothing/", "/nothing/", "/admin/"):
        for accept in ("application/json", BROWSER):
            response = client.get(f"{path}?{query}", headers={"accept": accept})
            assert response.status_code == (414 if len(query) > MOST_URL else 400)
            assert " at most" in response.content.decode()


@pytest.mark.parametrize("method", ["get", "post", "options", "head"])
def test_a_body_that_nobody_reads(client: Client, method: str) -> None:
    def status(size: int | str) -> int:
        response: Any = getattr(client, method)("/api/v4/packages/", headers=JSON, CONTENT_LENGTH=str(size))
        if response.status_code == 413 and method != "head":
            assert f"{MOST_BODY} at most" in response.json()["detail"]
        return int(response.status_code)

    usual = 405 if method == "post" else 200
    assert [status(size) for size in (2, MOST_BODY)] == [usual, usual]
    assert [status(size) for size in (MOST_BODY + 1, 10**12, "9" * 40)] == [413] * 3
    assert [status(size) for size in ("", "-1", "many", "٣")] == [usual] * 4


def test_forms_may_be_larger(client: Client) -> None:
    assert MOST_FORM >= 2 * MOST_BYTES, "a file, and what is around it"
    for size, status in ((MOST_FORM, 302), (MOST_FORM + 1, 413)):
        response = client.get("/admin/", CONTENT_LENGTH=str(size))
        assert response.status_code == status
    assert "There is nothing" not in response.content.decode()
