"""The frame of every page: its titles, addresses, feeds and the way to it."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django import Settings

from packages.readiness.counts import count_readiness
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.pages import text_of

pytestmark = pytest.mark.django_db
SITE = "http://testserver/api/v4/"
ALL_FEEDS = ["packages.atom", "releases.atom", "grids.atom"]


@pytest.fixture(autouse=True)
def _catalogue() -> None:
    package = PackageFactory.create(pk=71, slug="ralph", title="Ralph", category=CategoryFactory.create(slug="apps"))
    PackageFactory.create(pk=72, slug="404", title="Digits", category=package.category)
    MembershipFactory.create(package=package, grid=GridFactory.create(pk=73, slug="assets", title="Assets & more"))
    count_readiness(datetime(2026, 5, 6, tzinfo=UTC))


def page(get: Get, path: str, status: int = 200) -> str:
    response = get(path, accept="text/html")
    assert response.status_code == status
    html: str = response.content.decode()
    return html


def one(pattern: str, html: str) -> str:
    """Return what the only match of a pattern holds."""
    (found,) = re.findall(pattern, html)
    return str(found)


def test_the_head(get: Get, settings: Settings) -> None:
    settings.SITE_URL = "https://packages.example.org"
    html = page(get, "packages/71/")
    assert '<html lang="en">' in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert one("<title>(.*)</title>", html) == "Ralph – Package Grids"  # noqa: RUF001 (a dash)
    assert one('property="og:title" content="(.*?)"', html) == "Ralph"
    assert one('property="og:site_name" content="(.*?)"', html) == "Package Grids"
    address = "https://packages.example.org/api/v4/packages/ralph/"
    assert one('rel="canonical" href="(.*?)"', html) == address
    assert one('property="og:url" content="(.*?)"', html) == address
    assert one("<title>(.*)</title>", page(get, "")) == "Package Grids"
    assert 'name="description" content="A catalogue of reusable packages, sorted' in page(get, "")


def test_the_skip_link_leads_to_what_can_have_the_focus(get: Get) -> None:
    body = page(get, "packages/").split("<body>")[1].lstrip()
    assert body.startswith('<a class="skip" href="#main">')
    assert '<main id="main" tabindex="-1">' in body


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("", ""),
        ("packages/?ordering=title&limit=1", "packages/"),
        ("packages/71/?fields=title", "packages/ralph/"),
        ("packages/404/?format=api", None),
        ("packages/72/", "packages/72/"),
        ("packages/71/releases/?limit=5", "packages/ralph/releases/"),
        ("grids/73/", "grids/assets/"),
        ("grids/73/?fields=title", "grids/assets/"),
        ("grids/73/features/", "grids/assets/features/"),
        ("grids/73/comparison/?level=all", "grids/assets/comparison/"),
        ("compare/?packages=72,ralph&ordering=title", "compare/?packages=72%2Cralph"),
        ("readiness/", "readiness/"),
    ],
)
def test_a_page_has_one_address(get: Get, path: str, canonical: str | None) -> None:
    html = page(get, path, 404 if canonical is None else 200)
    assert re.findall('rel="canonical" href="(.*?)"', html) == ([] if canonical is None else [SITE + canonical])


@pytest.mark.parametrize(
    ("path", "marked"),
    [
        ("", []),
        ("search/?q=x", []),
        ("packages/", [("Packages", "page")]),
        ("packages/ralph/", [("Packages", "true")]),
        ("packages/ralph/releases/", [("Packages", "true")]),
        ("grids/assets/comparison/", [("Grids", "true")]),
        ("readiness/django/5.2/", [("Readiness", "true")]),
        ("trending/", [("Trending", "page")]),
    ],
)
def test_the_section_of_a_page_is_marked(get: Get, path: str, marked: list[tuple[str, str]]) -> None:
    nav = page(get, path).split('<nav aria-label="Sections">')[1].split("</nav>")[0]
    assert [(words, how) for how, words in re.findall(r'aria-current="(\w+)">(\w+)<', nav)] == marked


@pytest.mark.parametrize(
    ("path", "crumbs"),
    [
        ("", None),
        ("packages/", None),
        ("search/?q=x", None),
        ("packages/71/", "Packages Ralph"),
        ("packages/71/history/", "Packages Ralph History"),
        ("grids/assets/features/", "Grids Assets & more Features"),
        ("grids/assets/comparison/", "Grids Assets & more Comparison"),
        ("readiness/django/5.2/", "Readiness Readiness for Django 5.2"),
    ],
)
def test_the_way_to_a_page(get: Get, path: str, crumbs: str | None) -> None:
    parts = page(get, path).split('aria-label="Breadcrumbs">')
    assert len(parts) == (1 if crumbs is None else 2)
    if crumbs is not None:
        shown = parts[1].split("</nav>")[0]
        assert text_of(shown) == crumbs
        assert shown.count('aria-current="page"') == 1
        for url in re.findall('href="/api/v4/(.*?)"', shown):
            page(get, url)


@pytest.mark.parametrize(
    ("path", "feeds", "nearest"),
    [
        ("", ALL_FEEDS, "New packages (Atom feed)"),
        ("packages/", ALL_FEEDS, "New packages (Atom feed)"),
        ("packages/ralph/", ["releases.atom", "packages.atom", "grids.atom"], "New releases (Atom feed)"),
        ("grids/", ["grids.atom", "packages.atom", "releases.atom"], "New grids (Atom feed)"),
        (
            "grids/73/",
            ["grids/assets.atom", "grids.atom", "packages.atom", "releases.atom"],
            "New releases in Assets & more (Atom feed)",
        ),
        (
            "grids/assets/comparison/",
            ["grids/assets.atom", "grids.atom", "packages.atom", "releases.atom"],
            "New releases in Assets & more (Atom feed)",
        ),
        ("categories/apps/", ["categories/apps.atom", *ALL_FEEDS], None),
    ],
)
def test_the_nearest_feed_comes_first_and_is_to_be_seen(
    get: Get, client: Client, path: str, feeds: list[str], nearest: str | None
) -> None:
    html = page(get, path)
    linked = re.findall(r'rel="alternate" type="application/atom\+xml" title=".*?" href="/api/v4/feeds/(.*?)"', html)
    assert linked == feeds
    footer = html.split("<footer>")[1]
    assert f'href="/api/v4/feeds/{feeds[0]}"' in footer
    assert footer.count("/feeds/") == 1
    assert nearest is None or nearest in text_of(footer)
    assert client.get(f"/api/v4/feeds/{feeds[0]}").status_code == 200


NOINDEX = '<meta name="robots" content="noindex">'
INDEXED = ("", "packages/", "packages/ralph/", "grids/assets/", "categories/apps/", "trending/")


@pytest.mark.parametrize("path", INDEXED)
def test_pages_are_not_to_be_indexed_unless_the_site_is_to_be_found(get: Get, settings: Settings, path: str) -> None:
    assert NOINDEX in page(get, path)
    settings.INDEXED = True
    assert NOINDEX not in page(get, path)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("packages/?category=apps", 200),
        ("packages/?offset=1", 200),
        ("packages/ralph/?fields=title", 200),
        ("search/?q=ralph", 200),
        ("compare/?packages=72,ralph", 200),
        ("packages/nope/", 404),
        ("packages/?nope=1", 400),
    ],
)
def test_filtered_lists_results_and_errors_are_never_indexed(
    get: Get, settings: Settings, path: str, status: int
) -> None:
    settings.INDEXED = True
    assert NOINDEX in page(get, path, status)
