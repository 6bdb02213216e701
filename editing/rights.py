"""The right to undo: of those who may do by hand what undoing does, table by table. Locked grids stay locked.

Who may add documents, but not delete any, may take back those that he has added himself, as long as nobody else has
edited them.
"""

from typing import Any

from django.contrib.auth import get_permission_codename
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.http import HttpRequest

from editing.models import Edit, EditBatch
from editing.scope import edits_of
from editing.tables import BY_NAME, EDITED, RecordedTable
from grids.locks import locked_grids, may_unlock
from grids.models import Grid
from packages.models import Package

# The column of edits that names the document to which a row belongs
_OWNED = {Package._meta.db_table: "package_id", Grid._meta.db_table: "grid_id"}
_UNDOES = {"created": "delete", "changed": "change", "deleted": "add"}
_LOCK = "Only users with the permission to unlock grids can lock one, or unlock one, which undoing does."
_LOCKED = "Only users with the permission to unlock grids can bring a locked grid back."


def may_view(request: HttpRequest) -> bool:
    """Tell whether a user may read what editors did: all who may change packages or grids."""
    user: Any = request.user
    names = ("editing.view_editbatch", "packages.change_package", "grids.change_grid", "categories.change_category")
    return any(user.has_perm(name) for name in names)


def refusals(request: HttpRequest, batch: EditBatch, only: Edit | None = None) -> list[str]:
    """Return the reasons why this user may not undo a batch, or what belongs to one row of it; none if he may."""
    counts = _counts(batch, only)
    return [*_permissions(request, counts, batch, only), *_locks(request, batch, only)]


def _counts(batch: EditBatch, only: Edit | None) -> dict[str, dict[str, int]]:
    if only is None:
        tally: dict[str, dict[str, int]] = batch.tally
        return tally
    counts: dict[str, dict[str, int]] = {}
    edits = edits_of(batch, only).filter(table_name__in=[table.name for table in EDITED]).order_by()
    is_new, is_gone = (
        ExpressionWrapper(Q((f"{column}__isnull", True)), output_field=BooleanField()) for column in ("before", "after")
    )
    for table, created, deleted in edits.values_list("table_name", is_new, is_gone).distinct():
        counts.setdefault(table, {})["created" if created else "deleted" if deleted else "changed"] = 1
    return counts


def _permissions(
    request: HttpRequest, counts: dict[str, dict[str, int]], batch: EditBatch, only: Edit | None
) -> list[str]:
    reasons = []
    user: Any = request.user
    for name, events in counts.items():
        table = BY_NAME.get(name)
        if table is None or not table.edited:  # what fetches wrote goes with its package
            continue
        options = table.model._meta
        for event in events:
            action = _UNDOES[event]
            own = f"{options.app_label}.{get_permission_codename(action, options)}"
            may = any(user.has_perm(right) for right in table.rights or (own,))
            if not (may or _may_take_back(user, table, event, batch, only)):
                reasons.append(f"You may not {action} {options.verbose_name_plural}, which undoing does.")
    return reasons


def _may_take_back(user: Any, table: RecordedTable, event: str, batch: EditBatch, only: Edit | None) -> bool:
    """Tell whether undoing deletes documents that this user has added himself, and that nobody else has edited."""
    options = table.model._meta
    add = f"{options.app_label}.{get_permission_codename('add', options)}"
    if event != "created" or batch.user_id != user.pk or table.name not in _OWNED or not user.has_perm(add):
        return False
    added = edits_of(batch, only).filter(table_name=table.name, before__isnull=True).values("object_id")
    own = Edit.objects.filter(**{f"{_OWNED[table.name]}__in": added}, batch__gt=batch.pk)
    return not own.exclude(batch__user=user.pk).exists()


def _locks(request: HttpRequest, batch: EditBatch, only: Edit | None) -> list[str]:
    if may_unlock(request):
        return []
    edits = edits_of(batch, only).filter(table_name__in=[table.name for table in EDITED])
    reasons = locked_grids(request, Grid.objects.filter(pk__in=edits.filter(grid_id__isnull=False).values("grid_id")))
    of_grids = edits.filter(table_name=Grid._meta.db_table)
    locked = of_grids.filter(before__has_key="is_locked").values_list("before__is_locked", "after", "after__is_locked")
    for before, after, is_locked in locked:
        if after is None and before:
            reasons.append(_LOCKED)
        elif after is not None and before != is_locked:
            reasons.append(_LOCK)
    return list(dict.fromkeys(reasons))
