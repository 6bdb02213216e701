"""The tables that a response is built from: what reads a table that its view does not declare is never cached."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper

from core.caching.dependencies import Dependencies
from core.database.prepared import sql_of

LONGEST_REMEMBERED = 2_000  # characters of SQL; longer statements are lists of ids, each of its own


class Moves(NamedTuple):
    """The revisions that written rows of a table move, and for single columns a further one.

    `every_row` moves all of the revisions, so that one of them says enough; else a row moves some of them.
    """

    revisions: frozenset[str]
    columns: Mapping[str, str]
    every_row: bool


_TABLES: dict[str, Moves] = {}
_reads: ContextVar["Reads | None"] = ContextVar("reads", default=None)


def register(
    table: str, revisions: frozenset[str], columns: Mapping[str, str] | None = None, *, every_row: bool = True
) -> None:
    """Tell which revisions move with the rows of a table. A table that nobody registers makes responses
    uncacheable."""
    _TABLES[table] = Moves(revisions, columns or {}, every_row)


class Reads:
    """The tables and cached values that one response was built from."""

    def __init__(self) -> None:
        self.tables: set[str] = set()
        self.revisions: set[str] = set()  # those that cached values went by

    def execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Note the tables of a statement, as an execute wrapper of Django's."""
        try:
            self.tables |= _tables_in(sql) if len(sql) <= LONGEST_REMEMBERED else _tables_in.__wrapped__(sql)
        except KeyError:  # its SQL is no longer known
            self.tables.add("a prepared statement")
        return execute(sql, params, many, context)

    def undeclared(self, declared: Dependencies) -> list[str]:
        """Return the tables and revisions that the response was built from, but does not depend on."""
        missing = [table for table in sorted(self.tables) if not _is_covered(table, declared)]
        return [*missing, *sorted(self.revisions - declared.revisions)]


def _is_covered(table: str, declared: Dependencies) -> bool:
    moves = _TABLES.get(table)
    if moves is None:
        return False
    if moves.revisions <= declared.revisions or (moves.every_row and moves.revisions & declared.revisions):
        return True
    columns = {column for of, column in declared.columns if of == table}
    return bool(columns) and all(moves.columns.get(column) in declared.revisions for column in columns)


@contextmanager
def recorded(connection: BaseDatabaseWrapper) -> Iterator[Reads]:
    """Record the reads of a connection inside."""
    reads = Reads()
    token = _reads.set(reads)
    try:
        with connection.execute_wrapper(reads.execute):
            yield reads
    finally:
        _reads.reset(token)


def note(revisions: frozenset[str]) -> None:
    """Record that a value was used which is cached under these revisions."""
    if (reads := _reads.get()) is not None:
        reads.revisions |= revisions


@lru_cache(maxsize=256)
def _tables_in(sql: str) -> frozenset[str]:
    return frozenset(_pattern().findall(sql_of(sql)))


@lru_cache
def _pattern() -> re.Pattern[str]:
    """A pattern of the tables of all models; the revisions are read before each response is built."""
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - {"changes_revision"}
    return re.compile(rf"\b({'|'.join(sorted(tables))})\b")
