"""Grids of API v4, with the features that compare their packages."""

from typing import Any, ClassVar, Self

from django.db.models import Count, QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.pages import is_page
from core.api.pagination import CataloguePages, StrictLimitOffset
from core.api.requests import request_beside
from core.api.row_sources import prepared_document
from core.api.schema import ALWAYS, OFFSET, REFERENCE, errors, limit
from core.api.views import DocumentViewSet
from core.caching.dependencies import on
from core.kinds import Kind
from core.links import Links
from core.pages.renderer import OF_LISTS
from grids.comparison import feature_columns, members
from grids.filters import FeatureFilters, GridFilters
from grids.models import Feature, Grid
from grids.pages.features import FeatureListPage, FeaturePage, GridFeaturesPage
from grids.pages.grid import GridComparisonPage, GridPage
from grids.pages.lists import GridListPage
from grids.serializers import FeatureSerializer, GridComparisonSerializer, GridSerializer
from packages.comparison.columns import COLUMNS
from packages.comparison.parameters import NOT_POOR
from packages.comparison.schema import KEYS, ORDERS, comparison_parameters
from packages.comparison.views import ComparisonView, linked

MAX_FEATURES = 100  # in one response: each may have a thousand cells


class FeaturePages(CataloguePages):
    max_limit = MAX_FEATURES


class FeaturesOfAGrid(StrictLimitOffset):
    max_limit = MAX_FEATURES


class GridViewSet(DocumentViewSet[Grid]):
    """Grids compare packages that do the same job."""

    page_class = GridPage
    documents = Grid.objects
    serializer_class = GridSerializer
    filterset_class = GridFilters
    list_page_class = GridListPage
    depends_on = on(columns=[(Kind.PACKAGE, "title")])  # members are listed by title
    comparison: "GridComparisonView"  # of the grid that a page is of

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # The page shows the members too, as their comparison does without parameters.
        response = super().retrieve(request, *args, **kwargs)
        if is_page(request):
            self.comparison = GridComparisonView.beside(request, kwargs["reference"])
        return response

    @extend_schema(
        parameters=[limit(MAX_FEATURES), OFFSET],
        responses={200: FeatureSerializer(many=True), **errors(*ALWAYS)},
    )
    @action(
        detail=True,
        renderer_classes=OF_LISTS,
        pagination_class=FeaturesOfAGrid,
        serializer_class=FeatureSerializer,
        page_class=GridFeaturesPage,
        parameter_names={"limit", "offset"},
        depends_on=on(Kind.GRID, Kind.FEATURE),
    )
    def features(self, request: Request, reference: str) -> Response:
        """The features of a grid in their order, with what each member makes of them."""
        rows = Feature.objects.for_api().filter(grid=self.find(reference)).order_by("position", "id")
        page: Any = self.paginate_queryset(rows)  # type: ignore[arg-type]  # not of the view's own kind
        self.ids = [row.pk for row in page]
        return self.get_paginated_response(self.serializer_class(context={"links": Links.of(request)}).documents(page))


class FeatureViewSet(DocumentViewSet[Feature]):
    """Features by which the packages of grids are compared, with what each member makes of them."""

    documents = Feature.objects
    page_class = FeaturePage
    list_page_class = FeatureListPage
    serializer_class = FeatureSerializer
    filterset_class = FeatureFilters
    pagination_class = FeaturePages
    depends_on = on(Kind.GRID)  # whose revision moves with the memberships that cells are of


# Of a grid's comparison: the columns of packages, and those of its features
_KEYS = {"anyOf": [KEYS, {"type": "string", "pattern": "^feature-[0-9]+$"}]}
_ORDERS = {"anyOf": [ORDERS, {"type": "string", "pattern": "^-?feature-[0-9]+$"}]}


class GridComparisonView(ComparisonView):
    """The packages of a grid side by side, with its features."""

    documents: ClassVar[Any] = Grid.objects
    depends_on = ComparisonView.depends_on | on(Kind.GRID, Kind.FEATURE)
    page_class = GridComparisonPage
    default_levels = NOT_POOR
    document: Grid | None = None
    data: dict[str, Any]

    @extend_schema(
        operation_id="grids_comparison",
        parameters=[REFERENCE, *comparison_parameters(_KEYS, _ORDERS)],
        responses={200: GridComparisonSerializer, **errors(*ALWAYS)},
    )
    def get(self, request: Request, reference: str) -> Response:
        """The packages of a grid side by side, with its features. Packages whose health is poor are left out and
        counted in `hidden`; `level=all` shows them too."""
        return linked(self.compare(request, reference))

    @classmethod
    def beside(cls, request: Request, reference: str) -> Self:
        """Return the view of the comparison of the grid whose page is requested, with its `data`."""
        view = cls()
        path = reverse("grid-comparison", kwargs={"reference": reference})
        view.request = request_beside(request, path)
        view.compare(view.request, reference)
        return view

    def compare(self, request: Request, reference: str) -> dict[str, Any]:
        """Compare the members of a grid as the request has it."""
        grid: Any = prepared_document(Grid, "comparison", _grids, reference)
        self.document = grid
        columns = [*COLUMNS, *feature_columns(grid)]
        url = Links.of(request).document(Kind.GRID, grid.pk)
        summary = {"url": url, **{name: getattr(grid, name) for name in _SUMMARY}}
        self.data = {"grid": summary, **self.compared(members(grid, grid.size), columns)}
        return self.data

    def get_view_name(self) -> str:
        return f"{self.document}: comparison" if self.document else "Comparison"


_SUMMARY = ("id", "title", "slug", "description")


def _grids() -> QuerySet[Grid]:
    """Return the grids with what a comparison shows of them, and the number of their members."""
    return Grid.objects.for_api(_SUMMARY).annotate(size=Count("memberships"))
