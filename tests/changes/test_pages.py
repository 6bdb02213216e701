"""The page of GET /api/v4/changes/: each change in words, with a link where the document still exists."""

import re

import pytest
from pytest_django import DjangoAssertNumQueries

from categories.models import Category
from changes.models import Change
from grids.models import Grid
from packages.models import Package
from tests.changes.log import last
from tests.conftest import Get
from tests.factories import CategoryFactory, CellFactory, GridFactory, MembershipFactory, PackageFactory
from tests.page_checks import page, words

# Numbers are given at commit: in a test that never commits there would be none.
pytestmark = pytest.mark.django_db(transaction=True)


def test_what_happened(get: Get) -> None:
    package = PackageFactory.create(title="Maps", slug="maps")
    grid = GridFactory.create(title="Globes", slug="globes")
    since = last()
    member = MembershipFactory.create(grid=grid, package=package)
    Package.objects.filter(pk=package.pk).update(slug="atlas")
    cell = CellFactory.create(feature__grid=grid, feature__title="Tiles", membership=member)
    gone = GridFactory.create(title="x", slug="gone")
    pk = gone.pk
    gone.delete()
    html = page(get, f"changes/?since={since}")
    said = words(html)
    maps, globes = "[Maps](/api/v4/packages/atlas/)", "[Globes](/api/v4/grids/globes/)"
    tiles = f"[Tiles](/api/v4/features/{cell.feature_id}/)"
    rows = (
        f"{since + 1:,} today created membership {maps} in {globes}",
        f"{since + 2:,} today renamed package {maps} before: maps",
        f"{since + 3:,} today created feature {tiles} in {globes}",
        f"{since + 4:,} today created cell {tiles} of {maps}",
        f"{since + 5:,} today created grid gone",
        f"{since + 6:,} today deleted grid gone",
        f"The log ends here, at number {since + 6:,}.",
    )
    assert " ".join(rows) in said
    assert f"[What comes after it](/api/v4/changes/?since={since + 6})" in said
    assert f"/api/v4/grids/{pk}/" not in html.partition('<details class="json"')[0]
    assert re.search(rf'<input type="text" name="since" value="{since}"', html)
    assert "Mirrors and caches follow it" in said
    assert f"The newest change has the number {since + 6:,}." in said


def test_what_is_left_of_documents_that_are_gone(get: Get) -> None:
    since = last()
    cell = CellFactory.create(feature__grid__slug="g", membership__package__slug="p")
    feature, grid, package = cell.feature_id, cell.feature.grid_id, cell.membership.package_id
    Grid.objects.all().delete()
    Package.objects.all().delete()
    said = words(page(get, f"changes/?since={since}"))
    for row in (f"feature feature {feature} in grid {grid} ", f"cell feature {feature} of package {package} "):
        assert f"created {row}" in said
        assert f"deleted {row}" in said
    assert f"created membership package {package} in grid {grid} " in said


def test_forward(get: Get) -> None:
    since = last()
    CategoryFactory.create_batch(5)
    first = words(page(get, f"changes/?since={since}&limit=2"))
    following = f"[Next](/api/v4/changes/?limit=2&since={since + 2})"
    assert following in first
    assert f"[The newest changes](/api/v4/changes/?limit=2&since={since + 3})" in first
    ends = words(page(get, f"changes/?limit=2&since={since + 3}"))
    assert "The log ends here" in ends
    assert "[Next]" not in ends
    assert "The newest changes" not in ends
    nothing = words(page(get, f"changes/?since={since + 5}"))
    assert f"Nothing has changed since number {since + 5:,}. [Look again]" in nothing


def test_of_some_kinds(get: Get) -> None:
    since = last()
    member = MembershipFactory.create()
    html = page(get, f"changes/?since={since}&kind=grid")
    said = words(html)
    assert f"created grid [{member.grid.title}]" in said
    assert "created package" not in said
    assert f"Of this kind (grid) there is nothing more up to number {since + 4:,}." in said
    assert f"[What comes after it](/api/v4/changes/?kind=grid&since={since + 4})" in said
    assert '<option value="grid" selected>grid</option>' in html
    nothing = words(page(get, f"changes/?since={since}&kind=feature,cell"))
    assert f"Nothing of this kind (feature,cell) has changed since number {since:,}." in nothing
    first = words(page(get, f"changes/?since={since}&kind=package,grid&limit=1"))
    assert f"[Next](/api/v4/changes/?kind=package%2Cgrid&limit=1&since={since + 1})" in first
    assert f"[The newest changes](/api/v4/changes/?limit=1&since={since + 3})" in first


def test_the_front_page_tells_the_newest_number(get: Get) -> None:
    CategoryFactory.create()
    said = words(page(get, ""))
    assert (
        f"Mirrors follow [the log of changes](/api/v4/changes/?since={last()}), whose newest number is {last():,}."
        in said
    )


def test_an_empty_log(get: Get) -> None:
    assert "Nothing has changed since number 0." in words(page(get, "changes/"))


def test_a_page_begins_where_the_log_does(get: Get) -> None:
    """Programs, and whoever asks for changes that are gone, are told so."""
    CategoryFactory.create_batch(3)
    end = last()
    Change.objects.filter(number__lte=end - 2).delete()
    assert get("changes/", accept="text/html")["Location"].endswith(f"/api/v4/changes/?since={end - 2}")
    assert get("changes/?since=0", accept="text/html").status_code == 410
    assert get("changes/").status_code == 410
    Category.objects.all().delete()
    wrong = get(f"changes/?since={end + 99}", accept="text/html")
    assert wrong.status_code == 400
    assert f'name="since" value="{end + 99}"' in wrong.content.decode()


def test_queries_do_not_grow(get: Get, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for rows in (1, 6):
        since = last()
        for _ in range(rows):
            CellFactory.create()
        with django_assert_num_queries(7):  # the revisions, the rows, the bounds, and the documents of four kinds
            assert get(f"changes/?since={since}", accept="text/html").status_code == 200
