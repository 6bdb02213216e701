"""The log and the revisions, read directly, and what a write adds to them."""

from collections.abc import Callable

from django.db import connection

from changes.models import Change
from core.models import Revision


def last() -> int:
    return Revision.objects.get_or_create(kind=Revision.LOG, defaults={"number": 0, "rows": 0})[0].number


def revisions() -> dict[str, int]:
    return dict(Revision.objects.exclude(kind=Revision.LOG).values_list("kind", "number"))


def moved(write: Callable[[], object]) -> tuple[list[tuple[str, str, int]], set[str]]:
    """Return the changes that `write` adds to the log, and the kinds whose revisions it moves."""
    since, before = last(), revisions()
    write()
    rows = Change.objects.filter(number__gt=since).order_by("number").values_list("kind", "action", "object_id")
    return list(rows), {kind for kind, number in revisions().items() if number != before.get(kind)}


def sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
