"""An import beside editors of grids: who has edited a package or its grid last decides about the membership."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from grids.models import Feature, Grid, GridPackage
from packages.models import Package
from tests.documents import catalogue, category, grid, package
from tests.fetchers.mirror.importing import import_documents
from tests.fetchers.mirror.test_features import cell, feature, texts
from tests.fetchers.mirror.test_features import documents as with_features
from tests.fetchers.mirror.test_importer import memberships
from tests.grids.editing_grids import send, shown
from tests.grids.test_editor import deletion

pytestmark = pytest.mark.django_db

LATER = "2126-01-01T00:00:00+00:00"


@pytest.fixture
def documents(tmp_path: Path) -> dict[str, list[Any]]:
    """A package in grid 7, and one that is in none, as the source has them, imported."""
    documents = catalogue([category(1)], [grid(7, [2]), grid(8)], [package(1), package(2, grids=[7])])
    import_documents(tmp_path, documents)
    return documents


def swap_in_editor(client: Client) -> None:
    """Add one package to a grid and remove the other, on the grid's page."""
    of = Grid.objects.get(pk=7)
    gone = deletion(shown(client, of), "members", Package.objects.get(pk=2).title)
    assert send(client, of, added=[1], removed=[gone]).status_code == 200


def test_members_that_an_editor_has_changed_in_a_grid_stay(
    admin_client: Client, tmp_path: Path, documents: dict[str, list[Any]]
) -> None:
    swap_in_editor(admin_client)
    import_documents(tmp_path, documents)
    assert (memberships(1), memberships(2)) == ([7], [])


@pytest.mark.parametrize("kind", ["grids", "packages"])
def test_a_source_that_has_edited_one_of_both_since_decides(
    admin_client: Client, tmp_path: Path, documents: dict[str, list[Any]], kind: str
) -> None:
    swap_in_editor(admin_client)
    for document in documents[kind]:
        document["modified"] = LATER
    import_documents(tmp_path, documents)
    assert (memberships(1), memberships(2)) == ([], [7])


def test_a_package_that_was_edited_here_stays_out_of_a_grid_that_it_has_left(
    tmp_path: Path, documents: dict[str, list[Any]]
) -> None:
    GridPackage.objects.all().delete()
    GridPackage.objects.create(grid_id=8, package_id=2)
    Package.objects.filter(pk=2).update(modified=datetime.now(UTC))
    import_documents(tmp_path, documents)
    assert memberships(2) == [8]


def test_a_grid_that_was_edited_here_stays_without_a_package_that_only_the_source_has_in_it(
    tmp_path: Path, documents: dict[str, list[Any]]
) -> None:
    documents["packages"] = []
    GridPackage.objects.all().delete()
    Grid.objects.filter(pk=7).update(modified=datetime.now(UTC))
    import_documents(tmp_path, documents)
    assert not GridPackage.objects.exists()


def test_what_an_editor_has_deleted_of_a_grid_does_not_come_back(admin_client: Client, tmp_path: Path) -> None:
    cells = (cell(100), cell(101))
    source = with_features(feature(50, cells), feature(51, cells))
    import_documents(tmp_path, source)
    of = Grid.objects.get()
    state = shown(admin_client, of)
    gone = [deletion(state, "features", "Feature 51")], [deletion(state, "members", "Package 101")]
    emptied = {"feature": 50, "package": 100, "text": "", "was": "yes"}
    assert send(admin_client, of, deleted=gone[0], removed=gone[1], cells=[emptied]).status_code == 200
    report = import_documents(tmp_path, source)
    assert report.lines == []
    assert texts() == {}
    assert list(Feature.objects.values_list("pk", flat=True)) == [50]
    source["grids"][0]["features"] = [feature(50, (cell(100, modified=LATER),), modified=LATER)]
    import_documents(tmp_path, source)
    assert texts() == {(50, 100): "yes"}, "the source has written it since"
