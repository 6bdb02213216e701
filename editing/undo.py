"""Undoing a batch: rows come back with their ids, columns get their former values, all in one transaction.

Columns first, then rows that the batch created go, the last ones first; then slugs, which rows that are gone no longer
have, and the rows that the batch deleted. Facts of packages come last: those that belong to the addresses that the
packages have then.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import DataError, IntegrityError
from django.db.models import Model, ProtectedError, Q
from django.utils import timezone

from changes.models import OldSlug
from core.admin import violations
from core.database.deadlocks import retried
from core.models import Edited
from editing.facts import Facts
from editing.models import Edit, EditBatch
from editing.plan import GONE, SAME, Item, items
from editing.recorder import recording
from editing.scope import edits_of
from editing.tables import EDITED, FOLLOWING, TABLES, RecordedTable
from editing.verdicts import brought_back, standings
from editing.words import Names
from grids.models import Cell, Grid, GridPackage
from packages.models import Package, Pin
from packages.pins.columns import PINNABLE
from packages.pins.write import agree, let_go

BATCH = 500  # rows that are read and written together
MOST_NOTES = 50
_OF_A_MEMBERSHIP = frozenset({"grid_id", "package_id"})
_LAST = ("slug",)  # columns that are written when rows that may have their values are gone


class RefusedError(Exception):
    """Nothing was undone, for these reasons, a line each."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = list(reasons)


@dataclass
class Undone:
    """The batch that brought the former values back, if there was anything to do, the number of rows that it wrote, and
    a sentence for each of the first rows that stay as they are."""

    batch: EditBatch | None = None
    rows: int = 0
    notes: list[str] = field(default_factory=list)
    left: int = 0


def undo(
    batch: EditBatch,
    user: Any,
    ticked: Collection[str] = (),
    only: Edit | None = None,
    refusals: Callable[[], Sequence[str]] = tuple,
) -> Undone:
    """Undo a batch, or of it what belongs to the row of `only`. `ticked` are the tokens of questions that the editor
    has answered with yes, and `refusals` says, once the documents are locked, why the editor may not. RefusedError if
    that cannot be done."""
    try:
        return retried(partial(_undo, batch, user, frozenset(ticked), only, refusals))
    except (IntegrityError, DataError, ProtectedError) as error:
        why = violations.message(error, [table.model for table in TABLES]) if isinstance(error, IntegrityError) else ""
        raise RefusedError([why or violations.OTHERWISE]) from error


def _undo(
    batch: EditBatch, user: Any, ticked: frozenset[str], only: Edit | None, refusals: Callable[[], Sequence[str]]
) -> Undone:
    with brought_back() as known, recording(user, f"Undid: {batch.words}", undoes=batch) as recorded:
        EditBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        work = _Undo(batch, ticked, only)
        work.lock_documents()
        if reasons := refusals():  # a grid may have been locked since they were read for the page
            raise RefusedError(reasons)
        work.run()
        known.update(standings(work.edits))
    if recorded.is_empty:
        return work.result
    work.result.batch = recorded.batch
    return work.result


