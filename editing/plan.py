"""The plan of undoing a batch: what it would do to each of the rows, as they are now.

A value that somebody else has changed since stays, unless the editor ticks it. A tick is of what the page showed: if
the value has changed once more, it stays.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2s
from typing import Any, Literal

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import CASCADE, PROTECT, Count, ForeignKey, Model, QuerySet, UniqueConstraint

from core.models import Document
from core.words import counted
from editing.models import Edit, EditBatch
from editing.tables import EDITED, RecordedTable
from packages.identity import derived
from packages.models import Package

Action = Literal["create", "change", "delete"]
Values = Mapping[str, Any]  # of columns, by name
GONE = "was deleted since"
THERE = "is there already, with other values"
SAME = "has its former values already"


@dataclass
class Change:
    """A column that undoing sets from `now` to `then`. With a `question`, it does so only if the `token` is ticked."""

    column: str
    now: Any
    then: Any
    question: str = ""
    token: str = ""
    left_out: str = ""


@dataclass
class Item:
    """A row that undoing creates, changes or deletes.

    `question`, `token`: as in a Change, of the whole row. `left_out` says why nothing is done about the row, `refusal`
    why nothing at all can be undone.
    """

    edit: Edit
    table: RecordedTable
    action: Action
    row: Values = field(default_factory=dict)  # as it was stored, for a row to create
    changes: list[Change] = field(default_factory=list)
    question: str = ""
    token: str = ""
    left_out: str = ""
    refusal: str = ""

    def is_chosen(self, ticked: Collection[str]) -> bool:
        return not (self.left_out or self.refusal) and (not self.question or self.token in ticked)

    def chosen_changes(self, ticked: Collection[str]) -> list[Change]:
        if not self.is_chosen(ticked):
            return []
        return [each for each in self.changes if not each.left_out and (not each.question or each.token in ticked)]


def action_of(edit: Edit) -> Action:
    """Return what undoing does about a row."""
    if edit.before is None:
        return "delete"
    return "create" if edit.after is None else "change"


def values_of(table: RecordedTable, stored: Values | None) -> dict[str, Any]:
    """Return stored JSON as values of the model's columns; columns that there are no more are left out."""
    values = {}
    for column, value in (stored or {}).items():
        if model_field := table.fields.get(column):
            values[column] = None if value is None else model_field.to_python(value)
    return values


