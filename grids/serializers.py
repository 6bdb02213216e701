"""The documents of grids and of their features in API v4."""

from typing import Any

import orjson
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.serializers import DocumentSerializer
from core.kinds import Kind
from grids.cells import MOST, sign
from grids.documents import FEATURE_COLUMNS, GRID_COLUMNS, member_slugs
from grids.models import Feature, Grid
from packages.comparison.serializers import ComparisonSerializer


class GridSerializer(DocumentSerializer[Grid]):
    """A grid: packages that do the same job, side by side."""

    package_count = serializers.IntegerField(min_value=0)
    package_slugs = serializers.SerializerMethodField()

    class Meta:
        model = Grid
        columns = GRID_COLUMNS

    def get_package_slugs(self, grid: Grid) -> list[str]:
        return member_slugs(grid)


class CellSerializer(serializers.Serializer[Any]):
    """The text that says what a package makes of a feature."""

    package = serializers.URLField()
    text = serializers.CharField(help_text="As it was typed; 1,000 characters at most.")
    sign = serializers.IntegerField(
        min_value=-MOST, max_value=MOST, allow_null=True, help_text="What the text says; null if nothing is known."
    )


class FeatureSerializer(DocumentSerializer[Feature]):
    """A feature by which the packages of a grid are compared, with its cells in the order of the memberships."""

    cells = serializers.SerializerMethodField()

    class Meta:
        model = Feature
        columns = FEATURE_COLUMNS

    @extend_schema_field(CellSerializer(many=True))
    def get_cells(self, feature: Any) -> list[dict[str, Any]]:
        before, after = self.links.affixes(Kind.PACKAGE)
        return [
            {"package": f"{before}{pk}{after}", "text": text, "sign": sign(text)}
            for pk, text in orjson.loads(feature.texts or "{}").items()
        ]


class GridSummarySerializer(serializers.ModelSerializer[Grid]):
    """The grid of a comparison."""

    url = serializers.URLField()

    class Meta:
        model = Grid
        fields = ("url", "id", "title", "slug", "description")


class GridComparisonSerializer(ComparisonSerializer):
    """The packages of a grid side by side, with its features: the keys of a comparison, and the grid."""

    grid = GridSummarySerializer()
