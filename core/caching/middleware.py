"""Responses, JSON and pages alike, that are served again for as long as nothing that they show has changed.

The database moves a revision for each kind of document with every commit that changes anything served, whoever wrote
it. A response is cached under the revisions that were read before its data, so the first request after a commit finds
nothing and builds it: nothing is ever stale, on no node. The same revisions make the ETag, so that a client that
has a response is told so before any document is read.

The middleware stands before all others: a response is cached whole, and a request that gets it passes none of them.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Literal, NamedTuple

import brotli
import orjson
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.exception import convert_exception_to_response
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_resolver
from django.utils.http import parse_etags
from django.utils.module_loading import import_string
from django.utils.text import compress_string
from rest_framework.response import Response

from core import costs
from core.caching import reads
from core.caching.cacheable import CacheableRequest
from core.caching.dependencies import Routes
from core.caching.keys import cache_key, program_fingerprint
from core.caching.replica import Reading, reading
from core.caching.responses import WAIT, CachedResponse, Store
from core.caching.revisions import Revisions
from core.caching.stores import store
from core.database.sessions import TooLateError
from core.noted import CACHE, VIEW

logger = logging.getLogger(__name__)
SMALLEST_COMPRESSED = 500
MOST_WAIT = 3.0  # seconds that a request waits for another one and then still begins to build its own response
Build = Callable[[], HttpResponseBase]
Result = Literal["hit", "waited", "built", "uncacheable"]
_HEADERS = {"Cache-Control": "public, no-cache", "Vary": "Accept, Accept-Encoding"}


class Current(NamedTuple):
    """The response to a request, and what the cache did for it."""

    response: HttpResponseBase
    result: Result


class ApiCacheMiddleware:
    """Serves everything below /api/, from the cache where that is possible."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.respond = api_chain(settings.API_MIDDLEWARE)
        # Errors before the chain (a wrong host, an unavailable database) get a length, and no body for HEAD, as well.
        self.api_response: Callable[[Any], Any] = convert_exception_to_response(self._api_response)
        self.routes = Routes(get_resolver().url_patterns)
        self.program = program_fingerprint()
        self.builds: dict[bytes, Future[CachedResponse | None]] = {}
        # A page of hundreds of documents takes many megabytes while it is built: a worker builds one at a time.
        self.large_page = threading.Lock()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/api"):
            return self.get_response(request)
        response: HttpResponseBase = self.api_response(request)
        if request.method in {"GET", "HEAD"}:
            # Without a word of ours, caches hold errors for minutes, and permanent redirects for ever.
            response.headers.setdefault("Cache-Control", "no-store")
        if (
            isinstance(response, HttpResponse)
            and "Content-Length" not in response.headers
            and response.status_code != 304
        ):
            response.headers["Content-Length"] = str(len(response.content))
        if isinstance(response, Response):
            # Its view and it refer to each other: megabytes would wait for the garbage collector.
            response.data, response.renderer_context = None, {}  # type: ignore[attr-defined]  # the stubs lack it
        if request.method == "HEAD" and isinstance(response, HttpResponse):
            response.content = b""  # the headers are those of the whole response; a server would complain of a body
        return response

    def _api_response(self, request: HttpRequest) -> HttpResponseBase:
        host = request.get_host()  # it raises what Django answers 400 for
        return self._read(request, host) if request.method in {"GET", "HEAD"} else self.respond(request)

    def _read(self, request: HttpRequest, host: str) -> HttpResponseBase:
        route = self.routes.find(request.path_info)
        cacheable = CacheableRequest.of(request, route, host, self.program) if route else None
        if route:
            request.META[VIEW] = route.name
        if cacheable is None:  # nothing is at this URL, or in that form
            return self.respond(request)
        dependencies = cacheable.meaning.dependencies
        with reading(request) if dependencies.revisions else _reading_nothing() as (connection, revisions):
            key = cache_key(cacheable.question, dependencies, revisions.numbers)
            etag = f'"{key.hex()}"'
            client_has = _etags(request.META.get("HTTP_IF_NONE_MATCH", ""))
            if etag in client_has:
                request.META[CACHE] = "not_modified"
                return _not_modified(etag)
            build = partial(self._build, request, cacheable, connection, etag)
            response, request.META[CACHE] = self._current(build, key)
            # "*" names every response that exists, which is known only now.
            if "*" in client_has and response.has_header("ETag"):
                return costs.mark(_not_modified(etag), costs.units_of(response))
            return response

    def _current(self, build: Build, key: bytes) -> Current:
        cache = store(settings.CACHE_URL)
        if cache is None:
            return Current(build(), "uncacheable")
        cached = cache.get(key)
        return Current(_served(cached), "hit") if cached else self._build_once(build, cache, key)

    def _build_once(self, build: Build, cache: Store, key: bytes) -> Current:
        """Build the response once for concurrent identical requests; the others wait. If it proves uncacheable, each
        builds its own."""
        begin = time.monotonic()
        mine: Future[CachedResponse | None] = Future()
        first = self.builds.setdefault(key, mine)
        if first is not mine:
            return _waited(_result(first), build, begin)
        cached, must_build = None, False
        try:
            cached, must_build = cache.begin(key)
            if must_build:
                response, cached = _build_and_store(build, cache, key)
        finally:
            del self.builds[key]
            mine.set_result(cached)
        if must_build:
            return Current(response, "built" if cached else "uncacheable")
        return _waited(cached, build, begin)

    def _build(
        self, request: HttpRequest, cacheable: CacheableRequest, connection: BaseDatabaseWrapper, etag: str
    ) -> HttpResponseBase:
        # HEAD is answered as GET, and the middleware leaves the body out: one response serves both.
        turn = _turn(self.large_page) if cacheable.meaning.is_large else nullcontext()
        with turn, reads.recorded(connection) as read:
            response = costs.mark(self.respond(cacheable.bare(request)), cacheable.meaning.units)
        if response.status_code != 200 or not isinstance(response, HttpResponse):
            return response
        if undeclared := read.undeclared(cacheable.meaning.dependencies):
            return _uncached(request, response, undeclared)
        for name, value in {"ETag": etag, **_HEADERS}.items():
            response[name] = value
        _compress(response, cacheable.encoding)
        return response


