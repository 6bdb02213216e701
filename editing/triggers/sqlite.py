"""The triggers on SQLite, where the open batch is the row of editing_openbatch.

Values are written as PostgreSQL writes them: times with their offset, columns of JSON as they are, all digits of a
float.
"""

from collections.abc import Iterator, Sequence

from django.db.models import DateTimeField, FloatField, JSONField

from core.database.triggers import Trigger, row_trigger
from editing.tables import RecordedTable

_OPEN = "EXISTS (SELECT 1 FROM editing_openbatch)"
_BATCH = "(SELECT batch_id FROM editing_openbatch)"
_INTO = "INSERT INTO editing_edit (batch_id, table_name, object_id, grid_id, package_id, before, after)"
_AGAIN = "ON CONFLICT (batch_id, table_name, object_id) DO UPDATE SET"
_MOST_PAIRS = 30  # of arguments: SQLite takes 127 arguments


def triggers(table: RecordedTable, columns: Sequence[str]) -> Iterator[Trigger]:
    """The triggers of a table with these columns."""
    bodies = {"insert": _insert, "update": _update, "delete": _delete}
    recorded = [column for column in columns if column not in table.unrecorded]
    for event in table.events:
        body = bodies[event](table, recorded if event == "update" else columns)
        name = f"editing_{table.name}_{event}"
        yield row_trigger(name, f"AFTER {event.upper()}", table.name, body, when=_when(event, recorded))


def _when(event: str, columns: Sequence[str]) -> str:
    differ = " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)
    return f"{_OPEN} AND ({differ})" if event == "update" else _OPEN


def _values(table: RecordedTable, row: str) -> str:
    """Return SQL for the columns of an entry up to package_id."""
    owners = f"{table.grid}, {table.package}".format(row=row)
    return f"{_BATCH}, '{table.name}', {row}.{table.key}, {owners}"


def _insert(table: RecordedTable, columns: Sequence[str]) -> str:
    whole = _whole(table, "NEW", columns)
    return f"{_INTO} SELECT {_values(table, 'NEW')}, NULL, {whole} WHERE true {_AGAIN} after = excluded.after;"


def _update(table: RecordedTable, columns: Sequence[str]) -> str:
    each = " UNION ALL ".join(
        f"SELECT '{column}' AS c, json_quote({_value(table, 'OLD', column)}) AS o,"
        f" json_quote({_value(table, 'NEW', column)}) AS n"
        for column in columns
    )
    named = ", ".join(f"'{column}'" for column in table.named_by)
    differ = f"SELECT json_group_object(c, json({{0}})) FROM ({each}) WHERE c IN ({named}) OR o IS NOT n"
    before = f"CASE WHEN editing_edit.before IS NOT NULL THEN {_merged('excluded.before', 'editing_edit.before')} END"
    after = _merged("editing_edit.after", "excluded.after")
    return (
        f"{_INTO} SELECT {_values(table, 'NEW')}, ({differ.format('o')}), ({differ.format('n')}) WHERE true"
        f" {_AGAIN} before = {before}, after = {after};"
    )


def _delete(table: RecordedTable, columns: Sequence[str]) -> str:
    """Forget a row that the batch has created itself."""
    own = f"batch_id = {_BATCH} AND table_name = '{table.name}' AND object_id = OLD.{table.key} AND before IS NULL"
    return (
        f"{_INTO} SELECT {_values(table, 'OLD')}, {_whole(table, 'OLD', columns)}, NULL"
        f" WHERE NOT EXISTS (SELECT 1 FROM editing_edit WHERE {own})"
        f" {_AGAIN} before = {_merged('excluded.before', 'editing_edit.before')}, after = NULL;"
        f" DELETE FROM editing_edit WHERE {own};"
    )


def _whole(table: RecordedTable, row: str, columns: Sequence[str]) -> str:
    """Return SQL for a row as JSON."""
    whole = "json_object()"
    for start in range(0, len(columns), _MOST_PAIRS):
        part = columns[start : start + _MOST_PAIRS]
        pairs = ", ".join(f"'$.{column}', {_value(table, row, column)}" for column in part)
        whole = f"json_insert({whole}, {pairs})"
    return whole


def _value(table: RecordedTable, row: str, column: str) -> str:
    field, value = table.fields.get(column), f"{row}.{column}"
    if isinstance(field, JSONField):
        return f"json({value})"
    if isinstance(field, DateTimeField):
        return f"{value} || '+00:00'"
    if isinstance(field, FloatField):
        return f"CASE WHEN {value} IS NOT NULL THEN json(printf('%!.17g', {value})) END"
    return value


def _merged(low: str, high: str) -> str:
    """Return SQL for two JSON objects as one, in which the values of `high` count where both have one."""
    keys = f"SELECT key FROM json_each({low}) UNION SELECT key FROM json_each({high})"
    return f"(SELECT json_group_object(key, json(coalesce({high} -> key, {low} -> key))) FROM ({keys}))"
