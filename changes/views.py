"""The feed of changes: for mirrors, caches and whoever wants to know what is new."""

from django.db import DEFAULT_DB_ALIAS
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from changes.log import after, reach
from changes.serializers import ChangesSerializer, documents
from core.api.pagination import MAX_LIMIT, link_header, neighbour, whole_number
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
    """A mirror may have read from where they are further than a replica is."""
    if READING_ALIAS.get() == DEFAULT_DB_ALIAS:
        return -1
    with reading_from(DEFAULT_DB_ALIAS):
        return reach().last


class ChangesView(CatalogueView):
    """What was created, changed, renamed or deleted, in the order of commits: read up to where `next` is null, then
    go on from `until` another day. A number that was read leaves nothing behind it."""

    # Whatever is logged moves one of the others too, whose numbers never come again, not even from a backup.
    depends_on = on(LOG, PRUNED, Kind.PACKAGE, Kind.GRID, Kind.CATEGORY)
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
        since, limit = whole_number(request, "since", 0, 0), whole_number(request, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
        # The rows first: those that are pruned in between are missed by whoever looks how far the log reaches after.
        rows = after(since, limit + 1)
        last, oldest = reach()
        if since > last and since <= _last_of_primary():
            return Response({"since": since, "until": since, "next": None, "results": []})
        if since > last:
            raise ValidationError(
                {"since": [f"The log ends at {last}: a greater number is another catalogue's; start afresh with 0."]}
            )
        if since < oldest:
            raise Gone(
                f"Changes up to {oldest} are gone from the log. Start afresh: keep the number {last}, read all of"
                f" categories, packages and grids (cursor=), then go on with since={last}."
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
