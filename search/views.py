"""The search endpoint of API v4."""

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.pagination import link_header, neighbour, page_size, whole_number
from core.api.parameters import no_such
from core.api.schema import ALWAYS, errors, parameter
from core.api.views import CatalogueView
from core.caching.dependencies import on
from core.kinds import Kind
from core.links import Links
from core.pages.renderer import OF_LISTS
from search.find import Page, find
from search.models import Entry
from search.pages import SearchPage
from search.query import MAX_LENGTH, Query
from search.serializers import HitSerializer, documents
from search.tiers import MAX_TOTAL

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_OFFSET = 10_000


class SearchView(CatalogueView):
    """Packages and grids that match the query, best first. "Quotes" keep words together, a -word excludes."""

    page_class = SearchPage
    renderer_classes = OF_LISTS
    serializer_class = HitSerializer
    is_expensive = True
    depends_on = on(Kind.PACKAGE, Kind.GRID, Kind.CATEGORY, Kind.FEATURE, ages=60)  # a hit shows the score
    known_parameters = ("format", "q", "type", "limit", "offset")
    may_be_empty = ("q",)
    query = Query("")
    found = Page(0, [], has_more=False)
    previous: str | None = None
    next: str | None = None

    @extend_schema(
        operation_id="search",
        parameters=[
            parameter(
                "q",
                'Words; "quotes" keep some together, a -word excludes. It may be empty: then nothing is found.',
                {"type": "string", "maxLength": MAX_LENGTH},
                "rest framework",
            ),
            parameter("type", "Only results of this type.", {"type": "string", "enum": list(Entry.KINDS)}, "package"),
            parameter(
                "limit",
                "The largest number of results.",
                {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20},
            ),
            parameter(
                "offset", "The number of results to skip.", {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET}
            ),
            OpenApiParameter(
                "X-Total-Count",
                int,
                OpenApiParameter.HEADER,
                response=[200],
                description=f"The number of all results; {MAX_TOTAL} for that many or more.",
            ),
        ],
        responses={200: HitSerializer(many=True), **errors(*ALWAYS)},
    )
    def get(self, request: Request) -> Response:
        self.query = self._query(request)
        kinds = self._kinds(request)
        limit = page_size(request, DEFAULT_LIMIT, MAX_LIMIT)
        offset = whole_number(request, "offset", 0, 0, MAX_OFFSET)
        self.found = page = find(self.query, kinds, limit, offset)
        if page.has_more and offset + limit <= MAX_OFFSET:
            self.next = neighbour(request, offset=offset + limit)
        if offset:
            self.previous = neighbour(request, offset=max(0, offset - limit))
        response = Response(documents(page.hits, Links.of(request), timezone.now()))
        response["X-Total-Count"] = str(page.total)
        if links := link_header(next=self.next, prev=self.previous):
            response["Link"] = links
        return response

    def _query(self, request: Request) -> Query:
        text = request.query_params.get("q", "")
        if len(text) > MAX_LENGTH:
            raise ValidationError({"q": [f"At most {MAX_LENGTH} characters."]})
        return Query.parse(text)

    def _kinds(self, request: Request) -> tuple[str, ...]:
        kind = request.query_params.get("type")
        if kind is not None and kind not in Entry.KINDS:
            raise ValidationError({"type": [no_such("type", kind, Entry.KINDS)]})
        return (kind,) if kind else Entry.KINDS

    def get_view_name(self) -> str:
        return "Search"
