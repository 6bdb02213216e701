"""The queries on grids that packages need (packages.hooks)."""

from collections.abc import Collection

from django.db.models import Exists, F, OuterRef

from core.database.functions import JSONList
from grids.models import Grid, GridPackage, GridQuerySet


class PackageGrids:
    def documents(self) -> GridQuerySet:
        return Grid.objects.all()

    def ids_of_a_package(self) -> JSONList:
        memberships = GridPackage.objects.filter(package=OuterRef("pk")).order_by("position", "id")
        return JSONList(memberships.values(value=F("grid_id")))

    def contain_a_package(self, grids: Collection[int]) -> Exists:
        return Exists(GridPackage.objects.filter(package=OuterRef("pk"), grid__in=grids))
