"""Packages of API v4, with the releases, the history and the charts of each."""

from typing import Any, ClassVar

from django.db.models import F, QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.images import RESPONSES, ImageView
from core.api.pagination import StrictLimitOffset
from core.api.references import by_reference
from core.api.renderers import OF_LISTS
from core.api.schema import ALWAYS, LIMIT, OFFSET, REFERENCE, errors, parameter
from core.api.views import DocumentViewSet
from core.caching.dependencies import on
from core.kinds import Kind
from packages import charts
from packages.filters import HistoryFilters, PackageFilters
from packages.history import stars_by_day
from packages.models import Package, Release, Snapshot
from packages.serializers import PackageSerializer, ReleaseSerializer, SnapshotSerializer


class PackageViewSet(DocumentViewSet[Package]):
    """Packages, newest first, with facts fetched from their repositories and from PyPI."""

    documents = Package.objects
    summary = "packages/summary.html"
    serializer_class = PackageSerializer
    filterset_class = PackageFilters

    @extend_schema(parameters=[LIMIT, OFFSET], responses={200: ReleaseSerializer(many=True), **errors(*ALWAYS)})
    @action(
        detail=True,
        renderer_classes=OF_LISTS,
        pagination_class=StrictLimitOffset,
        serializer_class=ReleaseSerializer,
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
