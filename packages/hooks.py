"""Hooks for the folders above packages, which packages cannot import.

The upper folder fills its hook when the site starts: grids.apps fills `grids`, and editing.apps `verdicts`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import QuerySet
from django.db.models.expressions import Combinable


@dataclass(frozen=True, slots=True)
class Place:
    """A package among the members of a grid.

    `ranks` has its rank by each column that was asked for: 1 where no member has more. `rivals` are the ids of other
    members whose level is not poor, the most watched first.
    """

    grid: int
    title: str
    slug: str
    members: int
    ranks: Mapping[str, int]
    rivals: Sequence[int]


class GridHooks(Protocol):
    def documents(self) -> QuerySet[Any]:
        """All grids."""
        ...

    def ids_of_a_package(self) -> Combinable:
        """For annotate() on packages: the ids of the grids of each, in membership order, as a list; None for none."""
        ...

    def places(self, package: int, grids: Sequence[int], counts: Mapping[str, int], rivals: int) -> list[Place]:
        """Return the places of a package in these grids, in their order, with so many rivals at most: ranked by columns
        of packages, of which `counts` has the package's own values."""
        ...

    def slugs_of_a_package(self) -> Combinable:
        """For annotate() on packages: the slugs of the grids of each by their ids, in membership order, as the text of
        a JSON object; None for none."""
        ...

    def contain_a_package(self, grids: Collection[int]) -> Combinable:
        """For filter() on packages: the condition that one of these grids contains the package."""
        ...


grids: GridHooks


@dataclass(frozen=True, slots=True)
class Standing:
    """A verdict on a package, since when it is so, and what it was before that."""

    verdict: str
    since: datetime | None
    before: str


class VerdictHooks(Protocol):
    def known(self) -> Mapping[int, Standing]:
        """Return, by ids of packages, standings that come back: a verdict that becomes such a one again is so since
        then, and not since now."""
        ...

    def flipped(self, flips: Mapping[int, tuple[Standing, Standing]]) -> None:
        """Take note of verdicts that are settled as other ones than before: the former standing, and the new one."""
        ...


verdicts: VerdictHooks
