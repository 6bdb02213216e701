"""The history of a package's numbers: daily for 400 days, before that the first snapshot of each month
(of each address that the package had in it)."""

from datetime import date, timedelta

from django.db.models import Exists, OuterRef

from packages.models import Package, Snapshot

DAILY = timedelta(days=400)
BATCH = 5_000
MOST_AHEAD = 7  # days with snapshots to come that are deleted
MOST_DAYS = 1_000  # of a history that is shown at once: 400 days, and the months of 50 years


class BehindError(Exception):
    """The clock may be behind."""


def forget_future(today: date) -> int:
    """Delete the snapshots of days to come, which a clock that was ahead has taken, and return their number.

    Raise BehindError if they may be of days that were: one of tomorrow, which nobody has taken for a clock that is
    right, or more days than a wrong clock is left alone for.
    """
    tomorrow = today + timedelta(days=1)
    later = Snapshot.objects.filter(day__gt=today).order_by()
    days = set(later.values_list("day", flat=True).distinct()[: MOST_AHEAD + 1])
    if len(days) > MOST_AHEAD or (tomorrow in days and len(days) > 1):
        raise BehindError
    return later.filter(day__gt=tomorrow)._raw_delete("default") if days - {tomorrow} else 0


def prune(today: date) -> int:
    """Delete the daily snapshots that are too old, a batch at a time, and return their number."""
    earlier = Snapshot.objects.filter(
        package=OuterRef("package"),
        repo_key=OuterRef("repo_key"),
        pypi_name=OuterRef("pypi_name"),
        day__lt=OuterRef("day"),
        day__year=OuterRef("day__year"),
        day__month=OuterRef("day__month"),
    )
    old = Snapshot.objects.filter(Exists(earlier), day__lt=today - DAILY).order_by()
    deleted = 0
    while ids := list(old.values_list("pk", flat=True)[:BATCH]):
        # No row refers to a snapshot, so Django need not load the rows to look for relations.
        deleted += Snapshot.objects.filter(pk__in=ids)._raw_delete("default")
    return deleted


def stars_by_day(package: Package) -> list[tuple[date, int]]:
    """Return the stars of the package's present repository on each day that has them, the newest 1,000 in order."""
    counted = Snapshot.objects.filter(package=package, repo_key=package.repo_key, stars__isnull=False)
    newest = counted.order_by("-day").values_list("day", "stars")[:MOST_DAYS]
    return [(day, stars) for day, stars in newest if stars is not None][::-1]
