"""The headers of every response below /api/: pages of any site may read it, and no browser guesses its type. And the
policy of every page for people, below /api/ or not: it loads nothing but files of this site.

django-cors-headers sends its headers only where `Origin` came, and names it in `Vary`: a cache would hold two responses
that are the same. Here the headers are always the same, so that `Origin` is of no consequence.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.response import Response

from core.versions import version_at

PAGE_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # the style sheets of Swagger UI have their icons in them
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

# What pages never ask a browser for; a link by a script copies to the clipboard, which stays allowed.
PERMISSIONS = ", ".join(f"{name}=()" for name in ("camera", "geolocation", "microphone", "payment", "usb"))

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Link, X-Total-Count, X-Hidden, X-Columns, X-Until, X-Newest, X-As-Of, ETag, Retry-After, RateLimit,"
        " RateLimit-Policy, Deprecation, Content-Disposition, X-Request-ID"
    ),
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


def security_headers() -> dict[str, str]:
    """Return the headers of every response, by the settings that Django's own middlewares read too."""
    return {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": settings.X_FRAME_OPTIONS,
        "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
        "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
    }


class SecurityHeadersMiddleware:
    """Stands before all others: probes, static files, dumps, errors and cached responses have these headers too.

    Strict-Transport-Security is sent over HTTPS alone, as browsers want it, and so is of no cached response.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._headers = tuple(security_headers().items())

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        headers = response.headers
        for name, value in self._headers:
            headers.setdefault(name, value)
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
        return response


class PagePolicyMiddleware:
    """Stands before whatever makes pages, so that errors and cached pages have the policy too. Images have their own.

    A 304 has none: it has no type, and a client keeps the policy of what it has stored.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if is_page and not _is_for_debugging(response):
            response.headers["Content-Security-Policy"] = PAGE_POLICY
            response.headers["Permissions-Policy"] = PERMISSIONS
        return response


def _is_for_debugging(response: HttpResponseBase) -> bool:
    """Return whether this is one of the pages that Django shows developers, whose scripts and styles are inline."""
    return settings.DEBUG and response.status_code in {400, 404, 500} and not isinstance(response, Response)


class ApiHeadersMiddleware:
    """Stands before the views and the cache, so that errors and 304s have the headers too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/api"):
            return self.get_response(request)
        is_preflight = request.method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
        response = HttpResponse(headers=PREFLIGHT) if is_preflight else self.get_response(request)
        version = version_at(request)
        added = version.headers(request, response) if version else {}
        for name, value in (*HEADERS.items(), *added.items()):
            response.headers[name] = value
        return response
