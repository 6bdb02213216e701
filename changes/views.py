"""The feed of changes, for mirrors and caches."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError as FormError
from django.db import DEFAULT_DB_ALIAS
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from changes.log import Bounds, after, bounds
from changes.models import Change
from changes.pages import ChangesPage
from changes.serializers import ChangeSerializer, ChangesSerializer, GoneSerializer, documents
from core.api.errors import RedirectError
from core.api.filters import NamesField
from core.api.pages import is_page
from core.api.pagination import MAX_LIMIT, link_header, neighbour, page_size, whole_number
from core.api.schema import ALWAYS, errors, one_or_more, parameter
from core.api.views import CatalogueView
from core.caching import revisions
from core.caching.dependencies import LOG, PRUNED, on
from core.database.sessions import READING_ALIAS, reading_from
from core.kinds import Kind
from core.links import Links
from core.pages.renderer import OF_LISTS

DEFAULT_LIMIT = 100


class Gone(APIException):
    status_code = 410
    default_code = "gone"


_GONE = OpenApiExample(
    "example",
    {
        "detail": "Changes up to 17 are gone from the log. Start afresh: keep the number 81, read all of categories,"
        " packages, grids and features (cursor=), then go on with since=81.",
        "newest": 81,
    },
    status_codes=["410"],
)


def _kinds(request: Request) -> list[str]:
    """Return the kinds that `kind` names; none if it is not given."""
    try:
        kinds: list[str] = NamesField("kind", Change.KINDS, required=False).clean(request.query_params.get("kind"))
    except FormError as error:
        raise ValidationError({"kind": error.messages}) from error
    return kinds


class ChangesView(CatalogueView):
    """The log of documents that were created, changed, renamed or deleted, in the order of commits. Read until `next`
    is null, then continue from `until` another day: no change with a smaller number is added later."""

    page_class = ChangesPage
    renderer_classes = OF_LISTS
    serializer_class = ChangeSerializer
    # Whatever is logged moves one of the others too, whose numbers never come again, not even from a backup.
    depends_on = on(LOG, PRUNED, Kind.PACKAGE, Kind.GRID, Kind.CATEGORY, Kind.FEATURE)
    known_parameters = ("format", "since", "limit", "kind")
    may_be_repeated = ("kind",)
    # Of the response, for its page
    changes: Sequence[Change] = ()
    bounds = Bounds(0, 0)
    limit = DEFAULT_LIMIT

    @extend_schema(
        operation_id="changes",
        parameters=[
            parameter("since", "The number read last.", {"type": "integer", "minimum": 0, "default": 0}, 0),
            parameter(
                "limit", "How many at most.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100}
            ),
            parameter("kind", "Changes of these kinds alone.", one_or_more(Change.KINDS), ["package"]),
        ],
        responses={
            200: ChangesSerializer,
            410: OpenApiResponse(GoneSerializer, "The log does not reach back that far.", [_GONE]),
            **errors(*ALWAYS),
        },
    )
    def get(self, request: Request) -> Response:
        since = whole_number(request, "since", 0, 0)
        kinds = _kinds(request)
        self.limit = limit = page_size(request, DEFAULT_LIMIT, MAX_LIMIT)
        # The rows come between the two ends of the log: what is logged or pruned meanwhile is not missed.
        looked_at = revisions.current().numbers.get(LOG, 0) if kinds else 0
        rows = after(since, limit + 1, kinds)
        self.bounds = last, oldest = bounds()
        if since > last:
            newest = self._last_of_primary(since)
            return Response({"since": since, "until": since, "newest": newest, "next": None, "results": []})
        if since < oldest:
            if is_page(request) and "since" not in request.query_params:
                raise RedirectError(neighbour(request, since=oldest))  # to where the log begins by now
            message = (
                f"Changes up to {oldest} are gone from the log. Start afresh: keep the number {last}, read all of"
                f" categories, packages, grids and features (cursor=), then go on with since={last}."
            )
            if is_page(request):
                raise Gone(message)
            return Response({"detail": message, "newest": last}, status=Gone.status_code)
        self.changes = page = rows[:limit]
        until = page[-1].number or since if page else since
        following = neighbour(request, since=until) if len(rows) > limit else None
        response = Response(
            {
                "since": since,
                "until": until if following else max(until, looked_at),
                "newest": max(last, until),
                "next": following,
                "results": documents(page, Links.of(request)),
            }
        )
        if following:
            response["Link"] = link_header(next=following)
        return response

    def _last_of_primary(self, since: int) -> int:
        """Return the number of the last change on the primary, which a mirror may have read further than a replica is.
        ValidationError if it has not come as far as `since`."""
        if READING_ALIAS.get() != DEFAULT_DB_ALIAS:
            with reading_from(DEFAULT_DB_ALIAS):
                last = bounds().last
            if since <= last:
                return last
        raise ValidationError(
            {
                "since": [
                    f"The log ends at {self.bounds.last}: a greater number is another catalogue's; start afresh with 0."
                ]
            }
        )

    def get_view_name(self) -> str:
        return "Changes"
