"""GET /api/v3/categories/ and /api/v3/categories/SLUG/."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.factories import CategoryFactory
from tests.v3.conftest import Get

pytestmark = pytest.mark.django_db

FULL: list[tuple[str, Any]] = [
    ("created", "2026-05-06T11:25:10.000Z"),
    ("description", "Small <b>pieces</b>."),
    ("modified", "2026-01-26T13:09:44.237Z"),
    ("resource_uri", "/api/v3/categories/apps/"),
    ("show_pypi", False),
    ("slug", "apps"),
    ("title", "App"),
    ("title_plural", "Apps"),
    ("absolute_url", "/categories/apps/"),
]


@pytest.fixture(autouse=True)
def _categories() -> None:
    CategoryFactory.create(
        title="App",
        slug="apps",
        description="Small <b>pieces</b>.",
        title_plural="Apps",
        show_pypi=False,
        created=datetime(2026, 5, 6, 11, 25, 10, tzinfo=UTC),
        modified=datetime(2026, 1, 26, 13, 9, 44, 237594, tzinfo=UTC),
    )
    CategoryFactory.create(title="a first one", slug="first")


@pytest.mark.parametrize("path", ["categories/apps/", "categories/apps"])
def test_a_document(get: Get, django_assert_num_queries: DjangoAssertNumQueries, path: str) -> None:
    with django_assert_num_queries(2):
        response = get(path)
    assert response.status_code == 200
    assert list(response.json().items()) == FULL


def test_the_list(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(2):
        body = get("categories/").json()
    assert list(body) == ["meta", "objects"]
    assert body["meta"] == {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 2}
    assert [each["slug"] for each in body["objects"]] == ["first", "apps"]
    assert body["objects"][1] == dict(FULL)


def test_a_category_that_there_is_not(get: Get) -> None:
    response = get("categories/nope/")
    assert response.status_code == 404
    assert response.json() == {"error": 404, "message": "No Category matches the given query."}
