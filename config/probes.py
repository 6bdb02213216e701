"""Probes, for those who watch a server: whether this process lives (/healthz), and whether it can serve (/readyz). And
its metrics (/metrics), for those who have the token: to others there is nothing at that URL.

All are answered before everything else. No host is checked, since a load balancer knows an address alone; no session
is read, nothing is cached by others, and no line in the log but that of the request.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.crypto import constant_time_compare

from core.caching.stores import store
from core.database.sessions import waiting
from core.database.triggers import REGISTERED
from core.noted import VIEW
from core.words import counted

KEPT_SECONDS = 2.0  # for which an answer is given again, however often somebody asks
DATABASE_SECONDS = 2.0
OK = "ok"
METRICS = "/metrics"
UNREAD = "not known without the database"


def _not_allowed(_request: HttpRequest) -> HttpResponse:
    return HttpResponseNotAllowed(["GET", "HEAD"], content_type="text/plain; charset=utf-8")


class ProbesMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._lock = threading.Lock()
        self._found: Mapping[str, str] = {}
        self._found_at = -KEPT_SECONDS
        self._probes: Mapping[str, Callable[[HttpRequest], HttpResponse]] = {
            "/healthz": lambda _: HttpResponse("ok\n", content_type="text/plain; charset=utf-8"),
            "/readyz": lambda _: _readiness(self._current()),
            METRICS: self._metrics,
        }

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        respond = self._probes.get(request.path_info)
        if respond is None or (request.path_info == METRICS and not _may_read_metrics(request)):
            return self.get_response(request)
        request.META[VIEW] = request.path_info.strip("/")
        if request.method not in {"GET", "HEAD"}:
            respond = _not_allowed
        response = respond(request)
        response["Content-Length"] = str(len(response.content))
        response["Cache-Control"] = "no-store"
        response["X-Content-Type-Options"] = "nosniff"
        if request.method == "HEAD":
            response.content = b""
        return response

    def _current(self) -> Mapping[str, str]:
        with self._lock:
            if time.monotonic() - self._found_at >= KEPT_SECONDS:
                self._found = dict(findings())
                self._found_at = time.monotonic()
            return self._found

    def _metrics(self, request: HttpRequest) -> HttpResponse:
        from config.metrics import metrics  # noqa: PLC0415 (a library that few sites need)

        return metrics(request, {name: found == OK for name, found in self._current().items()})


def _may_read_metrics(request: HttpRequest) -> bool:
    """Return whether a request has the token, in a time that does not tell how much of it is right."""
    token: str = settings.METRICS_TOKEN
    sent = request.META.get("HTTP_AUTHORIZATION", "")
    return bool(token) and constant_time_compare(sent, f"Bearer {token}")


def _readiness(found: Mapping[str, str]) -> JsonResponse:
    # A site without its cache is slower, and serves: if each server were taken away, none would be left.
    is_ready = all(value == OK for name, value in found.items() if name != "cache")
    return JsonResponse({"ready": is_ready, **found}, status=200 if is_ready else 503)


def findings() -> Iterator[tuple[str, str]]:
    """Yield what is needed for serving, and "ok" or, in words, what is wrong with it."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with waiting(DATABASE_SECONDS):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            yield "database", OK
            yield "migrations", _migrations()
            yield "triggers", _triggers()
    except (DatabaseError, InterfaceError):
        connection.close()
        # Whoever asks is not told more: the log of the server has what the database said.
        yield from (("database", "it does not respond"), ("migrations", UNREAD), ("triggers", UNREAD))
    yield "cache", _cache()


@cache
def _newest_migrations() -> list[tuple[str, str]]:
    """Return the last migration of each app, which this program was written for."""
    newest: list[tuple[str, str]] = MigrationLoader(None).graph.leaf_nodes()
    return newest


def _migrations() -> str:
    applied = MigrationRecorder(connections[DEFAULT_DB_ALIAS]).applied_migrations()
    behind = [app for app, name in _newest_migrations() if (app, name) not in applied]
    return f"{', '.join(behind)} not up to date: run manage.py migrate" if behind else OK


def _triggers() -> str:
    connection = connections[DEFAULT_DB_ALIAS]
    deviations = sum(
        len(triggers.deviations(connection)) for triggers in REGISTERED if triggers.is_migrated(connection)
    )
    return f"{counted(deviations, 'difference')}: run manage.py install_triggers" if deviations else OK


def _cache() -> str:
    responses = store(settings.CACHE_URL)
    return OK if responses is None or responses.responds() else "it does not respond: every response is built anew"
