"""The charset of requests: all text is read as UTF-8, whatever a Content-Type names beside it.

Django reads the query by it too, before any middleware, and fails at names that Python has and that are no charsets of
text (hex, punycode). So it is taken away before Django sees the request; a form in another charset is then refused.
"""

import codecs
from collections.abc import Callable
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any
from wsgiref.types import WSGIApplication

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import parse_header_parameters

from core.pages.handlers import refused

CHARSET = "package_grids.charset"  # what the request named, among the keys of its environ
UTF8 = {"utf-8", "ascii"}  # as codecs names them; what is ASCII is UTF-8


def without_charset(application: WSGIApplication) -> WSGIApplication:
    """Return a WSGI application that sees each request without its charset."""

    def respond(environ: dict[str, Any], start_response: Any) -> Any:
        take_charset(environ)
        return application(environ, start_response)

    return respond


def take_charset(environ: dict[str, Any]) -> None:
    """Move the charset of a request's Content-Type to a key of its own; a Content-Type that cannot be read names none
    that can."""
    content_type = environ.get("CONTENT_TYPE", "")
    if ";" not in content_type:
        return
    header = Message()
    header["Content-Type"] = content_type
    if (charset := header.get_param("charset")) is not None:
        environ[CHARSET] = collapse_rfc2231_value(charset)
        header.del_param("charset")
        environ["CONTENT_TYPE"] = header["Content-Type"]
    try:
        parse_header_parameters(environ["CONTENT_TYPE"])
    except ValueError:
        environ[CHARSET], environ["CONTENT_TYPE"] = "of this Content-Type", ""


class CharsetMiddleware:
    """Refuses forms in another charset, whose text would be lost. Of a request without a form nothing but its URL is
    read."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        charset = request.META.get(CHARSET, "")
        if charset and request.method == "POST" and not _is_utf8(charset):
            return refused(request, 400, f"The charset {charset:.40} is not read here: send the form in UTF-8.")
        return self.get_response(request)


def _is_utf8(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in UTF8
    except (LookupError, ValueError):
        return False
