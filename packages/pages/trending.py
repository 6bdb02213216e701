"""The page of the packages that gain most."""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from core.api.pagination import neighbour
from core.caching.dependencies import Dependencies
from core.pages.lists import ListPage
from core.pages.page import Link
from packages.models import Package
from packages.pages.rows import ROWS, PackageRow, rows_of
from packages.trends import MEASURES, PERIOD, Measure


class TrendingRow(NamedTuple):
    """A package with what it gained (None if that is not known by now), and the number that it has reached."""

    package: PackageRow
    gain: int | None
    number: int | None

    @property
    def words(self) -> str:
        """The gain in words."""
        return "" if self.gain is None else f"{self.gain:+,} in {PERIOD} days"


class Paragraph(NamedTuple):
    """A paragraph of text, or a list of items."""

    text: str
    items: Sequence[str]


class TrendingPage(ListPage):
    """The packages with the gain that puts them here, and the rule by which they were chosen."""

    template = "packages/trending.html"
    rows_template = "packages/trending_rows.html"
    noun = "package"
    depends_on: ClassVar[Dependencies] = ROWS

    @property
    def _filters(self) -> Any:
        return None

    @property
    def measure(self) -> Measure:
        return MEASURES[self.request.query_params.get("by", "stars")]

    @property
    def number_name(self) -> str:
        """The name of the number that grew."""
        return {"stars": "Stars", "downloads": "Downloads a month"}[self.measure.name]

    @property
    def measures(self) -> list[Link]:
        """The numbers that packages may gain, as links."""
        return [
            Link(neighbour(self.request, by=name, offset=None), f"By {name}", is_current=name == self.measure.name)
            for name in MEASURES
        ]

    @cached_property
    def rows(self) -> Sequence[TrendingRow]:
        column = next(name for name, days in self.measure.gains.items() if days == PERIOD)
        gains = dict(Package.objects.filter(pk__in=self.view.ids).order_by().values_list("pk", column))
        return [
            TrendingRow(row, gains.get(row.pk), row.stars if self.measure.name == "stars" else row.downloads)
            for row in rows_of(self.view.ids)
        ]

    @property
    def rule(self) -> Sequence[Paragraph]:
        """The words of the view, in paragraphs and lists."""
        return [_paragraph(text) for text in self.words.split("\n\n")]


def _paragraph(text: str) -> Paragraph:
    items = [re.sub(r"\s+", " ", item).strip() for item in re.split(r"^- ", text, flags=re.MULTILINE)]
    return Paragraph("", items[1:]) if not items[0] else Paragraph(items[0], ())
