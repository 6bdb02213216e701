"""Querysets whose SQL is compiled once, and then run with other values: compiling costs more than reading a row."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import orjson
from django.db import connection
from django.db.models import JSONField, Model, QuerySet
from django.db.models.base import ModelState
from django.db.models.expressions import RawSQL

M = TypeVar("M", bound=Model)

# What a value that changes from run to run is while the SQL is compiled.
MARK_ID = 4_611_686_018_427_512_345
MARK_TEXT = "mark-4611686018427512345"
MARKS = (MARK_ID, MARK_TEXT)


def among(pks: Any = MARK_TEXT) -> RawSQL:
    """The ids of a JSON list, for pk__in: a list of any length as one value."""
    sql = "SELECT value FROM json_each(%s)"
    if connection.vendor == "postgresql":
        sql = "SELECT jsonb_array_elements_text(%s::jsonb)::bigint"
    return RawSQL(sql, (pks,))  # noqa: S611 (our own SQL)


class Prepared(Generic[M]):
    """The rows of a queryset of model instances without related ones, as for_api() gives them.

    The queryset is filtered by MARK_ID or MARK_TEXT where a value is to be given later.
    """

    def __init__(self, queryset: QuerySet[M]) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, self.parameters = compiler.as_sql()
        self.model = queryset.model
        select, annotations = compiler.select, compiler.annotation_col_map or {}
        first = min(annotations.values(), default=len(select))
        self.columns = [column[0].target.attname for column in select[:first]]
        self.annotations = list(annotations.items())
        self.converters = [
            (place, [_fast(function) for function in functions], expression)
            for place, (functions, expression) in compiler.get_converters([column for column, *_ in select]).items()
        ]
        self.names = [*self.columns, *(name for name, _ in self.annotations)]

    def rows(self, *values: Any, limit: int | None = None) -> list[M]:
        """The rows with `values` in place of the marks, in their order; `limit` of them at most."""
        given = iter(values)
        sql, parameters = self.sql, [next(given) if each in MARKS else each for each in self.parameters]
        if limit is not None:
            sql, parameters = f"{sql} LIMIT %s", [*parameters, limit]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            found = cursor.fetchall()
        return [self._instance(list(row)) for row in found]

    def _instance(self, row: list[Any]) -> M:
        for place, functions, expression in self.converters:
            for function in functions:
                row[place] = function(row[place], expression, connection)
        # As Model.from_db() makes it, without its signals and its look at every field of the model.
        instance = self.model.__new__(self.model)
        instance.__dict__.update(zip(self.names, row, strict=True))
        instance._state = ModelState()
        instance._state.adding, instance._state.db = False, connection.alias
        return instance


def _fast(function: Any) -> Any:
    """A converter of JSON that reads it faster, any other as it is."""
    return _json if getattr(function, "__func__", None) is JSONField.from_db_value else function


def _json(value: Any, *_: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


class Kept:
    """Prepared querysets by what they are of, made when they are first asked for; the latest ones, since `fields` can
    be put together in many ways."""

    def __init__(self, most: int = 200) -> None:
        self.most = most
        self.kept: dict[Any, Prepared[Any]] = {}

    def get(self, key: Any, make: Callable[[], QuerySet[Any]]) -> Prepared[Any]:
        key = (connection.vendor, key)
        found = self.kept.get(key)
        if found is None:
            if len(self.kept) >= self.most:
                self.kept.clear()
            found = self.kept[key] = Prepared(make())
        return found
