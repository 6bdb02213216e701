"""The rows of a list's pages: of any queryset, or of all documents of a kind by prepared statements; and one document
by a prepared statement."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from core.api.references import missing, parse_reference
from core.caching import revisions
from core.database.prepared import (
    PLACEHOLDER_ID,
    PLACEHOLDER_TEXT,
    Prepared,
    StatementCache,
    fetch_unprepared,
    with_ids,
)
from core.database.sessions import reader
from core.kinds import Kind
from core.models import Edited

D = TypeVar("D", bound=Edited)
STATEMENTS: StatementCache[Prepared[Any]] = StatementCache()
MAX_OFFSET = 10_000  # with filters: the rows that a page leaves out are read all the same
SECONDS = 5.0


def prepared_document(model: type[D], key: Any, documents: Callable[[], QuerySet[D]], reference: str) -> D:
    """Return the document with that id or slug; NotFound if there is none. `key` names the statement of `documents`."""
    column, value = parse_reference(reference, model)
    placeholder = {column: PLACEHOLDER_ID if column == "pk" else PLACEHOLDER_TEXT}
    connection = reader()
    prepared = STATEMENTS.get(connection, (key, column), lambda: Prepared(documents().filter(**placeholder)))
    rows: list[D] = prepared.rows(connection, value)
    if rows:
        return rows[0]
    raise missing(model)


class RowSource(Protocol):
    """Rows in an order of their own, and newest first below or above an id."""

    max_offset: int | None

    @property
    def count(self) -> Callable[[], int]: ...
    def page(self, limit: int, offset: int) -> list[Any]: ...
    def below(self, id_: int | None, limit: int) -> list[Any]: ...
    def above(self, id_: int, limit: int) -> list[Any]: ...


class CheckedRows:
    """Rows that are read once a cheaper reading of the same page has shown that there is nothing against it."""

    def __init__(self, cheap: RowSource, rows: RowSource, check: Callable[[list[Any]], None]) -> None:
        self.cheap, self.rows, self.check = cheap, rows, check
        self.max_offset, self.count = rows.max_offset, rows.count

    def page(self, limit: int, offset: int) -> list[Any]:
        self.check(self.cheap.page(limit, offset))
        return self.rows.page(limit, offset)

    def below(self, id_: int | None, limit: int) -> list[Any]:
        self.check(self.cheap.below(id_, limit))
        return self.rows.below(id_, limit)

    def above(self, id_: int, limit: int) -> list[Any]:
        self.check(self.cheap.above(id_, limit))
        return self.rows.above(id_, limit)


class FilteredRows:
    """The rows that filters leave. Not every combination of filters has an index: the database is given some seconds.

    `matching` selects the ids, in order; `documents` loads them, in the same order; `preserialized` are the columns of
    JSON that are served as they are stored.
    """

    max_offset: int | None = MAX_OFFSET

    def __init__(
        self,
        matching: QuerySet[Any],
        documents: QuerySet[Any],
        preserialized: tuple[str, ...],
        count: Callable[[], int],
    ) -> None:
        self.connection = reader()
        self.matching, self.documents, self.preserialized, self.count = matching, documents, preserialized, count

    def page(self, limit: int, offset: int) -> list[Any]:
        return self._load(self.matching[offset : offset + limit], self.documents)

    def below(self, id_: int | None, limit: int) -> list[Any]:
        matching = self.matching if id_ is None else self.matching.filter(pk__lt=id_)
        return self._load(matching.order_by("-pk")[:limit], self.documents.order_by("-pk"))

    def above(self, id_: int, limit: int) -> list[Any]:
        return self._load(self.matching.filter(pk__gt=id_).order_by("pk")[:limit], self.documents.order_by("pk"))

    def _load(self, matching: QuerySet[Any], documents: QuerySet[Any]) -> list[Any]:
        try:
            ids, parameters = matching.values("pk").query.get_compiler(connection=self.connection).as_sql()
        except EmptyResultSet:  # a filter's list of values is empty
            return []
        documents = documents.filter(with_ids(documents.model, ids, *parameters))
        if documents.query.select_related:
            return list(documents)
        return fetch_unprepared(self.connection, documents, self.preserialized)


class AllRows:
    """All documents of a kind, newest first. The database keeps their number: it is never counted by a request."""

    max_offset: int | None = None

    def __init__(self, kind: Kind, documents: Any, fields: tuple[str, ...], preserialized: tuple[str, ...]) -> None:
        self.connection = reader()
        self.kind, self.documents, self.fields, self.preserialized = kind, documents, fields, preserialized

    def count(self) -> int:
        return revisions.current().rows.get(self.kind.plural, 0)

    def page(self, limit: int, offset: int) -> list[Any]:
        if offset <= self.count() // 2:
            return self._rows("newest", limit, offset)
        return self._rows("oldest", limit, offset, offset, limit)

    def below(self, id_: int | None, limit: int) -> list[Any]:
        return self.page(limit, 0) if id_ is None else self._rows("below", id_, limit)

    def above(self, id_: int, limit: int) -> list[Any]:
        return self._rows("above", id_, limit)[::-1]  # the nearest first

    def _rows(self, which: str, *values: int) -> list[Any]:
        key = (self.kind, self.fields, self.preserialized, which)
        prepared = STATEMENTS.get(self.connection, key, lambda: Prepared(self._queryset(which), self.preserialized))
        return prepared.rows(self.connection, *values)

    def _queryset(self, which: str) -> QuerySet[Any]:
        """Select the rows of a page. The rows before it are passed in the index alone, from the nearer end; from the
        older end, by the number of documents that the very statement sees."""
        model, connection = self.documents.model, self.connection
        ids = f"SELECT id FROM {connection.ops.quote_name(model._meta.db_table)}"  # noqa: S608 (our own name)
        rows = f"(SELECT rows FROM changes_revision WHERE kind = '{self.kind.plural}')"  # noqa: S608
        least, most = ("least", "greatest") if connection.vendor == "postgresql" else ("min", "max")
        pages = {
            "newest": "ORDER BY id DESC LIMIT %s OFFSET %s",
            "oldest": f"ORDER BY id LIMIT {most}(0, {least}(%s, {rows} - %s)) OFFSET {most}(0, {rows} - %s - %s)",
            "below": "WHERE id < %s ORDER BY id DESC LIMIT %s",
            "above": "WHERE id > %s ORDER BY id LIMIT %s",
        }
        page = pages[which]
        documents: QuerySet[Any] = self.documents.for_api(self.fields)
        return documents.filter(with_ids(model, f"{ids} {page}", *[PLACEHOLDER_ID] * page.count("%s")))
