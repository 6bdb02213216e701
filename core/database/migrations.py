"""Operations that are safe on a large table: on PostgreSQL others read and write meanwhile."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.db import migrations, transaction
from django.db.migrations.operations.base import Operation
from django.db.models import BaseConstraint, CheckConstraint

from core.database.introspection import columns_of
from core.database.locks import LockedError, locked


@contextmanager
def _exclusively(schema_editor: Any, *tables: str) -> Iterator[None]:
    """Run a transaction with the tables locked, waited for in short tries: whoever comes after a session that waits for
    this lock waits too, if only to read, and a dump may keep it waiting for hours. CommandError if it cannot be had."""
    try:
        with locked(schema_editor.connection, tables, readers_too=True):
            yield
    except LockedError as error:
        raise CommandError(f"{error}. Run migrate again later: it goes on from here.") from error


def _has_column(schema_editor: Any, model: Any, column: str) -> bool:
    table = model._meta.db_table
    return column in columns_of(schema_editor.connection, [table]).get(table, ())


class CreateModelOnline(migrations.CreateModel):
    """A CreateModel of a table. It is locked for moments only when it goes, and so are others that it refers to."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if model._meta.db_table in schema_editor.connection.introspection.table_names():  # of an interrupted run
            return
        with _exclusively(schema_editor, *_referred(model)):
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            while schema_editor.deferred_sql:  # indexes and foreign keys
                schema_editor.execute(schema_editor.deferred_sql.pop(0), params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.name)
        with _exclusively(schema_editor, model._meta.db_table, *_referred(model)):
            super().database_backwards(app_label, schema_editor, from_state, to_state)


def _referred(model: Any) -> set[str]:
    return {field.related_model._meta.db_table for field in model._meta.local_fields if field.is_relation}


class AddFieldOnline(migrations.AddField):
    """An AddField of a column that may be null or has a db_default. An interrupted migration may have added it."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._change(True, app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self._change(False, app_label, schema_editor, from_state, to_state)

    def _change(self, add: bool, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = (to_state if add else from_state).apps.get_model(app_label, self.model_name)
        if _has_column(schema_editor, model, model._meta.get_field(self.name).column) == add:
            return
        change = super().database_forwards if add else super().database_backwards
        with _exclusively(schema_editor, model._meta.db_table):
            change(app_label, schema_editor, from_state, to_state)


class RemoveFieldOnline(migrations.RemoveField):
    """A RemoveField of a column that may be null or has a db_default. An interrupted migration may have removed it.

    On PostgreSQL the triggers that name the column have to go before: they would fail with every write.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if _has_column(schema_editor, model, model._meta.get_field(self.name).column):
            with _exclusively(schema_editor, model._meta.db_table):
                super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not _has_column(schema_editor, model, model._meta.get_field(self.name).column):
            with _exclusively(schema_editor, model._meta.db_table):
                super().database_backwards(app_label, schema_editor, from_state, to_state)


class AlterFieldOnline(migrations.AlterField):
    """An AlterField for which PostgreSQL need not read the rows."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with _exclusively(schema_editor, to_state.apps.get_model(app_label, self.model_name)._meta.db_table):
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class RemoveUniqueOnline(migrations.RemoveConstraint):
    """A RemoveConstraint of a UniqueConstraint with a condition, which is an index."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}", params=None)
            return
        with transaction.atomic(schema_editor.connection.alias):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor == "postgresql":
            model = to_state.apps.get_model(app_label, self.model_name)
            constraint = to_state.models[app_label, self.model_name_lower].get_constraint_by_name(self.name)
            create = str(constraint.create_sql(model, schema_editor)).replace(" INDEX ", " INDEX CONCURRENTLY ", 1)
            # An interrupted run leaves an invalid index.
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}", params=None)
            schema_editor.execute(create, params=None)
            return
        with transaction.atomic(schema_editor.connection.alias):
            super().database_backwards(app_label, schema_editor, from_state, to_state)


