"""The package document of API v4. Links are made of ids that the row already has: no serializer queries."""

from rest_framework import serializers

from config.links import Links
from packages.models import Package


class PackageSerializer(serializers.ModelSerializer[Package]):
    """Needs `Package.objects.for_api()` and the `links` of the answer in its context."""

    category = serializers.SerializerMethodField()
    grids = serializers.SerializerMethodField()
    commits_over_52 = serializers.ListField(child=serializers.IntegerField())
    participants = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Package
        fields = (
            "category",
            "grids",
            "id",
            "title",
            "slug",
            "last_updated",
            "last_fetched",
            "repo_url",
            "pypi_version",
            "created",
            "modified",
            "repo_forks",
            "repo_description",
            "pypi_url",
            "documentation_url",
            "repo_watchers",
            "commits_over_52",
            "participants",
        )

    @property
    def links(self) -> Links:
        links: Links = self.context["links"]
        return links

    def get_category(self, package: Package) -> str:
        return self.links.document("categories", package.category_id)

    def get_grids(self, package: Package) -> list[str]:
        """In membership order."""
        return [self.links.document("grids", membership.grid_id) for membership in package.memberships.all()]
