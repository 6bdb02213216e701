"""Grids of API v4, with the features that compare their packages."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.pagination import CataloguePages, StrictLimitOffset
from core.api.renderers import OF_LISTS
from core.api.schema import ALWAYS, OFFSET, errors, limit
from core.api.views import DocumentViewSet
from core.caching.dependencies import on
from core.kinds import Kind
from core.links import Links
from grids.filters import FeatureFilters, GridFilters
from grids.models import Feature, Grid
from grids.serializers import FeatureSerializer, GridSerializer

MAX_FEATURES = 100  # in one response: each may have a thousand cells


class FeaturePages(CataloguePages):
    max_limit = MAX_FEATURES


class FeaturesOfAGrid(StrictLimitOffset):
    max_limit = MAX_FEATURES


class GridViewSet(DocumentViewSet[Grid]):
    """Grids compare packages that do the same job."""

    documents = Grid.objects
    serializer_class = GridSerializer
    filterset_class = GridFilters
    depends_on = on(columns=[(Kind.PACKAGE, "title")])  # members are listed by title

    @extend_schema(
        parameters=[limit(MAX_FEATURES), OFFSET],
        responses={200: FeatureSerializer(many=True), **errors(*ALWAYS)},
    )
    @action(
        detail=True,
        renderer_classes=OF_LISTS,
        pagination_class=FeaturesOfAGrid,
        serializer_class=FeatureSerializer,
        parameter_names={"limit", "offset"},
        depends_on=on(Kind.GRID, Kind.FEATURE),
    )
    def features(self, request: Request, reference: str) -> Response:
        """The features of a grid in their order, with what each member makes of them."""
        rows = Feature.objects.for_api().filter(grid=self.find(reference)).order_by("position", "id")
        page: Any = self.paginate_queryset(rows)  # type: ignore[arg-type]  # not of the view's own kind
        return self.get_paginated_response(self.serializer_class(context={"links": Links.of(request)}).documents(page))


class FeatureViewSet(DocumentViewSet[Feature]):
    """Features by which the packages of grids are compared, with what each member makes of them."""

    documents = Feature.objects
    serializer_class = FeatureSerializer
    filterset_class = FeatureFilters
    pagination_class = FeaturePages
    depends_on = on(Kind.GRID)  # whose revision moves with the memberships that cells are of
