"""A read replica: the API reads there, and editors read what they have written.

After an editor saves, a cookie says how far the primary's log (WAL) reached by then, and that editor's API requests
read from the primary until the replica has caught up. Cached responses are told apart by the revisions that were read
with them, so a replica that is behind gives what it has, and no other node is misled.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.db import connection as primary
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import SAFE_METHODS

from core.caching import revisions
from core.caching.revisions import CURRENT, Revisions
from core.database.sessions import READING_ALIAS, waiting

logger = logging.getLogger(__name__)
REPLICA = "replica"
COOKIE = "wrote"
COOKIE_SECONDS = 24 * 3600
UNREACHABLE_SECONDS = 10.0  # for which an unreachable replica is left alone
REPLICA_SECONDS = 2.0  # for which a request waits for it
_unreachable_until = [0.0]


class Reading(NamedTuple):
    """The database that a request reads from, and the revisions that stood there when it began."""

    connection: BaseDatabaseWrapper
    revisions: Revisions


@contextmanager
def reading(request: HttpRequest) -> Iterator[Reading]:
    """Choose the database that an API request reads from, and make the revisions there the current ones inside."""
    replica = REPLICA in settings.DATABASES and time.monotonic() > _unreachable_until[0]
    found = _of_replica(request) if replica else None
    connection = connections[REPLICA if found else DEFAULT_DB_ALIAS]
    found = found or revisions.read(connection)
    # Not by the context managers of the two: this is the way of every request.
    alias, current = READING_ALIAS.set(connection.alias), CURRENT.set(found)
    try:
        yield Reading(connection, found)
    finally:
        CURRENT.reset(current)
        READING_ALIAS.reset(alias)


def _of_replica(request: HttpRequest) -> Revisions | None:
    """Return the replica's revisions; None if it is unreachable, or behind the last write of an editor who reads."""
    connection = connections[REPLICA]
    try:
        # If the primary is silent too, the request still ends in time.
        with waiting(REPLICA_SECONDS):
            found = revisions.read(connection)
            return found if _has_caught_up(connection, request) else None
    except (OperationalError, InterfaceError) as error:
        logger.warning("The replica is unreachable: %s", " ".join(str(error).split()))
        _unreachable_until[0] = time.monotonic() + UNREACHABLE_SECONDS
        connection.close()
        return None


def _has_caught_up(connection: BaseDatabaseWrapper, request: HttpRequest) -> bool:
    reached = request.get_signed_cookie(COOKIE, default="", max_age=COOKIE_SECONDS) if COOKIE in request.COOKIES else ""
    if not reached:
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [reached])
        return bool(cursor.fetchone()[0])  # null where it is no standby: then nothing is known


class WroteMiddleware:
    """Gives the cookie to an editor who has written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.method not in SAFE_METHODS and response.status_code < 400:
            with primary.cursor() as cursor:
                cursor.execute("SELECT pg_current_wal_insert_lsn()::text")
                (reached,) = cursor.fetchone()
            secure = request.is_secure() or settings.SESSION_COOKIE_SECURE
            response.set_signed_cookie(
                COOKIE, reached, max_age=COOKIE_SECONDS, secure=secure, httponly=True, samesite="Lax"
            )
        return response


class ReplicaRouter:
    """Reads models where the request reads, and writes them to the primary."""

    def db_for_read(self, *_: Any, **__: Any) -> str:
        return READING_ALIAS.get()

    def db_for_write(self, *_: Any, **__: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *_: Any, **__: Any) -> bool:
        return True

    def allow_migrate(self, db: str, *_: Any, **__: Any) -> bool:
        return db == DEFAULT_DB_ALIAS
