"""Factories of valid rows; the columns that must be unique are numbered."""

from typing import Any

from factory.declarations import SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from categories.models import Category
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package


def _numbered(text: str) -> Any:
    return Sequence(text.format)  # type: ignore[no-untyped-call]  # factory_boy's Sequence is untyped


def _related(kind: type[DjangoModelFactory[Any]]) -> Any:
    return SubFactory(kind)  # type: ignore[no-untyped-call]  # factory_boy's SubFactory is untyped


class CategoryFactory(DjangoModelFactory[Category]):
    class Meta:
        model = Category

    title = _numbered("Category {}")
    slug = _numbered("category-{}")
    title_plural = _numbered("Categories {}")


class PackageFactory(DjangoModelFactory[Package]):
    class Meta:
        model = Package

    title = _numbered("Package {}")
    slug = _numbered("package-{}")
    category = _related(CategoryFactory)
    repo_url = _numbered("https://github.com/someone/package-{}")


class GridFactory(DjangoModelFactory[Grid]):
    class Meta:
        model = Grid

    title = _numbered("Grid {}")
    slug = _numbered("grid-{}")


class MembershipFactory(DjangoModelFactory[GridPackage]):
    class Meta:
        model = GridPackage

    grid = _related(GridFactory)
    package = _related(PackageFactory)


class FeatureFactory(DjangoModelFactory[Feature]):
    class Meta:
        model = Feature

    grid = _related(GridFactory)
    title = _numbered("Feature {}")


class CellFactory(DjangoModelFactory[Cell]):
    class Meta:
        model = Cell

    feature = _related(FeatureFactory)
    # of the feature's grid
    membership = SubFactory(MembershipFactory, grid=SelfAttribute("..feature.grid"))  # type: ignore[no-untyped-call]
    text = "yes"
