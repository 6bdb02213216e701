"""The only module that writes advisories of the feed: with what follows for the packages, in one transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import Max

from core.database.deadlocks import retried
from packages.advisories.facts import AdvisoryDocument, AdvisoryFact
from packages.advisories.models import ADVISORY_COLUMNS, Advisory
from packages.settling import Settled, settled

BATCH = 500


def versions_read() -> dict[str, datetime]:
    """Return the ids of all documents that were read, with the times of their versions."""
    rows = Advisory.objects.order_by().values_list("osv_id").annotate(at=Max("modified"))
    return dict(rows.iterator(chunk_size=5_000))


def save(documents: Collection[AdvisoryDocument]) -> Settled:
    """Save documents in place of their former versions."""

    def write() -> Settled:
        with settled() as health:
            _save(documents)
        return health

    return retried(write)


def forget(osv_ids: Sequence[str]) -> Settled:
    """Delete the advisories with these ids."""
    report = Settled()
    for start in range(0, len(osv_ids), BATCH):
        ids = osv_ids[start : start + BATCH]

        def write(ids: Sequence[str] = ids) -> Settled:
            with settled() as health:
                Advisory.objects.filter(osv_id__in=ids).delete()
            return health

        report.add(retried(write))
    return report


def _save(documents: Collection[AdvisoryDocument]) -> None:
    stored = {
        (row.osv_id, row.pypi_name): row
        for row in Advisory.objects.filter(osv_id__in=[each.osv_id for each in documents]).order_by("pk")
    }
    wanted = {(row.osv_id, row.pypi_name): row for document in documents for row in _rows(document)}
    gone = [row.pk for key, row in stored.items() if key not in wanted]
    if gone:
        Advisory.objects.filter(pk__in=gone).delete()
    Advisory.objects.bulk_create(
        [row for key, row in wanted.items() if key not in stored or _differ(row, stored[key])],
        update_conflicts=True,
        unique_fields=["osv_id", "pypi_name"],
        update_fields=ADVISORY_COLUMNS,
        batch_size=BATCH,
    )


def _rows(document: AdvisoryDocument) -> list[Advisory]:
    rows = [_row(fact, document.modified) for fact in document.facts]
    return rows or [Advisory(osv_id=document.osv_id, pypi_name="", modified=document.modified)]


def _row(fact: AdvisoryFact, modified: datetime) -> Advisory:
    return Advisory(
        osv_id=fact.osv_id,
        pypi_name=fact.pypi_name,
        aliases=list(fact.aliases),
        summary=fact.summary,
        severity=fact.severity,
        published=fact.published,
        modified=modified,
        ranges=[[list(event) for event in events] for events in fact.ranges],
        versions=list(fact.versions),
    )


def _differ(row: Advisory, stored: Advisory) -> bool:
    return any(getattr(row, column) != getattr(stored, column) for column in ADVISORY_COLUMNS)
