"""Locked grids: only users with the permission to unlock grids may change one, its memberships, features and cells
included."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from core.admin.deletion import NAMED, guard
from grids.models import Cell, Feature, Grid, GridPackage


def may_unlock(request: HttpRequest) -> bool:
    return request.user.has_perm("grids.unlock_grid")


def may_change(request: HttpRequest, grid: Grid) -> bool:
    return not grid.is_locked or may_unlock(request)


def refusal(grid: Grid) -> str:
    why = "Only users with the permission to unlock grids can change it."
    return f"The grid “{grid}” is locked. {why}"


def locked_grids(request: HttpRequest, grids: QuerySet[Grid]) -> list[str]:
    """Return a refusal for each of the first locked grids, if the user may not unlock them."""
    if may_unlock(request):
        return []
    return [refusal(grid) for grid in grids.filter(is_locked=True)[:NAMED]]


def _grids_of(request: HttpRequest, memberships: QuerySet[Any]) -> list[str]:
    return locked_grids(request, Grid.objects.filter(pk__in=memberships.values("grid")))


def _grids_of_cells(request: HttpRequest, cells: QuerySet[Any]) -> list[str]:
    return locked_grids(request, Grid.objects.filter(pk__in=cells.values("feature__grid")))


guard(Grid, locked_grids)
guard(GridPackage, _grids_of)
guard(Feature, _grids_of)
guard(Cell, _grids_of_cells)
