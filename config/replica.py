"""A read replica: the API reads there, editors read what they have written.

Who writes through a page gets a cookie with how far the primary's log (WAL) reached by then. Their requests to the API
read from the primary until the replica has come as far. Answers that are kept are told apart by the revisions that
were read with them, so a replica that is behind gives what it has, and no other node is misled.
"""

import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import SAFE_METHODS

from config.database import reading_alias

logger = logging.getLogger(__name__)
REPLICA = "replica"
COOKIE = "wrote"
COOKIE_SECONDS = 24 * 3600


def source(request: HttpRequest) -> str:
    """The database that an API request reads from: the replica, where there is one that answers and that is not behind
    what the reader has written. The log is read from the primary: a mirror may have come further than a replica."""
    if REPLICA not in settings.DATABASES or request.path_info.startswith("/api/v4/changes"):
        return DEFAULT_DB_ALIAS
    try:
        return REPLICA if _has_all(request) else DEFAULT_DB_ALIAS
    except DatabaseError as error:
        logger.warning("The replica does not answer: %s", error)
        connections[REPLICA].close()
        return DEFAULT_DB_ALIAS


def _has_all(request: HttpRequest) -> bool:
    replica = connections[REPLICA]
    replica.ensure_connection()
    reached = request.get_signed_cookie(COOKIE, default="", max_age=COOKIE_SECONDS) if COOKIE in request.COOKIES else ""
    if not reached:
        return True
    with replica.cursor() as cursor:
        cursor.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [reached])
        return bool(cursor.fetchone()[0])  # null where it is no standby: then nothing is known


class WroteMiddleware:
    """Gives the cookie."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method not in SAFE_METHODS and response.status_code < 400:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_current_wal_insert_lsn()::text")
                (reached,) = cursor.fetchone()
            response.set_signed_cookie(COOKIE, reached, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax")
        return response


class ReplicaRouter:
    """Models are read where the request reads, and written to the primary."""

    def db_for_read(self, *_: Any, **__: Any) -> str:
        return reading_alias()

    def db_for_write(self, *_: Any, **__: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *_: Any, **__: Any) -> bool:
        return True

    def allow_migrate(self, db: str, *_: Any, **__: Any) -> bool:
        return db == DEFAULT_DB_ALIAS
