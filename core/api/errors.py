"""Errors that Django meets outside DRF's views: in JSON below /api/, as Django's own pages elsewhere."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework.exceptions import APIException


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    return JsonResponse({"detail": "The request cannot be understood; check its Host header and its URL."}, status=400)


def server_error(request: HttpRequest, *_: Any) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    return JsonResponse({"detail": "The server failed; it is not your request's fault."}, status=500)


class TooSlow(APIException):
    status_code = 503
    default_code = "too_slow"
    default_detail = "The database did not respond in time; request less, or something more specific."


class RedirectError(Exception):
    """The response is at another URL."""

    def __init__(self, url: str) -> None:
        self.url = url
