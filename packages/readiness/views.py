"""Readiness in API v4: what packages say of the versions of Django and of Python."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.parameters import no_such
from core.api.schema import ALWAYS, errors
from core.api.tables import Documents
from core.api.views import CatalogueView
from core.caching.dependencies import on
from core.kinds import Kind
from core.links import Links
from core.pages.renderer import OF_LISTS
from packages.models import ReadinessCount
from packages.pages.readiness import ReadinessPage, VersionReadinessPage
from packages.readiness.rule import PLATFORMS
from packages.readiness.serializers import (
    ReadinessDocuments,
    ReadinessSerializer,
    VersionReadinessSerializer,
    VersionSerializer,
)


class ReadinessView(CatalogueView):
    """Counts of the packages that are ready for the versions of Django and Python that are supported or coming, as of
    the end of the last refresh or import."""

    page_class = ReadinessPage
    depends_on = on(Kind.PACKAGE)
    renderer_classes = OF_LISTS
    serializer_class = VersionSerializer

    @extend_schema(operation_id="readiness", responses={200: ReadinessSerializer, **errors(*ALWAYS)})
    def get(self, request: Request) -> Response:
        return Response(_documents(request).all())

    def as_documents(self, data: Any) -> Documents:
        """Return the versions of all platforms."""
        headers = {"X-As-Of": data["as_of"].isoformat()} if data["as_of"] else {}
        return Documents([version for platform in PLATFORMS for version in data[platform]], headers)

    def get_view_name(self) -> str:
        return "Readiness"


class VersionReadinessView(CatalogueView):
    """Counts of the packages that are ready for a version, with the lists of those that say so, that refuse it, that
    name only others, and that say nothing."""

    counted = ""  # the version that is shown
    page_class = VersionReadinessPage
    depends_on = on(Kind.PACKAGE)

    @extend_schema(
        operation_id="readiness_of_version",
        parameters=[
            OpenApiParameter(
                "platform",
                str,
                OpenApiParameter.PATH,
                enum=PLATFORMS,
                description="What it is for.",
                examples=[OpenApiExample("Django", "django")],
            ),
            OpenApiParameter(
                "version",
                str,
                OpenApiParameter.PATH,
                description="One of those that `readiness/` shows.",
                examples=[OpenApiExample("Django 5.2", "5.2")],
            ),
        ],
        responses={200: VersionReadinessSerializer, **errors(*ALWAYS)},
    )
    def get(self, request: Request, platform: str, version: str) -> Response:
        documents = _documents(request)
        known = next((each for each in PLATFORMS if each == platform), None)
        if not known:
            raise NotFound(no_such("platform", platform, PLATFORMS))
        if documents.as_of is None:
            raise NotFound("Nothing was counted yet: the next refresh counts.")
        if version not in documents.versions(known):
            raise NotFound(no_such(f"version of {known.capitalize()}", version, documents.versions(known)))
        self.counted = f"{known.capitalize()} {version}"
        return Response(documents.one(known, version))

    def get_view_name(self) -> str:
        return f"Readiness for {self.counted}" if self.counted else "Version"


def _documents(request: Request) -> ReadinessDocuments:
    return ReadinessDocuments(ReadinessCount.objects.all(), Links.of(request))
