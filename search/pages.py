"""The page of search results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django.db.models import Count

from core.api.pagination import neighbour
from core.caching.dependencies import Dependencies
from core.kinds import Kind
from core.pages.addresses import path_of
from core.pages.lists import ListPage, Pager
from core.pages.page import Link
from grids.models import GridPackage
from packages.pages.rows import ROWS, PackageRow, rows_by_id
from search.models import Entry
from search.tiers import MAX_TOTAL

# What may be typed, with words about it.
_EXAMPLES = (
    ("rest framework", "both words, wherever they stand"),
    ('"rest framework"', "these words side by side"),
    ("celery -beat", "one word without the other"),
)
_TABS = {None: "All", Kind.PACKAGE.value: "Packages", Kind.GRID.value: "Grids"}
LONGEST_TITLE = 80  # characters of a query


@dataclass(frozen=True, slots=True)
class HitRow:
    """A hit as a row: `package` of a package alone, `members` of a grid alone."""

    kind: str
    title: str
    url: str
    description: str
    is_near: bool
    package: PackageRow | None
    members: int


class Example(NamedTuple):
    """A query as an example, with its URL and what it finds."""

    query: str
    url: str
    words: str


class SearchPage(ListPage):
    """Packages and grids, each with what tells it from the others; the names that are spelled alike come last."""

    template = "search/page.html"
    rows_template = "search/hits.html"
    is_indexed = False
    depends_on: ClassVar[Dependencies] = ROWS

    @cached_property
    def query(self) -> str:
        return str(self.request.query_params.get("q", ""))

    @property
    def search_text(self) -> str:  # type: ignore[override]  # what was typed stays in the box
        return self.query

    @cached_property
    def title(self) -> str:  # type: ignore[override]  # the words of its own
        words = self.query.strip()
        if not words:
            return "Search"
        return f"Search: {words if len(words) <= LONGEST_TITLE else words[: LONGEST_TITLE - 1] + '…'}"

    @property
    def is_empty(self) -> bool:
        """True if there is no word to search for."""
        return bool(self.view.query.is_empty)

    @property
    def kind(self) -> str:
        """The kind of results that is asked for; "" for all."""
        return str(self.request.query_params.get("type", ""))

    @cached_property
    def count(self) -> int:
        return int(self.view.found.total)

    @cached_property
    def pager(self) -> Pager:
        place = super().pager
        return place._replace(previous=self.view.previous, next=self.view.next, is_least=self.count == MAX_TOTAL)

    @cached_property
    def tabs(self) -> list[Link]:
        """The kinds of results as links."""
        return [
            Link(neighbour(self.request, type=kind, offset=None), words, is_current=(kind or "") == self.kind)
            for kind, words in _TABS.items()
        ]

    @property
    def examples(self) -> list[Example]:
        return [Example(text, neighbour(self.request, q=text, offset=None), words) for text, words in _EXAMPLES]

    @property
    def is_near(self) -> bool:
        """True if nothing has the words, and all results are names that are spelled alike."""
        return bool(self.view.found.is_near)

    @cached_property
    def rows(self) -> Sequence[HitRow]:
        """The hits whose documents are there, in their order."""
        near = {(hit.kind, hit.object_id): hit.is_near for hit in self.view.found.hits}
        ids = {kind: [hit["id"] for hit in self.data if hit["item_type"] == kind] for kind in Entry.KINDS}
        packages, members = rows_by_id(ids[Kind.PACKAGE]), _members(ids[Kind.GRID])
        return [
            self._row(hit, near[hit["item_type"], hit["id"]], packages, members)
            for hit in self.data
            if hit["item_type"] != Kind.PACKAGE or hit["id"] in packages
        ]

    @property
    def matching(self) -> list[HitRow]:
        return [row for row in self.rows if not row.is_near]

    @property
    def near(self) -> list[HitRow]:
        return [row for row in self.rows if row.is_near]

    @property
    def can_compare(self) -> bool:
        return any(row.package for row in self.rows)

    def _row(self, hit: Any, is_near: bool, packages: Mapping[int, PackageRow], members: Mapping[int, int]) -> HitRow:
        kind = Kind(hit["item_type"])
        return HitRow(
            kind.value,
            hit["title"],
            path_of(kind, hit["id"], hit["slug"]),
            hit["description"],
            is_near,
            packages.get(hit["id"]) if kind == Kind.PACKAGE else None,
            members.get(hit["id"], 0) if kind == Kind.GRID else 0,
        )


def _members(grids: Sequence[int]) -> dict[int, int]:
    """Return the numbers of the members of grids; no number of a grid without any."""
    if not grids:
        return {}
    members = GridPackage.objects.filter(grid__in=grids).order_by()
    return dict(members.values_list("grid").annotate(Count("pk")))
