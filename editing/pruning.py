"""Pruning: edits are kept as long as the log of changes, uploads for a day."""

from datetime import datetime, timedelta

from changes.log import RETENTION
from editing.models import Edit, EditBatch, Upload

BATCHES = 100
ROWS = 10_000
KEPT = timedelta(days=1)  # an upload


def prune(now: datetime) -> int:
    """Delete the batches that are older than RETENTION, a part at a time, and return their number; and old uploads."""
    Upload.objects.filter(at__lt=now - KEPT).delete()
    old = EditBatch.objects.filter(at__lt=now - RETENTION).order_by("id").values_list("pk", flat=True)
    deleted = 0
    while batches := list(old[:BATCHES]):
        edits = Edit.objects.filter(batch__in=batches).values_list("pk", flat=True)
        while rows := list(edits[:ROWS]):
            Edit.objects.filter(pk__in=rows).delete()
        EditBatch.objects.filter(pk__in=batches).delete()
        deleted += len(batches)
    return deleted
