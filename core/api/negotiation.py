"""The choice of a renderer: by `?format=`, else by `Accept`. A format that does not exist is a 404 that says so."""

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotFound
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class StrictNegotiation(DefaultContentNegotiation):
    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        chosen = request.query_params.get("format", format_suffix)
        if chosen is None:
            if request.META.get("HTTP_ACCEPT", "*/*") == "*/*":  # what most clients say
                first = next(iter(renderers))
                return first, first.media_type
            return super().select_renderer(request, renderers, format_suffix)
        renderer = self.filter_renderers(renderers, chosen)[0]
        return renderer, renderer.media_type

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:  # noqa: A002 (DRF's name)
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            known = " or ".join(f"format={renderer.format}" for renderer in renderers)
            raise NotFound(f"There is no format “{format[:50]}” here; use {known}.")
        return found
