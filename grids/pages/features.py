"""The pages of features: of one, of those of a grid, and of all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django.db.models import Count, F
from django.db.models.expressions import Window
from django.db.models.functions import RowNumber

from core.caching.dependencies import Dependencies, on
from core.kinds import Kind
from core.links import Links
from core.pages.addresses import path_of
from core.pages.lists import ListPage
from core.pages.page import Link, Page
from core.templatetags.pages import MARKS
from grids.cells import sign
from grids.models import Cell, Feature
from packages.comparison.cells import without_sign

FIRST_CELLS = 6  # of each feature in a list
MOST_CELLS = 1_000  # of one feature
_PARTS = on(Kind.FEATURE, Kind.GRID, Kind.PACKAGE)


class CellRow(NamedTuple):
    """A cell: the text as it was typed, and what it says as a mark and a word."""

    package: Link
    text: str
    mark: str
    word: str
    css_class: str

    @property
    def says(self) -> str:
        return f"{self.mark} {self.word}"

    @property
    def begins_with_word(self) -> bool:
        """True if the text itself is enough beside the mark."""
        return self.text.strip().lower().startswith(self.word)

    @property
    def detail(self) -> str:
        """The text, where it says more than the mark and the word do."""
        text = without_sign(self.text) if self.css_class else self.text
        return "" if text.strip().lower() == self.word else text


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """A feature with some of its cells, in the order of the memberships; `number` counts all of them."""

    title: str
    url: str
    description: str
    grid: Link
    cells: Sequence[CellRow]
    number: int

    @property
    def others(self) -> int:
        """The number of cells that are left out."""
        return max(self.number - len(self.cells), 0)


class FeatureListPage(ListPage):
    """A row for each feature, with the first of its cells."""

    template = "grids/feature_list.html"
    rows_template = "grids/features.html"
    noun = "feature"
    main_filters: ClassVar[Sequence[str]] = ("grid",)
    depends_on: ClassVar[Dependencies] = _PARTS
    intro = "What the packages of grids are compared by, and what each package makes of it."

    @cached_property
    def rows(self) -> Sequence[FeatureRow]:
        return _rows(self.view.ids, FIRST_CELLS)


class GridFeaturesPage(FeatureListPage):
    """The features of one grid."""

    main_filters: ClassVar[Sequence[str]] = ()
    intro = ""

    @cached_property
    def title(self) -> str:  # type: ignore[override]  # not the name of the view, which is the grid's
        return f"Features of {self.view.document}"

    @property
    def grid(self) -> Link:
        """The grid; by its id alone where it has no features."""
        url = Links.paths().document(Kind.GRID, self.view.document.pk)
        return self.rows[0].grid if self.rows else Link(url, str(self.view.document))


class FeaturePage(Page):
    """A feature with all of its cells."""

    template = "grids/feature.html"
    is_folded = True
    depends_on: ClassVar[Dependencies] = _PARTS

    @cached_property
    def feature(self) -> FeatureRow | None:
        """The feature; None if it was deleted after its document was read."""
        return next(iter(_rows([self.view.document.pk], MOST_CELLS)), None)

    @cached_property
    def title(self) -> str:  # type: ignore[override]
        return self.feature.title if self.feature else "Feature"

    @cached_property
    def description(self) -> str:  # type: ignore[override]
        feature = self.feature
        return f"What packages of {feature.grid.words} make of it: {feature.title}." if feature else ""


def _rows(features: Sequence[int], most_cells: int) -> list[FeatureRow]:
    """Return the rows of features, in this order, with so many cells of each at most; those that are gone by now are
    left out."""
    if not features:
        return []
    found = Feature.objects.filter(pk__in=features).select_related("grid").annotate(number=Count("cells")).order_by()
    by_id, cells = {feature.pk: feature for feature in found}, _cells(features, most_cells)
    return [_row(by_id[pk], cells.get(pk, ())) for pk in features if pk in by_id]


def _row(feature: Any, cells: Sequence[CellRow]) -> FeatureRow:
    grid = feature.grid
    return FeatureRow(
        feature.title,
        Links.paths().document(Kind.FEATURE, feature.pk),
        feature.description,
        Link(path_of(Kind.GRID, grid.pk, grid.slug), grid.title),
        cells,
        feature.number,
    )


def _cells(features: Collection[int], most: int) -> Mapping[int, list[CellRow]]:
    """Return the first cells of each feature, by one statement."""
    place = Window(RowNumber(), partition_by=F("feature_id"), order_by=F("membership_id").asc())
    first = Cell.objects.filter(feature__in=features).annotate(place=place).filter(place__lte=most)
    package = ("membership__package_id", "membership__package__slug", "membership__package__title")
    found: dict[int, list[CellRow]] = {}
    for feature, text, pk, slug, title in first.order_by("membership_id").values_list("feature_id", "text", *package):
        link = Link(path_of(Kind.PACKAGE, pk, slug), title)
        found.setdefault(feature, []).append(CellRow(link, text, *_says(sign(text))))
    return found


def _says(number: int | None) -> tuple[str, str, str]:
    """Return what a sign says as a mark and a word, and the class of its colour."""
    if not number:
        return (MARKS["none"], "unknown", "") if number is None else (MARKS["fair"], "other", "")
    mark, word, css_class = (MARKS["good"], "yes", "plus") if number > 0 else (MARKS["poor"], "no", "minus")
    return mark, word + (f" ({number:+})" if abs(number) > 1 else ""), css_class
