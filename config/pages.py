"""The front page: the ways into the catalogue, and what is new in it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from categories.models import Category
from core.admin_path import is_told
from core.caching import revisions
from core.caching.dependencies import LOG, Dependencies, on
from core.caching.values import CachedValue
from core.kinds import Kind
from core.pages.addresses import path_of
from core.pages.page import SLOGAN, Page
from grids.models import Grid
from packages.models import Package
from packages.pages.rows import ROWS, PackageRow, rows_by_id
from packages.trends import MEASURES, trending

NEWEST = 5  # packages of each short list
MOST_CATEGORIES, MOST_GRIDS = 24, 12

_ENTRY = ("slug", "title", "package_count")  # the keys of an entry's document

# The number of packages of a category moves with these: not with every fact that a refresh writes.
_CATEGORIES = on(Kind.CATEGORY, columns=[(Kind.PACKAGE, "category_id")])
_GRIDS = on(Kind.GRID)


class Entry(NamedTuple):
    """A category or a grid, with its number of packages."""

    url: str
    title: str
    packages: int


class FrontPage(Page):
    """A large search, the categories, the main grids, and the newest, latest released and trending packages."""

    template = "pages/front.html"
    is_folded = True
    description = SLOGAN
    depends_on: ClassVar[Dependencies] = _CATEGORIES | _GRIDS | ROWS | on(LOG)

    @property
    def numbers(self) -> dict[str, int]:
        """The numbers of documents, by the plural of their kind."""
        rows = revisions.current().rows
        return {kind.plural: rows.get(kind.plural, 0) for kind in (Kind.PACKAGE, Kind.CATEGORY, Kind.GRID)}

    @property
    def newest_change(self) -> int:
        """The last number of the log of changes."""
        return revisions.current().numbers.get(LOG, 0)

    links_to_admin = staticmethod(is_told)

    @property
    def is_empty(self) -> bool:
        return not any(self.numbers.values())

    @cached_property
    def categories(self) -> Sequence[Entry]:
        """The largest categories, by title. All packages are counted again only if a number may have changed."""
        cached = CachedValue(_CATEGORIES, "front", "categories")
        if cached.value is None:
            counted: QuerySet[Any] = Category.objects.for_api(_ENTRY)
            cached.set(_listed(counted.order_by("-package_count", "title", "pk")[:MOST_CATEGORIES]))
        return sorted(_entries(Kind.CATEGORY, cached.value), key=lambda entry: entry.title.lower())

    @cached_property
    def grids(self) -> Sequence[Entry]:
        """The main grids by title; the newest ones where none is a main one."""
        cached = CachedValue(_GRIDS, "front", "grids")
        if cached.value is None:
            grids = Grid.objects.for_api(_ENTRY)
            main = _listed(grids.filter(header=True).order_by("title", "pk")[:MOST_GRIDS])
            cached.set(main or _listed(grids.order_by("-pk")[:MOST_GRIDS]))
        return list(_entries(Kind.GRID, cached.value))

    @property
    def newest(self) -> Sequence[PackageRow]:
        return self._rows(self._ids["newest"])

    @property
    def released(self) -> Sequence[PackageRow]:
        return self._rows(self._ids["released"])

    @property
    def trending(self) -> Sequence[tuple[PackageRow, int]]:
        """The packages with the stars that they gained in 30 days."""
        return [(self._packages[pk], gain) for pk, gain in self._gains.items() if pk in self._packages]

    @cached_property
    def _ids(self) -> dict[str, list[int]]:
        """The ids of the packages of the lists by time."""
        packages = Package.objects.order_by()
        lists: dict[str, QuerySet[Package]] = {
            "newest": packages.order_by("-pk"),
            "released": packages.filter(released__isnull=False).order_by("-released", "-pk"),
        }
        return {name: list(each.values_list("pk", flat=True)[:NEWEST]) for name, each in lists.items()}

    @cached_property
    def _gains(self) -> dict[int, int]:
        """The gains of the trending packages in order, by their ids."""
        # Since the beginning of the day: a page is cached for as long as that.
        today = datetime.combine(timezone.now().astimezone(UTC).date(), datetime.min.time(), UTC)
        gains = trending(MEASURES["stars"], today).values_list("pk", "stars_30d")[:NEWEST]
        return {pk: gain or 0 for pk, gain in gains}

    @cached_property
    def _packages(self) -> Mapping[int, PackageRow]:
        return rows_by_id({*self._ids["newest"], *self._ids["released"], *self._gains})

    def _rows(self, ids: Iterable[int]) -> list[PackageRow]:
        return [self._packages[pk] for pk in ids if pk in self._packages]


def _listed(documents: QuerySet[Any]) -> list[Any]:
    return list(map(list, documents.values_list("pk", *_ENTRY)))


def _entries(kind: Kind, listed: Iterable[Any]) -> Iterable[Entry]:
    return (Entry(path_of(kind, pk, slug), title, size) for pk, slug, title, size in listed)
