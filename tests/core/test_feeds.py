"""GET /api/v4/feeds/: the newest packages, releases and grids, as RSS and Atom."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from core.feeds import NEWEST
from packages.models import Release
from tests.factories import GridFactory, PackageFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = ("packages", "releases", "grids")


def titles(client: Client, feed: str) -> list[str | None]:
    """Return the titles of the entries, which must be the same in both formats."""
    rss = ET.fromstring(client.get(f"/api/v4/feeds/{feed}.rss").content)
    atom = ET.fromstring(client.get(f"/api/v4/feeds/{feed}.atom").content)
    in_rss = [item.findtext("title") for item in rss.iter("item")]
    assert [entry.findtext(f"{ATOM}title") for entry in atom.iter(f"{ATOM}entry")] == in_rss
    return in_rss


@pytest.mark.parametrize("feed", FEEDS)
def test_both_formats(client: Client, feed: str) -> None:
    for extension in ("rss", "atom"):
        response = client.get(f"/api/v4/feeds/{feed}.{extension}")
        assert response.status_code == 200
        assert response["Content-Type"] == f"application/{extension}+xml; charset=utf-8"
        ET.fromstring(response.content)


def test_newest_first_and_bounded(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    packages = PackageFactory.create_batch(NEWEST + 3)
    grids = GridFactory.create_batch(NEWEST + 3)
    assert titles(client, "packages") == [package.title for package in packages[:2:-1]]
    assert titles(client, "grids") == [grid.title for grid in grids[:2:-1]]
    for number, package in enumerate(packages):
        Release.objects.create(package=package, version=f"1.{number}", uploaded_at=NOW - timedelta(days=number))
    Release.objects.create(package=packages[0], version="yanked", uploaded_at=NOW, yanked=True)
    Release.objects.create(package=packages[0], version="undated")
    assert titles(client, "releases") == [f"{each.title} 1.{n}" for n, each in enumerate(packages[:NEWEST])]
    for feed in FEEDS:
        with django_assert_num_queries(2):
            client.get(f"/api/v4/feeds/{feed}.rss")


def test_an_entry(client: Client, settings: Settings) -> None:
    settings.SITE_URL = "https://packages.example.org"
    package = PackageFactory.create(title="Ralph", repo_description="Keeps assets.", created=NOW)
    Release.objects.create(package=package, version="1.0", uploaded_at=NOW)
    item = next(ET.fromstring(client.get("/api/v4/feeds/releases.rss").content).iter("item"))
    link = f"https://packages.example.org/api/v4/packages/{package.pk}/"
    assert {child.tag: child.text for child in item} == {
        "title": "Ralph 1.0",
        "link": link,
        "description": "Keeps assets.",
        "pubDate": "Wed, 06 May 2026 07:08:09 +0000",
        "guid": f"{link}releases/#1.0",
    }


def test_hostile_text_stays_text(client: Client) -> None:
    hostile = "<script>alert(1)</script> & \x0b\x1f\ufffe ]]> " + "x" * 5000
    PackageFactory.create(title="<b>\x01", repo_description=hostile)
    for extension in ("rss", "atom"):
        feed = client.get(f"/api/v4/feeds/packages.{extension}").content
        root = ET.fromstring(feed)
        texts = "".join(root.itertext())
        assert "<" not in texts, "feed readers render texts as HTML"
        assert "&lt;script&gt;" in texts
        assert len(feed) < 3_000


@pytest.mark.parametrize("feed", FEEDS)
def test_invalid_requests(client: Client, feed: str) -> None:
    assert client.get(f"/api/v4/feeds/{feed}.rss?limit=3").json() == {"limit": ["A feed takes no parameters."]}
    assert client.get(f"/api/v4/feeds/{feed}.rss?limit=3").status_code == 400
    assert client.post(f"/api/v4/feeds/{feed}.rss").status_code == 405
    assert client.get(f"/api/v4/feeds/{feed}.xml").status_code == 404


def test_the_root_page_links_to_the_feeds(client: Client) -> None:
    html = client.get("/api/v4/?format=api").content.decode()
    for feed in FEEDS:
        assert f'href="/api/v4/feeds/{feed}.atom"' in html
