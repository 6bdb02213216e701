"""Statements whose SQL is made once and then run with other values.

Django compiles a queryset anew for each run, and PostgreSQL plans it anew: both cost more than reading a row. So the
SQL is kept here, and each connection to PostgreSQL prepares it once and executes it by its name.
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

# What a value that changes from run to run is while the SQL is compiled.
PLACEHOLDER_ID = 4_611_686_018_427_512_345
PLACEHOLDER_TEXT = "mark-4611686018427512345"
PLACEHOLDERS = (PLACEHOLDER_ID, PLACEHOLDER_TEXT)

MAX_PREPARED = 100  # on one connection: PostgreSQL holds a plan of each, of some 50 to 200 kB
# No such statement, one that is there already, and one whose tables have changed: behind a pooler that gives each
# transaction another connection, or after a migration. The names are of the SQL, so none can be another's.
_UNPREPARED = {"26000", "42P05", "0A000"}
# The names that each of psycopg2's connections has prepared; None for one that is given whole statements.
_PREPARED: WeakKeyDictionary[Any, set[str] | None] = WeakKeyDictionary()


def with_ids(model: type[Model], sql: str, *parameters: Any) -> RawSQL:
    """The condition that a row's id is among those that a query of our own gives.

    PostgreSQL reads them into an array first, so that it need not guess how many they will be when it plans.
    """
    quote = reader().ops.quote_name
    among = f"= ANY(ARRAY({sql}))" if reader().vendor == "postgresql" else f"IN ({sql})"
    return RawSQL(f"{quote(model._meta.db_table)}.id {among}", parameters, BooleanField())  # noqa: S611 (our own SQL)


def with_ids_of_list(model: type[Model]) -> RawSQL:
    """The condition that a row's id is in a JSON list, given with each run: of any length, it is one value."""
    sql = "SELECT value FROM json_each(%s)"
    if reader().vendor == "postgresql":
        sql = "SELECT jsonb_array_elements_text(%s::jsonb)::bigint"
    return with_ids(model, sql, PLACEHOLDER_TEXT)


class Statement:
    """SQL with a `%s` for each of `parameters`; those of them that are marks are given with each run."""

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

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        connection = reader()
        if connection.vendor == "postgresql":
            connection.close_if_health_check_failed()
            connection.ensure_connection()
            prepared = _PREPARED.setdefault(connection.connection, set())
            if prepared is not None:
                try:
                    if self.name not in prepared:
                        self._prepare(connection, prepared)
                    return fetch_rows(connection, self.execute, values)
                except DatabaseError as error:
                    if connection.in_atomic_block or getattr(error.__cause__, "pgcode", "") not in _UNPREPARED:
                        raise
                    _PREPARED[connection.connection] = None
        given = iter(values)
        return fetch_rows(
            connection, self.sql, [next(given) if each in PLACEHOLDERS else each for each in self.parameters]
        )

    def _prepare(self, connection: BaseDatabaseWrapper, prepared: set[str]) -> None:
        # Not a query of a request, but of its connection, once.
        with connection.wrap_database_errors, connection.connection.cursor() as cursor:
            if len(prepared) >= MAX_PREPARED:
                cursor.execute("DEALLOCATE ALL")
                prepared.clear()
            cursor.execute(self.prepare, self.fixed)
        prepared.add(self.name)


def fetch_rows(connection: BaseDatabaseWrapper, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


class Compiled(Generic[M]):
    """The SQL of a queryset of instances without related ones, as for_api() gives them, and how its rows are read.

    `raw` are columns of JSON that are passed through as they are stored, for orjson to put into what it writes.
    """

    def __init__(self, queryset: QuerySet[M], raw: Collection[str] = ()) -> None:
        compiler = queryset.query.get_compiler(connection=reader())
        self.sql, self.parameters = compiler.as_sql()
        self.model = queryset.model
        select, annotations = compiler.select, compiler.annotation_col_map or {}
        first = min(annotations.values(), default=len(select))
        self.names = [*(column[0].target.attname for column in select[:first]), *annotations]
        self.converters = [
            (place, [_fast(function, raw=self.names[place] in raw) for function in functions], expression)
            for place, (functions, expression) in compiler.get_converters([column for column, *_ in select]).items()
        ]

    def instances(self, rows: Iterable[tuple[Any, ...]]) -> list[M]:
        connection = reader()
        return [self._instance(list(row), connection) for row in rows]

    def _instance(self, row: list[Any], connection: BaseDatabaseWrapper) -> M:
        for place, functions, expression in self.converters:
            for function in functions:
                row[place] = function(row[place], expression, connection)
        # As Model.from_db() makes it, without its signals and its look at every field of the model.
        instance = self.model.__new__(self.model)
        instance.__dict__.update(zip(self.names, row, strict=True))
        instance._state = ModelState()
        instance._state.adding, instance._state.db = False, connection.alias
        return instance


class Prepared(Compiled[M]):
    """The rows of a queryset that is filtered by a placeholder where each run gives a value."""

    def __init__(self, queryset: QuerySet[M], raw: Collection[str] = ()) -> None:
        super().__init__(queryset, raw)
        self.statement = Statement(self.sql, self.parameters)

    def rows(self, *values: Any) -> list[M]:
        """The rows with `values` in place of the marks, in their order."""
        return self.instances(self.statement.rows(*values))


def fetch_unprepared(queryset: QuerySet[M], raw: Collection[str] = ()) -> list[M]:
    """The rows of a queryset that will not come again."""
    compiled = Compiled(queryset, raw)
    return compiled.instances(fetch_rows(reader(), compiled.sql, compiled.parameters))


def _fast(function: Any, *, raw: bool) -> Any:
    """A converter of JSON that reads it faster, or not at all; any other as it is."""
    if getattr(function, "__func__", None) is not JSONField.from_db_value:
        return function
    return _passed_through if raw else _json


def _json(value: Any, *_: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


def _passed_through(value: str, *_: Any) -> orjson.Fragment:
    return orjson.Fragment(value)


class StatementCache(Generic[T]):
    """Statements by what they are of, made when they are first asked for; the latest ones, since `fields` can be put
    together in many ways."""

    def __init__(self, most: int = 200) -> None:
        self.most = most
        self.kept: dict[Any, T] = {}

    def get(self, key: Any, make: Callable[[], T]) -> T:
        key = (reader().vendor, key)
        found = self.kept.get(key)
        if found is None:
            while len(self.kept) >= self.most:
                self.kept.pop(next(iter(self.kept), None), None)
            found = self.kept[key] = make()
        return found
