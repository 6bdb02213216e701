"""The triggers that record what editors write, while a batch is open (editing/recorder.py), and nothing otherwise.

No way of writing is missed: saves, update() and bulk_create(), what a deletion takes along, what follows in other
triggers. A row that is written several times in a batch has one entry: its first values, and its last.
"""

from collections.abc import Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.introspection import columns_of
from core.database.triggers import Trigger, TriggerSet
from editing.tables import TABLES
from editing.triggers import postgresql, sqlite


class EditTriggers(TriggerSet):
    label = "editing"
    tables = ("editing_editbatch", "editing_edit", "editing_openbatch")
    consequence = "What editors change without them has no history and cannot be undone."
    aftermath = "What editors changed without them has no history."

    def triggers(self, connection: BaseDatabaseWrapper) -> list[Trigger]:
        columns = columns_of(connection, [table.name for table in TABLES])
        present = [table for table in TABLES if table.name in columns]
        if connection.vendor == "postgresql":
            return [trigger for table in present for trigger in postgresql.triggers(table)]
        return [trigger for table in present for trigger in sqlite.triggers(table, columns[table.name])]

    def counted_on(self) -> Sequence[str]:
        return ()

    def catch_up(self, connection: BaseDatabaseWrapper) -> None:
        """Leave what was written: nobody knows what it was before."""


EDIT_TRIGGERS = EditTriggers()