class AddIndexOnline(migrations.AddIndex):
    """An AddIndex that on PostgreSQL is CONCURRENTLY, so that its migration is not atomic."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            online = {"concurrently": True} if schema_editor.connection.vendor == "postgresql" else {}
            if online:  # an interrupted run leaves an invalid index
                schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.index.name}", params=None)
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


class AddCheckOnline(migrations.AddConstraint):
    """An AddConstraint of a CheckConstraint. On PostgreSQL the rows are checked while others write."""

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            _replace(schema_editor, model, self.constraint, self.constraint)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        with _exclusively(schema_editor, to_state.apps.get_model(app_label, self.model_name)._meta.db_table):
            super().database_backwards(app_label, schema_editor, from_state, to_state)


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


def _replace(schema_editor: Any, model: Any, old: BaseConstraint, new: BaseConstraint) -> None:
    connection = schema_editor.connection
    table, name = (connection.ops.quote_name(each) for each in (model._meta.db_table, old.name))
    if connection.vendor != "postgresql":
        with transaction.atomic(connection.alias):
            schema_editor.add_constraint(model, new)  # SQLite's table is made anew, with the constraints of the model
        return
    with _exclusively(schema_editor, table):
        schema_editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
        schema_editor.execute(f"{new.create_sql(model, schema_editor)} NOT VALID", params=None)
    schema_editor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


class AlterIntegerOnline(migrations.AlterField):
    """An AlterField of a nullable column to a wider or a narrower integer; what is too large for it is cut to its most.

    On PostgreSQL, which would lock the table and write it anew, a column beside the old one is filled while others read
    and write, and then takes its place.
    """

    atomic = False

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        if schema_editor.connection.vendor == "postgresql":
            _ColumnCopy(schema_editor, model, model._meta.get_field(self.name)).replace()
        else:
            with transaction.atomic(schema_editor.connection.alias):
                super().database_forwards(app_label, schema_editor, from_state, to_state)


class _ColumnCopy:
    """A column of PostgreSQL that takes the place of another one, with its indexes and constraints."""

    def __init__(self, schema_editor: Any, model: Any, field: Any) -> None:
        self.schema_editor, self.connection = schema_editor, schema_editor.connection
        self.table, self.column, self.copy = model._meta.db_table, field.column, f"{field.column}_copy"
        self.type = field.db_type(self.connection)
        self.most = self.connection.ops.integer_field_range(field.get_internal_type())[1]

    def replace(self) -> None:
        indexes, checks = self._definitions()
        self._begin()
        self._fill()
        for name, definition in checks:
            with _exclusively(self.schema_editor, self.table):
                self._run(f"ALTER TABLE {self.table} ADD CONSTRAINT {name}_copy {self._of_copy(definition)} NOT VALID")
            self._run(f"ALTER TABLE {self.table} VALIDATE CONSTRAINT {name}_copy")
        for name, method in indexes:
            self._run(f"CREATE INDEX CONCURRENTLY {name}_copy ON {self.table} USING {self._of_copy(method)}")
        with _exclusively(self.schema_editor, self.table):
            self._run(f"DROP FUNCTION {self.table}_{self.copy} CASCADE")
            self._run(f"ALTER TABLE {self.table} DROP COLUMN {self.column}")
            self._run(f"ALTER TABLE {self.table} RENAME COLUMN {self.copy} TO {self.column}")
            for name, _ in checks:
                self._run(f"ALTER TABLE {self.table} RENAME CONSTRAINT {name}_copy TO {name}")
            for name, _ in indexes:
                self._run(f"ALTER INDEX {name}_copy RENAME TO {name}")

    def _begin(self) -> None:
        """Add the column, which follows the old one from now on. An interrupted run may have left it behind."""
        function = f"{self.table}_{self.copy}"
        with _exclusively(self.schema_editor, self.table):
            self._run(f"DROP FUNCTION IF EXISTS {function} CASCADE")
            self._run(f"ALTER TABLE {self.table} DROP COLUMN IF EXISTS {self.copy}")
            self._run(f"ALTER TABLE {self.table} ADD COLUMN {self.copy} {self.type}")
            self._run(
                f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$"
                f" BEGIN NEW.{self.copy} := LEAST(NEW.{self.column}, {self.most}); RETURN NEW; END $$"
            )
            self._run(
                f"CREATE TRIGGER {function} BEFORE INSERT OR UPDATE ON {self.table}"
                f" FOR EACH ROW EXECUTE FUNCTION {function}()"
            )

    def _fill(self) -> None:
        last: int | None = 0
        while last is not None:
            [(last,)] = self._rows(
                f"WITH batch AS (SELECT id FROM {self.table} WHERE id > %s ORDER BY id LIMIT 500), filled AS ("  # noqa: S608 (names of our own)
                f"UPDATE {self.table} SET {self.copy} = LEAST({self.column}, {self.most}) FROM batch"
                f" WHERE {self.table}.id = batch.id AND {self.column} IS NOT NULL) SELECT max(id) FROM batch",
                last,
            )

    def _definitions(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Return the column's indexes, by method and columns, and its check constraints."""
        of_column = "SELECT attnum FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s"
        indexes = self._rows(
            "SELECT relname, split_part(pg_get_indexdef(indexrelid), ' USING ', 2) FROM pg_index JOIN pg_class"  # noqa: S608 (names of our own)
            f" ON pg_class.oid = indexrelid WHERE indrelid = %s::regclass AND ({of_column}) = ANY (indkey)",
            *(self.table, self.table, self.column),
        )
        checks = self._rows(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"  # noqa: S608 (names of our own)
            f" WHERE contype = 'c' AND conrelid = %s::regclass AND ({of_column}) = ANY (conkey)",
            *(self.table, self.table, self.column),
        )
        return indexes, checks

    def _of_copy(self, definition: str) -> str:
        return re.sub(rf"\b{self.column}\b", self.copy, definition)

    def _run(self, statement: str) -> None:
        self.schema_editor.execute(statement, params=None)

    def _rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())
