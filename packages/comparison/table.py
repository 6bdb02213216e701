"""The rows of a comparison in order, those that are hidden, and the best ones of each column.

A row is a package with its stored columns as attributes, and with `fits`, which is false for one that the filters leave
out.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from packages.comparison.columns import KNOWN, Column
from packages.health.verdicts import LEVELS, Level, ranked

ALL_LEVELS: tuple[Level, ...] = tuple(dict.fromkeys(LEVELS.values()))  # from the best to the worst; unknown last
MAX_BEST = 20  # if more share the best value, it distinguishes none of them
Row = TypeVar("Row")


class Order(NamedTuple):
    """A column to order by, and the direction. The order of titles has no column."""

    column: Column | None
    descending: bool


class Hidden(NamedTuple):
    """The numbers of the rows that are left out: by their level, whatever the filters say, and by the filters alone.

    `by_both` counts those of `by_level` that the filters would leave out too.
    """

    by_level: int
    by_filters: int
    by_both: int


def level_of(row: Any) -> Level:
    return LEVELS[ranked(row.verdict_rank)]


def split(rows: Iterable[Row], levels: Collection[Level]) -> tuple[list[Row], Hidden]:
    """Return the rows of these levels that fit the filters, and the numbers of the others."""
    shown: list[Row] = []
    by_level = by_filters = by_both = 0
    for row in rows:
        fits = row.fits  # type: ignore[attr-defined]  # see above
        if level_of(row) not in levels:
            by_level += 1
            by_both += not fits
        elif fits:
            shown.append(row)
        else:
            by_filters += 1
    return shown, Hidden(by_level, by_filters, by_both)


def by_title(row: Any) -> tuple[str, int]:
    return row.title.casefold(), row.id


def ordered(rows: Iterable[Row], orders: Sequence[Order]) -> list[Row]:
    """Return the rows in that order, ties by title and id. What is missing comes last in either direction."""
    in_order = sorted(rows, key=by_title)
    for column, descending in reversed(orders):
        if column is None:
            in_order.sort(key=lambda row: row.title.casefold(), reverse=descending)  # type: ignore[attr-defined]
        else:
            in_order = _by_column(in_order, column, descending=descending)
    return in_order


def _by_column(rows: Iterable[Row], column: Column, *, descending: bool) -> list[Row]:
    tiers: dict[int, list[tuple[Any, Row]]] = {}
    for row in rows:
        tier, key = column.place(row)
        tiers.setdefault(tier, []).append((key, row))
    for tier, keyed in tiers.items():
        keyed.sort(key=lambda pair: pair[0], reverse=descending and tier == KNOWN)  # stable, reversed too
    return [row for tier in sorted(tiers) for _, row in tiers[tier]]


def best(rows: Sequence[Any], columns: Iterable[Column]) -> dict[str, list[str]]:
    """Return, by the key of a column, the slugs of the rows that are the best in it, as they stand in `rows`.

    A column has none if no two rows are known to differ in it, or if more than MAX_BEST share the best value.
    """
    found = {column.key: _best(rows, column, column.merits(rows)) for column in columns if column.merits}
    return {key: slugs for key, slugs in found.items() if slugs}


def _best(rows: Sequence[Any], column: Column, merits: Sequence[Any]) -> list[str]:
    known = {*merits} - {None}
    if len(known) < 2:
        return []
    most = max(known)
    if column.least is not None and most <= column.least:
        return []
    slugs = [row.slug for row, merit in zip(rows, merits, strict=True) if merit == most]
    return slugs if len(slugs) <= MAX_BEST else []


def newest_success(rows: Iterable[Any]) -> datetime | None:
    """Return when a source of one of the rows was last fetched; None if none ever was."""
    times = (time for row in rows for time in (row.newest_success, row.last_fetched) if time)
    return max(times, default=None)


def values(rows: Sequence[Any], columns: Iterable[Column]) -> list[tuple[Any, ...]]:
    """Return the values of each row, aligned to the columns."""
    return list(zip(*(column.values(rows) for column in columns), strict=True))


def hidden_levels(levels: Collection[Level]) -> list[Level]:
    """Return the levels that are not shown, in their order."""
    return [level for level in ALL_LEVELS if level not in levels]
