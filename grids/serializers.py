"""The grid document of API v4. Links are made of ids that the rows already have: no serializer queries."""

from rest_framework import serializers

from config.links import Links
from grids.models import Grid


class GridSerializer(serializers.ModelSerializer[Grid]):
    """Needs `Grid.objects.for_api()` and the `links` of the answer in its context."""

    packages = serializers.SerializerMethodField()

    class Meta:
        model = Grid
        fields = (
            "id",
            "title",
            "slug",
            "description",
            "is_locked",
            "packages",
            "header",
            "created",
            "modified",
        )

    def get_packages(self, grid: Grid) -> list[str]:
        """By title without regard to letter case (folded here: the two databases sort differently), then by id."""
        links: Links = self.context["links"]
        members = sorted((m.package.title.casefold(), m.package_id) for m in grid.memberships.all())
        return [links.document("packages", pk) for _, pk in members]
