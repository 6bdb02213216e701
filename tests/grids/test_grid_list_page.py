"""The page of the list of grids."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from core.caching.stores import store
from grids.models import Grid, GridPackage
from tests.conftest import Get
from tests.factories import GridFactory, MembershipFactory, PackageFactory
from tests.tables import rows_of

pytestmark = pytest.mark.django_db


def page(get: Get, path: str = "grids/") -> str:
    response = get(path, accept="text/html")
    assert response.status_code == 200
    return str(response.content.decode())


def test_rows(get: Get) -> None:
    maps = GridFactory.create(title="Maps", slug="maps", description="Places.", header=True)
    GridFactory.create(title="<b>Empty</b>", slug="empty")
    for _ in range(3):
        MembershipFactory.create(grid=maps)
    html = page(get)
    compare = "Compare the packages of Maps"
    assert rows_of(html) == [["<b>Empty</b>", "0", ""], ["Maps main gridPlaces.", "3", compare]]
    assert "<b>" not in html
    assert '<a href="/api/v4/grids/maps/"><bdi>Maps</bdi></a>' in html
    assert '<a href="/api/v4/grids/maps/comparison/">Compare' in html
    assert "empty/comparison" not in html
    assert "<p>2 grids</p>" in html
    assert "side by side, feature by feature" in html


def test_orders_and_filters(get: Get) -> None:
    for title in ("Maps", "Admin", "Tags"):
        GridFactory.create(title=title, header=title == "Tags")
    assert [row[0] for row in rows_of(page(get, "grids/?ordering=title&fields=id"))] == [
        "Admin",
        "Maps",
        "Tags main grid",
    ]
    html = page(get, "grids/?header=true")
    assert len(rows_of(html)) == 1
    assert "<small>Main grid</small> <bdi>yes</bdi>" in html
    assert '<option value="true" selected>yes</option>' in html
    assert "No grids with these filters" in page(get, "grids/?q=zzz")


def test_nothing(get: Get) -> None:
    html = page(get)
    assert "<p>No grids.</p>" in html
    assert "<table" not in html


def test_a_grid_with_a_slug_of_digits(get: Get) -> None:
    grid = MembershipFactory.create(grid__slug="123").grid
    html = page(get)
    assert f'href="/api/v4/grids/{grid.pk}/"' in html
    assert f'href="/api/v4/grids/{grid.pk}/comparison/"' in html


def test_three_queries(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """The revisions, the documents, the rows with their numbers of packages."""
    packages = PackageFactory.create_batch(5)
    for number in (1, 12):
        for grid in GridFactory.create_batch(number):
            GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in packages)
        with django_assert_num_queries(3):
            html = page(get)
    assert [row[1] for row in rows_of(html)] == ["5"] * 13


@pytest.mark.django_db(transaction=True)
def test_it_changes_with_memberships(client: Client, settings: Settings) -> None:
    settings.CACHE_URL = "locmem://"
    store.cache_clear()
    package = PackageFactory.create()
    grid = GridFactory.create()

    def ask() -> tuple[str, list[list[str]]]:
        response = client.get("/api/v4/grids/", headers={"accept": "text/html"})
        return response["ETag"], rows_of(response.content.decode())

    before = ask()
    assert ask() == before
    assert before[1][0][1] == "0"
    MembershipFactory.create(grid=grid, package=package)
    after = ask()
    assert after[0] != before[0]
    assert after[1][0][1] == "1"
    Grid.objects.update(title="Renamed")
    assert ask()[1][0][0] == "Renamed"