class _Undo:
    def __init__(self, batch: EditBatch, ticked: frozenset[str], only: Edit | None) -> None:
        self.batch, self.ticked = batch, ticked
        self.edits = edits_of(batch, only)
        self.now = timezone.now()
        self.result = Undone()
        self.facts = Facts()
        self.pins_gone: list[Pin] = []
        self.pins_back: set[tuple[int, str]] = set()  # packages that were there all the time, and columns
        self.noted: set[int] = set()
        self.kept: list[tuple[Item, str]] = []  # the first of them, and why they stay as they are
        self.saved: dict[RecordedTable, list[int]] = {}  # rows that the batch saved without another change

    def run(self) -> None:
        for table in EDITED:
            self._change(table, without=_LAST)
        for table in FOLLOWING:  # rows that move to another package do not go with the one that they leave
            self._follow(table, Q(before__isnull=False, after__isnull=False))
        for table in reversed(EDITED):
            self._delete(table)
        for table in (each for each in EDITED if each.is_document):
            self._change(table)
        for table in EDITED:
            self._create(table)
        for table in FOLLOWING:
            self._follow(table, Q())
        self._agree_with_pins()
        for table, ids in self.saved.items() if self.result.rows else ():
            table.model._default_manager.filter(pk__in=ids).update(modified=self.now)
        self.result.notes = self._notes()

    def _agree_with_pins(self) -> None:
        """Make the columns of packages and their pins agree, whichever of them the batch had written."""
        tables = [model._meta.db_table for model in (Package, Pin)]
        packages = self.edits.filter(table_name__in=tables).values("package_id")
        let_go(self.pins_gone)
        agree(Pin.objects.filter(package__in=packages), self.pins_back - self.facts.columns_back)

    def lock_documents(self) -> None:
        """Lock documents before the rows that belong to them, as others do."""
        for model, column in ((Grid, "grid_id"), (Package, "package_id")):
            ids = self.edits.filter(table_name__in=[table.name for table in EDITED]).values(column)
            list(model._base_manager.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True).values_list("pk"))

    def _chunks(self, table: RecordedTable, condition: Q) -> Iterator[Sequence[Edit]]:
        after, edits = 0, self.edits.filter(condition, table_name=table.name).order_by("id")
        while chunk := list(edits.filter(pk__gt=after)[:BATCH]):
            yield chunk
            after = chunk[-1].pk

    def _items(self, table: RecordedTable, edits: Sequence[Edit], without: Collection[str] = ()) -> list[Item]:
        rows = table.model._base_manager.filter(pk__in=[edit.object_id for edit in edits])
        list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))
        result = items(table, self.batch, edits, without, begun=True)
        if refusals := list(dict.fromkeys(item.refusal for item in result if item.refusal)):
            raise RefusedError(refusals[:MOST_NOTES])
        for item in result if table.edited else ():
            self._note(item)
        return result

    def _note(self, item: Item) -> None:
        """Remember of a row, once, why it stays as it is."""
        is_done = item.left_out == SAME or (item.left_out == GONE and item.action == "delete")
        why = "" if is_done else item.left_out
        if item.question and item.token not in self.ticked:
            why = item.question
        for change in item.changes if item.action == "change" else ():
            if change.left_out or (change.question and change.token not in self.ticked):
                label = item.table.fields[change.column].verbose_name
                why = f"its {label} {change.left_out or change.question}"
        if not why or item.edit.pk in self.noted:
            return
        self.noted.add(item.edit.pk)
        self.result.left += 1
        if len(self.kept) < MOST_NOTES:
            self.kept.append((item, why))

    def _notes(self) -> list[str]:
        names = Names([item.edit for item, _ in self.kept])
        return [f"{item.table.model._meta.verbose_name} {names.of_row(item.edit)}: {why}" for item, why in self.kept]

    def _change(self, table: RecordedTable, without: Collection[str] = ()) -> None:
        for edits in self._chunks(table, Q(before__isnull=False, after__isnull=False)):
            chosen = []
            for item in self._items(table, edits, without):
                if changes := item.chosen_changes(self.ticked):
                    chosen.append((item, changes))
                elif "modified" in (item.edit.before or {}) and item.left_out == SAME:
                    self.saved.setdefault(table, []).append(item.edit.object_id)
            self._write(table, {item.edit.object_id: {c.column: c.then for c in changes} for item, changes in chosen})
            if table.model is Package:
                moved = {item.edit.object_id: {c.column for c in changes} for item, changes in chosen}
                self.result.rows += self.facts.restore(edits, moved)
            elif table.model is Pin:
                self.facts.restore_pins(edits)

    def _write(self, table: RecordedTable, values: dict[int, dict[str, Any]]) -> None:
        """Write columns of rows, which are locked."""
        if not values:
            return
        rows = list(table.model._default_manager.filter(pk__in=values).order_by("pk"))
        columns = {column for each in values.values() for column in each}
        for row in rows:
            for column, value in values[row.pk].items():
                setattr(row, table.fields[column].attname, value)
            if isinstance(row, Package):
                row.is_past_pins = True  # until all is written
            self._date(row)
        names = [table.fields[column].name for column in sorted(columns)]
        if issubclass(table.model, Edited):
            names.append("modified")
        with _cells_aside(rows if not columns.isdisjoint(_OF_A_MEMBERSHIP) else ()):
            table.model._default_manager.bulk_update(rows, names, batch_size=100)
        self.result.rows += len(rows)

    def _date(self, row: Model) -> None:
        if isinstance(row, Edited):
            row.modified = self.now

    def _delete(self, table: RecordedTable) -> None:
        for edits in self._chunks(table, Q(before__isnull=True)):
            chosen = [each.edit for each in self._items(table, edits) if each.is_chosen(self.ticked)]
            ids = [edit.object_id for edit in chosen]
            if ids:
                pins = list(Pin.objects.filter(pk__in=ids)) if table.model is Pin else []
                table.model._default_manager.filter(pk__in=ids).delete()
                self._collect_gone(pins, chosen)
                self.result.rows += len(ids)

    def _collect_gone(self, pins: Sequence[Pin], edits: Sequence[Edit]) -> None:
        """Remember the pins, which the edits made, whose columns are to take what upstream says. A column that editors
        type has its former value by now, which stays unless upstream has said something since."""
        said = {edit.object_id: (edit.after or {}).get("upstream") for edit in edits}
        self.pins_gone += [pin for pin in pins if not PINNABLE[pin.column].edited or pin.upstream != said.get(pin.pk)]

    def _create(self, table: RecordedTable) -> None:
        for edits in self._chunks(table, Q(after__isnull=True)):
            chosen = [each for each in self._items(table, edits) if each.is_chosen(self.ticked)]
            self._insert(table, chosen)
            if table.model is Pin:
                pinned = {(item.row["package_id"], item.row["column"]) for item in chosen}
                self.pins_back |= {each for each in pinned if each[0] not in self.facts.packages_back}
            if table.is_document:  # links by their slugs led to others since
                slugs = [item.row["slug"] for item in chosen]
                OldSlug.objects.filter(kind=table.model._meta.model_name, slug__in=slugs).delete()
            self.facts.came_back(table, (item.edit.object_id for item in chosen))
            self.result.rows += len(chosen)

    def _insert(self, table: RecordedTable, chosen: Sequence[Item]) -> None:
        rows = []
        for item in chosen:
            row = table.model(**{table.fields[column].attname: value for column, value in item.row.items()})
            self._date(row)
            rows.append(row)
        table.model._default_manager.bulk_create(rows, batch_size=BATCH)

    def _follow(self, table: RecordedTable, condition: Q) -> None:
        """Bring facts back that belong to packages as they are now; what fetches wrote since stays."""
        if "update" not in table.events:
            condition &= Q(before__isnull=True) | Q(after__isnull=True)
        for edits in self._chunks(table, condition):
            kept = self.facts.belonging(self.batch, table, edits)
            chosen = [each for each in self._items(table, kept) if each.is_chosen(())]
            self._insert(table, [item for item in chosen if item.action == "create"])
            gone = [item.edit.object_id for item in chosen if item.action == "delete"]
            if gone:
                table.model._default_manager.filter(pk__in=gone).delete()
            changed = [(item, changes) for item in chosen if (changes := item.chosen_changes(()))]
            self._write(table, {item.edit.object_id: {c.column: c.then for c in each} for item, each in changed})


@contextmanager
def _cells_aside(rows: Sequence[Model]) -> Iterator[None]:
    """Take the cells of memberships away while these get another grid or package, which no membership with cells may
    get, and put them back."""
    cells = list(Cell.objects.filter(membership__in=[row.pk for row in rows if isinstance(row, GridPackage)]))
    Cell.objects.filter(pk__in=[cell.pk for cell in cells]).delete()
    yield
    Cell.objects.bulk_create(cells, batch_size=BATCH)
