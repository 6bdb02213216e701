"""The pages of comparisons: a table with a row for each package; of few packages, with a column for each."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from itertools import groupby
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.utils.safestring import SafeString, mark_safe

from core.api.filters import FieldFilter, NamesField
from core.api.pagination import neighbour
from core.api.references import reference_of
from core.kinds import Kind
from core.links import Links
from core.pages.lists import Choices, Pager
from core.words import counted
from packages.comparison.cells import Cells, text
from packages.comparison.parameters import ALL
from packages.comparison.references import FEWEST
from packages.comparison.table import ALL_LEVELS, level_of
from packages.filters import PackageFilters
from packages.health.verdicts import Level
from packages.pages.lists import PackagesPage

MOST_ROWS = 200  # on one page
MOST_SIDE_BY_SIDE = 6  # packages that are columns, not rows
LONGEST_HELP = 300  # characters of what a column says of itself
LONG, VERY_LONG = 14, 30  # characters of a title, for which a column is made wider: its head would be high otherwise
TITLES = {"health": "Alive?"}  # of columns for people, as they have these on all pages
_LEVELS: Mapping[Level, str] = {"good": "good", "fair": "fair", "poor": "poor", "none": "unknown"}


class Heading(NamedTuple):
    """The heading of a column of values: `url` orders by it, and `sorted` tells the direction if it is ordered so."""

    key: str
    title: str
    unit: str
    help: str
    url: str
    sorted: str

    @property
    def arrow(self) -> str:
        return {"ascending": "▲", "descending": "▼"}.get(self.sorted, "")

    @property
    def width(self) -> str:
        """The class of its column that makes it wide enough."""
        length = len(self.title)
        return "long" if length > VERY_LONG else "some" if length > LONG else ""


class Group(NamedTuple):
    """Columns that stand side by side, and the URL of the comparison by these alone."""

    name: str
    url: str
    headings: list[Heading]


@dataclass(frozen=True, slots=True)
class Choice:
    """A column of which the comparison may be made."""

    key: str
    title: str
    help: str
    is_chosen: bool


class ComparisonFilters(PackageFilters):
    """The filters in the form of a comparison, which knows all levels by one word."""

    level = FieldFilter(NamesField, label="level of the verdict", what="level", names=[*ALL_LEVELS, ALL])


class ComparisonPage(PackagesPage):
    """The page of a comparison. The grid of it, if it is of one, has the rest of its page from it too."""

    template = "packages/comparison.html"
    default_rows = MOST_ROWS
    most_json = 4_000  # a comparison of many packages is too long to be there twice
    main_filters: ClassVar[Sequence[str]] = ("level", "category", "licence", "django", "python", "q")

    @property
    def _documents(self) -> Sequence[Any]:
        rows: Sequence[Any] = self.data["rows"]
        return rows

    @cached_property
    def count(self) -> int | None:
        shown: int = self.data["shown"]
        return shown

    @cached_property
    def pager(self) -> Pager:
        offset, number = self.request.query_params.get("offset", ""), self.number_of_rows
        first = (int(offset) if offset.isdecimal() else 0) + 1
        last = first + number - 1 if number else 0
        return Pager(first, last, self.count, self.data["previous"], self.data["next"])

    @property
    def most_documents(self) -> int | None:
        """The number of rows that a page shows at most, where more may have been asked for."""
        return MOST_ROWS if self.request.query_params.get("limit") == str(MOST_ROWS) else None

    @property
    def of_all(self) -> str:
        """The number of all packages, and those of each level that are shown: “200 packages: 31 good, 12 fair”."""
        levels = Counter(map(level_of, self.view.shown))
        shown = ", ".join(f"{levels[level]:,} {_LEVELS[level]}" for level in ALL_LEVELS if levels[level])
        return f"{counted(self.data['total'], 'package')}{': ' if shown else ''}{shown}"

    @property
    def without_poor(self) -> str:
        """The URL of the comparison without what it leaves out by itself; "" if it shows nothing of that."""
        own, shown = self.view.default_levels, map(level_of, self.view.shown)
        return neighbour(self.request, level=None, offset=None) if any(level not in own for level in shown) else ""

    @property
    def hidden(self) -> Iterator[dict[str, Any]]:
        """The packages that are left out, with the reason in words and the URL that shows it too."""
        for each in self.data["hidden"]:
            levels = _in_words(each["reason"].removeprefix("level=").split(","))
            reason = f"for {' or '.join(levels)} health" if levels else "by the filters"
            yield {"count": each["count"], "reason": reason, "url": each["url"]}

    @cached_property
    def groups(self) -> list[Group]:
        found = []
        for name, grouped in groupby(self.data["columns"], key=lambda column: column["group"]):
            columns = list(grouped)
            url = neighbour(self.request, columns=",".join(column["key"] for column in columns), offset=None)
            found.append(Group(name.capitalize(), url, [self._heading(column) for column in columns]))
        return found

    def _heading(self, column: Mapping[str, str]) -> Heading:
        """Return a heading that orders by the column, the best first where there is one."""
        key = column["key"]
        url, direction = self._ordered_by(key, "-" if column.get("better") in {"more", "newest"} else "")
        # Of weeks, the cells show the sum.
        unit = "in a year" if column["kind"] == "spark" else column.get("unit", "")
        return Heading(key, _title(key, column["title"]), unit, column["help"][:LONGEST_HELP], url, direction)

    @cached_property
    def by_title(self) -> Heading:
        return Heading("title", "Package", "", "", *self._ordered_by("title", ""))

    def _ordered_by(self, key: str, first: str) -> tuple[str, str]:
        """Return the URL of the comparison in the order of a column, in the direction `first` ("-" is descending), or
        the other way round if it is in that order now; and the direction of now."""
        ordering = self.request.query_params.get("ordering", "")
        now = ordering.split(",")[0].strip()
        directions = {key: "ascending", f"-{key}": "descending"}
        order = f"{first}{key}"
        if ordering == order:
            order = f"{'' if first else '-'}{key}"
        return neighbour(self.request, ordering=order, offset=None), directions.get(now, "")

    @cached_property
    def column_choices(self) -> list[Choice]:
        """All columns that there are for these packages."""
        chosen = {column["key"] for column in self.data["columns"]}
        return [
            Choice(column.key, _title(column.key, column.title), column.help[:LONGEST_HELP], column.key in chosen)
            for column in self.view.columns
        ]

    @property
    def kept_by_columns(self) -> list[tuple[str, str]]:
        """The parameters that the form of columns keeps."""
        return [(name, value) for name, value in self._parameters.items() if name not in {"columns", "offset"}]

    @property
    def all_columns(self) -> str:
        """The URL of the comparison by all columns; "" if it is by all of them."""
        return neighbour(self.request, columns=None) if "columns" in self.request.query_params else ""

    @property
    def as_csv(self) -> str:
        return neighbour(self.request, format="csv")

    @cached_property
    def _cells(self) -> list[Cells]:
        """The cells of each column."""
        columns, best = self.data["columns"], self.data["best"]
        values = zip(*(row["values"] for row in self._documents), strict=True)
        return [
            Cells(column, of_column, best.get(column["key"], ()))
            for column, of_column in zip(columns, values, strict=True)
        ]

    @property
    def table_rows(self) -> SafeString:
        """The rows of the table, with a tick box for each package."""
        root = Links.paths().root
        labels = [escape(_title(column["key"], column["title"])) for column in self.data["columns"]]
        columns = list(zip(self._cells, labels, strict=True)) if self._documents else []
        lines = []
        for row in self._documents:
            title = text(row["title"])
            tick = f'name="packages" value="{escape(_name(row))}" aria-label="Compare {escape(row["title"])}"'
            values = zip(columns, row["values"], strict=True)
            cells = "".join([cell.html(row["slug"], value, label) for (cell, label), value in values])
            lines.append(
                f'<tr><th scope="row"><input type="checkbox" {tick}{self._ticked}>'
                f'<a href="{_path(root, row)}">{title}</a></th>{cells}</tr>\n'
            )
        return mark_safe("".join(lines))  # noqa: S308 (each part of it is escaped)

    _ticked = ""  # the attribute of a tick box

    def choices(self, name: str) -> Choices | None:
        found = super().choices(name)
        return [(ALL, "all"), *found] if name == "level" and found else found

    def _with_present(self, name: str) -> Choices:
        """Without a level, packages of the view's own levels are shown."""
        (nothing, words), *others = super()._with_present(name)
        if name == "level" and len(self.view.default_levels) < len(ALL_LEVELS):
            words = ", ".join(_in_words(self.view.default_levels))
        return [(nothing, words), *others]

    @property
    def _filters(self) -> Any:
        return ComparisonFilters


