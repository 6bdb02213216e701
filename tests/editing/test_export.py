"""The actions “Export as CSV” and “Export cells as CSV”, and what an import makes of their files."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from editing.models import EditBatch
from editing.spreadsheets import export
from editing.spreadsheets.columns import GRIDS, PACKAGES
from grids.models import Cell, Grid
from packages.documents import PACKAGE_COLUMNS
from packages.models import Package
from tests.editing import importing
from tests.editing.importing import differences, preview, refusals
from tests.factories import CategoryFactory, CellFactory, FeatureFactory, GridFactory, MembershipFactory, PackageFactory
from tests.spreadsheets import AS_IT_OPENS, QUOTED_AS_TEXT, saved

pytestmark = pytest.mark.django_db
LISTS = {Package: "/admin/packages/package/", Grid: "/admin/grids/grid/", Cell: "/admin/grids/cell/"}


def exported(client: Client, model: Any, ids: list[int] | None = None, action: str = "export_as_csv") -> Any:
    """Export these rows of a model, or all of the list."""
    chosen = model.objects.values_list("pk", flat=True)[:1] if ids is None else ids
    posted = {"action": action, "_selected_action": list(chosen), "select_across": "1" if ids is None else "0"}
    response = client.post(LISTS[model], posted)
    assert response.status_code == 200
    return response


def read(response: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig"), newline="")))


def test_packages(editor: Client) -> None:
    now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    successor = PackageFactory.create(slug="next", title="b")
    package = PackageFactory.create(
        slug="one",
        title="=A()",
        category__slug="apps",
        documentation_url=None,
        deprecated=True,
        replaced_by=successor,
        repo_watchers=5,
        last_updated=now,
        modified=now,
    )
    for slug in ("first", "second"):
        MembershipFactory.create(package=package, grid__slug=slug)
    response = exported(editor, Package, [package.pk])
    assert response.headers["Content-Disposition"] == 'attachment; filename="packages.csv"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    content = response.getvalue()
    assert content.startswith("\ufeff".encode())
    titles, row = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    assert dict(zip(titles, row, strict=True)) == {
        "id": str(package.pk),
        "slug": "one",
        "title": "'=A()",
        "category": "apps",
        "repo_url": package.repo_url,
        "pypi_url": "",
        "documentation_url": "",
        "deprecated": "true",
        "replaced_by": "next",
        "reply_kind": "",
        "reply_note": "",
        "reply_until": "",
        "grid_slugs": '["first","second"]',
        "verdict": Package.objects.get(pk=package.pk).verdict,
        "repo_watchers": "5",
        "pypi_downloads": "",
        "pypi_version": "",
        "last_updated": "2026-11-28T12:00:00Z",
        "modified": "2026-11-28T12:00:00Z",
    }


def test_every_column_that_editors_write_is_there() -> None:
    """A new one follows by itself."""
    stored = {column.attname for column in PACKAGES.written.values()}
    assert stored == set(PACKAGE_COLUMNS.edited) - {"created", "modified"}
    assert list(GRIDS.written) == ["slug", "title", "description", "header", "is_locked"]


def test_all_that_the_list_has_in_its_order(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "BATCH", 3)
    category = CategoryFactory.create()
    for number in range(60):  # more than a page
        PackageFactory.create(title=f"T{number:02}", deprecated=number % 2 == 0, category=category)
    rows = read(exported(editor, Package))
    assert [row[2] for row in rows[1:]] == [f"T{number:02}" for number in range(60)]
    LISTS[Package], url = LISTS[Package] + "?deprecated__exact=1&o=-1", LISTS[Package]
    try:
        rows = read(exported(editor, Package))
    finally:
        LISTS[Package] = url
    assert [row[2] for row in rows[1:]] == [f"T{number:02}" for number in range(58, -1, -2)]


def test_the_queries_do_not_grow_with_the_rows(editor: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            exported(editor, Package).getvalue()
        return len(captured)

    MembershipFactory.create_batch(2)
    few = queries()
    MembershipFactory.create_batch(30)
    assert queries() == few
    assert few <= 32


def test_grids_and_their_cells(editor: Client) -> None:
    grid = GridFactory.create(slug="maps", title="Maps", description="=1", header=True)
    feature = FeatureFactory.create(grid=grid, title="Tiles")
    CellFactory.create(feature=feature, membership__package__slug="one", text="+1 fast")
    CellFactory.create()
    titles, row = read(exported(editor, Grid, [grid.pk]))
    assert dict(zip(titles, row, strict=True)) | {"modified": ""} == {
        "id": str(grid.pk),
        "slug": "maps",
        "title": "Maps",
        "description": "'=1",
        "header": "true",
        "is_locked": "false",
        "package_count": "1",
        "feature_count": "1",
        "modified": "",
    }
    cells = read(exported(editor, Grid, [grid.pk], "export_cells_as_csv"))
    assert cells == [
        ["grid", "package", "feature", "feature_id", "text"],
        ["maps", "one", "Tiles", str(feature.pk), "'+1 fast"],
    ]
    assert len(read(exported(editor, Cell))) == 3


def test_nothing_is_recorded(editor: Client) -> None:
    PackageFactory.create()
    exported(editor, Package).getvalue()
    assert not EditBatch.objects.exists()


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
TITLES = st.one_of(TEXTS, st.sampled_from(["=1", "'=1", "+1", "-2", "''", "\t", " a ", "a\r\nb", "1", "007", ";", '"']))


class ExportThenImport(TestCase):
    """No text is another one after an export and an import."""

    @settings(max_examples=25)
    @given(
        titles=st.lists(TITLES.filter(lambda title: title.strip() != ""), min_size=1, max_size=3),
        texts=st.lists(TITLES),
    )
    def test_nothing_differs(self, titles: list[str], texts: list[str]) -> None:
        client = Client()
        client.force_login(_administrator())
        for title in titles:
            PackageFactory.create(title=title, pypi_url=title.split()[0].replace(":", "")[:20])
        grid = GridFactory.create(title=titles[0], description="".join(texts))
        feature = FeatureFactory.create(grid=grid, title=titles[0])
        for text in filter(None, texts):
            CellFactory.create(feature=feature, text=text)
        for model, url, action in (
            (Package, importing.PACKAGES, "export_as_csv"),
            (Grid, importing.GRIDS, "export_as_csv"),
            (Grid, importing.CELLS, "export_cells_as_csv"),
        ):
            shown = preview(client, url, exported(client, model, action=action).getvalue())
            assert differences(shown) == {}
            assert refusals(shown) == {}


def _administrator() -> Any:
    from django.contrib.auth.models import User  # noqa: PLC0415

    user, _ = User.objects.get_or_create(username="admin", is_staff=True, is_superuser=True)
    return user


@pytest.mark.more
def test_what_libreoffice_has_saved_changes_nothing(admin_client: Client, tmp_path: Path) -> None:
    titles = ("=1+1", "'=1+1", "-- slow", "é“日", 'a "b"; c, d', "don't", "'tis", "+1", "no")
    for title in titles:
        PackageFactory.create(title=title, documentation_url=None)
        CellFactory.create(feature__title=title, feature__grid__title=title, text=title)
    for model, url, action in (
        (Package, importing.PACKAGES, "export_as_csv"),
        (Grid, importing.GRIDS, "export_as_csv"),
        (Grid, importing.CELLS, "export_cells_as_csv"),
    ):
        content = exported(admin_client, model, action=action).getvalue()
        for delimiter, import_filter in ((";", AS_IT_OPENS), (",", QUOTED_AS_TEXT)):
            shown = preview(admin_client, url, saved(tmp_path, content, delimiter, import_filter))
            assert differences(shown) == {}
            assert refusals(shown) == {}
