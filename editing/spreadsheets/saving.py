"""Writing what differs between a file and documents: in bulk, in statements whose number does not follow the rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from core.admin import violations
from core.csv_cells import unguarded
from core.kinds import Kind
from editing.spreadsheets.documents import Differences, Entry
from fetchers.mirror import notes, slugs
from packages.addresses import ADDRESSES
from packages.models import Package

BATCH = 500  # rows of one statement
MOST_CULPRITS = 20


def save(differences: Differences) -> None:
    """Write all entries, whose documents are locked. IntegrityError or DataError if the database refuses one."""
    _write(differences, list(differences.entries.values()))


def _write(differences: Differences, entries: Sequence[Entry]) -> None:
    now = timezone.now()
    model: Any = differences.sheet.model
    if not entries:
        return
    former = {entry.number: differences.before[entry.number]["slug"] for entry in entries if not entry.is_new}
    slugs.clear_traded(model, [entry.row for entry in entries], former)
    new = [entry for entry in entries if entry.is_new]
    for entry in entries:
        entry.row.modified = now
        if entry.is_new:
            entry.row.created = now
    model._default_manager.bulk_create([entry.row for entry in new], batch_size=BATCH)
    late = _refer(entries, {entry.number: entry.row.pk for entry in new})
    changed = [entry for entry in entries if not entry.is_new] + late
    columns = {name for entry in changed if not entry.is_new for name in entry.values}
    columns |= {"replaced_by_id"} if late else set()
    if changed:
        # No conflict is another one than that of a row with itself.
        model._default_manager.bulk_create(
            [entry.row for entry in changed],
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[*sorted(columns), "modified"],
        )


def _refer(entries: Iterable[Entry], numbers: Mapping[int, int]) -> list[Entry]:
    """Have rows refer to new ones, which have their ids by now; return the new rows among them."""
    referring = []
    for entry in entries:
        number = entry.values.get("replaced_by_id")
        if number is not None and number in numbers:
            entry.row.replaced_by_id = numbers[number]
            if entry.is_new:
                referring.append(entry)
    return referring


def try_out(differences: Differences) -> list[str]:
    """Write all entries and roll that back: refuse those that the database refuses, and return notes on the others."""
    while True:
        entries = list(differences.entries.values())
        try:
            with transaction.atomic():
                _write(differences, entries)
                found = list(_notes(differences))
                transaction.set_rollback(True)
        except (IntegrityError, DataError) as error:
            _forget_ids(entries)
            differences.refuse(_culprits(differences, entries, error, {}))
        else:
            _forget_ids(entries)
            return found


def _culprits(
    differences: Differences, entries: Sequence[Entry], error: Exception, found: dict[int, str]
) -> dict[int, str]:
    """Return the reasons why the database refuses some of these entries, which it refuses together with that error:
    those that it refuses alone too. After the first of them it is not asked about each any more."""
    if len(entries) == 1 or len(found) >= MOST_CULPRITS:
        model = differences.sheet.model
        reason = violations.message(error, [model]) if isinstance(error, IntegrityError) else str(error)
        return found | {entry.number: reason for entry in entries}
    middle = len(entries) // 2
    for half in (entries[:middle], entries[middle:]):
        try:
            with transaction.atomic():
                _write(differences, half)
                transaction.set_rollback(True)
        except (IntegrityError, DataError) as again:
            _forget_ids(half)
            found = _culprits(differences, half, again, found)
        _forget_ids(half)
    return found or {entry.number: violations.OTHERWISE for entry in entries}


def _forget_ids(entries: Iterable[Entry]) -> None:
    """Take the ids off new rows whose creation was rolled back."""
    for entry in entries:
        if entry.is_new:
            entry.row.pk, entry.row._state.adding = None, True


def _notes(differences: Differences) -> Iterator[str]:
    """Yield the notes of an import of a catalogue on rows that are written."""
    entries = {entry.row.pk: entry for entry in differences.entries.values()}
    sheet, before = differences.sheet, differences.before
    rows: list[Any] = [entry.row for entry in entries.values()]

    def line(row: Any) -> str:
        return f"Line {entries[row.pk].source.number} ({row.slug})"

    for row, owner in notes.taken_over(sheet.kind, rows, before):
        yield (
            f"{line(row)} gets a slug that {sheet.kind} {owner} had before: links by it lead to another document then."
        )
    if sheet.kind != Kind.PACKAGE:
        return
    packages: list[Package] = rows
    typed = {pk: _typed(entry) for pk, entry in entries.items()}
    for row, words in notes.unreadable(packages, typed, before):
        yield f"{line(row)}: {words}"
    for row, what, others in notes.sharing(packages, before):
        several = ", ".join(slug for _, slug in others[:5]) + (" …" if len(others) > 5 else "")
        yield f"{line(row)} shares its {what} with {several}."


def _typed(entry: Entry) -> dict[str, str | None]:
    return {name: unguarded(entry.source.written.get(name, "")).strip() for name in ADDRESSES if name in entry.values}


class DocumentImport(Differences):
    """A file of packages or grids that is tried out and saved."""

    def try_out(self) -> list[str]:
        return try_out(self)

    def save(self) -> None:
        save(self)
