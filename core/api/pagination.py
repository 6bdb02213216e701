"""Pages of lists: by `limit` and `offset`, or by `cursor` for walking everything while it changes.

Parameters that make no sense are refused with the reason.
"""

import re
from typing import Any
from urllib.parse import quote, urlencode

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.errors import RedirectError
from core.api.pages import MAX_DOCUMENTS, is_page
from core.api.row_sources import RowSource
from core.links import absolute
from core.models import MAX_ID

DEFAULT_LIMIT = 20
MAX_LIMIT = 1_000
_CURSOR = re.compile(r"(below|above)-(0|[1-9][0-9]{0,18})", re.ASCII)


def whole_number(request: Request, name: str, default: int, least: int, most: int | None = None) -> int:
    """Return the whole number of parameter `name`. ValidationError says what it must be."""
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else None
    if number is None or number < least or (most is not None and number > most):
        upper = f" to {most}" if most is not None else " up"
        raise ValidationError({name: [f"Must be a whole number from {least}{upper}."]})
    return number


def page_size(request: Request, default: int, most: int, most_on_page: int = MAX_DOCUMENTS) -> int:
    """Return the number of rows that `limit` requests. RedirectError to fewer for a page."""
    limit = whole_number(request, "limit", default, 1, most)
    if is_page(request) and limit > most_on_page:
        raise RedirectError(neighbour(request, limit=most_on_page))
    return limit


def link_header(**links: str | None) -> str:
    """Return the Link header (RFC 8288) of a response's neighbours, by their relation."""
    return ", ".join(f'<{url}>; rel="{relation}"' for relation, url in links.items() if url)


def neighbour(request: Request, **changes: int | str | None) -> str:
    """Return the URL of the request with other parameters, or without those that are None; sorted, as DRF's are."""
    parameters = {**request.query_params.dict(), **changes}
    query = urlencode(sorted((name, value) for name, value in parameters.items() if value is not None))
    path = absolute(request, quote(request.path))
    return f"{path}?{query}" if query else path


class StrictLimitOffset(LimitOffsetPagination):
    """DRF's pages, except that a wrong value gets 400 instead of a silent default, and links keep to SITE_URL."""

    default_limit = DEFAULT_LIMIT
    max_limit = MAX_LIMIT
    request: Request

    def get_limit(self, request: Request) -> int:
        return page_size(request, self.default_limit, self.max_limit)

    def get_offset(self, request: Request) -> int:
        return whole_number(request, self.offset_query_param, 0, 0)

    def get_next_link(self) -> str | None:
        limit, after = self.limit or 0, (self.offset or 0) + (self.limit or 0)
        return self.link(limit=limit, offset=after) if after < (self.count or 0) else None

    def get_previous_link(self) -> str | None:
        limit, offset = self.limit or 0, self.offset or 0
        return self.link(limit=limit, offset=offset - limit if offset > limit else None) if offset > 0 else None

    def get_first_link(self) -> str | None:
        return self.link(offset=None)

    def link(self, **changes: int | str | None) -> str:
        return neighbour(self.request, **changes)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"count": {"type": "integer", "minimum": 0}, "next": link, "previous": link, "results": schema}
        return {
            "type": "object",
            "description": "A page of a list: `count` is the number of documents on all pages.",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def get_paginated_response(self, data: Any) -> Response:
        following, previous = self.get_next_link(), self.get_previous_link()
        response = Response({"count": self.count, "next": following, "previous": previous, "results": data})
        if links := link_header(next=following, prev=previous, first=self.get_first_link()):
            response["Link"] = links
        return response


class CataloguePages(StrictLimitOffset):
    """Pages by `offset`, or by `cursor`: newest first, below or above the id that was seen last.

    Rows that come or go meanwhile move no page of a cursor walk, and no page costs more than the first.
    """

    cursor_query_param = "cursor"
    by_cursor = False
    above: str | None = None
    below: str | None = None

    def paginate(self, source: RowSource, request: Request) -> list[Any]:
        """Return the rows of the page that is requested."""
        self.request = request
        self.size = self.limit = self.get_limit(request)
        cursor = request.query_params.get(self.cursor_query_param)
        if cursor is None:
            self.offset = self.get_offset(request)
            if source.max_offset is not None and self.offset > source.max_offset:
                raise ValidationError(
                    {"offset": [f"At most {source.max_offset} with filters or an ordering: walk further by cursor=."]}
                )
            self.count = source.count()
            return source.page(self.size, self.offset) if self.offset < self.count else []
        self.by_cursor = True
        for other in ("offset", "ordering"):
            if other in request.query_params:
                raise ValidationError({other: ["A cursor walks newest first, from where it points: leave this out."]})
        side, id_ = self._parse(cursor)
        self.count = source.count()
        return self._above(source, id_ or 0) if side == "above" else self._below(source, id_)

    def _parse(self, cursor: str) -> tuple[str, int | None]:
        """Return the side and the id that a cursor names; no id for the empty cursor, which begins."""
        parts = _CURSOR.fullmatch(cursor)
        if cursor and (not parts or int(parts[2]) > MAX_ID):
            raise ValidationError(
                {"cursor": ["Not a cursor: begin with an empty one (cursor=), then follow next and previous."]}
            )
        return (parts[1], int(parts[2])) if parts else ("below", None)

    def _below(self, source: RowSource, id_: int | None) -> list[Any]:
        rows = source.below(id_, self.size + 1)
        if id_:
            self.above = f"above-{rows[0].pk if rows else id_ - 1}"
        if len(rows) > self.size:
            self.below = f"below-{rows[self.size - 1].pk}"
        return rows[: self.size]

    def _above(self, source: RowSource, id_: int) -> list[Any]:
        rows = source.above(id_, self.size + 1)
        if len(rows) > self.size:
            self.above = f"above-{rows[self.size - 1].pk}"
        self.below = f"below-{rows[0].pk}" if rows else ""
        return rows[: self.size][::-1]

    def get_next_link(self) -> str | None:
        return self._cursor_link(self.below) if self.by_cursor else super().get_next_link()

    def get_previous_link(self) -> str | None:
        return self._cursor_link(self.above) if self.by_cursor else super().get_previous_link()

    def get_first_link(self) -> str | None:
        return self._cursor_link("") if self.by_cursor else super().get_first_link()

    def _cursor_link(self, cursor: str | None) -> str | None:
        return None if cursor is None else self.link(**{self.cursor_query_param: cursor})
