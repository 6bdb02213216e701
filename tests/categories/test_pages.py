"""The pages of categories: the list with its numbers of packages, and one with its best packages."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from categories.models import Category
from core.caching.stores import store
from packages.health.verdicts import Verdict, rank
from packages.models import Package
from tests.conftest import Get
from tests.factories import CategoryFactory, PackageFactory
from tests.tables import rows_of

pytestmark = pytest.mark.django_db


def page(get: Get, path: str) -> str:
    response = get(path, accept="text/html")
    assert response.status_code == 200
    return str(response.content.decode())


def test_the_list(get: Get) -> None:
    apps = CategoryFactory.create(title="App", slug="apps", description="Pieces.")
    CategoryFactory.create(title="Empty", slug="empty")
    PackageFactory.create_batch(3, category=apps)
    html = page(get, "categories/")
    assert rows_of(html) == [["Empty", "0"], ["AppPieces.", "3"]]
    assert '<a href="/api/v4/categories/apps/"><bdi>App</bdi></a>' in html
    assert '<a href="/api/v4/packages/?category=apps" rel="nofollow">3</a>' in html
    assert "<p>2 categories</p>" in html
    assert rows_of(page(get, "categories/?ordering=title&fields=id"))[0] == ["AppPieces.", "3"]
    assert rows_of(page(get, "categories/?q=pieces")) == [["AppPieces.", "3"]]
    assert "No categories with these filters" in page(get, "categories/?q=zzz")


def test_an_empty_list(get: Get) -> None:
    html = page(get, "categories/")
    assert "<p>No categories.</p>" in html
    assert "<table" not in html


def filled(number: int) -> Category:
    category = CategoryFactory.create(title="App", slug="apps", description="See https://example.org/x for <more>.")
    verdicts: tuple[Verdict, ...] = ("quiet", "thriving", "unknown", "gone")
    for each in range(number):
        verdict_rank = rank(verdicts[each % 4])
        PackageFactory.create(title=f"P{each:02}", category=category, verdict_rank=verdict_rank, repo_watchers=each % 5)
    PackageFactory.create(title="Elsewhere", verdict_rank=rank("thriving"))
    return category


def test_a_page_begins_with_the_healthiest_and_then_the_most_watched(get: Get) -> None:
    filled(24)
    html = page(get, "categories/apps/")
    rows = rows_of(html)
    assert len(rows) == 20
    assert [row[1] for row in rows[:6]] == ["P09", "P13", "P17", "P01", "P21", "P05"]
    assert [row[2] for row in rows[5:8]] == ["✓ thriving", "~ quiet", "~ quiet"]
    whole = page(get, "packages/?category=apps&ordering=health")
    assert rows == rows_of(whole), "the list that it leads on to is the same"
    assert "The 20 healthiest of" in html
    assert html.count('href="/api/v4/packages/?category=apps&amp;ordering=health"') == 3
    assert ">24 packages</a>" in html
    assert 'href="/api/v4/packages/?category=apps&amp;ordering=-pypi_downloads" rel="nofollow">downloads</a>' in html
    assert 'href="/api/v4/packages/?category=apps" rel="nofollow">newest first</a>' in html
    assert "Elsewhere" not in html


def test_a_page_with_all_its_packages(get: Get) -> None:
    filled(1)
    html = page(get, "categories/apps/")
    assert "<p>1 package</p>" in html
    assert "healthiest" not in html
    assert "<h1><bdi>App</bdi></h1>" in html
    assert '<form action="/api/v4/compare/" class="compare">' in html


def test_a_page_without_packages(get: Get) -> None:
    CategoryFactory.create(slug="apps")
    html = page(get, "categories/apps/")
    assert "No packages yet." in html
    assert "<table" not in html


def test_the_description_is_text_with_links(get: Get) -> None:
    filled(0)
    for html in (page(get, "categories/apps/"), page(get, "categories/apps/?fields=id")):
        link = '<a href="https://example.org/x" rel="nofollow noopener">https://example.org/x</a>'
        assert f'<p class="intro"><bdi>See {link} for &lt;more&gt;.</bdi></p>' in html
        assert '<meta name="description" content="See https://example.org/x for &lt;more&gt;.">' in html


def test_a_slug_of_digits_is_not_taken_for_an_id(get: Get) -> None:
    category = CategoryFactory.create(slug="123")
    PackageFactory.create_batch(21, category=category)
    for path in ("categories/", f"categories/{category.pk}/"):
        leads_to = set(re.findall('packages/[?]category=(.*?)[&"]', page(get, path)))
        assert leads_to == {str(category.pk)}


def test_search_engines_may_have_it(get: Get, settings: Settings) -> None:
    settings.INDEXED = True
    filled(0)
    assert "noindex" not in page(get, "categories/apps/")
    assert "noindex" in page(get, "categories/apps/?fields=id")


@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("categories/?limit=100", 4),  # the revisions, the documents, the rows, the numbers
        ("categories/apps/", 6),  # the revisions, the document, the category, the first ones, their rows, the number
    ],
)
def test_queries_do_not_grow_with_rows(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries, path: str, queries: int
) -> None:
    category = CategoryFactory.create(slug="apps")
    for _ in range(2):
        PackageFactory.create_batch(12, category=category)
        CategoryFactory.create_batch(5)
        with django_assert_num_queries(queries):
            html = page(get, path)
    assert len(rows_of(html)) == (20 if "apps" in path else 11)


Write = Callable[[], object]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["categories/", "categories/apps/"])
def test_a_page_changes_with_its_packages(client: Client, settings: Settings, path: str) -> None:
    """The document of a category changes with none of their facts, but with their number, which it can tell."""
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    category = filled(2)
    writes: list[Write] = [
        lambda: Package.objects.update(verdict_rank=rank("maintained")),
        lambda: PackageFactory.create(category=category),
        lambda: Category.objects.update(title="Renamed"),
    ]

    def ask(accept: str) -> tuple[str, bytes]:
        response = client.get(f"/api/v4/{path}", headers={"accept": accept})
        assert response["Cache-Control"] == "public, no-cache"
        return response["ETag"], response.content

    document = ask("application/json")
    seen = [ask("text/html")]
    assert ask("text/html") == seen[0]
    for number, write in enumerate(writes):
        write()
        seen.append(ask("text/html"))
        assert seen[-1][0] != seen[-2][0]
        assert (ask("application/json") == document) == (number < 1)
    assert b"Renamed" in seen[-1][1]
    assert (b">3</a>" if path == "categories/" else b"<p>3 packages</p>") in seen[-1][1]


@pytest.mark.django_db(transaction=True)
def test_numbers_are_counted_again_only_if_they_may_have_changed(client: Client, settings: Settings) -> None:
    """Each refresh writes facts of packages: a large catalogue is not counted again for these."""
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    filled(2)
    other = CategoryFactory.create(slug="others")

    def shown() -> tuple[int, str]:
        with CaptureQueriesContext(connection) as queries:
            html = client.get("/api/v4/categories/apps/", headers={"accept": "text/html"}).content.decode()
        counts = [query for query in queries if 'COUNT("packages_package"."id")' in query["sql"]]
        return len(counts), re.findall(r"<p>(\d+ packages?)</p>", html)[0]

    assert shown() == (1, "2 packages")
    Package.objects.update(repo_watchers=7, last_updated=None)
    assert shown() == (0, "2 packages")
    Package.objects.filter(title="P01").update(category=other)
    assert shown() == (1, "1 package")
    Package.objects.filter(title="P01").update(category=Category.objects.get(slug="apps"))
    assert shown() == (1, "2 packages")
    Package.objects.filter(title="P00").delete()
    assert shown() == (1, "1 package")
