"""Where the pages of a list come from: any queryset, or all documents of a kind by prepared statements."""

from collections.abc import Callable
from typing import Any, Protocol

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from config.links import Kind
from config.prepared import MARK_ID, Kept, Prepared

KEPT = Kept()


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


class QuerysetListing:
    """What filters have left over. Not every combination of them has an index: the database is given some seconds."""

    max_offset: int | None = MAX_OFFSET

    def __init__(self, queryset: QuerySet[Any], count: Callable[[], int] | None = None) -> None:
        self.queryset = queryset
        self.count = count or queryset.count

    def page(self, limit: int, offset: int) -> list[Any]:
        return list(self.queryset[offset : offset + limit])

    def below(self, mark: int | None, limit: int) -> list[Any]:
        rows = self.queryset if mark is None else self.queryset.filter(pk__lt=mark)
        return list(rows.order_by("-pk")[:limit])

    def above(self, mark: int, limit: int) -> list[Any]:
        return list(self.queryset.filter(pk__gt=mark).order_by("pk")[:limit])


class WholeListing:
    """All documents of a kind, newest first. Their number is kept by the database: it is never counted anew."""

    max_offset: int | None = None

    def __init__(self, kind: Kind, documents: Any, fields: tuple[str, ...]) -> None:
        self.kind, self.documents, self.fields = kind, documents, fields

    def count(self) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rows FROM changes_revision WHERE kind = %s", [self.kind])
            row = cursor.fetchone()
        return row[0] if row else 0

    def page(self, limit: int, offset: int) -> list[Any]:
        return self._prepared("page").rows(limit, offset)

    def below(self, mark: int | None, limit: int) -> list[Any]:
        return self.page(limit, 0) if mark is None else self._prepared("below").rows(mark, limit=limit)

    def above(self, mark: int, limit: int) -> list[Any]:
        return self._prepared("above").rows(mark, limit=limit)

    def _prepared(self, which: str) -> Prepared[Any]:
        def queryset() -> QuerySet[Any]:
            documents: QuerySet[Any] = self.documents.for_api(self.fields)
            if which == "above":
                return documents.filter(pk__gt=MARK_ID).order_by("pk")
            if which == "below":
                return documents.filter(pk__lt=MARK_ID)
            # What is left out first is walked through in the index alone.
            table = connection.ops.quote_name(self.documents.model._meta.db_table)
            newest = f"SELECT id FROM {table} ORDER BY id DESC LIMIT %s OFFSET %s"  # noqa: S608 (our own name)
            return documents.filter(pk__in=RawSQL(newest, (MARK_ID, MARK_ID)))  # noqa: S611

        return KEPT.get((self.kind, self.fields, which), queryset)
