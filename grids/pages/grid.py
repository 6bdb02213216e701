"""The pages of a grid and of its comparison: which packages stand out, and all of them side by side."""

from collections.abc import Callable, Sequence
from datetime import UTC
from functools import cached_property
from typing import Any, NamedTuple

from django.utils import timezone

from core.api.pagination import neighbour
from core.caching.dependencies import on
from core.kinds import Kind
from core.links import absolute
from core.pages.addresses import path_of
from core.pages.page import DESCRIPTION_LENGTH, Page
from core.words import counted
from packages import support
from packages.comparison.page import ComparisonPage
from packages.models import Package
from packages.readiness.conditions import with_classifier_text, works_with_django

MOST_NAMED = 5  # packages in one sentence


class Named(NamedTuple):
    """A package that a sentence names."""

    title: str
    url: str


class Standing(NamedTuple):
    """The packages that stand out for a reason: some of them by name, the number of the others, the measure in words,
    and the URL of the comparison of all of them, if there is one."""

    named: Sequence[Named]
    others: int
    measure: str
    url: str = ""


class GridComparisonPage(ComparisonPage):
    """The page of the comparison of a grid, which is the page of a grid without what stands out."""

    template = "grids/comparison.html"

    @property
    def grid_url(self) -> str:
        """The path of the grid's page."""
        grid = self.data["grid"]
        return path_of(Kind.GRID, grid["id"], grid["slug"])


class GridPage(Page):
    """A grid: what stands out among its packages, and its comparison as it is without parameters. Whatever changes the
    order, the columns or the filters leads to the page of the comparison."""

    template = "grids/grid.html"
    is_folded = True
    default_rows = ComparisonPage.default_rows
    depends_on = on(Kind.PACKAGE, Kind.CATEGORY, Kind.FEATURE)

    @cached_property
    def comparison(self) -> GridComparisonPage:
        """The page of the comparison, of which this page has the table."""
        view = self.view.comparison
        return GridComparisonPage(view.data, {"view": view, "request": view.request, "response": self.response})

    @cached_property
    def grid(self) -> dict[str, Any]:
        """The grid as a comparison has it, whichever keys of the document were requested."""
        found: dict[str, Any] = self.comparison.data["grid"]
        return found

    @cached_property
    def title(self) -> str:  # type: ignore[override]
        return str(self.grid["title"])

    @cached_property
    def description(self) -> str:  # type: ignore[override]
        own = " ".join(self.grid["description"].split())
        total = counted(self.comparison.data["total"], "package")
        return (own or f"{self.title}: {total} side by side, with their health.")[:DESCRIPTION_LENGTH]

    @property
    def canonical(self) -> str:  # type: ignore[override]
        return absolute(self.request, path_of(Kind.GRID, self.grid["id"], self.grid["slug"]))

    @property
    def features_url(self) -> str:
        return f"{self.comparison.grid_url}features/"

    @property
    def _shown(self) -> Sequence[Any]:
        """The packages that the comparison shows, on all of its pages."""
        shown: Sequence[Any] = self.view.comparison.shown
        return shown

    @cached_property
    def most_used(self) -> Standing | None:
        """The packages with the most downloads; if none are known, with the most stars. None if these are not known."""
        return self._most(lambda row: row.pypi_downloads, "download", " a month") or self._most(
            lambda row: row.repo_watchers, "star"
        )

    @cached_property
    def most_active(self) -> Standing | None:
        """The packages with the most commits; None if nobody commits."""
        return self._most(lambda row: sum(row.commits_over_52 or ()), "commit", " in a year")

    def _most(self, number: Callable[[Any], int | None], noun: str, time: str = "") -> Standing | None:
        most = max((number(row) or 0 for row in self._shown), default=0)
        rows = [row for row in self._shown if number(row) == most]
        return self._standing(rows, f"{counted(most, noun)}{time}") if most else None

    @cached_property
    def newest_django(self) -> str:
        """The newest version of Django that is supported today."""
        today = timezone.now().astimezone(UTC).date()
        supported = [version for version, end in support.DJANGO.items() if end >= today]
        return max(supported or support.DJANGO, key=lambda version: tuple(map(int, version.split("."))))

    @cached_property
    def ready(self) -> Standing | None:
        """The packages that work with it, the most used first; None if none does."""
        members = Package.objects.filter(memberships__grid=self.grid["id"])
        fitting = with_classifier_text(members).filter(works_with_django(self.newest_django)).order_by()
        ids = set(fitting.values_list("pk", flat=True))
        rows = [row for row in self._shown if row.id in ids]
        rows.sort(key=lambda row: (row.pypi_downloads or 0, row.repo_watchers), reverse=True)
        url = neighbour(self.comparison.request, django=self.newest_django)
        return self._standing(rows, "", url) if rows else None

    @property
    def are_all_ready(self) -> bool:
        return bool(self.ready and len(self.ready.named) + self.ready.others == len(self._shown))

    def _standing(self, rows: Sequence[Any], measure: str, url: str = "") -> Standing:
        named = [Named(row.title, path_of(Kind.PACKAGE, row.id, row.slug)) for row in rows[:MOST_NAMED]]
        return Standing(named, len(rows) - len(named), measure, url)
