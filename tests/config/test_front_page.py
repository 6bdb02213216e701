"""GET /api/v4/ in a browser: the front page."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from categories.models import Category
from config.pages import MOST_CATEGORIES, MOST_GRIDS, NEWEST
from core.caching.stores import store
from grids.models import Grid, GridPackage
from packages.health.verdicts import rank
from packages.models import Package, Snapshot
from tests.conftest import Get
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.pages import items_below, text_of

DAY = timedelta(days=1)
ONE_TRANSACTION = pytest.mark.django_db
COMMITTED = pytest.mark.django_db(transaction=True)


def page(get: Get, query: str = "") -> str:
    response = get(query, accept="text/html")
    assert response.status_code == 200
    html: str = response.content.decode()
    return html


def packages(number: int, category: Category) -> list[Package]:
    """Packages, the older ones released later and growing faster."""
    now = timezone.now()
    made = [
        PackageFactory.create(
            title=f"P{n}",
            slug=f"p{n}",
            category=category,
            repo_description=f"The {n}th.",
            released=now - (n + 1) * DAY,
            pypi_version=f"1.{n}",
            stars_trend=1 / (n + 1),
            stars_30d=100 + n,
            verdict_rank=rank("maintained"),
        )
        for n in range(number)
    ]
    Snapshot.objects.bulk_create(Snapshot(package=each, day=now.date(), stars=100) for each in made)
    return made


@ONE_TRANSACTION
def test_what_it_shows(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    apps, empty = CategoryFactory.create(title="Apps", slug="apps"), CategoryFactory.create(title="zero", slug="7")
    made = packages(NEWEST + 2, apps)
    tables, maps = GridFactory.create(title="Tables", header=True), GridFactory.create(title="Maps", header=True)
    GridFactory.create(title="Others")
    for each in made[:3]:
        MembershipFactory.create(grid=tables, package=each)
    with django_assert_num_queries(7):
        html = page(get)
    assert "A catalogue of reusable packages" in html
    assert "There are 7 packages, and 3 grids." in text_of(html)
    assert items_below(html, "Categories") == ["Apps 7 packages", "zero 0 packages"]
    assert items_below(html, "Grids") == ["Maps 0 packages", "Tables 3 packages"]
    assert items_below(html, "Newest packages") == [f"P{n} ✓ maintained The {n}th." for n in (6, 5, 4, 3, 2)]
    assert items_below(html, "Latest releases") == [
        f"P{n} 1.{n} ✓ maintained {when}"
        for n, when in enumerate(("yesterday", "2 days ago", "3 days ago", "4 days ago", "5 days ago"))
    ]
    assert items_below(html, "Trending") == [f"P{n} ✓ maintained {100 + n} more stars in 30 days" for n in range(5)]
    for path in (
        "packages/p6/",
        "categories/apps/",
        f"categories/{empty.pk}/",  # its slug would be read as an id
        f"grids/{maps.slug}/",
        "packages/?ordering=-released",
        "trending/",
    ):
        assert f'href="/api/v4/{path}"' in html
        assert get(path).status_code == 200
    assert "curl http://testserver/api/v4/" in html
    assert html.count('type="search"') == 1


@ONE_TRANSACTION
def test_it_is_bounded(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    CategoryFactory.create_batch(MOST_CATEGORIES + 1)
    largest = CategoryFactory.create(title="Zebras")
    PackageFactory.create(category=largest)
    grids = GridFactory.create_batch(MOST_GRIDS + 1, title="x" * 100)
    with django_assert_num_queries(8):  # no grid is a main one: the newest are read
        html = page(get)
    categories = items_below(html, "Categories")
    assert (len(categories), categories[-1]) == (MOST_CATEGORIES, "Zebras 1 package")
    assert len(items_below(html, "Grids")) == MOST_GRIDS
    assert f"/grids/{grids[-1].slug}/" in html
    assert f"/grids/{grids[0].slug}/" not in html
    assert "Latest releases" not in html
    assert "Trending</a></h2>" not in html


@ONE_TRANSACTION
def test_an_empty_catalogue_says_how_to_begin(get: Get) -> None:
    html = page(get)
    assert "The catalogue is empty. Begin in admin : add a category, then packages" in text_of(html)
    assert '<a href="/admin/">admin</a>' in html
    assert html.count("<h2>") == 0


@ONE_TRANSACTION
def test_texts_stay_texts(get: Get) -> None:
    PackageFactory.create(title="<b>A", repo_description="<script>alert(1)</script>", category__title="<i>C")
    GridFactory.create(title="<u>G", header=True)
    html = page(get)
    assert [tag for tag in ("<b>", "<i>", "<u>", "<script>") if tag in html] == []
    assert items_below(html, "Newest packages") == ["<b>A ? unknown <script>alert(1)</script>"]


CHANGES: dict[str, tuple[Callable[[], object], str]] = {
    "a package": (lambda: PackageFactory.create(title="Second", category=Category.objects.get()), "Second"),
    "a category's title": (lambda: Category.objects.update(title="Projects"), "Projects 1 package"),
    "a verdict": (lambda: Package.objects.update(verdict_rank=rank("gone")), "✕ gone"),
    "a release": (
        lambda: Package.objects.update(released=datetime(2020, 1, 1, tzinfo=UTC), pypi_version="2.0"),
        "2.0",
    ),
    "a grid": (lambda: GridFactory.create(title="Second", header=True), "Second 0 packages"),
    "a membership": (
        lambda: GridPackage.objects.create(grid=Grid.objects.get(), package=Package.objects.get()),
        "Maps 1 package",
    ),
}


@COMMITTED
@pytest.mark.parametrize("what", CHANGES)
def test_it_is_cached_until_something_changes(
    client: Client, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries, what: str
) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    PackageFactory.create(title="First", category__title="Apps")
    GridFactory.create(title="Maps", header=True)
    write, shown = CHANGES[what]
    first = client.get("/api/v4/", headers={"accept": "text/html"})
    assert first["Cache-Control"] == "public, no-cache"
    assert shown not in text_of(first.content.decode())
    with django_assert_num_queries(1):
        again = client.get("/api/v4/", headers={"accept": "text/html"})
    assert again["ETag"] == first["ETag"]
    write()
    changed = client.get("/api/v4/", headers={"accept": "text/html"})
    assert changed["ETag"] != first["ETag"]
    assert shown in text_of(changed.content.decode())


@COMMITTED
def test_packages_are_counted_again_only_if_a_number_may_have_changed(client: Client, settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    package = PackageFactory.create(category__title="Apps")
    other = CategoryFactory.create(title="Tools")

    def counts() -> int:
        with CaptureQueriesContext(connection) as queries:
            shown = text_of(client.get("/api/v4/", headers={"accept": "text/html"}).content.decode())
        assert ("Tools 1 package" in shown) == (Package.objects.get().category_id == other.pk)
        return sum("categories_category" in each["sql"] and "COUNT" in each["sql"].upper() for each in queries)

    assert counts() == 1
    Package.objects.update(repo_watchers=5)
    assert counts() == 0
    Package.objects.filter(pk=package.pk).update(category=other)
    assert counts() == 1
