"""Errors of the API that DRF does not have, and the log lines of failures."""

from django.http import HttpRequest, HttpResponse
from django.utils.log import log_response
from rest_framework.exceptions import APIException

RETRY_SECONDS = 5


def log_failure(request: HttpRequest, response: HttpResponse, error: BaseException | None) -> None:
    """Log in one line why the database failed: a traceback would say where, not why. Django does not log it again."""
    reason = " ".join(str(error).split())
    log_response("%s: %s: %s", response.reason_phrase, request.path, reason, response=response, request=request)


class TooSlow(APIException):
    status_code = 503
    default_code = "too_slow"
    default_detail = "The database did not respond in time; request less, or something more specific."
    wait = RETRY_SECONDS  # DRF makes it Retry-After


class UnreadableDumps(APIException):
    status_code = 503
    default_code = "unreadable_dumps"
    default_detail = "The dumps cannot be read at the moment; try again later."
    wait = 60


class RedirectError(Exception):
    """The response is at another URL."""

    def __init__(self, url: str) -> None:
        self.url = url
