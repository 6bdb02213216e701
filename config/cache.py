"""Answers that were made before, for as long as nothing that they show has changed.

The database moves a revision for each kind of document with every commit that changes anything served, whoever wrote
it. An answer is kept under the revisions that were read before its data, so the first request after a commit finds
nothing and makes it anew: nothing is ever stale, on no node. The same revisions make the ETag, so that a client that
has an answer is told so before any document is read.

It stands before all other middleware: an answer is kept whole, and who gets one passes none of the rest.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import brotli
import orjson
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from django.utils.module_loading import import_string
from django.utils.text import compress_string

from config.settings import VERSION
from config.stores import store

# What an answer depends on: the beginning of its path, the kinds always, and kinds by a word of its query.
_KINDS: tuple[tuple[re.Pattern[str], tuple[str, ...], dict[str, str]], ...] = (
    (re.compile(r"/api/v4/packages/"), ("packages",), {"category": "categories", "grid": "grids"}),
    (re.compile(r"/api/v4/grids/"), ("grids",), {"package": "packages"}),
    (re.compile(r"/api/v4/categories/"), ("categories",), {}),
    (re.compile(r"/api/v4/search/"), ("packages", "grids", "categories"), {}),
    (re.compile(r"/api/v4/changes/"), ("changes", "pruned"), {}),
    (re.compile(r"/api/v4/feeds/"), ("packages", "grids"), {}),
    (re.compile(r"/api/v4/\Z"), (), {}),
)
# What grows old without a write, by words of the path and the query; and for how many seconds it may.
_AGEING = re.compile(r"/search/|stale|score|fields=[^&]*all")
BUCKET = 60
SMALLEST_COMPRESSED = 500
WAIT = 10.0
# An Accept header that nothing but plain JSON can follow from: neither a page nor indented JSON.
_PLAIN = r"(?:\*/\*|application/\*|application/json)(?:\s*;\s*q=[0-9.]+)?"
_JSON = re.compile(rf"\s*{_PLAIN}\s*(?:,\s*{_PLAIN}\s*)*")
_KEPT = ("application/json", "application/rss+xml", "application/atom+xml")


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer that can be kept: its key, which the revisions are a part of, and its ETag."""

    key: bytes
    etag: str
    encoding: str


class ApiCacheMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.answer = chain(settings.API_MIDDLEWARE)
        # Other settings make other answers: nodes that share a Redis need not have the same.
        told = (VERSION, settings.SITE_URL, settings.TIME_ZONE, str(settings.DATABASES["default"]["NAME"]))
        self.program = "\n".join(told)
        self.making: dict[bytes, threading.Lock] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/api"):
            return self.get_response(request)
        response = self._answer(request)
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            # Its headers are those of the whole answer; a server would complain of a body.
            response.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        wanted = self._wanted(request) if request.method in {"GET", "HEAD"} else None
        if wanted is None:
            return _private(self.answer(request))
        if _has(request.META.get("HTTP_IF_NONE_MATCH", ""), wanted.etag):
            return self._unchanged(request, wanted)
        kept = store(settings.CACHE_URL)
        if kept is None:
            return self._made(request, wanted)
        found = kept.get(wanted.key)
        if found is None:
            # A stampede of equal requests makes the answer once: the others wait for it here.
            lock = self.making.setdefault(wanted.key, threading.Lock())
            waited = lock.acquire(timeout=WAIT)
            try:
                found = kept.get(wanted.key)
                if found is None:
                    response = self._made(request, wanted)
                    if response.has_header("ETag"):
                        kept.set(wanted.key, _packed(response))
                    return response
            finally:
                self.making.pop(wanted.key, None)
                if waited:
                    lock.release()
        return _unpacked(found)

    def _wanted(self, request: HttpRequest) -> Wanted | None:
        """What to look for, if the request is for something that can be kept."""
        meta = request.META
        query = meta.get("QUERY_STRING", "")
        accept = meta.get("HTTP_ACCEPT", "")
        said = unquote_plus(query) if query else ""
        is_feed = request.path_info.startswith("/api/v4/feeds/")
        if "format=" in said:
            if "format=json" not in said:
                return None
        elif accept and not is_feed and not _JSON.fullmatch(accept):
            return None
        for path, always, by_word in _KINDS:
            if path.match(request.path_info):
                kinds = {*always, *(kind for word, kind in by_word.items() if word in said)}
                break
        else:
            return None
        try:
            host = request.get_host()
        except DisallowedHost:
            return None
        numbers = revisions()
        encoding = _encoding(meta.get("HTTP_ACCEPT_ENCODING", ""))
        bucket = int(time.time()) // BUCKET if _AGEING.search(request.path_info + "?" + said) else 0
        parts = (
            self.program,
            request.scheme or "",
            host,
            request.path_info,
            query,
            accept if "format=" in said else "",
            encoding,
            str("HTTP_ORIGIN" in meta),
            str(bucket),
            *(f"{kind}{numbers.get(kind, 0)}" for kind in sorted(kinds)),
        )
        key = hashlib.blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=16)
        return Wanted(key.digest(), f'"{key.hexdigest()}"', encoding)

    def _made(self, request: HttpRequest, wanted: Wanted) -> HttpResponseBase:
        # HEAD is answered as GET, and Django's server leaves the body out: one answer serves both.
        method, request.method = request.method, "GET"
        response = self.answer(request)
        request.method = method
        if response.status_code != 200 or not isinstance(response, HttpResponse):
            return response
        if response.get("Content-Type", "").split(";")[0] not in _KEPT:
            return _private(response)
        response["ETag"] = wanted.etag
        response["Cache-Control"] = "public, no-cache"
        response["Vary"] = "Accept, Accept-Encoding, origin"
        _compress(response, wanted.encoding)
        return response

    def _unchanged(self, request: HttpRequest, wanted: Wanted) -> HttpResponse:
        response = HttpResponse(status=304)
        response["ETag"] = wanted.etag
        response["Cache-Control"] = "public, no-cache"
        response["Vary"] = "Accept, Accept-Encoding, origin"
        if "HTTP_ORIGIN" in request.META:
            response["Access-Control-Allow-Origin"] = "*"
        return response


