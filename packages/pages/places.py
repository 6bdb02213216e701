"""The place of a package among others: its ranks, and its rivals."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma, ordinal
from django.db.models import QuerySet
from django.urls import reverse

from core import hooks as core_hooks
from core.api.references import reference_of
from core.kinds import Kind
from core.pages.addresses import path_of
from packages import hooks
from packages.models import Package
from packages.pages.rows import PackageRow, rows_by_id

MOST_GRIDS = 5  # of a package whose page tells its places
RIVALS = 3
MOST_AHEAD = 1_000  # packages of a large category that are counted
MOST_COUNTED = 10_000  # packages of a category that are counted
_CANDIDATES = 20  # of a search
_COMMON = frozenset({"django", "python"})  # words of so many titles that they tell nothing


class GridPlace(NamedTuple):
    """A grid with the place of a package in it; `ranks` are by columns, `compare` is the URL of it and its rivals."""

    title: str
    url: str
    members: int
    ranks: dict[str, str]
    rivals: Sequence[PackageRow]
    compare: str


def grid_places(package: Package, grids: Sequence[int], counts: dict[str, int]) -> list[GridPlace]:
    """Return the places of a package in these grids, by the counts of its own that are known."""
    if not grids:
        return []
    places = hooks.grids.places(package.pk, grids, counts, RIVALS)
    rows = rows_by_id({pk for place in places for pk in place.rivals})
    found = []
    for place in places:
        rivals = [rows[pk] for pk in place.rivals if pk in rows]
        found.append(
            GridPlace(
                place.title,
                path_of(Kind.GRID, place.grid, place.slug),
                place.members,
                {name: str(ordinal(rank)) for name, rank in place.ranks.items()},
                rivals,
                compare_url(package, rivals),
            )
        )
    return found


def similar(package: Package) -> list[PackageRow]:
    """Return the packages that a search for the title of a package finds, and whose level is not poor: those of its
    category first."""
    words = [word for word in re.findall(r"[^\W_]+", package.title) if word.lower() not in _COMMON]
    if not words:
        return []
    found = [pk for pk in core_hooks.search(Kind.PACKAGE, " ".join(words), _CANDIDATES) if pk != package.pk]
    by_id = rows_by_id(found)
    rows = [by_id[pk] for pk in found if pk in by_id and by_id[pk].level != "poor"]
    of_category = path_of(Kind.CATEGORY, package.category.pk, package.category.slug)
    return sorted(rows, key=lambda row: row.category_url != of_category)[:RIVALS]


def compare_url(package: Package, rivals: Sequence[PackageRow]) -> str:
    """Return the URL that compares a package with its rivals; "" if there are none."""
    names = sorted([reference_of(package.pk, package.slug), *(row.reference for row in rivals)])
    return f"{reverse('compare')}?{urlencode({'packages': ','.join(names)}, safe=',')}" if rivals else ""


def rank_in_category(category: int, stars: int) -> str:
    """Return the rank by stars in a category in words: “12th of 340”, of more than 1,000 packages with the share.

    In a category of more than 10,000 the first 1,000 places are told, since no more packages are counted.
    """
    packages = Package.objects.filter(category=category).order_by()
    members = _counted(packages, MOST_COUNTED)
    is_large = members > MOST_COUNTED
    ahead = _counted(packages.filter(repo_watchers__gt=stars), MOST_AHEAD if is_large else MOST_COUNTED)
    return _rank_in_words(ahead + 1, members, is_large=is_large)


def _rank_in_words(rank: int, members: int, *, is_large: bool) -> str:
    of = f"more than {intcomma(MOST_COUNTED)}" if is_large else intcomma(members)
    if is_large and rank > MOST_AHEAD:
        return f"not among the first {intcomma(MOST_AHEAD)} of {of}"
    place = f"{ordinal(rank)} of {of}"
    if members <= MOST_AHEAD:
        return place
    return f"{place} (top {max(-(-100 * rank // members), 1)} %)"


def _counted(packages: QuerySet[Any], most: int) -> int:
    """Return the number of packages, or `most` + 1 if there are more: no further ones are read."""
    return packages[: most + 1].count()
