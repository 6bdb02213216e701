"""Operations that are safe on a large table: on PostgreSQL others read and write meanwhile."""

from typing import Any

from django.db import migrations, transaction
from django.db.migrations.operations.base import Operation
from django.db.models import CheckConstraint


class AddIndexOnline(migrations.AddIndex):
    """An AddIndex that on PostgreSQL is CONCURRENTLY, so that its migration is not atomic."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            online = {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}
            schema_editor.add_index(model, self.index, **online)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            online = {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}
            schema_editor.remove_index(model, self.index, **online)


class PostgresIndex(Operation):
    """An index that PostgreSQL alone has: `on` is the table and what follows it in CREATE INDEX."""

    atomic = False
    reversible = True

    def __init__(self, name: str, on: str) -> None:
        self.name, self.on = name, on

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            # An interrupted run leaves an invalid index, which would pass for a finished one.
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}")
            schema_editor.execute(f"CREATE INDEX CONCURRENTLY {self.name} ON {self.on}")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}")

    def describe(self) -> str:
        return f"Create index {self.name} on PostgreSQL"


class ReplaceCheckOnline(Operation):
    """Another condition for a CheckConstraint. On PostgreSQL the rows are checked while others write."""

    atomic = False
    reversible = True

    def __init__(self, model_name: str, old: CheckConstraint, new: CheckConstraint) -> None:
        self.model_name, self.old, self.new = model_name, old, new

    def state_forwards(self, app_label: str, state: Any) -> None:
        state.remove_constraint(app_label, self.model_name.lower(), self.old.name)
        state.add_constraint(app_label, self.model_name.lower(), self.new)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            _replace(schema_editor, model, self.old, self.new)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            _replace(schema_editor, model, self.new, self.old)

    def describe(self) -> str:
        return f"Replace constraint {self.old.name}"


def _replace(schema_editor: Any, model: Any, old: CheckConstraint, new: CheckConstraint) -> None:
    connection = schema_editor.connection
    table, name = (connection.ops.quote_name(each) for each in (model._meta.db_table, old.name))
    if connection.vendor != "postgresql":
        with transaction.atomic(connection.alias):
            schema_editor.add_constraint(model, new)  # SQLite's table is made anew, with the constraints of the model
        return
    with transaction.atomic(connection.alias):
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        schema_editor.execute(f"{new.create_sql(model, schema_editor)} NOT VALID", params=None)
    schema_editor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
