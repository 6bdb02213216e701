"""The page of a grid: what stands out in it, its comparison, and its number of queries, however many members it has."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from grids.models import Cell, Grid
from packages.models import Package
from tests.conftest import Get
from tests.factories import CellFactory, FeatureFactory
from tests.grids.test_comparison import create_grid, create_packages, grid_of
from tests.packages.test_comparison_page import links, page_of

pytestmark = pytest.mark.django_db
V4 = "http://testserver/api/v4/"
THRIVING, QUIET, UNMAINTAINED = 1, 4, 5
DJANGO = "Framework :: Django :: "


@pytest.fixture(autouse=True)
def _supported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell which versions of Django are supported, whatever day it is."""
    today = timezone.now().date()
    ends = {"5.2": today + timedelta(days=500), "6.0": today + timedelta(days=9), "6.1": today - timedelta(days=2)}
    monkeypatch.setattr("packages.support.DJANGO", ends)


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def member(slug: str, *django: str, **columns: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "verdict_rank": THRIVING,
        "classifiers": [f"{DJANGO}{version}" for version in django],
        **columns,
    }


def test_what_stands_out(get: Get) -> None:
    grid_of(
        member("atlas", "5.2", pypi_downloads=900, repo_watchers=70, commits_over_52=[2] * 52),
        member("globe", "6.0", pypi_downloads=5, verdict_rank=QUIET, commits_over_52=[1] * 52),
        member("maps", "5", "6.0", repo_watchers=90),
        member("gone", "6.0", pypi_downloads=99_999, verdict_rank=UNMAINTAINED),
        member("none", verdict_rank=None),
    )
    html = page_of(get, "grids/maps/")
    text = text_of(html)
    assert "<h1><bdi>Maps</bdi></h1>" in html
    assert "Side by side." in text
    assert "5 packages: 2 good, 1 fair, 1 unknown, 1 hidden for poor health: show." in text
    assert f'hidden for poor health: <a href="{V4}grids/maps/comparison/?level=all">show</a>' in html
    assert "Most used: atlas (900 downloads a month)." in text
    assert "Most active: atlas (104 commits in a year)." in text
    assert "The only ones that work with Django 6.0: globe, maps." in text, "the most used first"
    assert "/api/v4/packages/atlas/" in links(html).values()
    assert links(html)["Features of this grid"] == "/api/v4/grids/maps/features/"


def test_what_stands_out_if_little_is_known(get: Get) -> None:
    grid_of(member("atlas", repo_watchers=3), member("globe", repo_watchers=3))
    text = text_of(page_of(get, "grids/maps/"))
    assert "Most used: atlas, globe (3 stars)." in text
    assert "Most active: none had a commit in a year." in text
    assert "None says that it works with Django 6.0." in text
    Package.objects.update(repo_watchers=0, classifiers=[f"{DJANGO}6.0"])
    text = text_of(page_of(get, "grids/maps/"))
    assert "Most used: not known." in text
    assert "All of them work with Django 6.0." in text


def test_many_names_are_cut(get: Get) -> None:
    grid_of(*(member(f"p-{number}", "6.0", pypi_downloads=number) for number in range(9)), member("other"))
    html = page_of(get, "grids/maps/")
    assert "The only ones that work with Django 6.0: p-8, p-7, p-6, p-5, p-4 and 4 more." in text_of(html)
    assert links(html)["4 more"] == f"{V4}grids/maps/comparison/?django=6.0"


def test_its_comparison_is_the_one_without_parameters(get: Get) -> None:
    grid = grid_of(member("a", repo_watchers=3), member("b", repo_watchers=7))
    tiles = FeatureFactory.create(grid=grid, title="Tiles")
    CellFactory.create(feature=tiles, membership=grid.memberships.get(package__slug="b"), text="no")
    tables = [
        re.findall(r"<table.*?</table>", page_of(get, path), re.DOTALL)
        for path in ("grids/maps/", "grids/maps/comparison/", "grids/maps/?fields=title")
    ]
    assert tables[0] == tables[1] == tables[2]
    assert len(tables[0]) == 1
    html = page_of(get, "grids/maps/")
    assert '<form class="filters" action="/api/v4/grids/maps/comparison/"' in html
    assert links(html)["Stars"] == f"{V4}grids/maps/comparison/?ordering=-repo_watchers"
    assert links(html)["CSV"] == f"{V4}grids/maps/comparison/?format=csv"
    api = page_of(get, f"grids/{grid.pk}/?format=api")
    assert links(api)["Stars"] == f"{V4}grids/{grid.pk}/comparison/?format=api&ordering=-repo_watchers"


