"""Grids of API v4."""

from config.views import DocumentViewSet
from grids.models import Grid, GridQuerySet
from grids.serializers import GridSerializer


class GridViewSet(DocumentViewSet[Grid]):
    """Grids compare packages that do the same job."""

    kind = "grids"
    serializer_class = GridSerializer

    def get_queryset(self) -> GridQuerySet:
        return Grid.objects.for_api()