class Fact(NamedTuple):
    """A column of a comparison as a row, with a cell for each package."""

    heading: Heading
    cells: SafeString


class Compared(NamedTuple):
    """A package that is a column; `without` is the URL of the comparison without it, "" where it would be of one."""

    title: str
    url: str
    without: str


class ComparePage(ComparisonPage):
    """The page of a comparison of named packages: of few, each is a column, and what they are compared by the rows."""

    template = "packages/compare.html"
    canonical_parameters = ("packages",)
    _ticked = " checked"

    @cached_property
    def form(self) -> forms.Form | None:
        """The form of the filters; of a few packages, or if nothing is compared yet, it would be of no use."""
        return super().form if "rows" in self.data and not self.is_side_by_side else None

    @property
    def main_fields(self) -> Iterable[Any]:
        return super().main_fields if self.form else ()

    @property
    def title(self) -> str:  # type: ignore[override]  # a text in any case
        names = [row["title"] for row in self._documents]
        if self.is_side_by_side and names:
            return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
        return f"{counted(self.data['total'], 'package')} compared"

    @property
    def is_side_by_side(self) -> bool:
        return len(self.names) <= MOST_SIDE_BY_SIDE

    @cached_property
    def names(self) -> list[str]:
        """The names that the request has for the packages."""
        return self.request.query_params.get("packages", "").split(",")

    @property
    def compared(self) -> list[Compared]:
        root = Links.paths().root
        return [Compared(row["title"], _path(root, row), self._without(row)) for row in self._documents]

    def _without(self, row: Mapping[str, Any]) -> str:
        others = [name for name in self.names if name != _name(row)]
        return neighbour(self.request, packages=",".join(others)) if len(others) >= FEWEST else ""

    @property
    def facts(self) -> Iterator[tuple[str, str, list[Fact]]]:
        """Yield the groups of columns as rows: the name, the URL, and a row for each column."""
        titles, slugs = ([row[key] for row in self._documents] for key in ("title", "slug"))
        labels = list(map(escape, titles))
        of_columns = iter(zip(self._cells, zip(*(row["values"] for row in self._documents), strict=True), strict=True))
        for group in self.groups if self._documents else ():
            rows = []
            for heading in group.headings:
                cells, values = next(of_columns)
                html = map(cells.html, slugs, values, labels)
                rows.append(Fact(heading, mark_safe("".join(html))))  # noqa: S308 (Cells escapes)
            yield group.name, group.url, rows

    @property
    def kept_by_adding(self) -> list[tuple[str, str]]:
        """The parameters that the form which adds a package keeps."""
        return [(name, value) for name, value in self._parameters.items() if name != "offset"]


def _title(key: str, title: str) -> str:
    """Return the title of a column for people."""
    return TITLES.get(key, title)


def _path(root: str, row: Mapping[str, Any]) -> str:
    """Return the path of the page of a row's package."""
    return escape(f"{root}{Kind.PACKAGE.plural}/{_name(row)}/")


def _name(row: Mapping[str, Any]) -> str:
    """Return what a URL calls a row's package."""
    return reference_of(int(row["package"].partition("?")[0].rstrip("/").rpartition("/")[2]), row["slug"])


def _in_words(levels: Collection[str]) -> list[str]:
    return [_LEVELS[level] for level in ALL_LEVELS if level in levels]
