"""A deadline for every wait of a server for PostgreSQL: for a connection, and for each response on one.

The database ends slow statements itself (statement_timeout), and TCP notices a machine that is gone. But a stopped
process says nothing, while the kernel below it goes on acknowledging what it is sent: only the one who waits can give
up. psycopg2 lets a callback do all waiting. That costs less than ten microseconds of CPU a round trip (`make bench`
measures it), and rules out COPY. Commands wait without it: migrations may take hours.
"""

import select
import time
from typing import Any

import psycopg2
from django.conf import settings
from psycopg2.extensions import POLL_OK, POLL_READ, TRANSACTION_STATUS_UNKNOWN, parse_dsn, set_wait_callback

from core.database.sessions import WAITING

GRACE_SECONDS = 1.0  # beyond STATEMENT_SECONDS, within which the database speaks if it can
PAUSE_SECONDS = 5.0  # for which no connection is opened to a database that was silent: nobody waits for it twice
_SILENT = "the database does not respond"
# When connections may be opened again, by the options of the connection that has found the database silent.
_silent_until: dict[str, float] = {}


class SilentError(psycopg2.OperationalError):
    """The database did not respond before the deadline. psycopg2 closes the connection then."""


def install() -> None:
    """Give all connections of this process deadlines."""
    set_wait_callback(wait)


def wait(connection: Any) -> None:
    """Wait until the connection is open, or has the whole response; SilentError if it has not at the deadline."""
    deadline = 0.0
    while (state := connection.poll()) != POLL_OK:
        now = time.monotonic()
        deadline = deadline or now + _seconds(connection, now)
        # While a connection is opened, its socket may become another one.
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        if now >= deadline or not poller.poll((deadline - now) * 1000):
            _silent_until[connection.dsn] = time.monotonic() + PAUSE_SECONDS
            raise SilentError(_SILENT)


def _seconds(connection: Any, now: float) -> float:
    """Return how long to wait. This is the way of every statement; few connections are being opened."""
    seconds: float = settings.STATEMENT_SECONDS + GRACE_SECONDS
    if (waiting := WAITING.get()) is not None:
        seconds = min(seconds, waiting)
    if connection.get_transaction_status() == TRANSACTION_STATUS_UNKNOWN:  # it is not open yet
        if now < _silent_until.get(connection.dsn, now):
            raise SilentError(_SILENT)
        # libpq leaves this to the callback. None, 0 and below mean that there is no limit.
        timeout = float(parse_dsn(connection.dsn).get("connect_timeout", 0))
        seconds = min(seconds, timeout) if timeout > 0 else seconds
    return seconds
