"""The feed of changes, for mirrors and caches."""

from django.db import DEFAULT_DB_ALIAS
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from changes.log import after, bounds
from changes.serializers import ChangesSerializer, documents
from core.api.pagination import MAX_LIMIT, link_header, neighbour, page_size, whole_number
from core.api.schema import ALWAYS, errors, parameter
from core.api.views import CatalogueView
from core.caching.dependencies import LOG, PRUNED, on
from core.database.sessions import READING_ALIAS, reading_from
from core.kinds import Kind
from core.links import Links

DEFAULT_LIMIT = 100


class Gone(APIException):
    status_code = 410
    default_code = "gone"


def _last_of_primary() -> int:
    """Return the number of the last change on the primary: a mirror may have read further than a replica is."""
    if READING_ALIAS.get() == DEFAULT_DB_ALIAS:
        return -1
    with reading_from(DEFAULT_DB_ALIAS):
        return bounds().last


class ChangesView(CatalogueView):
    """The log of documents that were created, changed, renamed or deleted, in the order of commits. Read until `next`
    is null, then continue from `until` another day: no change with a smaller number is added later."""

    # Whatever is logged moves one of the others too, whose numbers never come again, not even from a backup.
    depends_on = on(LOG, PRUNED, Kind.PACKAGE, Kind.GRID, Kind.CATEGORY, Kind.FEATURE)
    known_parameters = ("format", "since", "limit")

    @extend_schema(
        operation_id="changes",
        parameters=[
            parameter("since", "The number read last.", {"type": "integer", "minimum": 0, "default": 0}, 0),
            parameter(
                "limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100}
            ),
        ],
        responses={200: ChangesSerializer, **errors(*ALWAYS, 410)},
    )
    def get(self, request: Request) -> Response:
        since, limit = whole_number(request, "since", 0, 0), page_size(request, DEFAULT_LIMIT, MAX_LIMIT)
        # The rows first: with the bounds first, rows that are pruned in between would be missed.
        rows = after(since, limit + 1)
        last, oldest = bounds()
        if since > last and since <= _last_of_primary():
            return Response({"since": since, "until": since, "next": None, "results": []})
        if since > last:
            raise ValidationError(
                {"since": [f"The log ends at {last}: a greater number is another catalogue's; start afresh with 0."]}
            )
        if since < oldest:
            raise Gone(
                f"Changes up to {oldest} are gone from the log. Start afresh: keep the number {last}, read all of"
                f" categories, packages, grids and features (cursor=), then go on with since={last}."
            )
        page = rows[:limit]
        until = page[-1].number if page else since
        following = neighbour(request, since=until) if len(rows) > limit else None
        results = documents(page, Links.of(request))
        response = Response({"since": since, "until": until, "next": following, "results": results})
        if following:
            response["Link"] = link_header(next=following)
        return response

    def get_view_name(self) -> str:
        return "Changes"
