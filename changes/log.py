"""The numbered log: how far it reaches, and how long it is kept."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Min

from changes.models import Change, Revision

KEPT = timedelta(days=400)
BATCH = 10_000


class Reach(NamedTuple):
    """The number of the last change, and the smallest number after which all changes are there still."""

    last: int
    since: int


def reach() -> Reach:
    # The last number first: what is committed between the two queries makes the log longer, never shorter.
    last = Revision.objects.filter(kind=Revision.LOG).values_list("number", flat=True).first() or 0
    oldest = Change.objects.aggregate(oldest=Min("number"))["oldest"]
    return Reach(last, last if oldest is None else oldest - 1)


def prune(now: datetime) -> int:
    """Delete the changes that are too old, a batch at a time; says how many."""
    old = Change.objects.filter(at__lt=now - KEPT).order_by("-number").values_list("number", flat=True)
    # Clocks may run backwards: whatever is before the newest old one goes, so that no gap opens.
    newest = old.first()
    deleted = 0
    while newest is not None:
        batch = list(Change.objects.filter(number__lte=newest).order_by("number").values_list("pk", flat=True)[:BATCH])
        if not batch:
            break
        deleted += Change.objects.filter(pk__in=batch).delete()[0]
    return deleted
