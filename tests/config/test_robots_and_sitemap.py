"""GET /robots.txt and /sitemap.xml: what search engines are told."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from config import discovery
from core import versions
from tests.factories import CategoryFactory, GridFactory, PackageFactory

pytestmark = pytest.mark.django_db
NAME = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
ONE_HOUR = "public, max-age=3600"


@pytest.fixture
def _indexed(settings: Settings) -> None:
    settings.INDEXED = True


def entries(client: Client, url: str) -> dict[str, str | None]:
    """Return the URLs of a sitemap or of an index, with their last modifications."""
    response = client.get(url)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/xml"
    assert response["Cache-Control"] == ONE_HOUR
    assert "Cookie" not in response.get("Vary", "")
    root = ET.fromstring(response.content)
    return {str(each.findtext(f"{NAME}loc")): each.findtext(f"{NAME}lastmod") for each in root}


def test_nothing_is_to_be_found_unless_it_is_set(client: Client) -> None:
    robots = client.get("/robots.txt")
    assert (robots.status_code, robots["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert robots["Cache-Control"] == ONE_HOUR
    assert robots.content == b"User-agent: *\nDisallow: /\n"
    for path in ("/sitemap.xml", "/sitemap-packages.xml"):
        response = client.get(path)
        assert (response.status_code, response["Cache-Control"]) == (404, "no-store")


@pytest.mark.usefixtures("_indexed")
def test_robots(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        lines = client.get("/robots.txt").content.decode().splitlines()
    assert lines == [
        "User-agent: *",
        "Disallow: /admin/",
        "Disallow: /api/v4/search/",
        "Disallow: /api/v4/compare/",
        "Disallow: /api/v4/changes/",
        "Disallow: /api/v4/dumps/",
        *(f"Disallow: {each.path}" for each in versions.registered()),
        "",
        "Sitemap: http://testserver/sitemap.xml",
    ]


@pytest.mark.usefixtures("_indexed")
def test_sitemaps(client: Client, settings: Settings) -> None:
    settings.SITE_URL = "https://packages.example.org"
    days = [datetime(2026, 5, day, 12, tzinfo=UTC) for day in (1, 2, 3)]
    category = CategoryFactory.create(pk=1, slug="apps", modified=days[0])
    PackageFactory.create(pk=5, slug="ralph", category=category, modified=days[0], released=days[2])
    PackageFactory.create(pk=7, slug="404", category=category, modified=days[1])
    GridFactory.create(pk=9, slug="assets", modified=days[0])
    site = "https://packages.example.org"
    assert list(entries(client, "/sitemap.xml")) == [
        f"{site}/sitemap-lists.xml",
        f"{site}/sitemap-categories.xml?p=1",
        f"{site}/sitemap-grids.xml?p=9",
        f"{site}/sitemap-packages.xml?p=5",
    ]
    lists = entries(client, "/sitemap-lists.xml")
    assert {f"{site}/api/v4/", f"{site}/api/v4/packages/", f"{site}/api/v4/grids/"} < set(lists)
    assert entries(client, "/sitemap-packages.xml?p=5") == {
        f"{site}/api/v4/packages/ralph/": "2026-05-03",
        f"{site}/api/v4/packages/7/": "2026-05-02",
    }
    assert entries(client, "/sitemap-grids.xml?p=9") == {f"{site}/api/v4/grids/assets/": "2026-05-01"}
    assert entries(client, "/sitemap-categories.xml") == {f"{site}/api/v4/categories/apps/": "2026-05-01"}
    for url in lists:
        assert client.get(url.removeprefix(site), headers={"accept": "text/html"}).status_code == 200


@pytest.mark.usefixtures("_indexed")
@pytest.mark.parametrize(
    ("number", "pages"), [(0, []), (1, [10]), (2, [10]), (3, [10, 30]), (4, [10, 30]), (5, [10, 30, 50])]
)
def test_pages_are_ranges_of_ids(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
    number: int,
    pages: list[int],
) -> None:
    monkeypatch.setattr(discovery, "URLS", 2)
    for pk in range(10, 10 * number + 10, 10):
        GridFactory.create(pk=pk, slug=f"g{pk}")
    listed = [url for url in entries(client, "/sitemap.xml") if "grids" in url]
    assert listed == [f"http://testserver/sitemap-grids.xml?p={pk}" for pk in pages]
    found = []
    for url in listed:
        with django_assert_num_queries(1):
            found += list(entries(client, url))
    assert found == [f"http://testserver/api/v4/grids/g{pk}/" for pk in range(10, 10 * number + 10, 10)]


@pytest.mark.usefixtures("_indexed")
def test_a_page_of_one_url_each(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "URLS", 1)
    for pk in (3, 8):
        GridFactory.create(pk=pk)
    assert [url[-3:] for url in entries(client, "/sitemap.xml") if "grids" in url] == ["p=3", "p=8"]


@pytest.mark.usefixtures("_indexed")
@pytest.mark.parametrize(
    "path",
    [f"/sitemap-packages.xml?p={p}" for p in ("x", "", "0", "-1", "1.5", "9999999999999999999", "%00", "2")]
    + ["/sitemap-nothing.xml", "/sitemap-grids.xml", "/sitemap-lists.xml?p=2"],
)
def test_a_sitemap_that_does_not_exist(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")


@pytest.mark.usefixtures("_indexed")
def test_other_methods(client: Client) -> None:
    for path in ("/robots.txt", "/sitemap.xml", "/sitemap-lists.xml"):
        assert client.post(path).status_code == 405
        assert client.head(path).status_code == 200
