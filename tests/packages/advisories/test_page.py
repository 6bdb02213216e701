"""The page of a package tells of its vulnerabilities, whatever stands in them; lists mark those of latest versions."""

from datetime import timedelta

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from tests.conftest import Get
from tests.packages.advisories.advisories import THEN, document, events, package, save
from tests.pages import text_of

pytestmark = pytest.mark.django_db
HOSTILE = '<script>alert("1")</script>'


def page(get: Get, path: str = "packages/shelf/") -> str:
    return str(get(path, accept="text/html").content.decode())


def test_a_package_without_any(get: Get) -> None:
    package()
    assert "ulnerab" not in page(get)


def test_a_vulnerable_package(get: Get) -> None:
    package()
    save(document("GHSA-1", aliases=("CVE-2026-1",)), document("PYSEC-9", severity="low"))
    html = page(get)
    text = text_of(html)
    assert "Vulnerable. The latest version has 2 known vulnerabilities (high): see which ." in text
    assert "Note: Its latest version has a known vulnerability." in text
    assert "The latest version, 1.0 , has 2 known vulnerabilities (high)." in text
    assert "GHSA-1 CVE-2026-1 Shelves fall. high affected 2.0" in text
    assert 'href="https://osv.dev/vulnerability/GHSA-1"' in html
    assert html.index("GHSA-1") < html.index("PYSEC-9")


def test_a_package_that_was_vulnerable(get: Get) -> None:
    package(version="2.0")
    save(document(severity="unknown"))
    text = text_of(page(get))
    assert "No known vulnerability affects the latest version." in text
    assert "unknown not affected 2.0" in text
    assert "Vulnerable. " not in text


def test_whatever_stands_in_them(get: Get) -> None:
    package()
    save(document(summary=HOSTILE, ranges=(events(),), published=None))
    html = page(get)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_many_are_cut(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    package()
    save(document("X-0"))
    get("packages/shelf/", accept="text/html")
    with django_assert_num_queries(QUERIES):
        page(get)
    save(*(document(f"X-{number}", modified=THEN + timedelta(days=number)) for number in range(1, 30)))
    with django_assert_num_queries(QUERIES):
        html = page(get)
    assert html.count("osv.dev/vulnerability/") == 10
    assert 'href="https://osv.dev/list?q=shelf&amp;ecosystem=PyPI"' in html
    assert "All 30 of them" in html
    assert len(get("packages/shelf/?fields=advisories").json()["advisories"]) == 30


QUERIES = 8 if connection.vendor == "postgresql" else 7


def test_lists_mark_them(get: Get) -> None:
    package()
    package("board")
    save()
    assert page(get, "packages/").count(">vulnerable<") == 1
    assert "board" not in text_of(page(get, "packages/?vulnerable=true"))
