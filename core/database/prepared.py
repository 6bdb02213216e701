"""Statements whose SQL is compiled once and then run with other values.

Django compiles a queryset for each run, and PostgreSQL plans it again: both cost more than reading a row. So the
SQL is cached here, and each connection to PostgreSQL prepares it once and executes it by its name.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from hashlib import blake2b
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

import orjson
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, JSONField, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.expressions import RawSQL

from core.database.sessions import reader

M = TypeVar("M", bound=Model)
T = TypeVar("T")
Row = tuple[Any, ...]

# Placeholders stand for the values of each run while the SQL is compiled.
PLACEHOLDER_ID = 4_611_686_018_427_512_345
PLACEHOLDER_TEXT = "placeholder-4611686018427512345"
PLACEHOLDERS = (PLACEHOLDER_ID, PLACEHOLDER_TEXT)

MAX_PREPARED = 100  # on one connection: PostgreSQL holds a plan of each, of some 50 to 200 kB
# No such statement, one that is there already, and one whose tables have changed: behind a pooler that gives each
# transaction another connection, or after a migration. The names are of the SQL, so none can be another's.
_UNPREPARED = {"26000", "42P05", "0A000"}
# The names that each of psycopg2's connections has prepared; None for a connection that is given whole statements.
_PREPARED: WeakKeyDictionary[Any, set[str] | None] = WeakKeyDictionary()
# The SQL behind the names of statements that were run, so many at most.
_SQL: dict[str, str] = {}
_MAX_SQL = 2_000


def with_ids(model: type[Model], sql: str, *parameters: Any) -> RawSQL:
    """Return the condition that a row's id is among those that a query of our own gives.

    PostgreSQL reads them into an array first, so that it need not guess how many they will be when it plans.
    """
    connection = reader()
    among = f"= ANY(ARRAY({sql}))" if connection.vendor == "postgresql" else f"IN ({sql})"
    table = connection.ops.quote_name(model._meta.db_table)
    return RawSQL(f"{table}.id {among}", parameters, BooleanField())  # noqa: S611 (our own SQL)


def with_ids_of_list(model: type[Model]) -> RawSQL:
    """Return the condition that a row's id is in a JSON list, given with each run: of any length, it is one value."""
    sql = "SELECT value FROM json_each(%s)"
    if reader().vendor == "postgresql":
        sql = "SELECT jsonb_array_elements_text(%s::jsonb)::bigint"
    return with_ids(model, sql, PLACEHOLDER_TEXT)


class Statement:
    """SQL with a `%s` for each of `parameters`; each run gives values for the placeholders among them."""

    def __init__(self, sql: str, parameters: Sequence[Any]) -> None:
        self.sql, self.parameters = sql, parameters
        numbers = iter(range(1, len(parameters) + 1))
        places = iter(f"${next(numbers)}" if each in PLACEHOLDERS else "%s" for each in parameters)
        numbered = re.sub("%s", lambda _: next(places), sql)
        self.name = f"s{blake2b(repr((sql, parameters)).encode(), digest_size=12).hexdigest()}"
        self.prepare = f"PREPARE {self.name} AS {numbered}"
        self.fixed = [each for each in parameters if each not in PLACEHOLDERS]
        given = ", ".join(["%s"] * (len(parameters) - len(self.fixed)))
        self.execute = f"EXECUTE {self.name}({given})" if given else f"EXECUTE {self.name}"

    def rows(self, connection: BaseDatabaseWrapper, *values: Any) -> list[Row]:
        """Run the statement; where the server has lost the prepared one, send it whole from now on."""
        if connection.vendor == "postgresql":
            connection.close_if_health_check_failed()
            connection.ensure_connection()
            prepared = _PREPARED.setdefault(connection.connection, set())
            if prepared is not None:
                self._remember()
                try:
                    if self.name not in prepared:
                        self._prepare(connection, prepared)
                    return fetch_rows(connection, self.execute, values)
                except DatabaseError as error:
                    if connection.in_atomic_block or getattr(error.__cause__, "pgcode", "") not in _UNPREPARED:
                        raise
                    _PREPARED[connection.connection] = None
        given = iter(values)
        return fetch_rows(connection, self.sql, [next(given) if p in PLACEHOLDERS else p for p in self.parameters])

    def _remember(self) -> None:
        if self.name not in _SQL:
            if len(_SQL) >= _MAX_SQL:
                _SQL.clear()
            _SQL[self.name] = self.sql

    def _prepare(self, connection: BaseDatabaseWrapper, prepared: set[str]) -> None:
        # Not a query of a request, but of its connection, once.
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            if len(prepared) >= MAX_PREPARED:
                cursor.execute("DEALLOCATE ALL")
                prepared.clear()
            cursor.execute(self.prepare, self.fixed)
        prepared.add(self.name)


