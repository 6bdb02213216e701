"""Where the API's own description is read: the schema, and pages made of it without anything from another host."""

from typing import Any

from django.http import JsonResponse
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from config.views import CatalogueView


class DescriptionView(CatalogueView):
    """Its renderers are for what it shows, not for mistakes."""

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        return JsonResponse(response.data, status=response.status_code)


class SchemaView(DescriptionView, SpectacularAPIView):
    """OpenAPI 3.1, as YAML or (`?format=json`) as JSON."""

    known_parameters = ("format",)


class SwaggerView(DescriptionView, SpectacularSwaggerView):
    """The schema as pages where requests can be tried."""

    known_parameters = ()


class RedocView(DescriptionView, SpectacularRedocView):
    """The schema as one page to read."""

    known_parameters = ()
    template_name = "redoc.html"
