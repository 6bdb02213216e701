"""The page of the list of grids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from django.db.models import Count

from core.kinds import Kind
from core.pages.addresses import path_of
from core.pages.lists import ListPage
from grids.models import Grid


@dataclass(frozen=True, slots=True)
class GridRow:
    """A grid as a row: `header` where it is one of the main grids."""

    title: str
    url: str
    description: str
    header: bool
    packages: int

    @property
    def comparison(self) -> str:
        return f"{self.url}comparison/"


class GridListPage(ListPage):
    """A row for each grid, with the number of its packages."""

    rows_template = "grids/rows.html"
    noun = "grid"
    intro = "A grid puts packages that do the same job side by side, feature by feature."
    orderings: ClassVar[Mapping[str, str]] = {"title": "title", "": "newest first", "-modified": "last edited"}
    main_filters = ("q", "header", "package")
    more_filters = ("without_level", "is_locked", "modified__gte")
    labels: ClassVar[Mapping[str, str]] = {"q": "Words", "header": "Main grid", "package": "With the package"}

    @cached_property
    def rows(self) -> Sequence[GridRow]:
        grids = Grid.objects.filter(pk__in=self.view.ids).only("title", "slug", "description", "header").order_by()
        found = {grid.pk: grid for grid in grids.annotate(packages_count=Count("memberships"))}
        return [_row(found[pk]) for pk in self.view.ids if pk in found]


def _row(grid: Grid) -> GridRow:
    number: int = grid.packages_count  # type: ignore[attr-defined]  # annotated above
    return GridRow(grid.title, path_of(Kind.GRID, grid.pk, grid.slug), grid.description, grid.header, number)