def sql_of(executed: str) -> str:
    """Return the SQL that a text runs which is sent to the database: that of a prepared statement, by its name.

    KeyError for a statement that was not run lately.
    """
    if not executed.startswith("EXECUTE "):
        return executed
    return _SQL[executed.removeprefix("EXECUTE ").partition("(")[0]]


def fetch_rows(connection: BaseDatabaseWrapper, sql: str, values: Sequence[Any]) -> list[Row]:
    """Run SQL and return all of its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[Row] = cursor.fetchall()
    return rows


class Compiled(Generic[M]):
    """The SQL of a queryset of instances without related ones, as for_api() gives them, and how its rows are read.

    `preserialized` are columns of JSON that stay as they are stored, for orjson to put into what it writes.
    """

    def __init__(self, queryset: QuerySet[M], preserialized: Collection[str] = ()) -> None:
        compiler = queryset.query.get_compiler(connection=reader())
        self.sql, self.parameters = compiler.as_sql()
        self.model = queryset.model
        select, annotations = compiler.select, compiler.annotation_col_map or {}
        first = min(annotations.values(), default=len(select))
        self.names = [*(column[0].target.attname for column in select[:first]), *annotations]
        converters = compiler.get_converters([column for column, *_ in select]).items()
        self.converters = [
            (
                place,
                [_fast(function, self.names[place] in preserialized) for function in functions],
                expression,
            )
            for place, (functions, expression) in converters
        ]

    def instances(self, rows: Iterable[Row], connection: BaseDatabaseWrapper) -> list[M]:
        """Return the instances of rows, as Model.from_db() makes them, without its signals and its look at every field
        of the model."""
        names, model, alias = self.names, self.model, connection.alias
        instances = []
        for row in rows:
            values = list(row)
            for place, functions, expression in self.converters:
                for function in functions:
                    values[place] = function(values[place], expression, connection)
            instance = model.__new__(model)
            instance.__dict__.update(zip(names, values, strict=True))
            instance._state = state = ModelState()
            state.adding, state.db = False, alias
            instances.append(instance)
        return instances


class Prepared(Compiled[M]):
    """The rows of a queryset that is filtered by a placeholder where each run gives a value."""

    def __init__(self, queryset: QuerySet[M], preserialized: Collection[str] = ()) -> None:
        super().__init__(queryset, preserialized)
        self.statement = Statement(self.sql, self.parameters)

    def rows(self, connection: BaseDatabaseWrapper, *values: Any) -> list[M]:
        """Return the rows with `values` in place of the placeholders, in their order."""
        return self.instances(self.statement.rows(connection, *values), connection)


def fetch_unprepared(
    connection: BaseDatabaseWrapper, queryset: QuerySet[M], preserialized: Collection[str] = ()
) -> list[M]:
    """Return the rows of a queryset whose SQL will not come again."""
    compiled = Compiled(queryset, preserialized)
    return compiled.instances(fetch_rows(connection, compiled.sql, compiled.parameters), connection)


def _fast(function: Any, as_stored: bool) -> Any:
    """Return a faster converter of JSON, or none that reads it at all; any other converter as it is."""
    if getattr(function, "__func__", None) is not JSONField.from_db_value:
        return function
    return _as_stored if as_stored else _json


def _json(value: Any, *_: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


def _as_stored(value: str, *_: Any) -> orjson.Fragment:
    return orjson.Fragment(value)


class StatementCache(Generic[T]):
    """Statements by what they are of, compiled when they are first needed. Only the latest are cached, since `fields`
    can be combined in many ways."""

    def __init__(self, most: int = 200) -> None:
        self.most = most
        self.cached: dict[Any, T] = {}

    def get(self, connection: BaseDatabaseWrapper, key: Any, build: Callable[[], T]) -> T:
        """Return the statement of `key` for that kind of database, built if it is not cached."""
        key = (connection.vendor, key)
        statement = self.cached.get(key)
        if statement is None:
            while len(self.cached) >= self.most:
                self.cached.pop(next(iter(self.cached), None), None)
            statement = self.cached[key] = build()
        return statement
