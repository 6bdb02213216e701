"""Pages of lists: by `limit` and `offset`, or by `cursor` for walking everything while it changes.

What makes no sense is refused with the reason.
"""

import re
from typing import Any
from urllib.parse import quote, urlencode

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.row_sources import Listing
from core.links import absolute
from core.models import MAX_ID

MAX_LIMIT = 1_000
_CURSOR = re.compile(r"(below|above)-(0|[1-9][0-9]{0,18})", re.ASCII)


def whole(request: Request, name: str, default: int, least: int, most: int | None = None) -> int:
    """The whole number that parameter `name` holds; ValidationError says what it must be."""
    text = request.query_params.get(name)
    if text is None:
        return default
    number = int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else None
    if number is None or number < least or (most is not None and number > most):
        upper = f" to {most}" if most is not None else " up"
        raise ValidationError({name: [f"Must be a whole number from {least}{upper}."]})
    return number


def link_header(**links: str | None) -> str:
    """The Link header (RFC 8288) of an answer's neighbours, by their relation."""
    return ", ".join(f'<{url}>; rel="{relation}"' for relation, url in links.items() if url)


def neighbour(request: Request, **changes: int | str | None) -> str:
    """The address of the request with other parameters, or without those that are None; sorted, as DRF's are."""
    asked = {**request.query_params.dict(), **changes}
    query = urlencode(sorted((name, value) for name, value in asked.items() if value is not None))
    path = absolute(request, quote(request.path))
    return f"{path}?{query}" if query else path


class StrictLimitOffset(LimitOffsetPagination):
    """As DRF's, except that a wrong value gets 400 instead of a silent default, and links keep to SITE_URL."""

    default_limit = 20
    max_limit = MAX_LIMIT
    request: Request

    def get_limit(self, request: Request) -> int:
        return whole(request, self.limit_query_param, self.default_limit, 1, self.max_limit)

    def get_offset(self, request: Request) -> int:
        return whole(request, self.offset_query_param, 0, 0)

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

    def get_paginated_response(self, data: Any) -> Response:
        following, previous = self.get_next_link(), self.get_previous_link()
        response = Response({"count": self.count, "next": following, "previous": previous, "results": data})
        if links := link_header(next=following, prev=previous, first=self.get_first_link()):
            response["Link"] = links
        return response


class CataloguePages(StrictLimitOffset):
    """Pages by `offset`, or by `cursor`: newest first, below or above an id that was seen last.

    Rows that come or go meanwhile move no page of a cursor walk, and no page costs more than the first.
    """

    cursor_query_param = "cursor"
    by_cursor = False
    above: str | None = None
    below: str | None = None

    def paginate(self, listing: Listing, request: Request) -> list[Any]:
        """A page of a list, by what the request asks for."""
        self.request = request
        self.size = self.limit = self.get_limit(request)
        token = request.query_params.get(self.cursor_query_param)
        if token is None:
            self.offset = self.get_offset(request)
            if listing.max_offset is not None and self.offset > listing.max_offset:
                raise ValidationError(
                    {"offset": [f"At most {listing.max_offset} with filters or an ordering: walk further by cursor=."]}
                )
            self.count = listing.count()
            return listing.page(self.size, self.offset) if self.offset < self.count else []
        self.by_cursor = True
        for other in ("offset", "ordering"):
            if other in request.query_params:
                raise ValidationError({other: ["A cursor walks newest first, from where it points: leave this out."]})
        side, mark = self._read(token)
        self.count = listing.count()
        return self._above(listing, mark or 0) if side == "above" else self._below(listing, mark)

    def _read(self, token: str) -> tuple[str, int | None]:
        """The side and the id that a cursor names; no id for the empty cursor, which begins."""
        found = _CURSOR.fullmatch(token)
        if token and (not found or int(found[2]) > MAX_ID):
            raise ValidationError(
                {"cursor": ["Not a cursor: begin with an empty one (cursor=), then follow next and previous."]}
            )
        return (found[1], int(found[2])) if found else ("below", None)

    def _below(self, listing: Listing, mark: int | None) -> list[Any]:
        rows = listing.below(mark, self.size + 1)
        if mark:
            self.above = f"above-{rows[0].pk if rows else mark - 1}"
        if len(rows) > self.size:
            self.below = f"below-{rows[self.size - 1].pk}"
        return rows[: self.size]

    def _above(self, listing: Listing, mark: int) -> list[Any]:
        rows = listing.above(mark, self.size + 1)
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

    def _cursor_link(self, token: str | None) -> str | None:
        return None if token is None else self.link(**{self.cursor_query_param: token})
