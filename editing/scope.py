"""The edits of a batch, or of one of its rows with all that belongs to it."""

from django.db.models import Q, QuerySet

from editing.models import Edit, EditBatch
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package


def edits_of(batch: EditBatch, only: Edit | None = None) -> QuerySet[Edit]:
    edits = Edit.objects.filter(batch=batch)
    return edits if only is None else edits.filter(_belongs_to(only))


def _belongs_to(edit: Edit) -> Q:
    """Return the condition for a row and for the rows that went or came with it."""
    pk, own = edit.object_id, Q(pk=edit.pk)
    if edit.before is not None and edit.after is not None:
        # The facts of a package follow its addresses.
        return own | _json("package_id", pk) if edit.table_name == Package._meta.db_table else own
    cells = Q(table_name=Cell._meta.db_table)
    match edit.table_name:
        case Package._meta.db_table:
            replaced = Q(table_name=Package._meta.db_table, before__replaced_by_id=pk)
            return own | Q(package_id=pk) | _json("package_id", pk) | _slugs("package", pk) | replaced
        case Grid._meta.db_table:
            return own | Q(grid_id=pk) | _slugs("grid", pk)
        case Feature._meta.db_table:
            return own | (cells & _json("feature_id", pk))
        case GridPackage._meta.db_table:
            return own | (cells & _json("membership_id", pk))
    return own


def _json(column: str, pk: int) -> Q:
    return Q(**{f"before__{column}": pk}) | Q(**{f"after__{column}": pk})


def _slugs(kind: str, pk: int) -> Q:
    return Q(table_name="changes_oldslug", before__kind=kind, before__object_id=pk)
