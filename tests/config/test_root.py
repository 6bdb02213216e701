"""GET /api/v4/: the root document."""

import pytest
from django.test import Client

from tests.conftest import Get

pytestmark = pytest.mark.django_db


def test_body(get: Get) -> None:
    response = get("")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert list(response.json().items()) == [
        ("packages", "http://testserver/api/v4/packages/"),
        ("search", "http://testserver/api/v4/search/"),
        ("grids", "http://testserver/api/v4/grids/"),
        ("categories", "http://testserver/api/v4/categories/"),
        ("changes", "http://testserver/api/v4/changes/"),
        ("features", "http://testserver/api/v4/features/"),
        ("trending", "http://testserver/api/v4/trending/"),
        ("readiness", "http://testserver/api/v4/readiness/"),
        ("dumps", None),
        ("schema", "http://testserver/api/v4/schema/"),
        ("docs", "http://testserver/api/v4/docs/"),
    ]


def test_every_link_works(get: Get, client: Client) -> None:
    empty_page: dict[str, object] = {"count": 0, "next": None, "previous": None, "results": []}
    for name, link in get("").json().items():
        if link is None:
            continue
        response = client.get(link)
        assert response.status_code == 200
        if name in {"packages", "grids", "categories", "features", "trending"}:
            assert response.json() == empty_page


def test_the_front_page_redirects_to_the_api(client: Client) -> None:
    response = client.get("/")
    assert response.status_code == 302
    assert response["Location"] == "/api/v4/"
