"""The lists of documents in admin: what they show, at which cost; and the links of forms to the pages of documents."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from packages.models import FetchState, Package
from tests.core.admin.editors import change_url
from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory

pytestmark = pytest.mark.django_db
PACKAGES = "/admin/packages/package/"


def failing(package: Package, source: str, failures: int, outcome: str) -> None:
    FetchState.objects.create(
        package=package, source=source, failures=failures, outcome=outcome, next_due=timezone.now()
    )


def cells(client: Client, path: str) -> list[dict[str, Any]]:
    """Return the rows of a list, as its columns show them."""
    response: Any = client.get(path)
    changelist = response.context_data["cl"]
    admin, found = changelist.model_admin, []
    for row in changelist.result_list:
        shown = {name: getattr(admin, name, None) for name in changelist.list_display[1:]}
        found.append({name: show(row) if show else getattr(row, name) for name, show in shown.items()})
    return found


def test_what_the_list_of_packages_shows(editor: Client) -> None:
    now = timezone.now()
    package = PackageFactory.create(
        title="A",
        repo_watchers=12_345,
        pypi_downloads=1_234_567,
        pypi_version="1.0",
        last_updated="2026-11-02T03:00:00Z",
        deprecated=True,
        gone_since=now,
    )
    failing(package, "repo", 2, "timeout")
    failing(package, "pypi", 14, "rate_limited")
    failing(package, "downloads", 0, "ok")
    PackageFactory.create(title="B")
    first, second = cells(editor, PACKAGES)
    assert first == {
        "title": "A",
        "category": package.category,
        "verdict_and_why": f'<a href="/admin/packages/package/{package.pk}/why/" title="Why this verdict">unknown</a>',
        "failures": "14, rate limited (pypi)",
        "downloads": "1,234,567",
        "stars": "12,345",
        "version": "1.0",
        "last_commit": "2026-11-01",
        "marks": "deprecated, gone",
    }
    empty = ("failures", "downloads", "version", "last_commit", "marks")
    assert {name: second[name] for name in empty} == dict.fromkeys(empty)


def test_the_list_is_ordered_by_failures(editor: Client) -> None:
    for title, failures in (("A", 3), ("B", 7), ("C", 0)):
        package = PackageFactory.create(title=title)
        failing(package, "repo", failures, "timeout")
        failing(package, "pypi", 1 if failures else 0, "ok")
    for order, titles in (("-4", "BAC"), ("4", "CAB")):
        assert "".join(row["title"] for row in cells(editor, f"{PACKAGES}?o={order}")) == titles


def test_grids_show_their_packages_and_features(editor: Client) -> None:
    grid = GridFactory.create()
    MembershipFactory.create_batch(3, grid=grid)
    FeatureFactory.create_batch(2, grid=grid)
    [row] = cells(editor, "/admin/grids/grid/")
    assert (row["number_of_packages"], row["number_of_features"]) == (3, 2)


@pytest.mark.parametrize(
    ("path", "most"), [(PACKAGES, 10), ("/admin/grids/grid/", 8), ("/admin/categories/category/", 8)]
)
def test_the_queries_of_a_list_do_not_grow(editor: Client, path: str, most: int) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert editor.get(path).status_code == 200
        return len(captured)

    def fill(number: int) -> None:
        for _ in range(number):
            membership = MembershipFactory.create()
            failing(membership.package, "repo", 2, "timeout")
            FeatureFactory.create(grid=membership.grid)

    fill(2)
    few = queries()
    fill(40)
    assert queries() == few
    assert few <= most


def test_forms_link_to_the_page_of_the_document(editor: Client) -> None:
    cell = CellFactory.create()
    membership = cell.membership
    for row, kind in (
        (membership.package, "packages"),
        (membership.grid, "grids"),
        (CategoryFactory.create(), "categories"),
        (cell.feature, "features"),
    ):
        url = f"/api/v4/{kind}/{row.pk}/"
        assert f'<a href="{url}" class="viewsitelink">' in editor.get(change_url(row)).content.decode()
        assert editor.get(url, headers={"accept": "text/html"}).status_code == 200
    assert "viewsitelink" not in editor.get(change_url(cell)).content.decode()
    assert "viewsitelink" not in editor.get(f"{PACKAGES}add/").content.decode()
