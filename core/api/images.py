"""Views whose URLs name their one form (.svg, .json): images, and data that goes with them. Mistakes are JSON."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse

from core.api.negotiation import FirstRenderer
from core.api.renderers import FastJSONRenderer
from core.api.schema import errors
from core.api.views import CatalogueView
from core.svg import CONTENT_SECURITY_POLICY

MEDIA_TYPE = "image/svg+xml"
# For extend_schema
RESPONSES: dict[Any, Any] = {
    (200, MEDIA_TYPE): OpenApiResponse(OpenApiTypes.STR, "The image."),
    **errors(400, 404, 503),
}


class OneFormView(CatalogueView):
    """A view without parameters that responds in one form, whatever the client accepts."""

    known_parameters = ()
    content_negotiation_class = FirstRenderer
    renderer_classes = (FastJSONRenderer,)


class ImageView(OneFormView):
    """A view that responds with an SVG image."""

    def image(self, svg: str) -> HttpResponse:
        return HttpResponse(svg, content_type=MEDIA_TYPE, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})
