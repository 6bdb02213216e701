"""The headers of every response below /api/: pages of any site may read it, and no browser guesses its type.

django-cors-headers sends its headers only where `Origin` came, and names it in `Vary`: a cache would hold two responses
that are the same. Here the headers are always the same, so that `Origin` is of no consequence.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Link, X-Total-Count, X-Hidden, ETag, Retry-After, Content-Disposition",
    "X-Content-Type-Options": "nosniff",
}
# The response to the question that a browser asks before a request with headers of its own (preflight).
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Accept, Authorization, Cache-Control, Content-Type, If-None-Match, User-Agent, X-CSRFToken, X-Requested-With"
    ),
    "Access-Control-Max-Age": "86400",
    "Content-Length": "0",
}


class ApiHeadersMiddleware:
    """Stands before everything else, so that errors and 304s have the headers too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/api"):
            return self.get_response(request)
        is_preflight = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
        response = HttpResponse(headers=PREFLIGHT) if is_preflight else self.get_response(request)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response
