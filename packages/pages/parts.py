"""The pages of what belongs to one package: its releases, and its history."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django import forms
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.dateformat import format as formatted
from django.utils.safestring import SafeString

from core.api.pages import MAX_DOCUMENTS
from core.api.pagination import DEFAULT_LIMIT, neighbour
from core.caching.dependencies import Dependencies
from core.pages.lists import ListPage
from core.pages.page import Link
from core.words import counted
from packages import charts
from packages.filters import HistoryFilters
from packages.pages.rows import ROWS, PackageRow, rows_by_id


class PartPage(ListPage):
    """A list that belongs to one package, beside its verdict."""

    template = "packages/part.html"
    name: ClassVar[str] = ""  # of the list
    depends_on: ClassVar[Dependencies] = ROWS

    @cached_property
    def package(self) -> PackageRow | None:
        """The package; None if it was deleted after its list was read."""
        pk = self.view.document.pk
        return rows_by_id([pk]).get(pk)

    @cached_property
    def title(self) -> str:  # type: ignore[override]  # not the name of the view, which is the package's
        return f"{self.name} of {self.view.document}"


class ReleaseRow(NamedTuple):
    version: str
    uploaded: datetime | None
    is_yanked: bool
    python: str


class ReleasesPage(PartPage):
    """The versions of a package on PyPI."""

    name = "Releases"
    rows_template = "packages/releases.html"
    noun = "release"

    @cached_property
    def rows(self) -> Sequence[ReleaseRow]:
        return [
            ReleaseRow(
                each["version"],
                datetime.fromisoformat(each["uploaded_at"]) if each["uploaded_at"] else None,
                each["yanked"],
                each["requires_python"],
            )
            for each in self._documents
        ]


class DayRow(NamedTuple):
    day: date
    stars: int | None
    forks: int | None
    downloads: int | None


class Line(NamedTuple):
    """A line through the numbers of days, with what it says in words."""

    name: str
    drawn: SafeString
    words: str


class HistoryPage(PartPage):
    """The numbers of a package day by day, with a line through each of them."""

    name = "History"
    rows_template = "packages/history.html"
    noun = "day"
    main_filters = ("since", "until")
    labels: ClassVar[Mapping[str, str]] = {"since": "From", "until": "Until"}

    @property
    def _filters(self) -> Any:
        return HistoryFilters

    @cached_property
    def form(self) -> forms.Form | None:
        form = super().form
        for field in form.fields.values() if form else ():
            field.widget.input_type = "date"
        return form

    @cached_property
    def rows(self) -> Sequence[DayRow]:
        return [
            DayRow(date.fromisoformat(each["day"]), each["stars"], each["forks"], each["downloads"])
            for each in self._documents
        ]

    @cached_property
    def sizes(self) -> Sequence[Link]:
        """The numbers of days that a page may have, as links."""
        chosen = self.request.query_params.get("limit", str(DEFAULT_LIMIT))
        return [
            Link(
                neighbour(self.request, limit=None if days == DEFAULT_LIMIT else days, offset=None),
                f"{days} days",
                is_current=chosen == str(days),
            )
            for days in (DEFAULT_LIMIT, MAX_DOCUMENTS)
        ]

    @property
    def lines(self) -> Iterator[Line]:
        """A line for each of the numbers that are known of two days or more on the page."""
        numbers: Mapping[str, Callable[[DayRow], int | None]] = {
            "Stars": lambda row: row.stars,
            "Forks": lambda row: row.forks,
            "Downloads a month": lambda row: row.downloads,
        }
        for name, number_of in numbers.items():
            known = [(row.day, number) for row in reversed(self.rows) if (number := number_of(row)) is not None]
            if len(known) > 1:
                yield _line(name, known)


def _line(name: str, history: Sequence[tuple[date, int]]) -> Line:
    """Return the line through a number on two days or more, which are in order."""
    (first, before), (last, now) = history[0], history[-1]
    low, high = min(number for _, number in history), max(number for _, number in history)
    change = f"{now - before:+,}" if now != before else "no change"
    words = (
        f"{name}: {intcomma(now)} on {formatted(last, 'j F Y')}, {change} in"
        f" {counted((last - first).days, 'day')}; from {intcomma(low)} to {intcomma(high)}"
    )
    return Line(name, charts.line(history, low, high), words)
