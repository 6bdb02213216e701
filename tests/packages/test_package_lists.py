"""The page of a list of packages: its rows, what its filters can be set to, what it costs, and when it changes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import brotli
import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from categories.models import Category
from core.caching.stores import store
from packages.filters import PackageFilters
from packages.health.verdicts import VERDICTS, rank
from packages.models import Package
from packages.pages import choices
from packages.pages.lists import ORDERINGS
from tests.conftest import Get
from tests.factories import CategoryFactory, PackageFactory
from tests.tables import rows_of

pytestmark = pytest.mark.django_db


def page(get: Get, path: str = "packages/") -> str:
    response = get(path, accept="text/html")
    assert response.status_code == 200
    return str(response.content.decode())


def full_package(**columns: Any) -> Package:
    facts = {
        "repo_description": "Tags for anything.",
        "verdict_rank": rank("quiet"),
        "classifiers": ["Framework :: Django :: 4.2", "Framework :: Django :: 5.2"],
        "released": timezone.now() - timedelta(days=40),
        "pypi_version": "1.2.3",
        "repo_watchers": 12_345,
        "pypi_downloads": 9_876_543,
        "last_fetched": timezone.now(),
        "licence": "MIT",
    }
    return PackageFactory.create(**(facts | columns))


def options(html: str, name: str) -> list[tuple[str, str]]:
    """Return the values and words of a select of the form."""
    select = re.search(rf'<select name="{name}".*?</select>', html, re.DOTALL)
    assert select
    return re.findall('<option value="(.*?)"(?: selected)?>(.*?)</option>', select[0])


def test_a_row(get: Get) -> None:
    full_package(title="Tags", slug="tags", category=CategoryFactory.create(title="App", slug="apps"))
    html = page(get)
    assert rows_of(html) == [
        ["", "TagsTags for anything.", "~ quiet", "4.2\u20135.2", "1.2.3 40 days ago", "12,345", "9,876,543", "App"]
    ]
    assert '<a href="/api/v4/packages/tags/"><bdi>Tags</bdi></a>' in html
    assert '<td data-label="Category"><a href="/api/v4/categories/apps/"><bdi>App</bdi></a></td>' in html
    assert "<h1><bdi>Packages</bdi></h1>" in html
    assert "tick packages to see them side by side" in html


def test_what_is_not_known_is_a_dash(get: Get) -> None:
    PackageFactory.create(title="New", category__title="App")
    assert rows_of(page(get)) == [["", "New", "? unknown", "\u2013", "\u2013", "\u2013", "\u2013", "App"]]


def test_stars_of_no_repository_are_not_known(get: Get) -> None:
    """They are stored as 0, whatever was fetched from PyPI."""
    full_package(repo_url="", pypi_url="https://pypi.org/project/tags/", repo_watchers=0)
    assert rows_of(page(get))[0][5] == "\u2013"
    full_package(repo_url="https://github.com/a/b", repo_watchers=0)
    assert rows_of(page(get))[0][5] == "0", "an imported one, whose repository was fetched"


def test_ticked_packages_are_compared(get: Get) -> None:
    PackageFactory.create(slug="tags")
    digits = PackageFactory.create(slug="123")
    html = page(get)
    assert '<form action="/api/v4/compare/" class="compare">' in html
    assert re.findall('type="checkbox" name="packages" value="(.*?)"', html) == [str(digits.pk), "tags"]
    assert 'href="/api/v4/packages/123/"' not in html, "it would be read as an id"


def test_typed_and_fetched_texts_stay_texts(get: Get) -> None:
    hostile = "<script>alert(1)</script>"
    full_package(title=hostile, repo_description=f"{hostile}\u202e{'x' * 500}", pypi_version=hostile)
    html = page(get, "packages/?fields=title")
    assert hostile not in html.replace("&lt;", "")
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>" in html
    assert "x" * 200 not in re.sub('title=".*?"', "", html), "a description is cut"


def test_the_rows_are_whole_whatever_the_fields(get: Get) -> None:
    full_package(title="Tags")
    assert rows_of(page(get, "packages/?fields=slug")) == rows_of(page(get))


def test_every_order_of_the_links_exists(get: Get) -> None:
    first, second = full_package(title="a", repo_watchers=1), full_package(title="b", stars_30d=5)
    for ordering in ORDERINGS:
        assert len(rows_of(page(get, f"packages/?ordering={ordering}" if ordering else "packages/"))) == 2
    best = get("packages/?ordering=health").json()["results"]
    assert [each["id"] for each in best] == [second.pk, first.pk], "of one verdict the most watched first"


def test_categories_to_choose_from(get: Get) -> None:
    CategoryFactory.create(title="Project", slug="projects")
    CategoryFactory.create(title="App & more", slug="apps")
    digits = CategoryFactory.create(title="Digits", slug="77")
    shown = options(page(get), "category")
    assert shown == [("", "any"), ("apps", "App &amp; more"), (str(digits.pk), "Digits"), ("projects", "Project")]


def test_licences_to_choose_from(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    for watchers, licence in enumerate(["MIT", "BSD", "MIT", "", "Mine alone", "MIT OR Apache-2.0", "Apache-2.0"]):
        PackageFactory.create(licence=licence, repo_watchers=100 - watchers)
    names = [("", "any"), ("MIT", "MIT"), ("BSD", "BSD"), ("Apache-2.0", "Apache-2.0")]
    assert options(page(get), "licence") == names
    monkeypatch.setattr(choices, "MOST_LICENCES", 1)
    assert options(page(get), "licence") == names[:2]
    monkeypatch.setattr(choices, "MOST_LICENCES", 9)
    monkeypatch.setattr(choices, "COUNTED", 2)
    assert options(page(get), "licence") == names[:3]


@pytest.mark.parametrize(
    ("platform", "day", "supported", "recent"),
    [
        ("django", "2026-11-28", "6.2 6.1 6.0 5.2", "5.1 5.0 4.2 4.1 3.2"),
        ("python", "2026-10-31", "3.15 3.14 3.13 3.12 3.11 3.10", "3.9 3.8"),
        ("python", "2026-11-01", "3.15 3.14 3.13 3.12 3.11", "3.10 3.9 3.8"),
    ],
)
def test_versions_to_choose_from(
    monkeypatch: pytest.MonkeyPatch, platform: Any, day: str, supported: str, recent: str
) -> None:
    now = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
    monkeypatch.setattr(choices, "timezone", SimpleNamespace(now=lambda: now))
    known = choices.releases(platform)
    assert [value for value, words in known if words == value] == supported.split()
    assert [value for value, words in known if words == f"{value} (no longer supported)"] == recent.split()
    assert len(known) == len(f"{supported} {recent}".split())


def test_levels_are_told_by_their_verdicts() -> None:
    words = dict(choices.levels())
    assert words["good"] == "good (thriving, maintained, finished)"
    assert list(words) == ["good", "good,fair", "fair", "poor", "none"]
    named = [verdict for each in words.values() for verdict in re.findall(r"\((.*)\)", each)]
    assert sorted(", ".join(named).split(", ")) == sorted(VERDICTS)


def test_filters_take_each_of_their_choices() -> None:
    PackageFactory.create(licence="MIT")
    for name, known in choices.KNOWN.items():
        values = [value for value, _ in known()]
        assert values, name
        for value in values:
            assert PackageFilters({name: value}, Package.objects.none()).form.is_valid(), f"{name}={value}"


@pytest.mark.parametrize(("path", "queries"), [("packages/?limit=100", 5), ("packages/?limit=100&q=package", 6)])
def test_queries_do_not_grow_with_rows(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries, path: str, queries: int
) -> None:
    """The revisions, the documents (with filters, their count), the rows, the categories and the licences."""
    for number in (1, 40):
        PackageFactory.create_batch(number)
        with django_assert_num_queries(queries):
            html = page(get, path)
    assert len(rows_of(html)) == 41


def test_a_page_of_twenty_rows_is_small(get: Get) -> None:
    for number in range(25):
        text = " ".join(f"{word}{number * 7919 % 1000}" for word in ("fast", "small", "tree", "field", "with", "for"))
        full_package(
            title=f"django-{number * 104729 % 10_007}",
            repo_description=text * 3,
            repo_watchers=number * 7919 % 10_007,
            participants=[f"user{each * number * 31 % 9973}" for each in range(25)],
            commits_over_52=[each * number % 17 for each in range(52)],
        )
    content = get("packages/", accept="text/html").content
    assert b"This page as JSON" in content
    assert b"commits_over_52" in content, "the JSON is in it"
    assert len(brotli.compress(content, quality=5)) < 20_000


Write = Callable[[], object]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("write", "path", "is_shown"),
    [
        (lambda: Category.objects.update(title="Renamed"), "packages/", True),
        (lambda: Package.objects.update(verdict_rank=rank("thriving")), "packages/", True),
        (lambda: Category.objects.update(title="Renamed"), "packages/?format=json", False),
        (CategoryFactory.create, "packages/", True),
    ],
)
def test_a_page_changes_with_what_it_shows(
    client: Client, settings: Settings, write: Write, path: str, is_shown: bool
) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    full_package(category__title="App")
    ask = {"accept": "text/html"}
    first, again = (client.get(f"/api/v4/{path}", headers=ask) for _ in range(2))
    assert first["Cache-Control"] == "public, no-cache"
    assert (again["ETag"], again.content) == (first["ETag"], first.content)
    write()
    changed = client.get(f"/api/v4/{path}", headers=ask)
    assert (changed["ETag"] != first["ETag"]) == is_shown
    assert (changed.content != first.content) == is_shown
