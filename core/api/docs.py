"""The description of the API: its schema, and a page made of it that loads nothing from another host."""

from functools import lru_cache
from typing import Any

from django.http import HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer2
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.renderers import FastJSONRenderer
from core.api.views import CatalogueView
from core.caching.dependencies import on
from core.links import absolute
from core.pages.page import Frame


class MistakeView(CatalogueView):
    """An error in a request for the description of the API, in the forms of all other errors."""

    depends_on = on()
    error: Exception = Exception()

    def initial(self, *_args: Any, **_kwargs: Any) -> None:
        raise self.error

    def get_view_name(self) -> str:
        return "API documentation"


class DescriptionView(CatalogueView):
    """A view whose renderers are for what it shows, not for mistakes."""

    depends_on = on()

    def handle_exception(self, exc: Exception) -> Any:
        response: Any = MistakeView.as_view(error=exc)(self.request._request)
        return response.render()  # or it would be rendered as what this view shows


@lru_cache
def document() -> Any:
    """Return the schema, built once in a process: it follows from the program alone."""
    return SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]


class OneSchema(SchemaGenerator):
    """The same schema for all forms, encodings and hosts, each of which is cached apart."""

    def get_schema(self, *_args: Any, **_kwargs: Any) -> Any:
        return document()


class SchemaView(DescriptionView, SpectacularAPIView):
    """OpenAPI 3.1, as JSON or (`?format=yaml`, or `Accept: application/yaml`) as YAML."""

    known_parameters = ("format",)
    renderer_classes = [FastJSONRenderer, OpenApiYamlRenderer2]  # noqa: RUF012 (as its base has them)
    generator_class = OneSchema


class DocsFrame(Frame):
    """The frame around the schema."""

    title = "API documentation"
    description = "Every address of the API with its parameters and answers, to read and to try."
    is_indexed = True

    def __init__(self, request: Request) -> None:
        self.path = request.path
        self.canonical = absolute(request, request.path)


class DocsView(DescriptionView):
    """The schema as a page where requests can be tried (Swagger UI)."""

    known_parameters = ()
    renderer_classes = (TemplateHTMLRenderer,)
    template_name = "pages/docs.html"

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response({"page": DocsFrame(request)})


class FormerDocsView(DescriptionView):
    """A second page of the schema was here."""

    known_parameters = ()

    @extend_schema(exclude=True)
    def get(self, _request: Request) -> HttpResponseBase:
        return HttpResponsePermanentRedirect(reverse("docs"))
