"""The features of a grid as columns of its comparison."""

from typing import Any

import orjson

from core.api.row_sources import STATEMENTS
from core.database.prepared import PLACEHOLDER_ID, Prepared
from core.database.sessions import reader
from grids.cells import sign
from grids.models import MOST_FEATURES, Feature, Grid
from packages.comparison.columns import KNOWN, NOT_APPLICABLE, NOWHERE, Column, Place

Cell = dict[str, Any]


def feature_columns(grid: Grid) -> list[Column]:
    """Return the columns of a grid's features, in their order."""
    connection = reader()
    prepared = STATEMENTS.get(
        connection,
        ("comparison", "features"),
        lambda: Prepared(
            Feature.objects.for_api(("title", "description", "cells"))
            .filter(grid=PLACEHOLDER_ID)
            .order_by("position", "id")[:MOST_FEATURES]
        ),
    )
    features: list[Any] = prepared.rows(connection, grid.pk)
    return [column_of(feature, orjson.loads(feature.texts or "{}")) for feature in features]


def column_of(feature: Feature, texts: dict[str, str]) -> Column:
    """Return the column of a feature. `texts` are those of its cells, by the ids of their packages."""
    cells: dict[int, Cell] = {int(pk): {"text": text, "sign": sign(text)} for pk, text in texts.items()}

    def place(row: Any) -> Place:
        return place_of(cells.get(row.pk))

    def merit(row: Any) -> int | None:
        return merit_of(cells.get(row.pk))

    return Column(
        key=f"feature-{feature.pk}",
        title=feature.title,
        kind="cell",
        group="features",
        help=feature.description,
        better="more",
        value=lambda row: cells.get(row.pk),
        place=place,
        merit=merit,
    )


def place_of(cell: Cell | None) -> Place:
    """Return the place of a cell in an order: by its sign, then by its text. What is not applicable comes behind, and
    an empty cell last."""
    text = cell["text"].strip().casefold() if cell else ""
    if not cell or not text:
        return NOWHERE
    return (NOT_APPLICABLE, text) if cell["sign"] is None else (KNOWN, (cell["sign"], text))


def merit_of(cell: Cell | None) -> int | None:
    """Return the sign of a cell, without the shades below zero: what lacks a feature less is not the best in it."""
    return None if not cell or cell["sign"] is None else max(cell["sign"], 0)
