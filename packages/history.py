"""The history of numbers: daily for 400 days, then the first of each month that there is."""

from datetime import date, timedelta

from django.db.models import Exists, OuterRef

from packages.models import Snapshot

DAILY = timedelta(days=400)
BATCH = 5_000


def prune(today: date) -> int:
    """Delete the daily snapshots that are too old, a batch at a time; says how many."""
    earlier = Snapshot.objects.filter(
        package=OuterRef("package"),
        day__lt=OuterRef("day"),
        day__year=OuterRef("day__year"),
        day__month=OuterRef("day__month"),
    )
    old = Snapshot.objects.filter(Exists(earlier), day__lt=today - DAILY).order_by()
    deleted = 0
    while ids := list(old.values_list("pk", flat=True)[:BATCH]):
        # Straight to the table: nothing refers to a snapshot, so there is nothing to collect.
        deleted += Snapshot.objects.filter(pk__in=ids)._raw_delete("default")
    return deleted