def chain(middleware: Iterable[str]) -> Callable[[HttpRequest], HttpResponseBase]:
    """What answers the API: the views, with that middleware alone. It knows no users, so it needs no sessions."""
    handler: Any = BaseHandler()
    handler._view_middleware, handler._template_response_middleware, handler._exception_middleware = [], [], []
    answer: Callable[[Any], Any] = convert_exception_to_response(handler._get_response)
    for path in reversed(list(middleware)):
        answer = convert_exception_to_response(import_string(path)(answer))
    return answer


def revisions() -> dict[str, int]:
    """The revision of each kind. A connection that the database has closed meanwhile is opened anew, once: so requests
    need no other check of their connection's health."""
    if not connection.in_atomic_block:
        connection.health_check_done = True  # type: ignore[attr-defined]  # the stubs lack it
    try:
        return _revisions()
    except (OperationalError, InterfaceError):
        if connection.in_atomic_block:
            raise
        connection.close()
        return _revisions()


def _revisions() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, number FROM changes_revision")
        return dict(cursor.fetchall())


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """Pages are for whoever asked; no CDN keeps them."""
    if response.get("Content-Type", "").startswith("text/html"):
        response["Cache-Control"] = "private, no-cache"
    return response


def _has(header: str, etag: str) -> bool:
    """Whether an If-None-Match header names the ETag; weak or strong is all one there."""
    return bool(header) and etag in {each.removeprefix("W/") for each in parse_etags(header)}


def _encoding(accepted: str) -> str:
    """The best encoding that the client takes and we make."""
    if not accepted:
        return ""
    refused = re.findall(r"(\w+)\s*;\s*q=0(?:\.0*)?\s*(?:,|\Z)", accepted)
    taken = set(re.findall(r"\b(br|gzip)\b", accepted)) - set(refused)
    return "br" if "br" in taken else "gzip" if "gzip" in taken else ""


def _compress(response: HttpResponse, encoding: str) -> None:
    if not encoding or len(response.content) < SMALLEST_COMPRESSED or response.has_header("Content-Encoding"):
        return
    if encoding == "br":
        response.content = brotli.compress(response.content, quality=5)
    else:
        response.content = compress_string(response.content)
    response["Content-Encoding"] = encoding
    response["Content-Length"] = str(len(response.content))


def _packed(response: HttpResponseBase) -> bytes:
    """An answer as it is kept: its headers as JSON on one line, then its body."""
    content = response.content if isinstance(response, HttpResponse) else b""
    return orjson.dumps(dict(response.items())) + b"\n" + content


def _unpacked(value: bytes) -> HttpResponse:
    headers, content = value.split(b"\n", 1)
    return HttpResponse(content, headers=orjson.loads(headers))
