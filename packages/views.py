"""Packages of API v4."""

from config.views import DocumentViewSet
from packages.models import Package, PackageQuerySet
from packages.serializers import PackageSerializer


class PackageViewSet(DocumentViewSet[Package]):
    """Packages, newest first, with what was fetched from their repositories and PyPI."""

    kind = "packages"
    glance = "packages/glance.html"
    serializer_class = PackageSerializer

    def get_queryset(self) -> PackageQuerySet:
        return Package.objects.for_api()
