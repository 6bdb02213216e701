"""The form of a response: what DRF's negotiation of the view chooses, found out before the view is called."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.core.handlers.wsgi import WSGIRequest
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

LONGEST_REMEMBERED = 300  # characters of an Accept header; those of browsers have half as many


class Form(NamedTuple):
    """The format of a renderer, as `format=` names it, and the media type that it renders."""

    format: str
    media_type: str


ONE_FORM = Form("", "")  # of a view that negotiates nothing


def negotiation_of(callback: Any) -> Callable[[str | None, str], Form | None]:
    """Return the function from `format=` and Accept to the form of a view's response; None where it is an error."""
    view = getattr(callback, "cls", None)
    if view is None:
        return lambda _format, _accept: ONE_FORM
    renderers = getattr(callback, "initkwargs", {}).get("renderer_classes", view.renderer_classes)
    return partial(_negotiate, view.content_negotiation_class, tuple(renderers))


def _negotiate(
    negotiation: type[BaseContentNegotiation],
    renderers: Sequence[type[BaseRenderer]],
    format_: str | None,
    accept: str,
) -> Form | None:
    negotiated: Any = _negotiated
    if len(accept) + len(format_ or "") > LONGEST_REMEMBERED:
        negotiated = negotiated.__wrapped__
    form: Form | None = negotiated(negotiation, renderers, format_, accept)
    return form


@lru_cache(maxsize=256)
def _negotiated(
    negotiation: type[BaseContentNegotiation],
    renderers: Sequence[type[BaseRenderer]],
    format_: str | None,
    accept: str,
) -> Form | None:
    query = "" if format_ is None else urlencode({"format": format_}, errors="surrogateescape")
    environ = {"REQUEST_METHOD": "GET", "wsgi.input": BytesIO(), "QUERY_STRING": query, "HTTP_ACCEPT": accept}
    try:
        renderer, media_type = negotiation().select_renderer(
            Request(WSGIRequest(environ)), [each() for each in renderers]
        )
    except APIException:
        return None
    return Form(renderer.format, media_type)
