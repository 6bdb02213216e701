"""The actions "Export as CSV" and "Export cells as CSV": all selected rows, streamed, in the order of the list.

The file begins with a byte order mark, which the API's CSV has only if it is asked for: a file out of admin is opened
in a spreadsheet, and Excel without one takes UTF-8 for something else, saves that, and would have it imported.
"""

from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse

from core.csv_cells import line
from editing.spreadsheets.cells import TITLES
from editing.spreadsheets.columns import SHEETS, DocumentSheet
from grids.models import Cell

BATCH = 500  # rows that are read at once

_OF_CELLS = ("membership__grid__slug", "membership__package__slug", "feature__title", "feature_id", "text")


@admin.action(description="Export as CSV", permissions=["view"])
def export_as_csv(model_admin: Any, _request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
    """Respond with the selected packages, grids or cells."""
    ids = list(queryset.values_list("pk", flat=True))
    if model_admin.model is Cell:
        return _cells(ids)
    sheet = SHEETS[model_admin.model]
    return _response(sheet.kind.plural, sheet.titles, _in_batches(ids, lambda batch: _documents(sheet, batch)))


@admin.action(description="Export cells as CSV", permissions=["view"])
def export_cells_as_csv(_model_admin: Any, _request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
    """Respond with the cells of the selected grids, grid by grid, feature by feature."""
    cells = Cell.objects.filter(feature__grid__in=queryset.order_by().values("pk"))
    order = (
        "feature__grid__title",
        "feature__grid",
        "feature__position",
        "feature",
        "membership__package__title",
        "pk",
    )
    return _cells(list(cells.order_by(*order).values_list("pk", flat=True)))


def _cells(ids: Sequence[int]) -> StreamingHttpResponse:
    def rows(batch: Collection[int]) -> dict[int, Sequence[Any]]:
        return {pk: row for pk, *row in Cell.objects.filter(pk__in=batch).values_list("pk", *_OF_CELLS)}

    return _response("cells", TITLES, _in_batches(ids, rows))


def _documents(sheet: DocumentSheet, ids: Collection[int]) -> dict[int, Sequence[Any]]:
    sources = [column.source for column in sheet.written.values()]
    found: dict[int, Sequence[Any]] = {}
    further = sheet.read_only.values()
    for row in sheet.rows().filter(pk__in=ids).values("pk", *sources, *(each.source for each in further)):
        read_only = [each.compute(row[each.source]) for each in further]
        found[row["pk"]] = [row["pk"], *(row[source] for source in sources), *read_only]
    return found


def _in_batches(
    ids: Sequence[int], rows: Callable[[Collection[int]], dict[int, Sequence[Any]]]
) -> Iterator[Sequence[Any]]:
    """Yield the rows with these ids in their order, without those that are gone meanwhile."""
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        found = rows(batch)
        yield from (found[pk] for pk in batch if pk in found)


def _response(name: str, titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    def lines() -> Iterator[bytes]:
        yield BOM_UTF8 + line(titles)
        yield from map(line, rows)

    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=headers)
