"""The numbered log: how far it reaches, and how long it is kept."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from changes.models import Change

KEPT = timedelta(days=400)
BATCH = 10_000


_REACH = """SELECT
    coalesce((SELECT number FROM changes_revision WHERE kind = 'changes'), (SELECT max(number) FROM changes_change), 0),
    (SELECT min(number) FROM changes_change)"""


class Reach(NamedTuple):
    """The number of the last change, and the smallest number after which all changes are there still."""

    last: int
    since: int


def reach() -> Reach:
    with connection.cursor() as cursor:
        cursor.execute(_REACH)
        last, oldest = cursor.fetchone()
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
