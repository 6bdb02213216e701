"""Hooks for the folders above packages, which packages cannot import.

The upper folder fills its hook when the site starts: grids.apps fills `grids`.
"""

from collections.abc import Collection
from typing import Any, Protocol

from django.db.models import QuerySet
from django.db.models.expressions import Combinable


class GridHooks(Protocol):
    def documents(self) -> QuerySet[Any]:
        """All grids."""
        ...

    def ids_of_a_package(self) -> Combinable:
        """For annotate() on packages: the ids of the grids of each, in membership order, as a list; None for none."""
        ...

    def contain_a_package(self, grids: Collection[int]) -> Combinable:
        """For filter() on packages: the condition that one of these grids contains the package."""
        ...


grids: GridHooks
