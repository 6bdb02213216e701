"""The authors of what a save of the grid editor found changed, as the history of edits has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from core import hooks
from grids.models import Cell, Feature, Grid, GridPackage

_CELLS, _FEATURES, _MEMBERSHIPS = (model._meta.db_table for model in (Cell, Feature, GridPackage))


def name_others(conflicts: list[dict[str, Any]], grid: Grid) -> None:
    """Add to each conflict `who` wrote the other value, "" where the history does not know it."""
    if not conflicts:
        return
    last = hooks.last_edits(grid.pk)
    packages = {edit.row["id"]: edit.row["package_id"] for edit in last if edit.table == _MEMBERSHIPS}
    memberships = GridPackage.objects.filter(grid=grid, package__in={each.get("package") for each in conflicts})
    packages |= dict(memberships.values_list("pk", "package_id"))
    of_cells = _AuthorsOfCells(last, packages)
    for conflict in conflicts:
        if conflict.get("feature") and conflict.get("package"):
            conflict["who"] = of_cells.last(conflict["feature"], conflict["package"])
        else:
            conflict["who"] = next((edit.who for edit in last if _is_of(conflict, edit, packages)), "")


class _AuthorsOfCells:
    """Tells who last wrote each cell, or took away its feature or its member: there may be thousands to tell of."""

    def __init__(self, last: Sequence[hooks.LastEdit], packages: Mapping[int, int]) -> None:
        self._last = last
        self._places: dict[tuple[str, Any], int] = {}
        for place, edit in enumerate(last):
            if edit.table == _CELLS:
                of = (edit.row["feature_id"], packages.get(edit.row["membership_id"]))
            elif edit.table == _MEMBERSHIPS:
                of = edit.row["package_id"]
            elif edit.table == _FEATURES and "id" in edit.changed:
                of = edit.row["id"]
            else:
                continue
            self._places.setdefault((edit.table, of), place)

    def last(self, feature: int | str, package: int) -> str:
        keys = ((_CELLS, (feature, package)), (_FEATURES, feature), (_MEMBERSHIPS, package))
        places = [self._places[key] for key in keys if key in self._places]
        return self._last[min(places)].who if places else ""


def _is_of(conflict: dict[str, Any], edit: hooks.LastEdit, packages: Mapping[int, int]) -> bool:
    """Tell whether an edit wrote what a conflict is about, if that is the order, a feature or a member."""
    feature, package, field = (conflict.get(part) for part in ("feature", "package", "field"))
    if conflict["kind"] == "order":
        return edit.table == _FEATURES and "position" in edit.changed and "grid_id" not in edit.changed
    if edit.table == _FEATURES:
        return edit.row["id"] == feature and field in {None, *edit.changed}
    if edit.table == _CELLS and not field:
        return feature == edit.row["feature_id"] or package == packages.get(edit.row["membership_id"], 0)
    return edit.table == _MEMBERSHIPS and edit.row["package_id"] == package
