"""Formulas in every text column: no CSV that the site gives out has a cell that a spreadsheet program would run."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from grids.models import Grid
from packages.models import Package, Release
from tests.conftest import Get
from tests.editing.test_attacks import _texts as texts_of
from tests.factories import CellFactory

pytestmark = pytest.mark.django_db
FORMULAS = ("=cmd|' /C calc'!A0", "+1+1", "-1+1|x", "@SUM(1)", "\t=1", "\r=1", '=HYPERLINK("http://evil.test","x")')
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


def cells(content: str) -> list[str]:
    rows = list(csv.reader(io.StringIO(content.lstrip("\ufeff"), newline="")))
    assert len(rows) > 1
    return [cell for row in rows for cell in row]


def is_number(cell: str) -> bool:
    return cell.lstrip("+-").replace(".", "", 1).isdigit()


@pytest.fixture(params=FORMULAS)
def formula(request: pytest.FixtureRequest) -> str:
    text: str = request.param
    cell = CellFactory.create(text=text, membership__package__slug="p", feature__title=text)
    package, grid = cell.membership.package, cell.feature.grid
    left_out = {"repo_host", "repo_key", "pypi_name", "repo_facts_of", "pypi_facts_of", "reply_kind", "pypi_status"}
    left_out |= {"repo_url", "pypi_url", "documentation_url", "pypi_repo_url", "verdict", "reply_note"}
    for row in (package, grid, package.category):
        columns = {name: text for name in texts_of(type(row)) if name not in left_out}
        type(row).objects.filter(pk=row.pk).update(**columns)
    Package.objects.filter(pk=package.pk).update(participants=[text], classifiers=[text])
    type(grid).objects.filter(pk=grid.pk).update(slug="g")
    day = datetime(2026, 1, 1, tzinfo=UTC)
    Release.objects.create(package=package, version=text, requires_python=text, uploaded_at=day)
    return text


LISTS = (
    *("packages/?fields=all", "grids/?fields=all", "categories/?fields=all", "features/", "grids/g/features/"),
    *("packages/p/releases/", "grids/g/comparison/?columns=all", "packages/?fields=all&expand=category,grids"),
)


def test_no_cell_of_the_api_is_a_formula(get: Get, formula: str) -> None:
    shown = 0
    for path in LISTS:
        response = get(f"{path}{'&' if '?' in path else '?'}format=csv")
        if response.status_code == 400:  # a list without this parameter
            response = get(f"{path.partition('?')[0]}?format=csv")
        assert response.status_code == 200, path
        assert response["Content-Type"].startswith("text/csv")
        assert response["X-Content-Type-Options"] == "nosniff"
        found = cells(response.content.decode())
        assert [each for each in found if each.startswith(BEGINNINGS) and not is_number(each)] == [], path
        shown += sum(formula.strip() in each for each in found)
    assert shown > 5


EXPORTS = (
    ("packages/package", "export_as_csv"),
    ("grids/grid", "export_as_csv"),
    ("grids/grid", "export_cells_as_csv"),
)


def test_no_cell_out_of_admin_is_a_formula(admin_client: Client, formula: str) -> None:
    for model, action in EXPORTS:
        ids = list((Package if model == "packages/package" else Grid).objects.values_list("pk", flat=True))
        response: Any = admin_client.post(f"/admin/{model}/", {"action": action, "_selected_action": ids})
        assert response["Content-Type"].startswith("text/csv")
        found = cells(b"".join(response.streaming_content).decode())
        assert [each for each in found if each.startswith(BEGINNINGS) and not is_number(each)] == []
        assert any(formula.strip() in each for each in found)
