"""Features and cells in files of documents: a grid's own key, which v4 does not have."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Model, QuerySet

from fetchers.mirror.documents import CellDocument, FeatureDocument
from fetchers.mirror.sequences import advance_sequence
from grids.models import Cell, Feature, GridPackage

ROWS = 500  # written by one statement
FEATURE_COLUMNS = ("title", "description", "position", "created", "modified")
CELL_COLUMNS = ("text", "created", "modified")


def exported(grids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """Return the features of these grids in their order, with the cells by the ids of their packages."""
    of_grids: dict[int, list[dict[str, Any]]] = {pk: [] for pk in grids}
    features: dict[int, dict[str, Any]] = {}
    for feature in Feature.objects.filter(grid__in=of_grids).order_by("position", "id"):
        features[feature.pk] = {"id": feature.pk, **_values(feature, FEATURE_COLUMNS), "cells": []}
        of_grids[feature.grid_id].append(features[feature.pk])
    cells = Cell.objects.filter(feature__in=features).select_related("membership").order_by("membership__package_id")
    for cell in cells:
        document = {"package": cell.membership.package_id, **_values(cell, CELL_COLUMNS)}
        features[cell.feature_id]["cells"].append(document)
    return of_grids


class FeatureBatch:
    """The features of some grids, to be written in one transaction: what is newer than ours, and what we do not have.

    `edited` is when grids were edited here, if it was later than in the source: what they do not have any more since
    does not come back. `prune` deletes the features and cells of these grids that the source has not. `skipped` has a
    line for each feature or cell that cannot be stored.
    """

    def __init__(self, of_grids: Mapping[int, list[FeatureDocument]], edited: Mapping[int, datetime]) -> None:
        self.of_grids = of_grids
        self.edited = edited
        self.skipped: list[str] = []

    def write(self, *, prune: bool) -> None:
        if prune:
            self._prune_features()
        documents = self._features()
        self._write_features(documents)
        self._write_cells(documents, prune=prune)

    def _features(self) -> dict[int, tuple[int, FeatureDocument]]:
        """Return the grid and the document of each feature that can be stored, by its id."""
        listed = [(grid, feature) for grid, features in self.of_grids.items() for feature in features]
        ids = [feature.id for _, feature in listed]
        grids = dict(Feature.objects.filter(pk__in=ids).values_list("pk", "grid"))
        listed = [(grid, each) for grid, each in listed if each.id in grids or not self._has_gone(grid, each)]
        documents: dict[int, tuple[int, FeatureDocument]] = {}
        for grid, feature in listed:
            other = grids.setdefault(feature.id, grid)
            if other == grid:
                documents[feature.id] = grid, feature
            else:
                self.skipped.append(f"grid {grid}: its feature {feature.id} is a feature of grid {other} here")
        return documents

    def _has_gone(self, grid: int, document: FeatureDocument | CellDocument) -> bool:
        """Tell whether an editor has deleted a feature or a cell that is not there."""
        return grid in self.edited and document.modified <= self.edited[grid]

    def _prune_features(self) -> None:
        named = [feature.id for features in self.of_grids.values() for feature in features]
        Feature.objects.filter(grid__in=self.of_grids).exclude(pk__in=named).delete()

    def _write_features(self, documents: Mapping[int, tuple[int, FeatureDocument]]) -> None:
        stored = {row.pk: row for row in Feature.objects.select_for_update().filter(pk__in=documents)}
        rows = [
            _take(stored.get(pk) or Feature(pk=pk, grid_id=grid), document, FEATURE_COLUMNS)
            for pk, (grid, document) in documents.items()
            if pk not in stored or document.modified > stored[pk].modified
        ]
        _write(Feature.objects.all(), rows, FEATURE_COLUMNS)
        if any(row.pk not in stored for row in rows):
            advance_sequence(Feature)

    def _write_cells(self, documents: Mapping[int, tuple[int, FeatureDocument]], *, prune: bool) -> None:
        members = {
            (grid, package): pk
            for pk, grid, package in GridPackage.objects.filter(grid__in=self.of_grids).values_list(
                "pk", "grid", "package"
            )
        }
        stored = {
            (row.feature_id, row.membership_id): row
            for row in Cell.objects.select_for_update().filter(feature__in=documents)
        }
        wanted = dict(self._cells(documents, members))
        rows = [
            _take(stored.get(key) or Cell(feature_id=key[0], membership_id=key[1]), document, CELL_COLUMNS)
            for key, document in wanted.items()
            if (
                document.modified > stored[key].modified
                if key in stored
                else not self._has_gone(documents[key[0]][0], document)
            )
        ]
        _write(Cell.objects.all(), rows, CELL_COLUMNS)
        if prune:
            Cell.objects.filter(pk__in=[row.pk for key, row in stored.items() if key not in wanted]).delete()

    def _cells(
        self, documents: Mapping[int, tuple[int, FeatureDocument]], members: Mapping[tuple[int, int], int]
    ) -> Iterator[tuple[tuple[int, int], CellDocument]]:
        """Yield each cell that can be stored, after the ids of its feature and its membership."""
        for pk, (grid, feature) in documents.items():
            for cell in feature.cells:
                if member := members.get((grid, cell.package)):
                    yield (pk, member), cell
                elif not self._has_gone(grid, cell):
                    self.skipped.append(
                        f"grid {grid}: its feature {pk} has a cell of package {cell.package}, which is not in the grid"
                    )


def _values(row: Model, columns: Iterable[str]) -> dict[str, Any]:
    return {column: getattr(row, column) for column in columns}


def _take(row: Any, document: FeatureDocument | CellDocument, columns: Iterable[str]) -> Any:
    for column in columns:
        setattr(row, column, getattr(document, column))
    return row


def _write(queryset: QuerySet[Any], rows: list[Any], columns: Iterable[str]) -> None:
    """Insert the rows that are new, and update the others."""
    queryset.bulk_create([row for row in rows if row._state.adding], batch_size=ROWS)
    queryset.bulk_update([row for row in rows if not row._state.adding], columns, batch_size=ROWS)
