"""Cursor pages: every row exactly once while rows are added and deleted, and the same number of queries a page."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from core.models import MAX_ID
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, PackageFactory

pytestmark = pytest.mark.django_db
KINDS = (("packages", PackageFactory), ("grids", GridFactory), ("categories", CategoryFactory))


def pages(get: Get, path: str, follow: str = "next", between: Callable[[], object] = lambda: None) -> Iterator[Any]:
    while path:
        response = get(path)
        assert response.status_code == 200, response.content
        body = response.json()
        links = {relation: url for url, relation in re.findall(r'<([^>]+)>; rel="(\w+)"', response.get("Link", ""))}
        assert (links.get("next"), links.get("prev")) == (body["next"], body["previous"])
        yield body
        path = (body[follow] or "").removeprefix("http://testserver/api/v4/")
        between()


def ids(listed: Iterator[Any]) -> list[int]:
    return [document["id"] for body in listed for document in body["results"]]


@pytest.mark.parametrize(("kind", "factory"), KINDS)
@pytest.mark.parametrize("limit", [1, 7, 49, 50, 51])
def test_there_and_back(get: Get, kind: str, factory: Any, limit: int) -> None:
    created = [document.pk for document in factory.create_batch(50)][::-1]
    there = list(pages(get, f"{kind}/?cursor=&limit={limit}"))
    assert [document["id"] for body in there for document in body["results"]] == created
    assert there[0]["previous"] is None
    assert {body["count"] for body in there} == {50}
    if len(there) > 1:
        back = list(pages(get, there[-1]["previous"].removeprefix("http://testserver/api/v4/"), "previous"))
        assert [body["results"] for body in back] == [body["results"] for body in there[-2::-1]]


@pytest.mark.parametrize(("kind", "factory"), KINDS)
def test_rows_that_are_added_and_deleted_meanwhile(get: Get, kind: str, factory: Any) -> None:
    created = factory.create_batch(60)
    doomed = iter(created[::3])

    def edit() -> None:
        factory.create_batch(2)
        for _ in range(3):
            if document := next(doomed, None):
                document.delete()

    seen = ids(pages(get, f"{kind}/?cursor=&limit=7", between=edit))
    assert len(seen) == len(set(seen)), "a row came twice"
    assert seen == sorted(seen, reverse=True)
    throughout = {document.pk for number, document in enumerate(created) if number % 3}
    assert throughout <= set(seen), "a row was missed"


def test_with_filters_and_fields(get: Get) -> None:
    created = [PackageFactory.create(deprecated=number % 2 == 0).pk for number in range(20)]
    assert ids(pages(get, "packages/?cursor=&limit=3&deprecated=true&fields=id,licence")) == created[::2][::-1]


def test_a_page_that_became_empty(get: Get) -> None:
    first, second = CategoryFactory.create_batch(2)
    below = get("categories/?cursor=&limit=1").json()["next"].removeprefix("http://testserver/api/v4/")
    first.delete()
    body = get(below).json()
    assert (body["results"], body["next"]) == ([], None)
    assert ids(pages(get, body["previous"].removeprefix("http://testserver/api/v4/"), "previous")) == [second.pk]
    body = get(f"categories/?cursor=above-{second.pk}").json()
    assert (body["results"], body["previous"]) == ([], None)
    assert ids(pages(get, body["next"].removeprefix("http://testserver/api/v4/"))) == [second.pk]


def test_the_greatest_id(get: Get) -> None:
    CategoryFactory.create(id=5)
    CategoryFactory.create(id=MAX_ID)
    assert ids(pages(get, "categories/?cursor=&limit=1")) == [MAX_ID, 5]


def test_queries_of_a_page_do_not_grow(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    GridFactory.create_batch(9)
    path = "grids/?cursor=&limit=2"
    while path:
        with django_assert_num_queries(2):
            body = get(path).json()
        path = (body["next"] or "").removeprefix("http://testserver/api/v4/")


@pytest.mark.parametrize("kind", ["packages", "grids", "categories"])
@pytest.mark.parametrize(
    "token", ["x", "below-", "below-x", "below--1", f"below-{MAX_ID + 1}", "above-٣", "1", "below-01"]
)
def test_wrong_cursors(get: Get, kind: str, token: str) -> None:
    response = get(f"{kind}/?cursor={token}")
    assert response.status_code == 400
    assert response.json() == {
        "cursor": ["Not a cursor: begin with an empty one (cursor=), then follow next and previous."]
    }


@pytest.mark.parametrize(("name", "value"), [("offset", "0"), ("ordering", "title")])
def test_parameters_that_exclude_a_cursor(get: Get, name: str, value: str) -> None:
    response = get(f"packages/?cursor=&{name}={value}")
    assert response.status_code == 400
    assert response.json() == {name: ["A cursor walks newest first, from where it points: leave this out."]}


def test_offset_pages_have_links_in_their_header_too(get: Get) -> None:
    CategoryFactory.create_batch(5)
    assert get("categories/?limit=2&offset=2")["Link"] == (
        '<http://testserver/api/v4/categories/?limit=2&offset=4>; rel="next",'
        ' <http://testserver/api/v4/categories/?limit=2>; rel="prev",'
        ' <http://testserver/api/v4/categories/?limit=2>; rel="first"'
    )
