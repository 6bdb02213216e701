"""The grid document of API v4. Links are made of ids that the row already has."""

from typing import Any

import orjson
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.serializers import DocumentSerializer
from core.kinds import Kind
from grids.models import V4_FIELDS, Grid


class GridSerializer(DocumentSerializer[Grid]):
    """A grid: packages that do the same job, side by side."""

    # Of rows that come from Grid.objects.for_api(fields).
    packages = serializers.SerializerMethodField(help_text="By title without regard to letter case.")

    class Meta:
        model = Grid
        fields = plain = V4_FIELDS
        extended = ()
        links = ("packages",)

    @extend_schema_field(
        {
            "type": "array",
            "items": {"oneOf": [{"type": "string", "format": "uri"}, {"$ref": "#/components/schemas/Package"}]},
        }
    )
    def get_packages(self, grid: Grid) -> Any:
        return self.linked(Kind.PACKAGE, member_ids(grid), "packages")


def member_ids(grid: Any) -> list[int]:
    """The ids of the packages of a grid that came from for_api(), by title without regard to letter case (folded
    here: the two databases fold differently), then by id."""
    members = orjson.loads(grid.members or "{}")
    return [pk for _, pk in sorted([(title.casefold(), int(pk)) for pk, title in members.items()])]
