"""The members of a grid and its features, for a comparison: each feature is a column."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
from django.db.models import F, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast

from core.api.row_sources import STATEMENTS
from core.database.functions import JSONPairs
from core.database.prepared import PLACEHOLDER_ID, Prepared
from core.database.sessions import reader
from grids.cells import sign
from grids.models import MOST_FEATURES, Cell, Feature, Grid
from packages.comparison.columns import KNOWN, NOT_APPLICABLE, NOWHERE, Column, Place
from packages.comparison.rows import Selection
from packages.models import Package


def members(grid: Grid, count: int) -> Selection:
    """Return the selection of the members of a grid, which are so many."""
    return Selection("grid", _members(grid.pk), lambda: _members(PLACEHOLDER_ID), grid.pk, count)


def _members(grid: int) -> QuerySet[Package]:
    """Return the members with the ids of their memberships, as texts: JSON has them as keys of cells."""
    return Package.objects.filter(memberships__grid=grid).annotate(membership=Cast("memberships__id", TextField()))


def feature_columns(grid: Grid) -> list[Column]:
    """Return the columns of a grid's features, in their order."""
    connection = reader()
    prepared = STATEMENTS.get(connection, ("comparison", "features"), lambda: Prepared(_features(PLACEHOLDER_ID)))
    features: list[Any] = prepared.rows(connection, grid.pk)
    return [column_of(feature, feature.texts or "{}") for feature in features]


def _features(grid: int) -> QuerySet[Feature]:
    """Return the features of a grid with the texts of their cells, by the memberships that they are of."""
    cells = Cell.objects.filter(feature=OuterRef("pk")).order_by()
    return (
        Feature.objects.filter(grid=grid)
        .only("id", "title", "description")
        .annotate(texts=JSONPairs(cells.values(key=F("membership_id"), value=F("text"))))
        .order_by("position", "id")[:MOST_FEATURES]
    )


def column_of(feature: Feature, texts: str) -> Column:
    """Return the column of a feature. `texts` is JSON: the texts of its cells by the memberships that rows have. It is
    not read before the column is used, since a request may choose others."""

    @cache
    def cells() -> dict[str, dict[str, Any]]:
        return {membership: {"text": text, "sign": sign(text)} for membership, text in orjson.loads(texts).items()}

    def place(row: Any) -> Place:
        cell = cells().get(row.membership)
        return place_of(cell["text"], cell["sign"]) if cell else NOWHERE

    def merits(rows: Sequence[Any]) -> list[int | None]:
        found = (cells().get(row.membership) for row in rows)
        return [cell["sign"] if cell else None for cell in found]

    return Column(
        key=f"feature-{feature.pk}",
        title=feature.title,
        kind="cell",
        group="features",
        help=feature.description,
        better="more",
        values=lambda rows: [cells().get(row.membership) for row in rows],
        place=place,
        merits=merits,
        least=0,  # a "no" is not the best of several
    )


def place_of(text: str, sign: int | None) -> Place:
    """Return the place of a cell in an order: by its sign, then by its text. What is not applicable comes behind, and
    an empty cell last."""
    text = text.strip().casefold()
    if not text:
        return NOWHERE
    return (NOT_APPLICABLE, text) if sign is None else (KNOWN, (sign, text))
