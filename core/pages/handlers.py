"""Errors outside DRF's views: in JSON below /api/, as pages elsewhere and where HTML was asked for."""

import errno
import sys
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from core.api.errors import RETRY_SECONDS, log_failure
from core.caching.dependencies import parse_parameters
from core.database.sessions import is_unavailable
from core.pages.errors import PlainErrorPage
from core.versions import error_body, version_at

_NOT_UNDERSTOOD = "The request cannot be understood; check its Host header and its URL."
_UNAVAILABLE = "The database is not available at the moment; try again in some seconds."
_FULL = "The site has no room to store this at the moment; try again later."
_FAILED = "The server failed; it is not your request's fault."
_NO_SUCH_PAGE = "There is no such page. Search, or begin with one of the links above."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 (Django gives it by name)
    """Respond to what cannot be understood, such as a wrong host."""
    return _response(request, 400, _NOT_UNDERSTOOD)


def not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 (as above)
    """Respond with the page of what is not there, outside the API."""
    return PlainErrorPage(404, _NO_SUCH_PAGE).response()


@csrf_exempt
def missing(_request: HttpRequest) -> HttpResponse:
    """Respond so as a view: Django asks no handler while DEBUG is on."""
    return PlainErrorPage(404, _NO_SUCH_PAGE).response()


def server_error(request: HttpRequest, *_: Any) -> HttpResponse:
    """Respond to a failure of the database or of a full disk, or else to one of the program: by a page that is as plain
    as can be, since nobody knows what has failed."""
    error = sys.exception()
    if (is_full := _is_full(error)) or is_unavailable(error):
        response = _response(request, 503, _FULL if is_full else _UNAVAILABLE)
        response["Retry-After"] = str(RETRY_SECONDS)
        log_failure(request, response, error)
        return response
    if _is_for_programs(request):
        return JsonResponse(error_body(request, 500, _FAILED), status=500)
    response = HttpResponse(
        defaults.ERROR_PAGE_TEMPLATE % {"title": "Internal server error", "details": _FAILED}, status=500
    )
    response["Cache-Control"] = "no-store"
    return response


def _is_full(error: BaseException | None) -> bool:
    """Return whether a file could not be written because its disk is full, as that of an upload."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def too_many_requests(request: HttpRequest, message: str, seconds: int) -> HttpResponse:
    """Respond to a client that has to wait so many seconds."""
    response = _response(request, 429, message)
    response["Retry-After"] = str(seconds)
    return _before_all(request, response)


def refused(request: HttpRequest, status: int, message: str) -> HttpResponse:
    """Respond to a request that no view gets to see: what it sends is too large (413, 414) or cannot be read (400)."""
    return _before_all(request, _response(request, status, message))


def _before_all(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return a response that stands before all views, with what they would have done."""
    response["Cache-Control"] = "no-store"
    response["Content-Length"] = str(len(response.content))
    if request.method == "HEAD":
        response.content = b""
    response._has_been_logged = True  # type: ignore[attr-defined]  # the line of the request says it
    return response


def _response(request: HttpRequest, status: int, message: str) -> HttpResponse:
    if _is_for_programs(request):
        return JsonResponse(error_body(request, status, message), status=status)
    return PlainErrorPage(status, message).response()


def _is_for_programs(request: HttpRequest) -> bool:
    """Return whether the response is for a program: below /api/, unless HTML was asked for."""
    if not request.path.startswith("/api/"):
        return False
    if version_at(request):  # an earlier version has no pages, whatever was asked for
        return True
    # Not from request.GET, which refuses some queries: this has to respond to them too.
    chosen = dict(parse_parameters(request.META.get("QUERY_STRING", ""))).get("format")
    if chosen is not None:
        return chosen != "api"
    return request.get_preferred_type(["application/json", "text/html"]) != "text/html"
