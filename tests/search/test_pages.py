"""The page of GET /api/v4/search/: what stands at each hit, near spellings, counts and the way on."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from grids.models import Grid
from packages.health.verdicts import rank
from packages.models import Package
from search import find, pages
from tests.conftest import Get
from tests.factories import GridFactory, MembershipFactory, PackageFactory
from tests.page_checks import page, words

pytestmark = pytest.mark.django_db


def test_a_package_and_a_grid(get: Get) -> None:
    package = PackageFactory.create(title="Maps", slug="maps", repo_description="Draws <b>maps</b>.")
    Package.objects.filter(pk=package.pk).update(
        verdict_rank=rank("thriving"),
        classifiers=["Framework :: Django :: 4.2", "Framework :: Django :: 5.2"],
        released=timezone.now() - timedelta(days=40),
        pypi_version="1.2",
    )
    grid = GridFactory.create(title="Maps and more", slug="maps-and-more", description="All that draws.")
    MembershipFactory.create_batch(2, grid=grid)
    html = page(get, "search/?q=maps")
    said = words(html)
    assert (
        "compare [Maps](/api/v4/packages/maps/) · package · ✓ thriving · Django 4.2–5.2 · 1.2, 40 days ago"  # noqa: RUF001
        " Draws <b>maps</b>. [Maps and more](/api/v4/grids/maps-and-more/) · grid · 2 packages All that draws."
    ) in said
    assert said.startswith("Search: maps")
    assert "<title>Search: maps – Package Grids</title>" in html  # noqa: RUF001
    assert '<input type="checkbox" name="packages" value="maps" aria-label="compare Maps">' in html
    assert '<form action="/api/v4/compare/">' in html
    assert html.count('<input type="search" name="q" value="maps"') == 2, "in the head, and on the page"


def test_the_bare_hits(get: Get) -> None:
    """Without a verdict, a release, a description or a member, and with a slug that reads as an id."""
    package = PackageFactory.create(title="x", slug="7000")
    GridFactory.create(title="x", slug="y")
    said = words(page(get, "search/?q=x"))
    package_words = f"compare [x](/api/v4/packages/{package.pk}/) · package · ? unknown"
    assert f"[x](/api/v4/grids/y/) · grid · 0 packages {package_words} Compare the ticked ones" in said
    grids = page(get, "search/?q=x&type=grid")
    assert "Compare the ticked ones" not in grids


def test_near_spellings(get: Get) -> None:
    for number in range(3):
        PackageFactory.create(slug=f"wagtail-{number}", title="x", repo_watchers=9 - number)
    nothing = "Nothing is called so. Did you mean"
    assert f"{nothing} compare [x](/api/v4/packages/wagtail-0/)" in words(page(get, "search/?q=wagtial"))
    assert nothing in words(page(get, "search/?q=wagtial&limit=1&offset=2"))
    assert "Did you" not in words(page(get, "search/?q=wagtail"))
    PackageFactory.create(slug="wagtial", title="y")
    both = words(page(get, "search/?q=wagtial"))
    assert "(/api/v4/packages/wagtial/) · package · ? unknown Did you also mean compare [x]" in both
    assert nothing not in both
    assert "Did you also mean" in words(page(get, "search/?q=wagtial&limit=2&offset=2"))


def test_tabs_and_pager(get: Get) -> None:
    PackageFactory.create_batch(3, repo_description="maps")
    html = page(get, "search/?limit=1&offset=1&q=maps&type=package")
    base = "(/api/v4/search/?limit=1&"
    said = words(html)
    assert f"[All]{base}q=maps) [Packages]{base}q=maps&type=package) [Grids]{base}q=maps&type=grid) 2 of 3" in said
    assert f"[Previous]{base}offset=0&q=maps&type=package) 2 of 3 [Next]{base}offset=2&q=maps&type=package)" in said
    assert html.count('aria-current="true"') == 1
    assert '<input type="hidden" name="type" value="package">' in html


def test_the_count_stops(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "MAX_TOTAL", 6)
    monkeypatch.setattr(pages, "MAX_TOTAL", 6)
    PackageFactory.create_batch(5, repo_description="maps")
    assert "1–2 of 5 " in words(page(get, "search/?q=maps&limit=2"))  # noqa: RUF001
    PackageFactory.create_batch(2, repo_description="maps")
    assert "1–2 of 6 or more " in words(page(get, "search/?q=maps&limit=2"))  # noqa: RUF001


def test_nothing_found(get: Get) -> None:
    PackageFactory.create(repo_description="maps")
    said = words(page(get, "search/?q=globe"))
    assert "Nothing is called so, and nothing has these words. Try fewer words, or browse the [categories](/" in said
    assert "among grids: [search everything](/api/v4/search/?q=maps)" in words(page(get, "search/?q=maps&type=grid"))
    assert "There are no further results." in words(page(get, "search/?q=maps&offset=20"))


@pytest.mark.parametrize(("query", "hint"), [("", "Type what a package does"), ("--", "There is no word in this")])
def test_nothing_to_search_for(get: Get, query: str, hint: str) -> None:
    said = words(page(get, f"search/?q={query}"))
    assert hint in said
    assert "[rest framework](/api/v4/search/?q=rest+framework) (both words" in said
    assert '["rest framework"](/api/v4/search/?q=%22rest+framework%22)' in said


def test_a_package_that_is_gone_meanwhile(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    PackageFactory.create(title="Maps")
    GridFactory.create(title="Maps too")
    monkeypatch.setattr(pages, "rows_by_id", lambda _: {})
    said = words(page(get, "search/?q=maps"))
    assert "[Maps too]" in said
    assert "[Maps]" not in said


def test_queries_do_not_grow(get: Get, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    """The revisions, categories, the hits, their documents of both kinds, rows of packages and members of grids; and
    around the hits PostgreSQL's savepoint and limits."""
    numbers = []
    PackageFactory.create_batch(5, repo_description="maps")  # so that near spellings are not looked for
    for rows in (1, 15):
        for member in MembershipFactory.create_batch(rows, package__repo_description="maps"):
            Grid.objects.filter(pk=member.grid_id).update(description="maps")
        with django_assert_max_num_queries(12) as queries:
            get("search/?q=maps&limit=100", accept="text/html")
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]