def _waited(cached: CachedResponse | None, build: Build, begin: float) -> Current:
    """Serve a request that has waited for another one since `begin`; None if that was in vain, and it builds its
    own."""
    if cached:
        return Current(_served(cached), "waited")
    if time.monotonic() - begin > MOST_WAIT:
        raise TooLateError("Another request waits for the same documents")
    return Current(build(), "uncacheable")


@contextmanager
def _turn(lock: threading.Lock) -> Iterator[None]:
    if not lock.acquire(timeout=MOST_WAIT):
        raise TooLateError("Another request waits for a large page")
    try:
        yield
    finally:
        lock.release()


def _reading_nothing() -> AbstractContextManager[Reading]:
    """Stand in for reading() where a response shows nothing of the database: the schema, and its pages."""
    return nullcontext(Reading(connections[DEFAULT_DB_ALIAS], Revisions({}, {})))


def _build_and_store(build: Build, cache: Store, key: bytes) -> tuple[HttpResponseBase, CachedResponse | None]:
    """Return the response, and what has been stored of it: None if it proves uncacheable."""
    cached = None
    try:
        response = build()
        if isinstance(response, HttpResponse) and response.has_header("ETag"):
            cached = CachedResponse(orjson.dumps(dict(response.items())), response.content)
            cache.set(key, cached)
        return response, cached
    finally:
        cache.end(key, is_stored=cached is not None)


def api_chain(middleware: Iterable[str]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Return the handler of the API: its views behind that middleware alone. It knows no users, so it needs no
    sessions."""
    handler: Any = BaseHandler()
    handler._view_middleware, handler._template_response_middleware, handler._exception_middleware = [], [], []
    respond: Callable[[Any], Any] = convert_exception_to_response(handler._get_response)
    for path in reversed(list(middleware)):
        respond = convert_exception_to_response(import_string(path)(respond))
    return respond


def _result(build: "Future[CachedResponse | None]") -> CachedResponse | None:
    try:
        return build.result(timeout=WAIT)
    except TimeoutError:
        return None


def _served(cached: CachedResponse) -> HttpResponse:
    return costs.mark(HttpResponse(cached.content, headers=orjson.loads(cached.headers)), costs.HIT)


def _not_modified(etag: str) -> HttpResponse:
    """Return a 304 without type and length: a cache would take them over for the response that it has."""
    response = HttpResponse(status=304, headers={"ETag": etag, **_HEADERS})
    del response["Content-Type"]
    return response


def _uncached(request: HttpRequest, response: HttpResponse, undeclared: list[str]) -> HttpResponse:
    """Serve what would not fall with everything that it shows, without leave to cache it."""
    logger.error("%s shows %s, which its view does not declare: not cached", request.path, ", ".join(undeclared))
    response["Cache-Control"] = "no-store"
    return response


def _etags(header: str) -> set[str]:
    """Return the ETags of an If-None-Match header; weak and strong ones compare alike there."""
    return {each.removeprefix("W/") for each in parse_etags(header)} if header else set()


def _compress(response: HttpResponse, encoding: str) -> None:
    if not encoding or len(response.content) < SMALLEST_COMPRESSED or response.has_header("Content-Encoding"):
        return
    if encoding == "br":
        response.content = brotli.compress(response.content, quality=5)
    else:
        response.content = compress_string(response.content)
    response["Content-Encoding"] = encoding
    response["Content-Length"] = str(len(response.content))
