"""Where the API's own description is read: the schema, and pages made of it without anything from another host."""

from typing import Any

from django.http import JsonResponse
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView

from config.views import CatalogueView


class SchemaView(CatalogueView, SpectacularAPIView):
    """OpenAPI 3.1, as YAML or (`?format=json`) as JSON."""

    known_parameters = ("format",)


class PageView(CatalogueView):
    """A page that takes no parameters; its template is for what it shows, not for mistakes."""

    known_parameters = ()

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        return JsonResponse(response.data, status=response.status_code)


class SwaggerView(PageView, SpectacularSwaggerView):
    """The schema as pages where requests can be tried."""


class RedocView(PageView, SpectacularRedocView):
    """The schema as one page to read."""

    template_name = "redoc.html"
