"""Features and cells in exports and imports: nothing is lost, and v4 documents leave them as they are."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from categories.models import Category
from fetchers.mirror.export import export_catalogue
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package
from tests.documents import CREATED, Document, catalogue, category, grid, package
from tests.factories import CellFactory, FeatureFactory, GridFactory, MembershipFactory
from tests.fetchers.mirror.importing import import_documents

pytestmark = pytest.mark.django_db(transaction=True)
NEWER = "2026-11-01T00:00:00Z"


def cell(pk: int, **changes: Any) -> Document:
    return {"package": pk, "text": "yes", "created": CREATED, "modified": CREATED} | changes


def feature(pk: int = 50, cells: tuple[Document, ...] = (), **changes: Any) -> Document:
    typed = {"id": pk, "title": f"Feature {pk}", "description": "", "position": pk}
    return typed | {"created": CREATED, "modified": CREATED, "cells": list(cells)} | changes


def documents(*features: Document, **changes: Any) -> dict[str, list[Any]]:
    """A catalogue of one grid with two packages and these features, and a package that is in no grid."""
    packages = [package(100, grids=[7]), package(101, grids=[7]), package(102)]
    return catalogue([category()], [grid(7, [100, 101], **{"features": list(features), **changes})], packages)


def texts() -> dict[tuple[int, int], str]:
    rows = Cell.objects.values_list("feature", "membership__package", "text")
    return {(pk, of_package): text for pk, of_package, text in rows}


def everything() -> list[list[Any]]:
    """All that a feature and a cell is, with the package in place of the membership, whose id no document has."""
    cells = Cell.objects.order_by("feature", "membership__package")
    return [
        list(Feature.objects.order_by("pk").values()),
        list(cells.values("feature", "membership__grid", "membership__package", "text", "created", "modified")),
    ]


def test_a_round_trip_loses_nothing(tmp_path: Path) -> None:
    grids = [GridFactory.create() for _ in range(25)]
    for number, each in enumerate(grids):
        members = MembershipFactory.create_batch(number % 4, grid=each)
        for position in range(number % 3):
            one = FeatureFactory.create(grid=each, position=9 - position, description="Ünï\r\n “quoted” ")
            for member in members:
                CellFactory.create(feature=one, membership=member, text=" Yes, since 2.0\r\n:rocket: " + "é" * position)
    Feature.objects.update(title="Tiles\u00a0")
    before = everything()
    assert [len(rows) for rows in before] == [24, 36]
    export_catalogue(tmp_path / "one")
    for model in (Package, Grid, Category):
        model._default_manager.all().delete()
    assert everything() == [[], []]
    call_command("import_catalogue", str(tmp_path / "one"))
    assert everything() == before
    export_catalogue(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    FeatureFactory.create(grid=Grid.objects.all()[0])  # with an id of its own


def test_what_an_export_has(tmp_path: Path) -> None:
    import_documents(tmp_path / "source", documents(feature(50, (cell(101, text="no"), cell(100)))))
    export_catalogue(tmp_path / "out")
    [exported] = json.loads((tmp_path / "out" / "grids.json").read_text(encoding="utf-8"))
    utc = "2020-02-03T09:05:06.789012Z"
    assert list(exported)[-1] == "features"
    assert exported["features"] == [
        feature(
            50,
            (cell(100, created=utc, modified=utc), cell(101, text="no", created=utc, modified=utc)),
            created=utc,
            modified=utc,
        )
    ]


def test_documents_of_v4_leave_features_as_they_are(tmp_path: Path) -> None:
    import_documents(tmp_path, documents(feature(50, (cell(100),))))
    before = everything()
    v4 = documents()
    del v4["grids"][0]["features"]
    for prune in (False, True):
        report = import_documents(tmp_path, v4, prune=prune)
        assert report.lines == []
        assert everything() == before


def test_what_is_newer_is_taken(tmp_path: Path) -> None:
    import_documents(tmp_path, documents(feature(50, (cell(100), cell(101))), feature(51)))
    older = documents(feature(50, (cell(100, text="no"), cell(101, text="+", modified=NEWER)), title="Older"))
    assert import_documents(tmp_path, older).lines == []
    assert texts() == {(50, 100): "yes", (50, 101): "+"}
    assert list(Feature.objects.order_by("pk").values_list("title", flat=True)) == ["Feature 50", "Feature 51"]
    import_documents(tmp_path, documents(feature(50, title="Newer", position=3, modified=NEWER)))
    assert Feature.objects.values_list("title", "position").get(pk=50) == ("Newer", 3)
    assert Feature.objects.get(pk=50).modified - Feature.objects.get(pk=51).modified > timedelta(days=2000)
    assert texts() == {(50, 100): "yes", (50, 101): "+"}, "what the source no longer has stays"


def test_prune_deletes_what_the_source_no_longer_has(tmp_path: Path) -> None:
    import_documents(tmp_path, documents(feature(50, (cell(100), cell(101))), feature(51, (cell(100),))))
    report = import_documents(tmp_path, documents(feature(50, (cell(101),))), prune=True)
    assert report.lines == []
    assert texts() == {(50, 101): "yes"}
    assert Feature.objects.get().pk == 50
    import_documents(tmp_path, documents(), prune=True)
    assert not Feature.objects.exists()
    assert GridPackage.objects.count() == 2


def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    report = import_documents(tmp_path, documents(feature(50, (cell(102),))), dry_run=True)
    assert [line.partition(":")[0] for line in report.lines] == ["skipped"]
    assert not Feature.objects.exists()


def test_a_cell_of_a_package_that_is_not_in_the_grid_is_skipped(tmp_path: Path) -> None:
    report = import_documents(tmp_path, documents(feature(50, (cell(102), cell(100), cell(999)))))
    assert report.lines == [
        f"skipped: grid 7: its feature 50 has a cell of package {pk}, which is not in the grid" for pk in (102, 999)
    ]
    assert (report.exit_code, texts()) == (1, {(50, 100): "yes"})


def test_a_feature_stays_in_its_grid(tmp_path: Path) -> None:
    FeatureFactory.create(pk=50, grid=GridFactory.create(pk=9, slug="other"), title="Theirs")
    report = import_documents(tmp_path, documents(feature(50, (cell(100),), modified=NEWER), feature(51)))
    assert report.lines == ["skipped: grid 7: its feature 50 is a feature of grid 9 here"]
    assert list(Feature.objects.order_by("pk").values_list("grid", "title")) == [(9, "Theirs"), (7, "Feature 51")]
    both = documents(feature(52))
    both["grids"].append(grid(8, features=[feature(52)]))
    report = import_documents(tmp_path, both)
    assert report.lines == ["skipped: grid 8: its feature 52 is a feature of grid 7 here"]


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ([feature(title="")], "features.0.title: String should have at least 1 character"),
        ([feature(title="x" * 101)], "features.0.title: String should have at most 100 characters"),
        ([feature(position=-1)], "features.0.position: Input should be greater than or equal to 0"),
        ([feature(50, (cell(100, text="x" * 1001),))], "features.0.cells.0.text: String should have at most 1000"),
        ([feature(50, (cell(100, text="\0"),))], "features.0.cells.0.text: contains a NUL character"),
        ([feature(50, (cell(100), cell(100)))], "features.0.cells: lists the same document twice"),
        ([feature(), feature()], "features: lists the same document twice"),
        ([{"id": 50}], "features.0.title: Field required"),
        ("text", "features: Input should be a valid list"),
        ([feature(pk) for pk in range(1, 102)], "features: List should have at most 100 items"),
    ],
)
def test_wrong_features_are_reported(tmp_path: Path, features: Any, reason: str) -> None:
    report = import_documents(tmp_path, catalogue([category()], [grid(7, features=features)], []))
    [line] = report.lines
    assert line.startswith(f"skipped: grid 7 (grid-7): {reason}")
    assert not Grid.objects.exists()
