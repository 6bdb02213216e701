"""Since when a verdict was so: an edit that changes it overwrites this, and undoing the edit brings it back.

Verdicts are settled when an edit is closed. The edit then gets a row for each package with a new verdict, with what
was so before and what is so since; undoing has these settled again, where nothing has settled them otherwise since.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from editing.models import Edit
from editing.recorder import last_recorded
from packages.hooks import Standing
from packages.models import Package, PackageHealth

TABLE = PackageHealth._meta.db_table
_known: ContextVar[dict[int, Standing] | None] = ContextVar("known_standings", default=None)


class Verdicts:
    """The answers to settling, and its listener (packages.hooks)."""

    def known(self) -> Mapping[int, Standing]:
        return _known.get() or {}

    def flipped(self, flips: Mapping[int, tuple[Standing, Standing]]) -> None:
        if recorded := last_recorded():
            rows = [
                Edit(
                    batch=recorded.batch,
                    table_name=TABLE,
                    object_id=pk,
                    before=_stored(pk, old),
                    after=_stored(pk, new),
                )
                for pk, (old, new) in flips.items()
            ]
            Edit.objects.bulk_create(rows, ignore_conflicts=True)  # of one that was deleted there is all


@contextmanager
def brought_back() -> Iterator[dict[int, Standing]]:
    """Have what is settled inside take the standings that the caller puts into the result, where the verdicts fit."""
    known: dict[int, Standing] = {}
    token = _known.set(known)
    try:
        yield known
    finally:
        _known.reset(token)


def standings(edits: QuerySet[Edit]) -> dict[int, Standing]:
    """Return the former standings of the packages whose verdicts these edits have changed, and nothing else since."""
    rows = list(edits.filter(table_name=TABLE, before__isnull=False, after__isnull=False))
    if not rows:
        return {}
    packages = Package._base_manager.filter(pk__in=[row.object_id for row in rows])
    now = {
        package.pk: Standing(package.verdict, package.health.since, package.health.before)
        for package in packages.select_related("health").only("verdict_rank", "health")
        if hasattr(package, "health")
    }
    return {row.object_id: _read(row.before) for row in rows if now.get(row.object_id) == _read(row.after)}


def _stored(pk: int, standing: Standing) -> dict[str, Any]:
    since = standing.since.isoformat() if standing.since else None
    return {"package_id": pk, "verdict": standing.verdict, "since": since, "before": standing.before}


def _read(stored: Any) -> Standing:
    since = stored["since"]
    return Standing(stored["verdict"], datetime.fromisoformat(since) if since else None, stored["before"])
