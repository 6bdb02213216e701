"""GET /api/v4/feeds/: the newest packages, releases and grids, of all and of a document, as RSS and Atom."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from categories.models import Category
from core.feeds import NEWEST
from grids.models import Grid
from packages.models import Release
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = ("packages", "releases", "grids")
OF_DOCUMENTS = ("grids/assets", "categories/apps")


@pytest.fixture(autouse=True)
def _documents() -> None:
    """The documents that feeds are of."""
    GridFactory.create(slug="assets", title="Assets & <b>more")
    CategoryFactory.create(slug="apps", title="Apps")


def titles(client: Client, feed: str) -> list[str | None]:
    """Return the titles of the entries, which must be the same in both formats."""
    rss = ET.fromstring(client.get(f"/api/v4/feeds/{feed}.rss").content)
    atom = ET.fromstring(client.get(f"/api/v4/feeds/{feed}.atom").content)
    in_rss = [item.findtext("title") for item in rss.iter("item")]
    assert [entry.findtext(f"{ATOM}title") for entry in atom.iter(f"{ATOM}entry")] == in_rss
    return in_rss


@pytest.mark.parametrize("feed", [*FEEDS, *OF_DOCUMENTS])
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


def test_the_feed_of_a_grid_has_the_releases_of_its_packages(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    member, other = PackageFactory.create(title="Member"), PackageFactory.create(title="Other")
    grid = Grid.objects.get(slug="assets")
    MembershipFactory.create(grid=grid, package=member)
    MembershipFactory.create(package=other)
    for number in range(NEWEST + 2):
        Release.objects.create(package=member, version=f"1.{number}", uploaded_at=NOW - timedelta(days=number))
    Release.objects.create(package=member, version="yanked", uploaded_at=NOW, yanked=True)
    Release.objects.create(package=member, version="undated")
    Release.objects.create(package=other, version="1.0", uploaded_at=NOW)
    assert titles(client, "grids/assets") == [f"Member 1.{number}" for number in range(NEWEST)]
    assert titles(client, f"grids/{grid.pk}") == titles(client, "grids/assets")
    with django_assert_num_queries(3):
        client.get("/api/v4/feeds/grids/assets.rss")
    atom = ET.fromstring(client.get("/api/v4/feeds/grids/assets.atom").content)
    assert atom.findtext(f"{ATOM}title") == "Package Grids: new releases in Assets & <b>more"
    links = {each.get("rel"): each.get("href") for each in atom.findall(f"{ATOM}link")}
    assert links == {
        "alternate": f"http://testserver/api/v4/grids/{grid.pk}/",
        "self": "http://testserver/api/v4/feeds/grids/assets.atom",
    }
    entry = atom.findall(f"{ATOM}entry")[0]
    assert entry.findtext(f"{ATOM}updated") == "2026-05-06T07:08:09+00:00"
    assert entry.findtext(f"{ATOM}id") == f"http://testserver/api/v4/packages/{member.pk}/releases/#1.0"


def test_the_feed_of_a_category_has_its_packages(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    category = Category.objects.get(slug="apps")
    packages = [PackageFactory.create(category=category) for _ in range(NEWEST + 2)]
    PackageFactory.create()
    assert titles(client, "categories/apps") == [package.title for package in packages[:1:-1]]
    assert titles(client, f"categories/{category.pk}") == titles(client, "categories/apps")
    with django_assert_num_queries(3):
        client.get("/api/v4/feeds/categories/apps.rss")
    channel = ET.fromstring(client.get("/api/v4/feeds/categories/apps.rss").content)[0]
    assert channel.findtext("title") == "Package Grids: new packages in Apps"
    assert channel.findtext("link") == f"http://testserver/api/v4/categories/{category.pk}/"
    assert channel.findtext("item/link") == f"http://testserver/api/v4/packages/{packages[-1].pk}/"


@pytest.mark.parametrize(("kind", "name"), [("grids", "Grid"), ("categories", "Category")])
@pytest.mark.parametrize("reference", ["nope", "8", "0", "9223372036854775808", "%00", "x.y", "%C3%A9"])
def test_the_feed_of_what_there_is_not(client: Client, kind: str, name: str, reference: str) -> None:
    response = client.get(f"/api/v4/feeds/{kind}/{reference}.atom")
    assert (response.status_code, response["Cache-Control"]) == (404, "no-store")
    assert response.json() == {"detail": f"No {name} matches the given query."}


@pytest.mark.parametrize(("kind", "model"), [("grids", Grid), ("categories", Category)])
def test_the_old_slug_of_a_document_redirects(client: Client, kind: str, model: type[Grid] | type[Category]) -> None:
    old = model.objects.get().slug
    model.objects.update(slug="new")
    for extension in ("atom", "rss"):
        response = client.get(f"/api/v4/feeds/{kind}/{old}.{extension}")
        assert response.status_code == 301
        assert response["Location"] == f"/api/v4/feeds/{kind}/new.{extension}"
        assert client.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("feed", [*FEEDS, *OF_DOCUMENTS])
def test_invalid_requests(client: Client, feed: str) -> None:
    assert client.get(f"/api/v4/feeds/{feed}.rss?limit=3").json() == {"limit": ["A feed takes no parameters."]}
    assert client.get(f"/api/v4/feeds/{feed}.rss?limit=3").status_code == 400
    assert client.post(f"/api/v4/feeds/{feed}.rss").status_code == 405
    assert client.get(f"/api/v4/feeds/{feed}.xml").status_code == 404


def test_the_root_page_links_to_the_feeds(client: Client) -> None:
    html = client.get("/api/v4/?format=api").content.decode()
    for feed in FEEDS:
        assert f'href="/api/v4/feeds/{feed}.atom"' in html
