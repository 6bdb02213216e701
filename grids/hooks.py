"""The queries on grids that packages need (packages.hooks)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber

from core.database.functions import JSONList, JSONPairs
from grids.models import Grid, GridPackage, GridQuerySet
from packages.health.verdicts import LEVELS, RANKED, rank
from packages.hooks import Place

_NOT_POOR = [rank(verdict) for verdict in RANKED if LEVELS[verdict] != "poor"]


class PackageGrids:
    def documents(self) -> GridQuerySet:
        return Grid.objects.all()

    def ids_of_a_package(self) -> JSONList:
        memberships = GridPackage.objects.filter(package=OuterRef("pk")).order_by("position", "id")
        return JSONList(memberships.values(value=F("grid_id")))

    def slugs_of_a_package(self) -> JSONPairs:
        memberships = GridPackage.objects.filter(package=OuterRef("pk")).order_by("position", "id")
        return JSONPairs(memberships.values(key=F("grid_id"), value=F("grid__slug")))

    def contain_a_package(self, grids: Collection[int]) -> Exists:
        return Exists(GridPackage.objects.filter(package=OuterRef("pk"), grid__in=grids))

    def places(self, package: int, grids: Sequence[int], counts: Mapping[str, int], rivals: int) -> list[Place]:
        ahead = {name: Q((f"memberships__package__{name}__gt", count)) for name, count in counts.items()}
        rows = Grid.objects.filter(pk__in=grids).order_by().values("pk", "title", "slug")
        found: dict[int, Any] = {
            row["pk"]: row
            for row in rows.annotate(
                members=Count("memberships"),
                **{f"ahead_{name}": Count("memberships", filter=condition) for name, condition in ahead.items()},
            )
        }
        others = _most_watched(package, list(found), rivals)
        return [
            Place(
                pk,
                found[pk]["title"],
                found[pk]["slug"],
                found[pk]["members"],
                {name: found[pk][f"ahead_{name}"] + 1 for name in counts},
                others.get(pk, []),
            )
            for pk in grids
            if pk in found  # one may have been deleted meanwhile
        ]


def _most_watched(package: int, grids: Sequence[int], limit: int) -> dict[int, list[int]]:
    """Return, for each grid, the ids of the most watched members besides the package whose level is not poor."""
    is_rival = Q(package__verdict_rank__in=_NOT_POOR) | Q(package__verdict_rank__isnull=True)
    place = Window(RowNumber(), partition_by="grid_id", order_by=[F("package__repo_watchers").desc(), "package_id"])
    members = GridPackage.objects.filter(grid__in=grids).filter(is_rival).exclude(package=package)
    found: dict[int, list[int]] = {}
    for grid, pk in (
        members.annotate(place=place)
        .filter(place__lte=limit)
        .order_by("grid_id", "place")
        .values_list("grid_id", "package_id")
    ):
        found.setdefault(grid, []).append(pk)
    return found
