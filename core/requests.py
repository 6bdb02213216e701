"""The id of each request: in its response, and in every line that the log has of it.

It is the client's or the proxy's own, where that is one, so that their logs and ours can be read together. A run of a
command has one too (manage.py), which tells the lines of two runs apart.
"""

import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Request-ID"
# The id of the request that a thread answers: that of the last one after it, until config.gunicorn takes it away.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
# As nginx ($request_id), load balancers and UUIDs have them; nothing that would need quoting in a log.
_is_well_formed = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII).fullmatch

_of_process = [""]


def new_id() -> str:
    return secrets.token_hex(8)


def name_process() -> None:
    """Give this process an id, for what it logs outside requests."""
    _of_process[0] = new_id()


def current_id() -> str:
    """Return the id of the request that is answered, or else of this run of a command; "" if there is none."""
    return REQUEST_ID.get() or _of_process[0]


class RequestIdMiddleware:
    """Stands before all that responds. The cache is behind it, so that no stored response has an id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        if settings.METRICS_TOKEN:
            from core.metrics import measured  # noqa: PLC0415 (a library that few sites need)

            self.get_response = measured(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        offered = request.META.get("HTTP_X_REQUEST_ID")
        request_id = offered if offered and _is_well_formed(offered) else new_id()
        REQUEST_ID.set(request_id)
        response = self.get_response(request)
        response.headers[HEADER] = request_id
        return response
