"""Errors that Django meets outside DRF's views: in JSON below /api/, as Django's own pages elsewhere."""

import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.log import log_response
from django.views import defaults
from rest_framework.exceptions import APIException

from core.database.sessions import is_unavailable

RETRY_SECONDS = 5


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path.startswith("/api/"):
        return defaults.bad_request(request, exception)
    return JsonResponse({"detail": "The request cannot be understood; check its Host header and its URL."}, status=400)


def server_error(request: HttpRequest, *_: Any) -> HttpResponse:
    if is_unavailable(error := sys.exception()):
        return _unavailable(request, error)
    if not request.path.startswith("/api/"):
        return defaults.server_error(request)
    return JsonResponse({"detail": "The server failed; it is not your request's fault."}, status=500)


def _unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """Respond that the database has failed."""
    detail = "The database is not available at the moment; try again in some seconds."
    response: HttpResponse = JsonResponse({"detail": detail}, status=503)
    if not request.path.startswith("/api/"):
        page = defaults.ERROR_PAGE_TEMPLATE % {"title": "Service Unavailable (503)", "details": detail}
        response = HttpResponse(page, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    log_failure(request, response, error)
    return response


def log_failure(request: HttpRequest, response: HttpResponse, error: BaseException | None) -> None:
    """Log in one line why the database failed: a traceback would say where, not why. Django does not log it again."""
    reason = " ".join(str(error).split())
    log_response("%s: %s: %s", response.reason_phrase, request.path, reason, response=response, request=request)


class TooSlow(APIException):
    status_code = 503
    default_code = "too_slow"
    default_detail = "The database did not respond in time; request less, or something more specific."
    wait = RETRY_SECONDS  # DRF makes it Retry-After


class RedirectError(Exception):
    """The response is at another URL."""

    def __init__(self, url: str) -> None:
        self.url = url
