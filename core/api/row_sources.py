"""Where the pages of a list come from: any queryset, or all documents of a kind by prepared statements."""

from collections.abc import Callable
from typing import Any, Protocol

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from core.caching import revisions
from core.database.prepared import PLACEHOLDER_ID, Prepared, StatementCache, fetch_unprepared, with_ids
from core.database.sessions import reader
from core.kinds import Kind

STATEMENTS: StatementCache[Prepared[Any]] = StatementCache()


class Listing(Protocol):
    """Rows in an order of their own, and newest first below or above an id."""

    max_offset: int | None

    @property
    def count(self) -> Callable[[], int]: ...
    def page(self, limit: int, offset: int) -> list[Any]: ...
    def below(self, mark: int | None, limit: int) -> list[Any]: ...
    def above(self, mark: int, limit: int) -> list[Any]: ...


MAX_OFFSET = 10_000  # of what filters have left over: what comes before is read to be left out
SECONDS = 5.0


class FilteredListing:
    """What filters have left over. Not every combination of them has an index: the database is given some seconds.

    `found` are the rows that are left over, in their order, of which no more than the ids are read; `rows` are all rows
    as they are shown, in the same order; `raw` their columns that are shown as they are stored.
    """

    max_offset: int | None = MAX_OFFSET

    def __init__(
        self, found: QuerySet[Any], rows: QuerySet[Any], raw: tuple[str, ...], count: Callable[[], int]
    ) -> None:
        self.found, self.rows, self.raw, self.count = found, rows, raw, count

    def page(self, limit: int, offset: int) -> list[Any]:
        return self._shown(self.found[offset : offset + limit], self.rows)

    def below(self, mark: int | None, limit: int) -> list[Any]:
        found = self.found if mark is None else self.found.filter(pk__lt=mark)
        return self._shown(found.order_by("-pk")[:limit], self.rows.order_by("-pk"))

    def above(self, mark: int, limit: int) -> list[Any]:
        return self._shown(self.found.filter(pk__gt=mark).order_by("pk")[:limit], self.rows.order_by("pk"))

    def _shown(self, found: QuerySet[Any], rows: QuerySet[Any]) -> list[Any]:
        try:
            ids, parameters = found.values("pk").query.get_compiler(connection=reader()).as_sql()
        except EmptyResultSet:  # a filter's list of values is empty
            return []
        rows = rows.filter(with_ids(rows.model, ids, *parameters))
        return list(rows) if rows.query.select_related else fetch_unprepared(rows, self.raw)


class WholeListing:
    """All documents of a kind, newest first. Their number is kept by the database: it is never counted anew."""

    max_offset: int | None = None

    def __init__(self, kind: Kind, documents: Any, fields: tuple[str, ...], raw: tuple[str, ...]) -> None:
        self.kind, self.documents, self.fields, self.raw = kind, documents, fields, raw

    def count(self) -> int:
        return revisions.current().rows.get(self.kind.plural, 0)

    def page(self, limit: int, offset: int) -> list[Any]:
        if offset <= self.count() // 2:
            return self._prepared("newest").rows(limit, offset)
        return self._prepared("oldest").rows(limit, offset, offset, limit)

    def below(self, mark: int | None, limit: int) -> list[Any]:
        return self.page(limit, 0) if mark is None else self._prepared("below").rows(mark, limit)

    def above(self, mark: int, limit: int) -> list[Any]:
        return self._prepared("above").rows(mark, limit)[::-1]  # the nearest first

    def _prepared(self, which: str) -> Prepared[Any]:
        return STATEMENTS.get((self.kind, self.fields, self.raw, which), lambda: Prepared(self._rows(which), self.raw))

    def _rows(self, which: str) -> QuerySet[Any]:
        """The rows that a page shows. Those that it leaves out are passed in the index alone, from the nearer end; from
        the older one by the number of documents that the very statement sees."""
        model = self.documents.model
        ids = f"SELECT id FROM {reader().ops.quote_name(model._meta.db_table)}"  # noqa: S608 (our own name)
        rows = f"(SELECT rows FROM changes_revision WHERE kind = '{self.kind.plural}')"  # noqa: S608
        least, most = ("least", "greatest") if reader().vendor == "postgresql" else ("min", "max")
        pages = {
            "newest": "ORDER BY id DESC LIMIT %s OFFSET %s",
            "oldest": f"ORDER BY id LIMIT {most}(0, {least}(%s, {rows} - %s)) OFFSET {most}(0, {rows} - %s - %s)",
            "below": "WHERE id < %s ORDER BY id DESC LIMIT %s",
            "above": "WHERE id > %s ORDER BY id LIMIT %s",
        }
        page = pages[which]
        documents: QuerySet[Any] = self.documents.for_api(self.fields)
        return documents.filter(with_ids(model, f"{ids} {page}", *[PLACEHOLDER_ID] * page.count("%s")))
