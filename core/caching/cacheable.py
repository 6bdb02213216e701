"""Requests as the cache knows them: all that their responses follow from, and nothing else."""

import re
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from core import costs
from core.caching.dependencies import Dependencies, Route, parse_parameters
from core.caching.negotiation import Form

LONGEST_REMEMBERED = 400  # characters of a query and an Accept header
# The rows from which on a response is large, by format: rows of a page for people cost several times as much.
LARGE, LARGE_BY_FORMAT = 300, {"api": 50}


class Site(NamedTuple):
    """The scheme and host in the links of a response."""

    scheme: str
    host: str


class BareRequest(WSGIRequest):
    """A request that has nothing but what is in the key of its response: no cookies, no languages, no other headers,
    and one spelling of its query. So the response cannot depend on anything else."""

    def __init__(self, environ: dict[str, Any], site: Site) -> None:
        super().__init__({"REQUEST_METHOD": "GET", "wsgi.input": BytesIO(), **environ})
        self._site = site

    def _get_scheme(self) -> str:
        return self._site.scheme

    def get_host(self) -> str:
        return self._site.host


class Meaning(NamedTuple):
    """The meaning of a query and an Accept header: the form, dependencies, size and cost of the response, and the query
    in one form for all of its spellings."""

    form: Form
    dependencies: Dependencies
    is_large: bool
    units: int
    query: str


@dataclass(frozen=True, slots=True)
class CacheableRequest:
    """A request, as all that its response follows from besides the revisions. `encoding` is br, gzip or ""."""

    question: tuple[str, ...]
    meaning: Meaning
    site: Site
    encoding: str

    @classmethod
    def of(cls, request: HttpRequest, route: Route, host: str, program: str) -> Self | None:
        """Return what is to be cached of a request; None where its response is an error of negotiation."""
        query, accept = request.META.get("QUERY_STRING", ""), request.META.get("HTTP_ACCEPT", "")
        read = _read if len(query) + len(accept) <= LONGEST_REMEMBERED else _read.__wrapped__
        meaning = read(route, query, accept)
        if meaning is None:
            return None
        encoding = best_encoding(request.META.get("HTTP_ACCEPT_ENCODING", ""))
        site = _configured_site() or Site(request.scheme or "", host)
        question = (program, *site, request.path, meaning.query, *meaning.form, encoding)
        return cls(question, meaning, site, encoding)

    def bare(self, request: HttpRequest) -> BareRequest:
        """Return the request without all that is not in the question."""
        environ = {
            # Django has decoded them; WSGI has bytes as latin-1
            "SCRIPT_NAME": request.META.get("SCRIPT_NAME", "").encode().decode("latin-1"),
            "PATH_INFO": request.path_info.encode().decode("latin-1"),
            "QUERY_STRING": self.meaning.query,
            "HTTP_ACCEPT": self.meaning.form.media_type,
        }
        return BareRequest(environ, self.site)


@lru_cache(maxsize=512)
def _read(route: Route, query: str, accept: str) -> Meaning | None:
    canonical = route.canonical(parse_parameters(query))
    parameters = dict(canonical)
    form = route.negotiate(parameters.get("format"), accept)
    if form is None:
        return None
    limit = parameters.get("limit", "")
    rows = int(limit) if limit.isdecimal() and len(limit) < 19 else route.default_rows(form.format)
    # How many documents take the place of links is not known before they are read.
    is_large = rows >= LARGE_BY_FORMAT.get(form.format, LARGE) or "expand" in parameters
    dependencies = route.dependencies(parameters, form.format)
    units = costs.of_form(parameters, form.format, rows, is_expensive=route.is_expensive)
    return Meaning(form, dependencies, is_large, units, urlencode(canonical, errors="surrogateescape"))


def _configured_site() -> Site | None:
    """Return the site as SITE_URL names it: then nothing follows from how a request does."""
    parts = urlsplit(settings.SITE_URL)
    return Site(parts.scheme, parts.netloc) if settings.SITE_URL else None


@lru_cache(maxsize=256)
def best_encoding(accepted: str) -> str:
    """Return the best content encoding of those that a client accepts and the cache makes; "" for none."""
    if not accepted:
        return ""
    refused = re.findall(r"(\w+)\s*;\s*q=0(?:\.0*)?\s*(?:,|\Z)", accepted)
    taken = set(re.findall(r"\b(br|gzip)\b", accepted)) - set(refused)
    return "br" if "br" in taken else "gzip" if "gzip" in taken else ""
