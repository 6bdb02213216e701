"""Log lines: of wrong requests without the traceback, which tells of our code alone, and of logins that failed."""

import logging
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest

logger = logging.getLogger(__name__)
LONGEST_NAME = 150  # characters, as Django's own user names


def without_traceback() -> Callable[[logging.LogRecord], bool]:
    """Return a filter of log records that passes all of them, without their tracebacks."""

    def remove(record: logging.LogRecord) -> bool:
        record.exc_info = record.exc_text = None
        return True

    return remove


def log_failed_login(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """Write one line for a login that failed, with the name as it was typed."""
    name = str(credentials.get("username", ""))[:LONGEST_NAME]
    client = request.META.get("REMOTE_ADDR") if request else None
    logger.warning("Login failed: user %r%s", name, f" from {client}" if client else "")
