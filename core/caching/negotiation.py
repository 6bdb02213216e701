"""The form of a response: what DRF's negotiation of the view chooses, found out before the view is called."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.http import HttpRequest, QueryDict
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
    is_short = len(accept) + len(format_ or "") <= LONGEST_REMEMBERED
    return (_negotiated if is_short else _negotiated.__wrapped__)(negotiation, renderers, format_, accept)


@lru_cache(maxsize=256)
def _negotiated(
    negotiation: type[BaseContentNegotiation],
    renderers: Sequence[type[BaseRenderer]],
    format_: str | None,
    accept: str,
) -> Form | None:
    http = HttpRequest()
    http.META["HTTP_ACCEPT"] = accept
    http.GET = QueryDict(mutable=True)
    if format_ is not None:
        http.GET["format"] = format_
    try:
        renderer, media_type = negotiation().select_renderer(Request(http), [each() for each in renderers])
    except APIException:
        return None
    return Form(renderer.format, media_type)
