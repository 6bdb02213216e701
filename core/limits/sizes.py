"""The sizes of requests: URLs and bodies larger than the site has a use for are refused before they are read."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import get_script_prefix, reverse

from core.pages.handlers import refused

MOST_URL = 8_190  # characters, as the server in front has it (config.gunicorn): a list of a thousand ids fits
MOST_BODY = 65_536  # bytes: nothing but admin reads any, and some clients send an empty document with each GET
MOST_FORM = 10_000_000  # of admin, whose forms and files have smaller bounds of their own


class SizesMiddleware:
    """Refuses what is too large: gunicorn does so with the URL by itself, another server may not."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.admin = "/" + reverse("admin:index").removeprefix(get_script_prefix())

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        query = request.META.get("QUERY_STRING", "")
        if (url := len(request.path_info) + len(query)) > MOST_URL:
            return refused(request, 414, f"This URL has {url} characters: {MOST_URL} at most. Name fewer at a time.")
        # Beyond that, Django refuses to read a query at all, and nobody could make a response that is anybody's form.
        if (fields := query.count("&") + 1) > (most := settings.DATA_UPLOAD_MAX_NUMBER_FIELDS):
            return refused(request, 400, f"This URL has {fields} parameters: {most} at most.")
        body = request.META.get("CONTENT_LENGTH")
        if not body:
            return self.get_response(request)
        is_admin = request.path_info.startswith(self.admin)
        most = MOST_FORM if is_admin else MOST_BODY
        if str(body).isdecimal() and (len(str(body)) > 18 or int(body) > most):
            return refused(request, 413, f"This request has {body} bytes: {most} at most.{_clue(is_admin)}")
        return self.get_response(request)


def _clue(is_admin: bool) -> str:
    return "" if is_admin else " Everything here is read by GET, without a body."
