"""The description of the API: its schema, and pages made of it that load nothing from another host."""

from typing import Any

from django.http import JsonResponse
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.views import CatalogueView
from core.caching.dependencies import on


class DescriptionView(CatalogueView):
    """A view whose renderers are for what it shows, not for mistakes."""

    depends_on = on()

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        return JsonResponse(response.data, status=response.status_code)


class SchemaView(DescriptionView, SpectacularAPIView):
    """OpenAPI 3.1, as YAML or (`?format=json`) as JSON."""

    known_parameters = ("format",)


class SwaggerView(DescriptionView, SpectacularSwaggerView):
    """The schema as pages where requests can be tried."""

    known_parameters = ()

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response.data["csrf_token"] = ""  # the template has one for requests that write, which the API refuses
        return response


class RedocView(DescriptionView, SpectacularRedocView):
    """The schema as one page to read."""

    known_parameters = ()
    template_name = "redoc.html"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        # Redoc would fetch the logo of its makers from their host.
        response["Content-Security-Policy"] = (
            "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:"
        )
        return response
