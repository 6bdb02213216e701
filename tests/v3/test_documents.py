"""Hostile texts and odd values in the documents of v3."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from categories.models import Category
from packages.models import Package
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.v3.conftest import Get
from v3.documents import time

HOSTILE = (
    "<script>alert(1)</script>\"\\'&amp;",
    "</script><img src=x onerror=alert(1)>",
    "\u202egnp.exe\u2028\u2029\u200b",
    "\x01\x1b[31m\r\n\t",
    "{{ 7*7 }} ${7*7} %s %(x)s {0}",
    "🦄 Ünïcödé ٣ 漢字",
    "javascript:alert(1)",
    "=cmd|' /C calc'!A0",
)


@pytest.mark.django_db
@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_sent_as_they_are_stored(get: Get, text: str) -> None:
    category = CategoryFactory.create(slug="c", title=text, description=text, title_plural=text)
    package = PackageFactory.create(slug="p", title=text, category=category, repo_description=text, repo_url="")
    Package.objects.update(participants=[text, "b"], pypi_version=text)
    MembershipFactory.create(package=package, grid=GridFactory.create(slug="g", title=text, description=text))
    response = get("packages/p/")
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"
    document = response.json()
    assert {document[key] for key in ("title", "repo_description", "pypi_version")} == {text}
    assert document["participants"] == f"{text},b"
    assert get("packages/").json()["objects"] == [document]
    grid = get("grids/g/").json()
    assert (grid["title"], grid["description"]) == (text, text)
    assert get("grids/g/packages/").json() | {"meta": None} == {"meta": None, "objects": [document], "grid": grid}
    described = get("categories/c/").json()
    assert {described[key] for key in ("title", "description", "title_plural")} == {text}


@pytest.mark.django_db
def test_a_slug_that_only_sql_can_store_breaks_no_link(get: Get) -> None:
    """Links are made of slugs, so what a form would refuse is escaped in them."""
    category = CategoryFactory.create()
    Category.objects.update(slug='a/"b?c')
    PackageFactory.create(slug="p", category=category)
    assert get("packages/p/").json()["category"] == "/api/v3/categories/a%2F%22b%3Fc/"
    assert get("categories/").json()["objects"][0]["absolute_url"] == "/categories/a%2F%22b%3Fc/"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC), "2026-05-06T07:08:09.000Z"),
        (datetime(2026, 5, 6, 7, 8, 9, 999_999, tzinfo=UTC), "2026-05-06T07:08:09.999Z"),
        (datetime(2026, 5, 6, 0, 0, 0, 1_000, tzinfo=timezone(timedelta(hours=2))), "2026-05-05T22:00:00.001Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (None, None),
    ],
)
def test_a_time(value: datetime | None, text: str | None) -> None:
    assert time(value) == text


@pytest.mark.django_db
def test_large_documents(get: Get) -> None:
    """The largest that may be stored of lists: nothing is cut, and the JSON is whole."""
    logins = [f"login-{number}" for number in range(3000)]
    PackageFactory.create(slug="p", repo_description="x" * 100_000)
    Package.objects.update(participants=logins, commits_over_52=[2**40] * 52)
    body = json.loads(get("packages/?limit=1").content)
    [document] = body["objects"]
    assert document["participants"].split(",") == logins
    assert document["commit_list"].split(",") == [str(2**40)] * 52
    assert len(document["repo_description"]) == 100_000
