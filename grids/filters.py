"""The filters of the lists of grids and of features."""

from typing import get_args

from django.db.models import Exists, OuterRef, Q

from core.api.filters import (
    DocumentFilters,
    FieldFilter,
    Flag,
    IdsField,
    NamesField,
    Ordering,
    ReferencesField,
    SlugsField,
    TimeBound,
    ValueList,
    Words,
)
from core.api.references import by_references
from core.caching.dependencies import on
from core.database.functions import AsciiLower
from core.kinds import Kind
from grids.models import FeatureQuerySet, Grid, GridPackage, GridQuerySet
from packages.health.verdicts import Level
from packages.models import Package


class GridFilters(DocumentFilters):
    parameters_add = {"package": on(Kind.PACKAGE), "without_level": on(Kind.PACKAGE)}
    q = Words("description")
    package = FieldFilter(ReferencesField, kind=Kind.PACKAGE, label="package", method="with_packages")
    without_level = FieldFilter(
        NamesField,
        label="no package of these levels",
        method="without_levels",
        what="level",
        names=get_args(Level),
    )
    id__in = ValueList(IdsField, "pk", label="ids")
    slug__in = ValueList(SlugsField, "slug", label="slugs")
    header = Flag(Q(header=True), label="header tab")
    is_locked = Flag(Q(is_locked=True), label="locked")
    modified__gte = TimeBound("modified", "gte", label="edited since")
    ordering = Ordering({"title": AsciiLower("title"), "created": "created", "modified": "modified"})

    def with_packages(self, grids: GridQuerySet, name: str, value: list[str]) -> GridQuerySet:
        """The grids that contain one of these packages."""
        packages = Package.objects.filter(by_references(value))
        return grids.filter(Exists(GridPackage.objects.filter(grid=OuterRef("pk"), package__in=packages)))

    def without_levels(self, grids: GridQuerySet, name: str, value: list[str]) -> GridQuerySet:
        """The grids that contain no package of these levels; an empty grid contains none."""
        packages = Package.objects.of_levels(value)
        return grids.exclude(Exists(GridPackage.objects.filter(grid=OuterRef("pk"), package__in=packages)))


class FeatureFilters(DocumentFilters):
    parameters_add = {"grid": on(Kind.GRID)}
    id__in = ValueList(IdsField, "pk", label="ids")
    grid = FieldFilter(ReferencesField, kind=Kind.GRID, label="grid", method="of_grids")

    def of_grids(self, features: FeatureQuerySet, name: str, value: list[str]) -> FeatureQuerySet:
        """The features of one of these grids."""
        return features.filter(grid__in=Grid.objects.filter(by_references(value)))
