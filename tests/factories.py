"""Rows for tests: valid, and different from each other, whatever the test leaves open."""

from typing import Any

from factory.declarations import Sequence, SubFactory
from factory.django import DjangoModelFactory

from categories.models import Category
from grids.models import Grid, GridPackage
from packages.models import Package


def _numbered(text: str) -> Any:
    return Sequence(text.format)  # type: ignore[no-untyped-call]  # factory_boy's is untyped


def _one(kind: type[DjangoModelFactory[Any]]) -> Any:
    return SubFactory(kind)  # type: ignore[no-untyped-call]  # factory_boy's is untyped


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
    category = _one(CategoryFactory)
    repo_url = _numbered("https://github.com/someone/package-{}")


class GridFactory(DjangoModelFactory[Grid]):
    class Meta:
        model = Grid

    title = _numbered("Grid {}")
    slug = _numbered("grid-{}")


class MembershipFactory(DjangoModelFactory[GridPackage]):
    class Meta:
        model = GridPackage

    grid = _one(GridFactory)
    package = _one(PackageFactory)
