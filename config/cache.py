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
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import brotli
import orjson
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from django.utils.module_loading import import_string
from django.utils.text import compress_string
from rest_framework.response import Response

from config import revisions
from config.database import reading_from
from config.replica import source
from config.settings import VERSION
from config.stores import Answer, store

# What an answer depends on, by the first word of its path: kinds always, and kinds by a word of its query.
_KINDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "packages": (("packages",), {"category": "categories", "grid": "grids"}),
    "grids": (("grids",), {"package": "packages"}),
    "categories": (("categories",), {}),
    "search": (("packages", "grids", "categories"), {}),
    # Whatever is logged moves one of the others too, whose numbers never come again, not even from a backup.
    "changes": (("changes", "pruned", "packages", "grids", "categories"), {}),
    "feeds": (("packages", "grids"), {}),
    "": ((), {}),
}
_ROOT = "/api/v4/"
# What grows old without a write, by words of the path and the query; and for how many seconds it may.
_AGEING = re.compile(r"/search/|stale|score|fields=[^&]*all")
BUCKET = 60
SMALLEST_COMPRESSED = 500
WAIT = 10.0
# An Accept header that nothing but plain JSON can follow from: neither a page nor indented JSON.
_PLAIN = r"(?:\*/\*|application/\*|application/json)(?:\s*;\s*q=[0-9.]+)?"
_JSON = re.compile(rf"\s*{_PLAIN}\s*(?:,\s*{_PLAIN}\s*)*")
_KEPT = ("application/json", "application/rss+xml", "application/atom+xml")
_EVERYWHERE = {"Cache-Control": "public, no-cache", "Vary": "Accept, Accept-Encoding, origin"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer that can be kept is asked for by: all but its revisions. `said` is the query as it reads."""

    path: str
    said: str
    kinds: tuple[str, ...]
    form: tuple[str, ...]
    encoding: str

    def key(self, numbers: dict[str, int]) -> Any:
        """The digest under which the answer is kept while these are the revisions."""
        bucket = int(time.time()) // BUCKET if _AGEING.search(f"{self.path}?{self.said}") else 0
        parts = (*self.form, str(bucket), *(f"{kind}{numbers.get(kind, 0)}" for kind in self.kinds))
        return hashlib.blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=16)


class ApiCacheMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.answer = chain(settings.API_MIDDLEWARE)
        self.program = _program()
        self.making: dict[bytes, threading.Lock] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/api"):
            return self.get_response(request)
        host = request.get_host()  # it raises what Django answers 400 for
        alias = source(request)
        with reading_from(alias) if alias != DEFAULT_DB_ALIAS else nullcontext():
            response = self._answer(request, host)
        if isinstance(response, HttpResponse) and "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""  # its headers are those of the whole answer; a server would complain of a body
        return response

    def _answer(self, request: HttpRequest, host: str) -> HttpResponseBase:
        asked = _asked(request, host, self.program) if request.method in {"GET", "HEAD"} else None
        if asked is None:
            return _private(self.answer(request))
        with revisions.going_by(revisions.read()) as read:
            digest = asked.key(read.numbers)
            key, etag = digest.digest(), f'"{digest.hexdigest()}"'
            if _has(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
                return _unchanged(request, etag)
            found = self._kept(key)
            if found is None:
                return self._first(request, asked, key, etag)
        return _response(found)

    def _kept(self, key: bytes) -> Answer | None:
        kept = store(settings.CACHE_URL)
        return kept.get(key) if kept else None

    def _first(self, request: HttpRequest, asked: Asked, key: bytes, etag: str) -> HttpResponseBase:
        """The answer, made by one of all that ask for it at once: the others wait for it, here and on other nodes."""
        kept = store(settings.CACHE_URL)
        if kept is None:
            return self._made(request, asked, etag)
        lock = self.making.setdefault(key, threading.Lock())
        waited = lock.acquire(timeout=WAIT)
        try:
            if found := kept.get(key) or kept.awaited(key, WAIT):
                return _response(found)
            try:
                response = self._made(request, asked, etag)
                if isinstance(response, HttpResponse) and response.has_header("ETag"):
                    kept.set(key, Answer(orjson.dumps(dict(response.items())), response.content))
                return response
            finally:
                kept.made(key)
        finally:
            self.making.pop(key, None)
            if waited:
                lock.release()

    def _made(self, request: HttpRequest, asked: Asked, etag: str) -> HttpResponseBase:
        # HEAD is answered as GET, and Django's server leaves the body out: one answer serves both.
        method, request.method = request.method, "GET"
        response = self.answer(request)
        request.method = method
        if isinstance(response, Response):
            # It is in a ring with its view: a page of a thousand documents would wait for the collector of garbage.
            response.data = None
        if response.status_code != 200 or not isinstance(response, HttpResponse):
            return response
        if response.get("Content-Type", "").split(";")[0] not in _KEPT:
            return _private(response)
        for name, value in {"ETag": etag, **_EVERYWHERE}.items():
            response[name] = value
        _compress(response, asked.encoding)
        return response


def _program() -> str:
    """Other settings make other answers: nodes that share a Redis need not have the same."""
    return "\n".join((VERSION, settings.SITE_URL, settings.TIME_ZONE, str(settings.DATABASES["default"]["NAME"])))


def _asked(request: HttpRequest, host: str, program: str) -> Asked | None:
    """What is asked for, if it can be kept."""
    meta, path = request.META, request.path_info
    query, accept = meta.get("QUERY_STRING", ""), meta.get("HTTP_ACCEPT", "")
    said = unquote_plus(query) if query else ""
    if "format=" in said:
        if "format=json" not in said:
            return None
    elif accept and accept != "*/*" and not path.startswith("/api/v4/feeds/") and not _JSON.fullmatch(accept):
        return None
    kinds = kinds_of(path, said)
    if kinds is None:
        return None
    encoding = _encoding(meta.get("HTTP_ACCEPT_ENCODING", ""))
    chosen = accept if "format=" in said else ""
    origin = "origin" if "HTTP_ORIGIN" in meta else ""
    form = (program, request.scheme or "", host, path, query, chosen, encoding, origin)
    return Asked(path, said, kinds, form, encoding)


def kinds_of(path: str, said: str) -> tuple[str, ...] | None:
    """The kinds of documents that the answer at an address depends on; None if that is not known."""
    found = _KINDS.get(path[len(_ROOT) :].partition("/")[0]) if path.startswith(_ROOT) else None
    if found is None:
        return None
    always, by_word = found
    return (*always, *(kind for word, kind in by_word.items() if word in said)) if said else always


def counted(path: str, said: str, count: Callable[[], int]) -> int:
    """How many rows there are of what `said` filters out of the list at `path`: counted once for each change."""
    kinds = kinds_of(path, said) or ()
    found = remembered(kinds, path, said)
    if found is None:
        found = count()
        remember(found, kinds, path, said)
    number: int = found
    return number


def remembered(kinds: tuple[str, ...], *what: str) -> Any:
    """What was found out of documents of these kinds, if none of them has changed since; else None."""
    kept = store(settings.CACHE_URL)
    found = kept.get(_finding(kinds, what)) if kept else None
    return None if found is None else orjson.loads(found.content)


def remember(found: Any, kinds: tuple[str, ...], *what: str) -> None:
    """Keep what JSON can hold for as long as none of the documents of these kinds changes."""
    if kept := store(settings.CACHE_URL):
        kept.set(_finding(kinds, what), Answer(b"", orjson.dumps(found)))


def _finding(kinds: tuple[str, ...], what: tuple[str, ...]) -> bytes:
    asked = Asked(what[0], what[-1], kinds, (_program(), "found", *what), "")
    key: bytes = asked.key(revisions.current().numbers).digest()
    return key


def _unchanged(request: HttpRequest, etag: str) -> HttpResponse:
    response = HttpResponse(status=304, headers={"ETag": etag, **_EVERYWHERE})
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


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """Pages are for whoever asked; no CDN keeps them."""
    if response.get("Content-Type", "").startswith("text/html"):
        response["Cache-Control"] = "private, no-cache"
    return response


def _has(header: str, etag: str) -> bool:
    """Whether an If-None-Match header names the ETag; weak or strong is all one there."""
    return bool(header) and etag in {each.removeprefix("W/") for each in parse_etags(header)}


@lru_cache(maxsize=256)
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


def _response(answer: Answer) -> HttpResponse:
    return HttpResponse(answer.content, headers=orjson.loads(answer.headers))
