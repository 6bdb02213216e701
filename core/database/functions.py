"""SQL functions that Django lacks, with the same result on both databases."""

import json
from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models.expressions import Func, Subquery


class AsciiLower(Func):
    """A text with A to Z as a to z, every other character as it is, sorted by code point.

    The databases' own folding and sorting differ beyond ASCII, and on PostgreSQL from one server's locale to the next.
    """

    function = "lower"
    arity = 1
    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='lower((%(expressions)s) COLLATE "C")', **context)


class WithBlanks(Func):
    """Texts with a blank between them."""

    template = "%(expressions)s"
    arg_joiner = " || ' ' || "
    output_field = models.TextField()


class PlaceIn(Func):
    """The place of a column's id in a list of ids, found without comparing it with each of them; null if it is not in
    the list.

    The places are a JSON object by ids, in an object by hundreds of ids: SQLite reads an object from its beginning.
    """

    output_field = models.IntegerField()

    def __init__(self, column: str, ids: Iterable[int]) -> None:
        places: dict[int, dict[int, int]] = {}
        for place, pk in enumerate(ids):
            places.setdefault(pk // 100, {})[pk] = place
        super().__init__(models.Value(json.dumps(places), models.TextField()), models.F(column))

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:  # noqa: ARG002 (Django's signature)
        return self._compiled(compiler, """json_extract({0}, '$."' || ({1} / 100) || '"."' || {1} || '"')""")

    def as_postgresql(self, compiler: Any, _connection: Any) -> Any:
        return self._compiled(compiler, "({0}::jsonb #>> ARRAY[({1} / 100)::text, {1}::text])::int")

    def _compiled(self, compiler: Any, template: str) -> tuple[str, tuple[Any, ...]]:
        (places, value), (column, none) = map(compiler.compile, self.source_expressions)
        return template.format(places, column), (*value, *none)


_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def ascii_lower(text: str) -> str:
    """Return the text as AsciiLower has it."""
    return text.translate(_FOLD)


class RowCount(Subquery):
    """The number of a subquery's rows."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()


class JSONList(Subquery):
    """The column `value` of a subquery's rows as a list, in their order; None where there is no row."""

    template = "(SELECT json_group_array(json(listed.value)) FROM (%(subquery)s) AS listed)"
    output_field = models.JSONField()

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        template = "(SELECT json_agg(listed.value)::text FROM (%(subquery)s) AS listed)"
        return self.as_sql(compiler, connection, template=template)


class JSONPairs(Subquery):
    """The columns `key` and `value` of a subquery's rows as the text of a JSON object, in their order; None where there
    is no row. A page of many such objects takes a tenth of the memory as long as they are texts."""

    template = "(SELECT json_group_object(listed.key, listed.value) FROM (%(subquery)s) AS listed)"
    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        # The cheapest of the forms that PostgreSQL offers.
        template = "(SELECT json_object_agg(listed.key, listed.value)::text FROM (%(subquery)s) AS listed)"
        return self.as_sql(compiler, connection, template=template)
