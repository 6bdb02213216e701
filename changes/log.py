"""The numbered log: its bounds, its rows, and its pruning."""

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Greatest

from changes.models import Change
from core.database.prepared import PLACEHOLDER_ID, Prepared, Statement, StatementCache, with_ids
from core.database.sessions import reader
from core.models import MAX_ID, Revision

RETENTION = timedelta(days=400)
BATCH = 10_000


_BOUNDS = Statement(
    "SELECT coalesce((SELECT number FROM changes_revision WHERE kind = 'changes'),"
    " (SELECT max(number) FROM changes_change), 0), (SELECT min(number) FROM changes_change)",
    (),
)
_STATEMENTS: StatementCache[Prepared[Change]] = StatementCache()


class Bounds(NamedTuple):
    """The number of the last change, and the smallest number after which no change was pruned."""

    last: int
    since: int


def bounds() -> Bounds:
    [(last, oldest)] = _BOUNDS.rows(reader())
    return Bounds(last, last if oldest is None else oldest - 1)


def after(number: int, limit: int, kinds: Collection[str] = ()) -> list[Change]:
    """Return at most `limit` changes after a number, in order; of some kinds, if there are any."""
    connection = reader()
    if not kinds:
        return _STATEMENTS.get(connection, "after", lambda: Prepared(_after())).rows(connection, number, limit)
    values = [value for kind in Change.KINDS for value in (number if kind in kinds else MAX_ID, limit)]
    statement = _STATEMENTS.get(connection, "of kinds", lambda: Prepared(_of_kinds()))
    return statement.rows(connection, *values, limit)


def _after() -> QuerySet[Change]:
    ids = "SELECT id FROM changes_change WHERE number > %s ORDER BY number LIMIT %s"
    return _in_order(ids, 2)


def _of_kinds() -> QuerySet[Change]:
    """Read each kind by its own index, from a number of its own on: of a kind that is not requested, that is the end.
    So a rare kind costs no more than a common one, and there is one statement for all combinations."""
    of_each = " UNION ALL ".join(
        "SELECT * FROM (SELECT id, number FROM changes_change"  # noqa: S608 (the kinds are our own)
        f" WHERE kind = '{kind}' AND number > %s ORDER BY number LIMIT %s) AS of_{kind}"
        for kind in Change.KINDS
    )
    ids = f"SELECT id FROM ({of_each}) AS of_kinds ORDER BY number LIMIT %s"  # noqa: S608 (as above)
    return _in_order(ids, 2 * len(Change.KINDS) + 1)


def _in_order(ids: str, placeholders: int) -> QuerySet[Change]:
    return Change.objects.filter(with_ids(Change, ids, *[PLACEHOLDER_ID] * placeholders)).order_by("number")


def prune(now: datetime) -> int:
    """Delete the changes that are older than RETENTION in batches, and return their number."""
    old = Change.objects.filter(at__lt=now - RETENTION).order_by("-number").values_list("number", flat=True)
    # Clocks may go backwards. All changes up to the newest old one are deleted, so that no gap is left.
    newest = old.first()
    deleted = 0
    while newest is not None:
        batch = list(Change.objects.filter(number__lte=newest).order_by("number").values_list("pk", flat=True)[:BATCH])
        if not batch:
            break
        deleted += Change.objects.filter(pk__in=batch).delete()[0]
    return deleted


def begin_anew() -> tuple[int, int]:
    """Delete the whole log, and let its numbers and all revisions go on beyond the clock, in microseconds: nothing has
    given out so large a number before. Return how many changes there were, and the number to go on from.

    After a restore the old numbers would come again, with other changes under them. Whoever has read some of them is
    now told that the log begins later.
    """
    with transaction.atomic():
        deleted = Change.objects.all().delete()[0]
        Revision.objects.get_or_create(kind=Revision.LOG, defaults={"number": 0, "rows": 0})
        Revision.objects.update(number=Greatest(F("number") + 1, time.time_ns() // 1000))
    return deleted, bounds().last
