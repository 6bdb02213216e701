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

    It is of the address in column `key`, of both. `gains` are the columns of packages with what it gained, in so many
    days; `trend` is the column by which trending packages are ordered, null for all others. `floor` is the least number
    that can trend.
    """

    name: str
    key: str
    gains: Mapping[str, int]
    trend: str
    floor: int


MEASURES: Mapping[str, Measure] = {
    each.name: each
    for each in (
        Measure("stars", "repo_key", {"stars_30d": PERIOD, "stars_90d": QUARTER}, "stars_trend", 50),
        Measure("downloads", "pypi_name", {"downloads_30d": PERIOD}, "downloads_trend", 1_000),
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
    history = _history({row.package_id: row.package for row in snapshots}, {row.day for row in snapshots})
    for row in snapshots:
        for measure in MEASURES.values():
            number = getattr(row, measure.name)
            if number is not None:
                before = history[row.package_id, measure.name].items()
                counts = {day: count for day, count in before if day < row.day}
                _set(row.package, measure, counts | {row.day: number})


def _set(package: Package, measure: Measure, counts: Counts) -> None:
    for column, days in measure.gains.items():
        setattr(package, column, gain(counts, days))
    setattr(package, measure.trend, trend(counts, measure.floor))


def _history(packages: Mapping[int, Package], lasts: Iterable[date]) -> dict[tuple[int, str], dict[date, int]]:
    """Return the numbers of the days that can be bases of gains counted to `lasts`, by package and name."""
    # Each range of days with the packages, so that PostgreSQL reads nothing else out of the index of both.
    ranges = [Q(day__range=days, package__in=packages) for last in lasts for days in _near(last)]
    rows = Snapshot.objects.filter(reduce(or_, ranges)).order_by() if ranges else Snapshot.objects.none()
    history: dict[tuple[int, str], dict[date, int]] = defaultdict(dict)
    for row in rows.values("package", "day", *MEASURES, *(measure.key for measure in MEASURES.values())):
        package = packages[row["package"]]
        for name, measure in MEASURES.items():
            if row[name] is not None and row[measure.key] == getattr(package, measure.key):
                history[package.pk, name][row["day"]] = row[name]
    return history


def _near(last: date) -> tuple[tuple[date, date], ...]:
    """Return the first and the last day of those that can be bases of gains counted to `last`. Those of 15 and of 30
    days before lie side by side."""
    return tuple(
        (last - timedelta(days=most + MOST_OFF), last - timedelta(days=least - MOST_OFF))
        for least, most in ((HALF, PERIOD), (QUARTER, QUARTER))
    )


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
