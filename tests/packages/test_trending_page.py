"""The page of GET /api/v4/trending/: each package with its gain, and the rule, folded."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from packages.models import Package
from packages.pages import trending
from packages.pages.rows import rows_of
from tests.conftest import Get
from tests.packages.test_trending import growing
from tests.page_checks import page, words

pytestmark = pytest.mark.django_db


def test_gains(get: Get) -> None:
    columns: dict[str, Any] = {"released": timezone.now() - timedelta(days=2), "pypi_version": "1.0"}
    growing("p", title="Rocket", stars_30d=1200, downloads_30d=9, repo_watchers=5000, pypi_downloads=80_000, **columns)
    html = page(get, "trending/?fields=slug")
    said = words(html)
    assert "[Rocket](/api/v4/packages/p/)" in said
    assert "+1,200 in 30 days 5,000 ? unknown – 1.0 2 days ago" in said  # noqa: RUF001
    assert "[By stars](/api/v4/trending/?by=stars&fields=slug)" in said
    assert "<title>Trending packages – Package Grids</title>" in html  # noqa: RUF001
    assert '<th scope="col" class="number">Stars</th>' in html
    assert '<input type="checkbox" name="packages" value="p" aria-label="Compare Rocket">' in html
    by_downloads = page(get, "trending/?by=downloads")
    assert "+9 in 30 days 80,000" in words(by_downloads)
    assert '<th scope="col" class="number">Downloads a month</th>' in by_downloads
    assert 'aria-current="true">By downloads</a>' in by_downloads


def test_the_rule(get: Get) -> None:
    html = page(get, "trending/")
    assert "<details><summary>How they are chosen</summary>" in html
    assert "<li>It had at least 50 stars, or 1,000 downloads a month, at the beginning of the 30 days.</li>" in html
    assert "<p>The order is by gain / (number at the beginning + 100): 30 more stars weigh as much" in html


def test_nothing_is_trending(get: Get) -> None:
    html = page(get, "trending/")
    said = words(html)
    assert "Nothing is trending: no package grew by the rule above" in said
    assert "[By downloads](/api/v4/trending/?by=downloads)" in said
    assert "<table" not in html
    growing("p")
    assert "There are no further packages." in words(page(get, "trending/?offset=20"))


def test_a_package_that_is_gone_meanwhile(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    growing("p")
    growing("q")
    monkeypatch.setattr(trending, "rows_of", lambda ids: rows_of(ids)[1:])
    Package.objects.update(stars_30d=None)
    said = words(page(get, "trending/"))
    assert said.count("/api/v4/packages/") == 1


def test_queries_do_not_grow(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for number in (1, 15):
        for each in range(number):
            growing(f"p{number}-{each}")
        with django_assert_num_queries(5):  # the revisions, the count, the packages, their gains, their rows
            assert get("trending/", accept="text/html").status_code == 200
