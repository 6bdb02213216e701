"""The gains of packages in stars and downloads, by their history, and the packages that are trending.

A gain is the number of the last day on which it was fetched, less that of the snapshot nearest to so many days before,
7 days off at most. It is written with the snapshot of the last day, so a fetch that fails moves no gain.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q

from packages.models import Package, PackageQuerySet, Snapshot

PERIOD, HALF, QUARTER = 30, 15, 90  # days
MOST_OFF = 7  # days between the base of a gain and the day that it stands for
DAMPING = 100  # of small numbers, which grow fast
ACTIVE = timedelta(days=183)
MOST_TRENDING = 100

Counts = Mapping[date, int]


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of snapshots, by its name there.

    `gains` are the columns of packages with what it gained, in so many days; `trend` is the column by which trending
    packages are ordered, null for all others. `floor` is the least number that can trend.
    """

    name: str
    gains: Mapping[str, int]
    trend: str
    floor: int


MEASURES: Mapping[str, Measure] = {
    each.name: each
    for each in (
        Measure("stars", {"stars_30d": PERIOD, "stars_90d": QUARTER}, "stars_trend", 50),
        Measure("downloads", {"downloads_30d": PERIOD}, "downloads_trend", 1_000),
    )
}
GAINS = tuple(column for measure in MEASURES.values() for column in measure.gains)


def gain(counts: Counts, days: int) -> int | None:
    """Return the last number less the one of `days` before it; None if no day near that one has a number."""
    last = max(counts, default=date.min)
    off = {day: abs((last - day).days - days) for day in counts}
    near = [day for day in counts if off[day] <= MOST_OFF]
    if not near:
        return None
    base = min(near, key=lambda day: (off[day], last - day))  # of two as near, the later one
    return counts[last] - counts[base]


def trend(counts: Counts, floor: int) -> float | None:
    """Return the gain of 30 days in relation to the number at their begin.

    None if that was below `floor`, or if the number did not grow in both halves.
    """
    whole, half = gain(counts, PERIOD), gain(counts, HALF)
    if whole is None or half is None or not 0 < half < whole:
        return None
    begin = counts[max(counts)] - whole
    return whole / (begin + DAMPING) if begin >= floor else None


def count_gains(snapshots: Collection[Snapshot]) -> None:
    """Set the gains of packages, counted to snapshots that are about to be written. Only snapshots of the packages'
    present addresses count."""
    history = _history(snapshots)
    for row in snapshots:
        for measure in MEASURES.values():
            number = getattr(row, measure.name)
            if number is not None:
                before = history[row.package_id, measure.name]
                _set(row.package, measure, {**before, row.day: number})


def _set(package: Package, measure: Measure, counts: Counts) -> None:
    for column, days in measure.gains.items():
        setattr(package, column, gain(counts, days))
    setattr(package, measure.trend, trend(counts, measure.floor))


def _history(snapshots: Iterable[Snapshot]) -> dict[tuple[int, str], dict[date, int]]:
    """Return the numbers of the days that can be bases, by package and name."""
    packages: dict[date, list[int]] = {}
    for row in snapshots:
        packages.setdefault(row.day, []).append(row.package_id)
    numbers: dict[tuple[int, str], dict[date, int]] = defaultdict(dict)
    if packages:
        near = reduce(or_, (_near(day) & Q(package__in=of_day) for day, of_day in packages.items()))
        rows = Snapshot.objects.filter(near).of_present_addresses().order_by()
        for package, day, *values in rows.values_list("package", "day", *(f"present_{name}" for name in MEASURES)):
            for name, value in zip(MEASURES, values, strict=True):
                if value is not None:
                    numbers[package, name][day] = value
    return numbers


def _near(last: date) -> Q:
    """Return the condition that a snapshot can be a base of gains counted to `last`."""
    off = timedelta(days=MOST_OFF)
    middles = (last - timedelta(days=days) for days in (HALF, PERIOD, QUARTER))
    return reduce(or_, (Q(day__range=(middle - off, middle + off)) for middle in middles))


def trending(measure: Measure, now: datetime) -> PackageQuerySet:
    """Return the packages that are trending now, in order."""
    counted = Snapshot.objects.filter(
        Q((f"{measure.name}__isnull", False)), package=OuterRef("pk"), day__gte=(now - timedelta(days=PERIOD)).date()
    )
    active = Q(released__gte=now - ACTIVE) | Q(last_updated__gte=now - ACTIVE)
    packages = Package.objects.filter(
        Q((f"{measure.trend}__isnull", False)),
        active,
        Exists(counted),
        deprecated=False,
        replaced_by=None,
        gone_since=None,
        pypi_status__in=("", "active"),
    )
    return packages.exclude(archived=True).order_by(f"-{measure.trend}", "-pk")[:MOST_TRENDING]
