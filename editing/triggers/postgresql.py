"""The triggers on PostgreSQL: the open batch is a setting of the transaction, which ends with it.

Rows become JSON whatever columns they have, so that a new column needs no new trigger.
"""

from collections.abc import Iterable, Iterator

from core.database.triggers import Trigger, statement_trigger
from editing.tables import RecordedTable

SETTING = "editing.batch"
_OPEN = f"coalesce(current_setting('{SETTING}', true), '') <> ''"
_BATCH = f"current_setting('{SETTING}')::bigint"
_INTO = "INSERT INTO editing_edit (batch_id, table_name, object_id, grid_id, package_id, before, after)"
_AGAIN = "ON CONFLICT (batch_id, table_name, object_id) DO UPDATE SET"


def triggers(table: RecordedTable) -> Iterator[Trigger]:
    bodies = {"insert": _insert, "update": _update, "delete": _delete}
    for event in table.events:
        yield statement_trigger("editing", table.name, event, f"IF {_OPEN} THEN\n{bodies[event](table)}END IF;")


def _values(table: RecordedTable, row: str) -> str:
    """Return SQL for the columns of an entry up to package_id."""
    owners = f"{table.grid}, {table.package}".format(row=row)
    return f"{_BATCH}, '{table.name}', {row}.{table.key}, {owners}"


def _insert(table: RecordedTable) -> str:
    return (
        f"{_INTO} SELECT {_values(table, 'n')}, NULL, to_jsonb(n) FROM new_rows AS n ORDER BY n.{table.key}"
        f" {_AGAIN} after = excluded.after;\n"
    )


def _update(table: RecordedTable) -> str:
    unrecorded = f"{_array(table.unrecorded)}::text[]"
    named = f"each.key = ANY({_array(table.named_by)}::text[])"
    before, after = (
        "(SELECT jsonb_object_agg(each.key, each.value) FROM jsonb_each(j.{0}) AS each"
        f" WHERE {named} OR each.value IS DISTINCT FROM j.{{1}} -> each.key)".format(one, other)
        for one, other in (("old", "new"), ("new", "old"))
    )
    return (
        f"{_INTO} SELECT {_values(table, 'n')}, {before}, {after}"
        f" FROM old_rows AS o JOIN new_rows AS n USING ({table.key}) CROSS JOIN LATERAL"
        # OFFSET: each row is made JSON once, not for each of its columns again.
        f" (SELECT to_jsonb(o) - {unrecorded} AS old, to_jsonb(n) - {unrecorded} AS new OFFSET 0) AS j"
        f" WHERE j.old <> j.new ORDER BY n.{table.key}"
        f" {_AGAIN} before = excluded.before || editing_edit.before, after = editing_edit.after || excluded.after;\n"
    )


def _delete(table: RecordedTable) -> str:
    """Forget a row that the batch has created itself."""
    return (
        "WITH own AS (DELETE FROM editing_edit AS e USING old_rows AS o"
        f" WHERE e.batch_id = {_BATCH} AND e.table_name = '{table.name}' AND e.object_id = o.{table.key}"
        " AND e.before IS NULL RETURNING e.object_id)\n"
        f"{_INTO} SELECT {_values(table, 'o')}, to_jsonb(o), NULL FROM old_rows AS o"
        f" WHERE o.{table.key} NOT IN (SELECT object_id FROM own) ORDER BY o.{table.key}"
        f" {_AGAIN} before = excluded.before || editing_edit.before, after = NULL;\n"
    )


def _array(words: Iterable[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{word}'" for word in words) + "]"
