"""Packages of API v4, with the releases, the history, the charts and the badge of each."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import F, QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.fieldsets import Fieldset
from core.api.images import RESPONSES, ImageView, OneFormView
from core.api.pagination import CataloguePages, StrictLimitOffset
from core.api.parameters import no_such
from core.api.references import by_reference
from core.api.row_sources import FilteredRows, RowSource
from core.api.schema import ALWAYS, LIMIT, OFFSET, REFERENCE, errors, parameter
from core.api.views import DocumentViewSet
from core.caching.dependencies import on
from core.caching.values import cached_count
from core.kinds import Kind
from core.pages.page import Page
from core.pages.renderer import OF_LISTS
from packages import badges, charts
from packages.filters import HistoryFilters, PackageFilters
from packages.history import stars_by_day
from packages.models import Package, Release, Snapshot
from packages.pages.lists import PackageListPage
from packages.pages.package import PackagePage
from packages.pages.parts import HistoryPage, ReleasesPage
from packages.pages.trending import TrendingPage
from packages.serializers import (
    BadgeSerializer,
    PackageSerializer,
    ReleaseSerializer,
    SnapshotSerializer,
    TrendingPackageSerializer,
)
from packages.trends import MEASURES, MOST_TRENDING, Measure, trending


class PackageViewSet(DocumentViewSet[Package]):
    """Packages, newest first, with facts fetched from their repositories and from PyPI."""

    documents = Package.objects
    page_class = PackagePage
    list_page_class: type[Page] = PackageListPage
    serializer_class = PackageSerializer
    filterset_class = PackageFilters
    may_have_lines = PackageFilters.may_have_lines

    @extend_schema(parameters=[LIMIT, OFFSET], responses={200: ReleaseSerializer(many=True), **errors(*ALWAYS)})
    @action(
        detail=True,
        renderer_classes=OF_LISTS,
        pagination_class=StrictLimitOffset,
        serializer_class=ReleaseSerializer,
        page_class=ReleasesPage,
        parameter_names={"limit", "offset"},
    )
    def releases(self, request: Request, reference: str) -> Response:
        """The versions of a package on PyPI, newest upload first."""
        rows = Release.objects.filter(package=self.find(reference)).order_by(
            F("uploaded_at").desc(nulls_last=True), "-pk"
        )
        return self._page_of(rows)

    @extend_schema(
        parameters=[
            LIMIT,
            OFFSET,
            parameter("since", "From this day on.", {"type": "string", "format": "date"}, "2026-01-01"),
            parameter("until", "Until this day.", {"type": "string", "format": "date"}, "2026-12-31"),
        ],
        responses={200: SnapshotSerializer(many=True), **errors(*ALWAYS)},
    )
    @action(
        detail=True,
        renderer_classes=OF_LISTS,
        pagination_class=StrictLimitOffset,
        serializer_class=SnapshotSerializer,
        page_class=HistoryPage,
        parameter_names={"limit", "offset", "since", "until"},
    )
    def history(self, request: Request, reference: str) -> Response:
        """Stars, forks and downloads of a package, day by day (UTC), newest first; older than 400 days, the first
        of each month. Numbers of another repository or project, which the package had before, are left out."""
        rows = Snapshot.objects.filter(package=self.find(reference)).of_present_addresses().order_by("-day")
        filters = HistoryFilters(request.query_params, rows)
        if not filters.is_valid():
            raise ValidationError(filters.errors)
        return self._page_of(filters.qs)

    def _page_of(self, rows: QuerySet[Any]) -> Response:
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.serializer_class(page, many=True).data)


class TrendingPages(CataloguePages):
    max_limit = MOST_TRENDING


@extend_schema_view(
    list=extend_schema(
        parameters=[
            parameter(
                "by",
                "What the packages gain.",
                {"type": "string", "enum": list(MEASURES), "default": "stars"},
                "downloads",
            )
        ]
    )
)
class TrendingViewSet(PackageViewSet):
    """Packages that are gaining stars or (with by=downloads) downloads: the fastest first, 100 at most.

    Numbers are compared over the 30 days before the last successful fetch; those of a day are of the snapshot nearest
    to it, 7 days off at most. A package is trending if all of this holds:

    - It had at least 50 stars, or 1,000 downloads a month, at the beginning of the 30 days.
    - The number grew in the first 15 days, and in the last 15 days.
    - The number was fetched in the last 30 days.
    - Its latest release or its last commit is at most 183 days old.
    - It is not deprecated (by an editor, by a successor, or on PyPI), not archived (its repository or its project on
      PyPI), not gone and not in quarantine. Whatever is not known about it counts as no.

    The order is by gain / (number at the beginning + 100): 30 more stars weigh as much for a package that had 50 as 100
    more for one that had 400. Packages with the same result are ordered by id, newest first.
    """

    depends_on = on(ages=3_600)  # so long a release, a commit and a fetch may be a little older than the rule allows
    parameter_names = ("by", "limit", "offset", "fields", "expand")
    serializer_class = TrendingPackageSerializer
    list_page_class = TrendingPage
    renderer_classes = OF_LISTS
    pagination_class = TrendingPages
    filter_backends = ()  # no form of the list's filters

    def _filtered(self, request: Request) -> Callable[[Fieldset, tuple[str, ...]], RowSource]:
        measure = self._measure(request)
        matching = trending(measure, timezone.now())

        def count() -> int:
            depends_on = on(self.kind) | self.depends_on
            return cached_count(depends_on, request.path_info, measure.name, matching.count)

        def rows(fieldset: Fieldset, preserialized: tuple[str, ...]) -> RowSource:
            documents = self._documents_of(fieldset).order_by(*matching.query.order_by)
            return FilteredRows(matching, documents, preserialized, count)

        return rows

    def _measure(self, request: Request) -> Measure:
        name = request.query_params.get("by", "stars")
        if name not in MEASURES:
            raise ValidationError({"by": [no_such("measure", name, MEASURES)]})
        return MEASURES[name]

    def get_view_name(self) -> str:
        return "Trending packages"


class ChartView(ImageView):
    """A chart of one package."""

    documents: ClassVar[Any] = Package.objects
    depends_on = on(Kind.PACKAGE)


class CommitsChartView(ChartView):
    """The commits of a package in the last 52 weeks that are known, as bars; light or dark, as the reader prefers."""

    @extend_schema(operation_id="packages_commits_chart", parameters=[REFERENCE], responses=RESPONSES)
    def get(self, request: Request, reference: str) -> HttpResponse:
        package = by_reference(self.documents.only("title", "commits_over_52", "weeks_end"), reference)
        return self.image(charts.commits(package.title, package.commits_over_52, package.weeks_end))


class StarsChartView(ChartView):
    """The stars of a package's repository, from 30 days of history on as a line; light or dark, as the reader
    prefers."""

    @extend_schema(operation_id="packages_stars_chart", parameters=[REFERENCE], responses=RESPONSES)
    def get(self, request: Request, reference: str) -> HttpResponse:
        package = by_reference(self.documents.only("title", "repo_key"), reference)
        return self.image(charts.stars(package.title, stars_by_day(package)))


class BadgeView(ChartView):
    """The verdict on a package in two words; light or dark, as the reader prefers."""

    @extend_schema(operation_id="packages_badge", parameters=[REFERENCE], responses=RESPONSES)
    def get(self, request: Request, reference: str) -> HttpResponse:
        package = by_reference(self.documents.only("title", "verdict_rank"), reference)
        return self.image(badges.svg(package.title, package.verdict))


class BadgeEndpointView(OneFormView):
    """The verdict on a package, as shields.io reads it for a badge that it draws itself (an endpoint badge)."""

    documents: ClassVar[Any] = Package.objects
    depends_on = on(Kind.PACKAGE)

    @extend_schema(
        operation_id="packages_badge_endpoint",
        parameters=[REFERENCE],
        responses={200: BadgeSerializer, **errors(400, 404, 503)},
    )
    def get(self, request: Request, reference: str) -> Response:
        package = by_reference(self.documents.only("verdict_rank"), reference)
        return Response(badges.endpoint(package.verdict))
