"""A read replica: the API reads there, editors read what they have written.

Who writes through a page gets a cookie with how far the primary's log (WAL) reached by then. Their requests to the API
read from the primary until the replica has come as far. Answers that are kept are told apart by the revisions that
were read with them, so a replica that is behind gives what it has, and no other node is misled.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import SAFE_METHODS

from core.caching import revisions
from core.caching.revisions import Revisions
from core.database.sessions import reader, reading_alias, reading_from

logger = logging.getLogger(__name__)
REPLICA = "replica"
COOKIE = "wrote"
COOKIE_SECONDS = 24 * 3600
AWAY_SECONDS = 10.0  # for how long a replica that did not answer is not asked again
_away_until = [0.0]


@contextmanager
def reading(request: HttpRequest) -> Iterator[Revisions]:
    """Reads, inside, from the database that an API request is to read from, and goes by the revisions that stand there,
    which it gives."""
    found = _of_replica(request) if REPLICA in settings.DATABASES and time.monotonic() > _away_until[0] else None
    alias = REPLICA if found else DEFAULT_DB_ALIAS
    with reading_from(alias), revisions.going_by(found or revisions.read()) as read:
        yield read


def _of_replica(request: HttpRequest) -> Revisions | None:
    """The replica's revisions; None if it does not answer, or is behind what the reader has written."""
    try:
        with reading_from(REPLICA):
            found = revisions.read()
            return found if _has_all(request) else None
    except (OperationalError, InterfaceError) as error:
        logger.warning("The replica does not answer: %s", error)
        _away_until[0] = time.monotonic() + AWAY_SECONDS
        connections[REPLICA].close()
        return None


def _has_all(request: HttpRequest) -> bool:
    reached = request.get_signed_cookie(COOKIE, default="", max_age=COOKIE_SECONDS) if COOKIE in request.COOKIES else ""
    if not reached:
        return True
    with reader().cursor() as cursor:
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
