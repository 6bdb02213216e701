"""Edits in words: which row, and the old and the new value of each column."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import BooleanField, ForeignKey, JSONField, Model
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.timezone import localtime

from categories.models import Category
from core.words import counted
from editing.models import Dismissal, Edit
from editing.plan import Item, action_of, values_of
from editing.tables import BY_NAME, RecordedTable
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package, Pin
from packages.pins.columns import PINNABLE

LONGEST = 300  # characters of a value
NOTHING = "-"
_TITLED: tuple[type[Model], ...] = (Category, Grid, Package, Feature)
_DONE = {"delete": "created", "create": "deleted", "change": "changed"}


class Value(NamedTuple):
    """A column, and its values in words."""

    label: str
    old: str
    new: str


class Question(NamedTuple):
    """A value that somebody else has changed since, which undoing changes if the editor ticks it."""

    label: str
    why: str
    now: str
    then: str
    token: str


@dataclass
class Row:
    """An edit as a page shows it."""

    edit: Edit
    what: str
    name: str
    done: str
    url: str
    values: list[Value] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Names:
    """The titles of the rows that edits are about, or refer to, as they are or were."""

    def __init__(self, edits: Sequence[Edit]) -> None:
        wanted: dict[type[Model], set[int]] = {model: set() for model in _TITLED}
        for edit in edits:
            _collect(edit, wanted)
        self._titles = {model: _titles(model, ids) for model, ids in wanted.items()}

    def of(self, model: type[Model], pk: Any) -> str:
        return self._titles.get(model, {}).get(pk) or f"number {pk}"

    def of_row(self, edit: Edit) -> str:
        """Return what a row is called: by its own title then, and by the titles that others have now."""
        model = BY_NAME[edit.table_name].model
        row = edit.after or edit.before or {}
        if model is GridPackage:
            return f"“{self.of(Package, edit.package_id)}” in “{self.of(Grid, edit.grid_id)}”"
        if model is Pin:
            return f"{PINNABLE[row['column']].label} of “{self.of(Package, edit.package_id)}”"
        if model is Cell:
            return f"“{self.of(Feature, row['feature_id'])}” of “{self.of(Package, edit.package_id)}”"
        if model is Dismissal:
            return f"“{self.of(Grid, edit.grid_id) if edit.grid_id else self.of(Package, edit.package_id)}”"
        title = row.get("title") or self.of(model, edit.object_id)
        if model is Feature:
            return f"“{title}” in “{self.of(Grid, edit.grid_id)}”"
        return f"“{title}”" if model in _TITLED else f"number {edit.object_id}"


def _collect(edit: Edit, wanted: Mapping[type[Model], set[int]]) -> None:
    """Add the ids that an edit names."""
    table = BY_NAME.get(edit.table_name)
    if table is None or not table.edited:
        return
    wanted[Grid].update([edit.grid_id] if edit.grid_id else [])
    wanted[Package].update([edit.package_id] if edit.package_id else [])
    for column, reference in table.fields.items():
        if isinstance(reference, ForeignKey) and reference.related_model in wanted:
            ids = [(row or {}).get(column) for row in (edit.before, edit.after)]
            wanted[reference.related_model].update(pk for pk in ids if pk is not None)


def _titles(model: type[Model], ids: set[int]) -> dict[int, str]:
    """Return the titles of rows, of those that are gone from the history."""
    if not ids:
        return {}
    titles = dict(model._base_manager.filter(pk__in=ids).values_list("pk", "title"))
    if gone := ids - titles.keys():
        edits = Edit.objects.filter(table_name=model._meta.db_table, object_id__in=gone).order_by("id")
        for pk, before, after in edits.values_list("object_id", "before__title", "after__title"):
            titles[pk] = str(after or before)
    return titles


def rows(edits: Sequence[Edit]) -> list[Row]:
    """Return edits as a page shows them; those in which nothing but the time differs are left out."""
    names = Names(edits)
    shown = (_row(edit, names) for edit in edits if edit.table_name in BY_NAME)
    return [row for row in shown if row.values or row.done != "changed"]


def _row(edit: Edit, names: Names) -> Row:
    table = BY_NAME[edit.table_name]
    before, after = values_of(table, edit.before), values_of(table, edit.after)
    row = Row(
        edit,
        capfirst(str(table.model._meta.verbose_name)),
        names.of_row(edit),
        _DONE[action_of(edit)],
        _url(table, edit),
    )
    for column in table.fields:
        old, new = before.get(column), after.get(column)
        is_whole = edit.before is None or edit.after is None
        if not table.compared(column) or (column.endswith("_id") and column in table.named_by) or old == new:
            continue
        if is_whole and (column == "created" or table.fields[column].get_default() == (old if new is None else new)):
            continue
        texts = (in_words(table, column, old, names), in_words(table, column, new, names))
        if texts != (NOTHING, NOTHING):
            row.values.append(Value(_label(table, column), *texts))
    return row


def _label(table: RecordedTable, column: str) -> str:
    return capfirst(str(table.fields[column].verbose_name))


def _url(table: RecordedTable, edit: Edit) -> str:
    """Return the URL of the row's own history; memberships, pins and dismissals have none."""
    options = table.model._meta
    if table.model in {GridPackage, Pin, Dismissal} or not table.edited:
        return ""
    return reverse(f"admin:{options.app_label}_{options.model_name}_history", args=(edit.object_id,))


def in_words(table: RecordedTable, column: str, value: Any, names: Names) -> str:
    """Return a value as an editor reads it."""
    model_field = table.fields[column]
    if value is None or value in ("", []):
        return NOTHING
    if isinstance(model_field, BooleanField):
        return "yes" if value else "no"
    if isinstance(model_field, ForeignKey):
        return names.of(model_field.related_model, value)
    if isinstance(value, datetime):
        return f"{localtime(value):%Y-%m-%d %H:%M}"
    text = json.dumps(value, ensure_ascii=False) if isinstance(model_field, JSONField) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text):,} characters)"


def planned(items: Iterable[Item]) -> list[Row]:
    """Return rows of a batch with what undoing would leave, or asks about."""
    items = list(items)
    names = Names([item.edit for item in items])
    return [row for item in items if (row := _planned(item, names))]


def _planned(item: Item, names: Names) -> Row | None:
    row, table = _row(item.edit, names), item.table
    for change in item.changes if item.action == "change" else ():
        label = _label(table, change.column)
        if change.left_out:
            row.notes.append(f"{label}: {change.left_out}")
        elif change.question:
            now, then = (in_words(table, change.column, value, names) for value in (change.now, change.then))
            row.questions.append(Question(label, change.question, now, then, change.token))
    if item.question and not item.left_out:
        moved = [(_label(table, each.column), in_words(table, each.column, each.now, names)) for each in item.changes]
        now = ", ".join(f"{label}: {value}" for label, value in moved if item.action == "delete")
        then = "deleted" if item.action == "delete" else "brought back"
        row.questions.append(Question("", item.question, now, then, item.token))
    if item.left_out:
        row.notes.append(item.left_out)
    return row if row.values or row.notes or row.questions or row.done != "changed" else None


def contents(tally: Mapping[str, Mapping[str, int]]) -> str:
    """Return the rows of a batch in words: "2 packages changed, 1 grid deleted"."""
    parts = []
    for name, events in tally.items():
        if not (table := BY_NAME.get(name)):
            continue
        options = table.model._meta
        for event, number in events.items():
            parts.append(f"{counted(number, str(options.verbose_name), str(options.verbose_name_plural))} {event}")
    return ", ".join(parts)
