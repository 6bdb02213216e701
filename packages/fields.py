"""Database functions over JSON lists, for check constraints and filters.

They compile to functions of the database itself, so that the constraints hold for every client, not only for Django.
"""

from typing import Any

from django.db import models
from django.db.models.expressions import Func


class _JSONTest(Func):
    """A condition on one JSON column, with a template for each database."""

    arity = 1
    output_field = models.BooleanField()
    conditional = True
    sqlite_template: str
    postgresql_template: str

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        """Repeat the values as often as the template has the expression: a constraint is validated on values."""
        sql, values = super().as_sql(compiler, connection, *args, **context)
        return sql, tuple(values) * context.get("template", "%(expressions)s").count("%(expressions)s")

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(compiler, connection, template=self.sqlite_template, **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(compiler, connection, template=self.postgresql_template, **context)


class IsWeeklyCounts(_JSONTest):
    """The condition that a column holds a flat list of 52 integers from zero up, or the empty list."""

    # CHECK in SQLite takes no subquery, so no json_each: the text itself has digits, commas, blanks and one "[".
    sqlite_template = (
        "(json_type(%(expressions)s) = 'array' AND json_array_length(%(expressions)s) IN (0, 52)"
        " AND %(expressions)s NOT GLOB '*[^]0-9, []*' AND %(expressions)s NOT GLOB '?*[[]*')"
    )
    postgresql_template = (
        r"(CASE WHEN %(expressions)s::text ~ '^\[[0-9, ]*\]$'"
        " THEN jsonb_array_length(%(expressions)s) IN (0, 52) ELSE false END)"
    )


class IsList(_JSONTest):
    """The condition that a column holds a JSON list."""

    sqlite_template = "(json_type(%(expressions)s) = 'array')"
    postgresql_template = "(jsonb_typeof(%(expressions)s) = 'array')"


class Differ(Func):
    """The condition that two JSON columns have different values, or one of them none."""

    arity = 2
    output_field = models.BooleanField()
    conditional = True
    template = "(%(expressions)s)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(compiler, connection, arg_joiner=" IS NOT ", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(compiler, connection, arg_joiner=" IS DISTINCT FROM ", **context)


class Lists(_JSONTest):
    """The condition that a JSON list of texts contains a text."""

    arity = 2
    sqlite_template = "EXISTS(SELECT 1 FROM json_each(%(expressions)s))"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        return self._of(compiler, "EXISTS(SELECT 1 FROM json_each({}) AS listed WHERE listed.value = {})")

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        return self._of(compiler, "({} @> to_jsonb({}::text))")

    def _of(self, compiler: Any, template: str) -> tuple[str, tuple[str | int, ...]]:
        parts = [compiler.compile(expression) for expression in self.get_source_expressions()]
        return template.format(*(sql for sql, _ in parts)), tuple(value for _, values in parts for value in values)


class ListsFolded(Lists):
    """The condition that a JSON list of texts contains a text, which is in lower case, ignoring the case of A to Z."""

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        return self._of(compiler, "EXISTS(SELECT 1 FROM json_each({}) AS listed WHERE lower(listed.value) = {})")

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, tuple[str | int, ...]]:
        # JSON in lower case is still JSON: jsonb escapes only control characters, and those in lower case.
        return self._of(compiler, '(lower(({})::text COLLATE "C")::jsonb @> to_jsonb({}::text))')
