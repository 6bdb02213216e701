"""SQL that both databases understand alike, and that Django has no words for."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Func, Subquery
from rest_framework.exceptions import APIException

_reading: ContextVar[str] = ContextVar("reading", default=DEFAULT_DB_ALIAS)


def reading_alias() -> str:
    """The alias of the database that is read from here: an API request's may be a replica's."""
    return _reading.get()


def reader() -> BaseDatabaseWrapper:
    """The connection to it."""
    return connections[_reading.get()]


@contextmanager
def reading_from(alias: str) -> Iterator[None]:
    """Reads from that database inside."""
    before = _reading.set(alias)
    try:
        yield
    finally:
        _reading.reset(before)


class AsciiLower(Func):
    """A text with A to Z as a to z, every other character as it is, sorted by code point.

    The databases' own folding and sorting differ beyond ASCII, and on PostgreSQL from one server's locale to the next.
    """

    function = "lower"
    arity = 1
    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template='lower((%(expressions)s) COLLATE "C")', **context)


class Joined(Func):
    """Texts with a blank between them."""

    template = "%(expressions)s"
    arg_joiner = " || ' ' || "
    output_field = models.TextField()


_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def ascii_lower(text: str) -> str:
    """As AsciiLower."""
    return text.translate(_FOLD)


class JSONList(Subquery):
    """The column `value` of a subquery's rows as a list, in their order; None where there is no row."""

    template = "(SELECT json_group_array(json(listed.value)) FROM (%(subquery)s) AS listed)"
    output_field = models.JSONField()

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        template = "(SELECT json_agg(listed.value)::text FROM (%(subquery)s) AS listed)"
        return self.as_sql(compiler, connection, template=template)


class JSONPairs(Subquery):
    """The columns `key` and `value` of a subquery's rows as the text of a JSON object, in no order; None where there is
    no row. A page of many such objects takes a tenth of the memory as long as they are texts."""

    template = "(SELECT json_group_object(listed.key, listed.value) FROM (%(subquery)s) AS listed)"
    output_field = models.TextField()

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        # Of the forms that PostgreSQL can give it, this one takes it least.
        template = "(SELECT json_object_agg(listed.key, listed.value)::text FROM (%(subquery)s) AS listed)"
        return self.as_sql(compiler, connection, template=template)


class TooSlow(APIException):
    status_code = 503
    default_code = "too_slow"
    default_detail = "The database did not answer in time; ask for less, or for something more specific."


# What a server's connections are told. A statement that is prepared must not be planned anew for each of its values,
# nor one of some milliseconds be compiled to machine code.
_SESSION = """SELECT set_config('statement_timeout', %s, false),
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('jit', 'off', false)"""


def begin_session(connection: Any, **_: Any) -> None:
    """Ends any statement of a connection that takes longer than STATEMENT_SECONDS, as a receiver of its signal."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(_SESSION, [f"{settings.STATEMENT_SECONDS}s"])


def was_ended(error: Exception) -> bool:
    """Whether the database ended a statement because it took too long."""
    return isinstance(error, OperationalError) and (
        getattr(error.__cause__, "pgcode", "") == "57014" or str(error) == "interrupted"  # PostgreSQL; SQLite
    )


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Ends a statement that takes longer inside, on SQLite: connections to PostgreSQL have begin_session()."""
    connection = reader()
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    end = time.monotonic() + seconds
    raw = connection.connection
    raw.set_progress_handler(lambda: time.monotonic() > end, 10_000)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)
