"""The grid document of API v4."""

from core.api.serializers import DocumentSerializer
from grids.documents import GRID_COLUMNS
from grids.models import Grid


class GridSerializer(DocumentSerializer[Grid]):
    """A grid: packages that do the same job, side by side."""

    class Meta:
        model = Grid
        columns = GRID_COLUMNS
