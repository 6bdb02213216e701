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
from concurrent.futures import Future
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
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from django.utils.module_loading import import_string
from django.utils.text import compress_string
from rest_framework.response import Response

from core.caching import revisions
from core.caching.memory import WAIT, CachedResponse, Store, store
from core.caching.replica import reading

# What an answer depends on, by the first word of its path: kinds always, and kinds wherever some letters are in its
# query. Letters may stand there for something else, which only keeps an answer for a shorter time.
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
# A page of hundreds of documents takes many megabytes while it is made: a worker makes one such page at a time.
_LARGE = re.compile(r"limit=0*(?:[3-9][0-9]{2}|[0-9]{4})")
_RANGE = re.compile(r"[\w*.+-]+/[\w*.+-]+(?:\s*;\s*q=[0-9.]+)?", re.ASCII)
_KEPT = ("application/json", "application/rss+xml", "application/atom+xml")
_EVERYWHERE = {"Cache-Control": "public, no-cache", "Vary": "Accept, Accept-Encoding, origin"}


@dataclass(frozen=True, slots=True)
class CacheableRequest:
    """What an answer that can be kept is asked for by: all but its revisions. `said` is the query as it reads."""

    path: str
    said: str
    kinds: tuple[str, ...]
    form: tuple[str, ...]
    encoding: str


class ApiCacheMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.answer = chain(settings.API_MIDDLEWARE)
        self.program = _program()
        self.making: dict[bytes, Future[CachedResponse | None]] = {}
        self.large = threading.Lock()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/api"):
            return self.get_response(request)
        host = request.get_host()  # it raises what Django answers 400 for
        if request.encoding:  # of a body, which there is none; Django would read the query by it
            request.encoding = "utf-8"
        response = self._read(request, host) if request.method in {"GET", "HEAD"} else self.answer(request)
        if isinstance(response, HttpResponse) and "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
        if isinstance(response, Response):
            # Its view and it hold each other: megabytes would wait for the collector of garbage.
            response.data, response.renderer_context = None, {}  # type: ignore[attr-defined]  # the stubs lack it
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""  # its headers are those of the whole answer; a server would complain of a body
        return response

    def _read(self, request: HttpRequest, host: str) -> HttpResponseBase:
        if kinds_of(request.path_info, "") is None:  # no documents: the schema, or nothing at all
            return _private(self.answer(request))
        asked = _asked(request, host, self.program)
        with reading(request) as read:
            if asked is None:
                return _private(self.answer(request))
            key = _digest(asked.path, asked.said, asked.kinds, read.numbers, asked.form)
            etag = f'"{key.hex()}"'
            if _has(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
                return _unchanged(request, etag)
            kept = store(settings.CACHE_URL)
            if kept is None:
                return self._made(request, asked, etag)
            found = kept.get(key)
            return _response(found) if found else self._first(request, asked, kept, key, etag)

    def _first(
        self, request: HttpRequest, asked: CacheableRequest, kept: Store, key: bytes, etag: str
    ) -> HttpResponseBase:
        """The answer, made by one of all that ask for it at once while the others wait. What turns out to be nothing
        that is kept, everybody makes at once."""
        mine: Future[CachedResponse | None] = Future()
        first = self.making.setdefault(key, mine)
        if first is not mine:
            found = _awaited(first)
            return _response(found) if found else self._made(request, asked, etag)
        found, wanted = None, False
        try:
            found, wanted = kept.begin(key)
            if wanted:
                response, found = self._stored(request, asked, kept, key, etag)
        finally:
            del self.making[key]
            mine.set_result(found)
        if wanted:
            return response
        return _response(found) if found else self._made(request, asked, etag)

    def _stored(
        self, request: HttpRequest, asked: CacheableRequest, kept: Store, key: bytes, etag: str
    ) -> tuple[HttpResponseBase, CachedResponse | None]:
        """What is made, and what has been kept of it."""
        answer = None
        try:
            response = self._made(request, asked, etag)
            if isinstance(response, HttpResponse) and response.has_header("ETag"):
                answer = CachedResponse(orjson.dumps(dict(response.items())), response.content)
                kept.set(key, answer)
            return response, answer
        finally:
            kept.end(key, kept=answer is not None)

    def _made(self, request: HttpRequest, asked: CacheableRequest, etag: str) -> HttpResponseBase:
        # HEAD is answered as GET, and Django's server leaves the body out: one answer serves both.
        method, request.method = request.method, "GET"
        with self.large if _LARGE.search(asked.said) else nullcontext():
            response = self.answer(request)
        request.method = method
        if response.status_code != 200 or not isinstance(response, HttpResponse):
            return response
        if response.get("Content-Type", "").split(";")[0] not in _KEPT:
            return _private(response)
        for name, value in {"ETag": etag, **_EVERYWHERE}.items():
            response[name] = value
        _compress(response, asked.encoding)
        return response


def _awaited(first: "Future[CachedResponse | None]") -> CachedResponse | None:
    try:
        return first.result(timeout=WAIT)
    except TimeoutError:
        return None


@lru_cache
def _code() -> str:
    """A digest of the program: while a new one is rolled out, nodes of both share a Redis."""
    digest = hashlib.blake2b(digest_size=16)
    for app in ("config", *settings.INSTALLED_APPS):
        for file in sorted((settings.BASE_DIR / app).rglob("*.py")):  # none where the app is a library
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _program() -> str:
    """Other programs and settings make other answers."""
    names = ("SITE_URL", "TIME_ZONE", "FORGE_HOSTS")
    database = settings.DATABASES["default"]["NAME"]
    return "\n".join((settings.VERSION, _code(), str(database), *(repr(getattr(settings, name)) for name in names)))


def _digest(path: str, said: str, kinds: tuple[str, ...], numbers: dict[str, int], form: tuple[str, ...]) -> bytes:
    """The key of what was made while these were the revisions of those kinds."""
    bucket = int(time.time()) // BUCKET if _AGEING.search(f"{path}?{said}") else 0
    parts = (*form, str(bucket), *(f"{kind}{numbers.get(kind, 0)}" for kind in kinds))
    return hashlib.blake2b("\n".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _asked(request: HttpRequest, host: str, program: str) -> CacheableRequest | None:
    """What is asked for, if it can be kept."""
    meta, path = request.META, request.path_info
    query, accept = meta.get("QUERY_STRING", ""), meta.get("HTTP_ACCEPT", "")
    said = unquote_plus(query) if query else ""
    chooses = "format=" in said
    if chooses and "format=json" not in said:
        return None
    if not chooses and accept and not path.startswith("/api/v4/feeds/") and not _takes_plain_json(accept):
        return None
    kinds = kinds_of(path, said)
    if kinds is None:
        return None
    encoding = _encoding(meta.get("HTTP_ACCEPT_ENCODING", ""))
    origin = "origin" if "HTTP_ORIGIN" in meta else ""
    form = (program, request.scheme or "", host, request.path, query, accept if chooses else "", encoding, origin)
    return CacheableRequest(path, said, kinds, form, encoding)


@lru_cache(maxsize=256)
def _takes_plain_json(accept: str) -> bool:
    """Whether nothing but plain JSON can follow from an Accept header: neither a page nor indented JSON."""
    ranges = [each.strip() for each in accept.split(",")]
    if not all(_RANGE.fullmatch(each) for each in ranges):
        return False
    types = {each.partition(";")[0].strip().lower() for each in ranges}
    # Whoever names JSON gets it before what only a star stands for.
    return types <= {"*/*", "application/*"} or ("application/json" in types and "text/html" not in types)


def kinds_of(path: str, said: str) -> tuple[str, ...] | None:
    """The kinds of documents that the answer at an address depends on; None if that is not known."""
    found = _KINDS.get(path[len(_ROOT) :].partition("/")[0]) if path.startswith(_ROOT) else None
    if found is None:
        return None
    always, by_word = found
    return (*always, *(kind for word, kind in by_word.items() if word in said)) if said else always


def cached_count(path: str, said: str, count: Callable[[], int]) -> int:
    """How many rows there are of what `said` filters out of the list at `path`: counted once for each change."""
    finding = CachedValue(kinds_of(path, said) or (), path, said)
    if finding.value is None:
        finding.keep(count())
    number: int = finding.value
    return number


class CachedValue:
    """What was found out of documents of some kinds, and holds as long as none of them changes. JSON must be able to
    hold it."""

    def __init__(self, kinds: tuple[str, ...], *what: str) -> None:
        # The revisions that the request has read, before whatever is found out now.
        numbers = revisions.current().numbers
        self.key = _digest(what[0], what[-1], kinds, numbers, (_program(), "finding", *what))
        self.store = store(settings.CACHE_URL)
        found = self.store.get(self.key) if self.store else None
        self.value: Any = None if found is None else orjson.loads(found.content)

    def keep(self, value: Any) -> None:
        self.value = value
        if self.store:
            self.store.set(self.key, CachedResponse(b"", orjson.dumps(value)))


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


def _response(answer: CachedResponse) -> HttpResponse:
    return HttpResponse(answer.content, headers=orjson.loads(answer.headers))
