"""Deletions in admin: the confirmation tells what goes, in few queries, and a bulk deletion is bounded."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from categories.models import Category
from grids.models import Grid, GridPackage
from packages.models import FetchState, Package, Release, RepositoryAlias, Snapshot
from tests.factories import CategoryFactory, GridFactory, MembershipFactory, PackageFactory
from tests.packages.verdicts import forget_marks

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 6, tzinfo=UTC)
MOST_QUERIES = 70


def text_of(response: Any) -> str:
    """Return the text of a page, its tags and runs of blanks each as one blank."""
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", response.content.decode())).split())


def large_package(**columns: Any) -> Package:
    package = PackageFactory.create(**columns)
    Release.objects.bulk_create(
        Release(package=package, version=f"1.{number}", uploaded_at=NOW + timedelta(hours=number))
        for number in range(500)
    )
    Snapshot.objects.bulk_create(Snapshot(package=package, day=date.fromordinal(738_000 + day)) for day in range(400))
    FetchState.objects.create(package=package, source="repo", outcome="ok", next_due=NOW)
    RepositoryAlias.objects.create(package=package, repo_url="https://a.test/old", repo_key="a.test/old", until=NOW)
    MembershipFactory.create_batch(30, package=package)
    return package


def delete_selected(client: Client, kind: str, pks: list[int], **sent: str) -> Any:
    form = {"action": "delete_selected", "_selected_action": pks, **sent}
    return client.post(f"/admin/{kind}/", form)


def test_a_package_with_all_that_goes_with_it(admin_client: Client) -> None:
    package = large_package(title="Large")
    replaced = [PackageFactory.create(title=f"Old {number}", replaced_by=package) for number in (1, 2)]
    url = f"/admin/packages/package/{package.pk}/delete/"
    with CaptureQueriesContext(connection) as shown:
        page = admin_client.get(url)
    text = text_of(page)
    for line in (
        "Releases: 500 1.499 1.498",
        "1.490 and 490 more",
        "Snapshots: 400",
        "Memberships: 30 Large in Grid",
        "Fetch states: 1 Large: repo ok",
        "Repository aliases: 1 https://a.test/old",
        "Packages that lose their “replaced by”: 2 Package: Old 1 Package: Old 2",
    ):
        assert line in text
    assert f'<a href="/admin/packages/package/{replaced[0].pk}/change/">Old 1</a>' in page.content.decode()
    assert page.content.count(b"<li>") < 100
    assert b'name="post"' in page.content
    with CaptureQueriesContext(connection) as deleted:
        assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert [Package.objects.get(pk=each.pk).replaced_by for each in replaced] == [None, None]
    assert not Package.objects.filter(pk=package.pk).exists()
    assert not Release.objects.exists()
    assert len(shown) < MOST_QUERIES / 2
    assert len(deleted) < MOST_QUERIES


def test_a_hundred_packages_take_as_many_queries_as_one(admin_client: Client) -> None:
    packages = PackageFactory.create_batch(100)
    packages[1].replaced_by = packages[0]
    packages[1].save()
    for package in packages:
        Release.objects.bulk_create(Release(package=package, version=f"1.{minor}") for minor in range(5))
    pks = [package.pk for package in packages]
    forget_marks()
    with CaptureQueriesContext(connection) as shown:
        page = delete_selected(admin_client, "packages/package", pks)
    text = text_of(page)
    assert "Packages: 100 Releases: 500 Objects" in text
    assert "lose their" not in text, "its successor's deletion costs a package nothing that goes too"
    assert all(f"Package: {package}" in text for package in packages)
    with CaptureQueriesContext(connection) as deleted:
        assert delete_selected(admin_client, "packages/package", pks, post="yes").status_code == 302
    assert (Package.objects.count(), Release.objects.count()) == (0, 0)
    assert LogEntry.objects.count() == 100
    assert len(shown) < MOST_QUERIES / 2
    assert len(deleted) < MOST_QUERIES


@pytest.mark.parametrize("sent", [{}, {"post": "yes"}])
@pytest.mark.parametrize("across", [False, True])
def test_more_than_a_hundred_are_refused(admin_client: Client, sent: dict[str, str], across: bool) -> None:
    packages = PackageFactory.create_batch(101)
    pks = [package.pk for package in packages][: 1 if across else None]
    response = delete_selected(
        admin_client, "packages/package", pks, **sent, **({"select_across": "1"} if across else {})
    )
    assert response.status_code == 302
    assert "Nothing was deleted: select at most 100 packages at a time." in text_of(admin_client.get(response.url))
    assert Package.objects.count() == 101


def test_a_category_with_thousands_of_packages_stays(admin_client: Client) -> None:
    category = CategoryFactory.create(title="Apps")
    Package.objects.bulk_create(
        Package(title=f"P {number:04}", slug=f"p-{number}", category=category) for number in range(5_000)
    )
    empty = CategoryFactory.create()
    forget_marks()
    url = f"/admin/categories/category/{category.pk}/delete/"
    for request in (
        lambda: admin_client.get(url),
        lambda: admin_client.post(url, {"post": "yes"}),
        lambda: delete_selected(admin_client, "categories/category", [category.pk, empty.pk], post="yes"),
    ):
        with CaptureQueriesContext(connection) as queries:
            page = request()
        text = text_of(page)
        assert "Packages: 5,000 Package: P 0000 Package: P 0001" in text
        assert "Package: P 0009 and 4,990 more" in text
        assert b'name="post"' not in page.content
        assert len(queries) < MOST_QUERIES / 2
        assert len(page.content) < 30_000
    assert set(Category.objects.all()) == {category, empty}


def test_a_grid_with_a_thousand_members(admin_client: Client) -> None:
    grid = GridFactory.create(title="Large")
    category = CategoryFactory.create()
    packages = Package.objects.bulk_create(
        Package(title=f"P {number:04}", slug=f"p-{number}", category=category) for number in range(1_000)
    )
    GridPackage.objects.bulk_create(GridPackage(grid=grid, package=package) for package in packages)
    url = f"/admin/grids/grid/{grid.pk}/delete/"
    with CaptureQueriesContext(connection) as shown:
        text = text_of(admin_client.get(url))
    assert "Memberships: 1,000 P 0000 in Large P 0001 in Large" in text
    assert "and 990 more" in text
    with CaptureQueriesContext(connection) as deleted:
        assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert (Grid.objects.count(), GridPackage.objects.count(), Package.objects.count()) == (0, 0, 1_000)
    assert len(shown) < MOST_QUERIES / 2
    assert len(deleted) < MOST_QUERIES


def test_names_are_escaped(admin_client: Client) -> None:
    package = PackageFactory.create(title="<b>New</b>")
    PackageFactory.create(title="<i>Old</i>", replaced_by=package)
    Release.objects.create(package=package, version="<u>1</u>")
    page = admin_client.get(f"/admin/packages/package/{package.pk}/delete/").content.decode()
    assert not re.search("<b>New|<i>Old|<u>1", page)
    assert "&lt;i&gt;Old" in page


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("in_bulk", [False, True])
def test_a_document_is_locked_before_the_rows_that_go_with_it(admin_client: Client, in_bulk: bool) -> None:
    package = PackageFactory.create()
    FetchState.objects.create(package=package, source="repo", outcome="ok", next_due=NOW)
    with CaptureQueriesContext(connection) as queries:
        if in_bulk:
            delete_selected(admin_client, "packages/package", [package.pk], post="yes")
        else:
            admin_client.post(f"/admin/packages/package/{package.pk}/delete/", {"post": "yes"})
    assert not Package.objects.exists()
    written = [
        each["sql"] for each in queries if each["sql"].startswith("DELETE") or "FOR NO KEY UPDATE" in each["sql"]
    ]
    assert re.fullmatch(r'SELECT "packages_package"\."id".* FOR NO KEY UPDATE', written[0])
    assert any("packages_fetchstate" in each for each in written[1:])
