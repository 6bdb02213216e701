"""Recording what an editor does: every write inside is in one batch, in one transaction with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from core import hooks
from editing.models import LONGEST_WORDS, Edit, EditBatch, OpenBatch
from editing.triggers.postgresql import SETTING

_EVENTS = ("created", "changed", "deleted")
# The columns that every save moves: an entry with nothing else is there for undoing, which moves them too.
_MODIFIED = "modified"


@dataclass
class Recorded:
    """An open batch: `words` say what is done, and may be set at any time while it is open."""

    batch: EditBatch
    words: str
    is_empty: bool = False


_open: ContextVar[Recorded | None] = ContextVar("open_batch", default=None)
_last: ContextVar[Recorded | None] = ContextVar("last_batch", default=None)


@contextmanager
def recording(user: Any = None, words: str = "", undoes: EditBatch | None = None) -> Iterator[Recorded]:
    """Run a transaction that records what is written in it, and ends with settling the packages that it wrote.

    `user` is who writes: an account, or the name of what is no person. Inside another one of these, that one records.
    Where nothing is written, or only what no editor writes, no batch is left.
    """
    if outer := _open.get():
        with hooks.writing():
            yield outer
        return
    closed = _last.set(None)
    try:
        with hooks.writing():
            [batch] = EditBatch.objects.bulk_create([EditBatch(**_names(user), at=timezone.now(), undoes=undoes)])
            recorded = Recorded(batch, words)
            token = _open.set(recorded)
            try:
                _record(recorded.batch)
                yield recorded
                _record(None)
                _close(recorded)
            finally:
                _open.reset(token)
            _last.set(None if recorded.is_empty else recorded)
    finally:
        _last.reset(closed)


def last_recorded() -> Recorded | None:
    """Return the batch that is closed, while what follows from it is written; none if there is none."""
    return _last.get()


def is_recording() -> bool:
    """Tell whether what is written now is an edit."""
    return _open.get() is not None


@contextmanager
def paused() -> Iterator[None]:
    """Record nothing inside: what is fetched while an editor waits is no edit."""
    recorded = _open.get()
    if recorded is None:
        yield
        return
    token = _open.set(None)
    try:
        with transaction.atomic():
            _record(None)
            yield
            _record(recorded.batch)
    finally:
        _open.reset(token)


def _names(user: Any) -> dict[str, Any]:
    if user is None or isinstance(user, str):
        return {"user_name": user or ""}
    return {"user": user if user.pk else None, "user_name": user.get_username()}


def _record(batch: EditBatch | None) -> None:
    """Have the triggers record for a batch, or for none. If the transaction is rolled back, so is this."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, %s, true)", [SETTING, str(batch.pk) if batch else ""])
    elif batch:
        OpenBatch.objects.bulk_create([OpenBatch(batch=batch)])
    else:
        OpenBatch.objects.all()._raw_delete(OpenBatch.objects.db)


def _close(recorded: Recorded) -> None:
    """Count what was written, and leave no batch of nothing."""
    tally: dict[str, dict[str, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_TALLY[connection.vendor], [recorded.batch.pk])
        for table, event, number in cursor.fetchall():
            tally.setdefault(table, {})[_EVENTS[event]] = number
    batch = recorded.batch
    if not tally:
        recorded.is_empty = True
        Edit.objects.filter(batch=batch).delete()
        EditBatch.objects.filter(pk=batch.pk)._raw_delete(EditBatch.objects.db)  # nothing refers to it yet
        return
    batch.tally, batch.words = tally, recorded.words[:LONGEST_WORDS]
    EditBatch.objects.filter(pk=batch.pk).update(tally=tally, words=batch.words)


def _tally(without_modified: str) -> str:
    before, after = (without_modified.format(column) for column in ("before", "after"))
    event = "CASE WHEN before IS NULL THEN 0 WHEN after IS NULL THEN 2 ELSE 1 END"
    differ = f"(before IS NULL OR after IS NULL OR {before} <> {after})"
    return (
        f"SELECT table_name, {event}, count(*) FROM editing_edit"  # noqa: S608 (our own names)
        f" WHERE batch_id = %s AND {differ} GROUP BY 1, 2 ORDER BY 1, 2"
    )


_TALLY = {
    "postgresql": _tally(f"{{}} - '{_MODIFIED}'"),
    "sqlite": _tally(f"json_remove({{}}, '$.{_MODIFIED}')"),
}