def test_its_json_is_the_grid_document(get: Get, settings: Settings) -> None:
    settings.INDEXED = True
    grid = grid_of(member("a"))
    html = page_of(get, "grids/maps/")
    shown = text_of(html.split('aria-label="JSON">')[1].split("</pre>")[0])
    assert f'"packages": [ "{V4}packages/{grid.packages.get().pk}/" ]' in shown
    assert '"columns"' not in shown
    assert "curl http://testserver/api/v4/grids/maps/" in text_of(html)
    assert '<link rel="canonical" href="http://testserver/api/v4/grids/maps/">' in html
    assert 'content="noindex"' not in html
    assert 'content="noindex"' in page_of(get, "grids/maps/?fields=id"), "as of every document"


def test_the_description_is_apart_and_its_links_are_of_the_web(get: Get) -> None:
    Grid.objects.filter(pk=grid_of().pk).update(
        description="Side <i>by</i> side,\nsee https://x.test/a?b=1&c and javascript:alert(1)"
    )
    html = page_of(get, "grids/maps/")
    assert (
        "<p><bdi>Side &lt;i&gt;by&lt;/i&gt; side,<br>see"
        ' <a href="https://x.test/a?b=1&amp;c" rel="nofollow noopener">https://x.test/a?b=1&amp;c</a>'
        " and javascript:alert(1)</bdi></p>"
    ) in html
    assert 'name="description" content="Side &lt;i&gt;by&lt;/i&gt; side, see https:' in html


def test_the_queries_do_not_grow(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """All grids share the packages, which cost the most to create."""
    packages = create_packages(1_000)
    for count, queries in ((0, 7), (1, 8), (5, 8), (40, 8), (200, 8), (1_000, 9)):
        slug = f"grid-{count}"
        create_grid(slug, packages[:count], 8)
        with django_assert_num_queries(queries):
            html = page_of(get, f"grids/{slug}/")
        assert html.count('<th scope="row">') == min(count, 200)
        assert f"{count:,} package{'' if count == 1 else 's'}" in text_of(html)
        assert (">Next</a>" in html) == (count > 200)
        assert ("Most used:" in html) == (count > 0)
    assert "1–200 of 1,000" in html  # noqa: RUF001 (a dash)
    assert links(html)["Next"] == f"{V4}grids/grid-1000/comparison/?limit=200&offset=200"


def test_it_is_cached_until_something_on_it_changes(client: Client) -> None:
    grid = grid_of(member("a"), member("b"))
    tiles = FeatureFactory.create(grid=grid, title="Tiles")
    cell = CellFactory.create(feature=tiles, membership=grid.memberships.get(package__slug="b"), text="no")

    def etag(path: str = "/api/v4/grids/maps/") -> str:
        page = client.get(path, headers={"accept": "text/html"})
        assert page["Cache-Control"] == "public, no-cache"
        again = client.get(path, headers={"accept": "text/html", "if-none-match": page["ETag"]})
        assert again.status_code == 304
        return str(page["ETag"])

    seen = [etag()]
    changes: tuple[Callable[[], int], ...] = (
        lambda: Package.objects.filter(slug="a").update(repo_watchers=5),
        lambda: Cell.objects.filter(pk=cell.pk).update(text="yes"),
        lambda: Grid.objects.filter(pk=grid.pk).update(description="Other"),
    )
    for change in changes:
        change()
        seen.append(etag())
    assert len(set(seen)) == 4
    json = client.get("/api/v4/grids/maps/")["ETag"]
    Package.objects.filter(slug="a").update(repo_watchers=6)
    assert client.get("/api/v4/grids/maps/")["ETag"] == json, "the document alone does not show it"


def test_a_grid_that_is_not_there(get: Get) -> None:
    response = get("grids/nowhere/", accept="text/html")
    assert (response.status_code, "No Grid matches the given query." in response.content.decode()) == (404, True)


def test_columns_are_as_wide_as_their_titles_ask_for(get: Get) -> None:
    """The head of a table is not high because of one feature with a long title."""
    grid = grid_of(member("atlas"))
    for title in ("Tiles", "Works without a server", "Works without a server, a database and anything else"):
        FeatureFactory.create(grid=grid, title=title)
    html = page_of(get, "grids/maps/")
    classes = {
        title: css_class
        for css_class, title in re.findall(r'<th scope="col"(?: class="(\w+)")?[^>]*><a [^>]*><bdi>([^<]+)</bdi>', html)
    }
    assert [classes[feature.title] for feature in grid.features.order_by("pk")] == ["", "some", "long"]
    assert "Alive?" in classes
    assert "Health" not in classes, "it has one name on all pages"
