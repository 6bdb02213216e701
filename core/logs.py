"""Log lines: their form, with the id of the request; of wrong requests without the traceback, which tells of our code
alone; and of logins that failed."""

import logging
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from pythonjsonlogger.orjson import OrjsonFormatter

from core.requests import current_id
from core.secrets import redacted

logger = logging.getLogger(__name__)
LONGEST_NAME = 150  # characters, as Django's own user names
# The fields of a JSON line, and of one for a request, as gunicorn's log gives them
FIELDS = {"asctime": "time", "levelname": "level", "name": "logger", "message": "message"}
OF_ACCESS = ("client", "method", "path", "status", "seconds", "bytes", "view", "cache")


def formatter(form: str, line: str, time: str) -> logging.Formatter:
    """Return the formatter of all lines: `form` is LOG_FORMAT, `line` and `time` are how a line and its time look."""
    return JsonFormatter(list(FIELDS), time, rename_fields=FIELDS) if form == "json" else LineFormatter(line, time)


class LineFormatter(logging.Formatter):
    """Lines of text, with the id of the request behind the message."""

    def format(self, record: logging.LogRecord) -> str:
        request_id = current_id()
        vars(record)["in_request"] = f" [{request_id}]" if request_id else ""
        return redacted(super().format(record))


class JsonFormatter(OrjsonFormatter):
    """Lines that are JSON objects, in each of which the keys are of the same types."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        for field, key in FIELDS.items():
            log_data[key] = getattr(record, field)
        if request_id := current_id():
            log_data["request_id"] = request_id
        # Nothing else that somebody adds to a record: a request or a response is no text.
        log_data.update((field, vars(record)[field]) for field in OF_ACCESS if field in vars(record))
        for field, key in (("exc_info", "exception"), ("stack_info", "stack")):
            if field in message_dict:
                log_data[key] = message_dict[field]

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {key: _text(value) if isinstance(value, str) else value for key, value in log_data.items()}


def _text(value: str) -> str:
    """Return a text that JSON can have: half of a surrogate pair, as in a path that is not UTF-8, is none."""
    return redacted(value.encode("utf-8", "backslashreplace").decode())


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
