"""The history of a row in admin: what editors did to it, and to the rows that belong to it."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from core import hooks
from core.api.references import is_id
from editing.models import Edit, EditBatch
from editing.rights import may_view
from editing.tables import EDITED
from editing.words import Row, rows
from grids.models import Cell, Feature, Grid
from packages.models import Package

BATCHES = 25  # on a page
ROWS = 200
LAST = 2_000  # rows that are looked through for who wrote one last
EARLIER = "before"  # the parameter with the batch before which a page begins


@dataclass
class Shown:
    """A batch, and the rows of it that belong to the history; `more` if there are further ones."""

    batch: EditBatch
    rows: list[Row]
    more: bool


def history_view(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponseBase:
    """Respond with the history of a row, which may have been deleted."""
    model = model_admin.model
    if not is_id(object_id):
        raise Http404("No row has this number.")
    row = model._base_manager.filter(pk=object_id).first()
    if not model_admin.has_view_or_change_permission(request, row):
        raise PermissionDenied
    edits = _edits_of(model, int(object_id))
    if row is None and not edits.exists():
        message = f"No {model._meta.verbose_name} has the number {object_id}."
        model_admin.message_user(request, message, "WARNING")
        return redirect("admin:index")
    shown, earlier = _page(edits, request.GET.get(EARLIER, ""))
    name = str(row) if row else (shown[0].rows[0].name.strip("“”") if shown and shown[0].rows else object_id)
    context = model_admin.admin_site.each_context(request) | {
        "title": f"History: {name}",
        "opts": model._meta,
        "object": row,
        "object_id": object_id,
        "name": name,
        "shown": shown,
        "earlier": earlier,
        "may_view": may_view(request),
        "is_earlier": EARLIER in request.GET,
    }
    return TemplateResponse(request, "editing/history.html", context)


def last_edits(grid: int) -> list[hooks.LastEdit]:
    """Return what editors last did to a grid and to what belongs to it, the newest first."""
    edits = Edit.objects.filter(grid_id=grid).order_by("-batch_id", "-id")
    rows = edits.values_list("table_name", "object_id", "before", "after", "batch__user_name")[:LAST]
    return [_last_edit(table, pk, before or {}, after or {}, who) for table, pk, before, after, who in rows]


def _last_edit(table: str, pk: int, before: dict[str, Any], after: dict[str, Any], who: str) -> hooks.LastEdit:
    row = {**before, **after, "id": pk}
    changed = {column for column in row if before.get(column) != after.get(column)}
    return hooks.LastEdit(table, row, changed, who)


def _edits_of(model: Any, pk: int) -> QuerySet[Edit]:
    own = Q(table_name=model._meta.db_table, object_id=pk)
    if model is Grid:
        own |= Q(grid_id=pk)
    elif model is Package:
        own |= Q(package_id=pk)
    elif model is Feature and (grid := _grid_of(pk)):
        of_feature = Q(before__feature_id=pk) | Q(after__feature_id=pk)
        own |= Q(table_name=Cell._meta.db_table, grid_id=grid) & of_feature
    return Edit.objects.filter(own, table_name__in=[table.name for table in EDITED])


def _grid_of(feature: int) -> int | None:
    edits = Edit.objects.filter(table_name=Feature._meta.db_table, object_id=feature)
    grid: int | None = Feature.objects.filter(pk=feature).values_list("grid_id", flat=True).first()
    return grid or edits.values_list("grid_id", flat=True).first()


def _page(edits: QuerySet[Edit], earlier: str) -> tuple[list[Shown], int | None]:
    """Return the newest batches with these edits, earlier than that one, and the last of them if there are more."""
    if is_id(earlier):
        edits = edits.filter(batch__lt=int(earlier))
    ids = list(edits.order_by("-batch_id").values_list("batch", flat=True).distinct()[: BATCHES + 1])
    listed, has_more = ids[:BATCHES], len(ids) > BATCHES
    found = list(edits.filter(batch__in=listed).order_by("-batch_id", "id")[: ROWS + 1])
    cut = found[ROWS].batch_id if len(found) > ROWS else None
    if cut:
        # The next page begins after the batch of which there is no room for all rows.
        listed, has_more = [pk for pk in listed if pk >= cut], True
    by_batch: dict[int, list[Row]] = defaultdict(list)
    for row in rows(found[:ROWS]):
        by_batch[row.edit.batch_id].append(row)
    batches = EditBatch.objects.in_bulk(listed)
    shown = [
        Shown(batches[pk], by_batch[pk], pk == cut) for pk in listed if pk in batches and (by_batch[pk] or pk == cut)
    ]
    return shown, listed[-1] if has_more else None
