"""Grids of API v4."""

from core.api.views import DocumentViewSet
from core.caching.dependencies import on
from core.kinds import Kind
from grids.filters import GridFilters
from grids.models import Grid
from grids.serializers import GridSerializer


class GridViewSet(DocumentViewSet[Grid]):
    """Grids compare packages that do the same job."""

    documents = Grid.objects
    serializer_class = GridSerializer
    filterset_class = GridFilters
    depends_on = on(columns=[(Kind.PACKAGE, "title")])  # members are listed by title