def rows_now(table: RecordedTable, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return the rows with these ids as they are, by id, each by the names of its columns."""
    columns = {model_field.attname: column for column, model_field in table.fields.items()}
    rows = table.model._base_manager.filter(pk__in=list(ids)).values(*columns)
    by_id = {}
    for row in rows:
        values = {columns[name]: value for name, value in row.items()}
        by_id[values[table.key]] = values
    return by_id


def token_of(edit: Edit, column: str, seen: Any) -> str:
    """Return what a tick sends: which value of which row it is about, and what the value was when it was shown."""
    text = json.dumps(seen, cls=DjangoJSONEncoder, sort_keys=True, default=None)
    return f"{edit.pk}.{column}.{blake2s(text.encode(), digest_size=8).hexdigest()}"


def items(
    table: RecordedTable, batch: EditBatch, edits: Sequence[Edit], without: Collection[str] = (), *, begun: bool
) -> list[Item]:
    """Return what undoing does about these rows of a table, which are a few hundred at most; to rows that it changes,
    `without` these columns. If it has `begun`, other rows of the batch are as it leaves them."""
    now = rows_now(table, (edit.object_id for edit in edits))
    result = [_item(table, edit, now.get(edit.object_id), without) for edit in edits]
    by_action: dict[Action, list[Item]] = {"create": [], "change": [], "delete": []}
    for item in result:
        if not item.left_out:
            by_action[item.action].append(item)
    _refuse_missing(table, batch, [*by_action["create"], *by_action["change"]])
    _refuse_taken(table, batch, [*by_action["create"], *by_action["change"]])
    if table.model is Package:
        _ask_about_shared(batch, [*by_action["create"], *by_action["change"]])
    _ask_about_dependents(table, batch, by_action["delete"], begun=begun)
    _tell_who(table, batch, result)
    return result


def _item(table: RecordedTable, edit: Edit, now: Values | None, without: Collection[str]) -> Item:
    action = action_of(edit)
    item = Item(edit, table, action)
    if action == "create":
        item.row = values_of(table, edit.before)
        if now is not None:
            is_same = all(now[column] == item.row[column] for column in item.row if table.compared(column))
            item.left_out = SAME if is_same else THERE
    elif now is None:
        item.left_out = GONE
    elif action == "delete":
        after = values_of(table, edit.after)
        moved = {column: now[column] for column in after if table.compared(column) and now[column] != after[column]}
        if moved:
            item.question, item.token = "was changed since", token_of(edit, "", moved)
            item.changes = [Change(column, value, None, left_out="-") for column, value in moved.items()]
    else:
        item.changes = [change for change in _changes(table, edit, now) if change.column not in without]
        if not item.changes:
            item.left_out = SAME
    return item


def _changes(table: RecordedTable, edit: Edit, now: Values) -> list[Change]:
    before, after = values_of(table, edit.before), values_of(table, edit.after)
    changes = []
    for column, then in before.items():
        if not table.compared(column) or then == after.get(column) or now[column] == then:
            continue
        change = Change(column, now[column], then)
        if now[column] != after.get(column):
            change.question, change.token = "was changed since", token_of(edit, column, now[column])
        changes.append(change)
    return changes


def _wanted(item: Item) -> dict[str, Any]:
    """Return the values that undoing would write."""
    return dict(item.row) if item.action == "create" else {each.column: each.then for each in item.changes}


def _leave_out(item: Item, column: str, why: str) -> None:
    if item.action == "create":
        item.left_out = why
    for change in item.changes:
        if change.column == column:
            change.left_out = why


def _in_batch(batch: EditBatch, model: type[Model], **condition: Any) -> QuerySet[Edit, Any]:
    """Return the ids of the batch's rows of a model."""
    edits = Edit.objects.filter(batch=batch, table_name=model._meta.db_table, **condition)
    return edits.values_list("object_id", flat=True)


def _refuse_missing(table: RecordedTable, batch: EditBatch, chosen: Sequence[Item]) -> None:
    """Leave out what refers to rows that are not there, and do not come back with the batch."""
    for column, reference in table.fields.items():
        if not isinstance(reference, ForeignKey):
            continue
        wanted = {(pk := _wanted(item).get(column)): pk for item in chosen}
        wanted.pop(None, None)
        if not wanted:
            continue
        model: Any = reference.related_model
        there = set(model._base_manager.filter(pk__in=wanted).values_list("pk", flat=True))
        if missing := wanted.keys() - there:
            missing -= set(_in_batch(batch, model, object_id__in=missing, after__isnull=True))
        for item in (each for each in chosen if _wanted(each).get(column) in missing):
            if item.action == "create" and reference.null:
                item.row = {**item.row, column: None}
            else:
                _leave_out(item, column, f"its {reference.verbose_name} was deleted since")


def _unique_columns(table: RecordedTable) -> list[tuple[str, ...]]:
    """Return the groups of columns in which no two rows are the same, but for the key."""
    columns = {model_field.name: column for column, model_field in table.fields.items()}
    single = [(column,) for column, each in table.fields.items() if each.unique and not each.primary_key]
    constraints = [each for each in table.model._meta.constraints if isinstance(each, UniqueConstraint)]
    return [*single, *(tuple(columns[name] for name in constraint.fields) for constraint in constraints)]


def _refuse_taken(table: RecordedTable, batch: EditBatch, chosen: Sequence[Item]) -> None:
    """Refuse a slug that another document has by now; leave out a row in whose place another one is."""
    for group in _unique_columns(table):
        wanted = [(item, values) for item in chosen if not (values := _wanted(item)).keys().isdisjoint(group)]
        wanted = [(item, values) for item, values in wanted if values.keys() >= set(group)]
        if not wanted:
            continue
        names = [table.fields[column].attname for column in group]
        among = {
            f"{name}__in": {values[column] for _, values in wanted} for name, column in zip(names, group, strict=True)
        }
        others = table.model._base_manager.filter(**among).exclude(pk__in=_in_batch(batch, table.model))
        taken = {tuple(row[1:]): row[0] for row in others.values_list("pk", *names)}
        for item, values in wanted:
            other = taken.get(tuple(values[column] for column in group))
            if other is None or other == item.edit.object_id:
                continue
            if issubclass(table.model, Document):
                what = table.model._meta.verbose_name
                item.refusal = f"The {group[0]} “{values[group[0]]}” is taken by another {what} now."
            else:
                _leave_out(item, group[0], "another one is in its place now")


_ADDRESSES = (("repo_url", "repo_key", "repository"), ("pypi_url", "pypi_name", "PyPI project"))


def _ask_about_shared(batch: EditBatch, chosen: Sequence[Item]) -> None:
    """Ask before a package gets a repository or project that another one has by now."""
    for column, key, what in _ADDRESSES:
        keys = {item.edit.pk: derived(column, url)[key] for item in chosen if (url := _wanted(item).get(column))}
        others = Package._base_manager.filter(**{f"{key}__in": set(keys.values()) - {""}})
        others = others.exclude(pk__in=_in_batch(batch, Package))
        taken = dict(others.values_list(key, "title"))
        for item in chosen:
            if title := taken.get(keys.get(item.edit.pk, "")):
                why = f"the package “{title}” has the same {what} now"
                if item.action == "create":
                    item.question, item.token = why, token_of(item.edit, column, title)
                for change in (each for each in item.changes if each.column == column):
                    change.question = f"{change.question}; {why}" if change.question else why
                    change.token = token_of(item.edit, column, [change.now, title])


def _ask_about_dependents(table: RecordedTable, batch: EditBatch, chosen: Sequence[Item], *, begun: bool) -> None:
    """Ask before rows go with one that is to be deleted, unless undoing deletes them too, or has them leave."""
    if not chosen:
        return
    by_id = {item.edit.object_id: item for item in chosen}
    for other in EDITED:
        for reference in other.fields.values():
            if isinstance(reference, ForeignKey) and reference.related_model is table.model:
                _ask_about(by_id, batch, reference, begun=begun)


def _ask_about(by_id: Mapping[int, Item], batch: EditBatch, reference: Any, *, begun: bool) -> None:
    """Ask about the rows that refer to others by a foreign key."""
    model, on_delete = reference.model, reference.remote_field.on_delete
    rows = model._base_manager.filter(**{f"{reference.name}__in": by_id})
    own = _in_batch(batch, model, **({"before__isnull": True} if on_delete is CASCADE else {}))
    if begun and on_delete is PROTECT:
        for pk, count in _counts(rows.filter(pk__in=own), reference):
            by_id[pk].left_out = f"{_counted(count, model)} of this edit stay in it"
    if not begun or on_delete is PROTECT:
        rows = rows.exclude(pk__in=own)
    elif all(item.table.model is model for item in by_id.values()):  # rows that go together
        rows = rows.exclude(pk__in=[pk for pk, item in by_id.items() if not item.question])
    for pk, count in _counts(rows, reference):
        item, number = by_id[pk], _counted(count, model)
        if on_delete is PROTECT:
            item.refusal = f"The {item.table.model._meta.verbose_name} has {number} by now."
            continue
        lost = "go with it" if on_delete is CASCADE else f"lose their {reference.verbose_name}"
        why = f"{number} of somebody else would {lost}"
        item.question = f"{item.question}; {why}" if item.question else why
        item.token = token_of(item.edit, "", [item.token, why])


def _counts(rows: QuerySet[Any], reference: Any) -> QuerySet[Any, Any]:
    """Return the number of rows for each that they refer to."""
    counts: QuerySet[Any, Any] = rows.order_by().values_list(reference.attname).annotate(number=Count("pk"))
    return counts


def _counted(number: int, model: type[Model]) -> str:
    return counted(number, str(model._meta.verbose_name), str(model._meta.verbose_name_plural))


def _tell_who(table: RecordedTable, batch: EditBatch, result: Sequence[Item]) -> None:
    """Add who has changed the rows since to the questions about them."""
    asked = [item for item in result if "was changed since" in (item.question, *(c.question for c in item.changes))]
    if not asked:
        return
    later = Edit.objects.filter(table_name=table.name, object_id__in=[item.edit.object_id for item in asked])
    later = later.filter(batch__gt=batch.pk).order_by("batch_id")
    last = {pk: (name, at) for pk, name, at in later.values_list("object_id", "batch__user_name", "batch__at")}
    for item in asked:
        name, at = last.get(item.edit.object_id, ("", None))
        by = f" by {name or 'somebody'} on {at:%Y-%m-%d}" if at else " by no editor"
        item.question = item.question.replace("was changed since", f"was changed since{by}")
        for change in item.changes:
            change.question = change.question.replace("was changed since", f"was changed since{by}")
