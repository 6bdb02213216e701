"""The choice of a renderer: by `?format=`, else by `Accept`. A format that does not exist is a 404 that says so.

The cache asks it too, so it looks at nothing else of a request.
"""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable, NotFound
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request


class StrictNegotiation(DefaultContentNegotiation):
    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        chosen = request.query_params.get("format", format_suffix)
        if chosen is not None:
            renderer = self.filter_renderers(renderers, chosen)[0]
            return renderer, renderer.media_type
        accept = request.META.get("HTTP_ACCEPT", "").strip(" \t,")
        if accept in {"", "*/*"}:  # what most clients say; an empty header is as good as none (RFC 9110, 12.5.1)
            first = next(iter(renderers))
            return first, first.media_type
        try:
            renderer, media_type = super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable as error:
            known = ", ".join(renderer.media_type for renderer in renderers)
            message = f"Could not satisfy the request Accept header; there are: {known}."
            raise NotAcceptable(message, available_renderers=error.available_renderers) from None
        return renderer, _without_the_unread(renderer, media_type)

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:  # noqa: A002 (DRF's name)
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            known = " or ".join(f"format={renderer.format}" for renderer in renderers)
            raise NotFound(f"There is no format “{format[:50]}” here; use {known}.")
        return found


class FirstRenderer(DefaultContentNegotiation):
    """The choice of a view with one form, which the extension of its URL names: `Accept` is of no consequence."""

    def select_renderer(self, _request: Request, renderers: Iterable[BaseRenderer], _suffix: str | None = None) -> Any:
        first = next(iter(renderers))
        return first, first.media_type


def _without_the_unread(renderer: BaseRenderer, media_type: str) -> str:
    """Return the media type without the parameters that a renderer does not read: JSON is indented, if so asked."""
    indent = renderer.get_indent(media_type, {}) if isinstance(renderer, JSONRenderer) else None
    return f"{renderer.media_type}; indent={indent}" if indent else renderer.media_type
