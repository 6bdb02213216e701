"""Requests that one response makes of another view, for what it shows of it."""

from copy import copy

from django.http import QueryDict
from rest_framework.request import Request


def request_beside(request: Request, path: str) -> Request:
    """Return the request of another path by the same client, for the same format, without any other parameter."""
    other = copy(request._request)
    other.path = path
    chosen = request.query_params.get("format")
    parameters = QueryDict(mutable=True)
    if chosen:
        parameters["format"] = chosen
    other.GET = parameters  # type: ignore[assignment]  # the stub has it immutable
    beside = Request(other)
    beside.accepted_renderer = request.accepted_renderer
    beside.accepted_media_type = request.accepted_media_type
    return beside
