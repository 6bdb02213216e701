"""The form of log lines: text or JSON, with the id of the request."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import RequestFactory

from core import logs
from core.requests import REQUEST_ID


@pytest.fixture(autouse=True)
def _in_a_request() -> Iterator[None]:
    token = REQUEST_ID.set("request-1")
    yield
    REQUEST_ID.reset(token)


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("a.logger", logging.WARNING, "x.py", 1, message, arguments, sys.exc_info())
    made.exc_info = made.exc_info if made.exc_info and made.exc_info[0] else None
    made.__dict__.update(extra)
    return made


def fail(why: str) -> None:
    raise ValueError(why)


def failed(why: str, message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    """Return the record of an error."""
    try:
        fail(why)
    except ValueError:
        return record(message, *arguments, **extra)
    raise AssertionError


def line(form: str, made: logging.LogRecord) -> str:
    return logs.formatter(form, settings.LOG_LINE, settings.LOG_TIME).format(made)


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    text = line("json", made)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_a_line_of_text() -> None:
    made = record("All is %s", "well")
    time = logging.Formatter().formatTime(made, settings.LOG_TIME)
    assert line("line", made) == f"{time} WARNING a.logger: All is well [request-1]"
    REQUEST_ID.set("")
    assert line("line", made) == f"{time} WARNING a.logger: All is well"


def test_a_line_of_json() -> None:
    made = record("All is\nwell: %r", "é\u2028")
    time = logging.Formatter().formatTime(made, settings.LOG_TIME)
    expected = {"time": time, "level": "WARNING", "logger": "a.logger", "message": "All is\nwell: 'é\\u2028'"}
    assert as_json(made) == expected | {"request_id": "request-1"}
    REQUEST_ID.set("")
    assert as_json(made) == expected


def test_an_exception() -> None:
    made = failed("no\nsuch thing", "It failed")
    parsed = as_json(made)
    assert parsed["message"] == "It failed"
    assert parsed["exception"].startswith("Traceback (most recent call last):\n")
    assert parsed["exception"].endswith("ValueError: no\nsuch thing")
    first, *_, last = line("line", made).splitlines()
    assert first.endswith("It failed [request-1]")
    assert last == "such thing"


def test_fields_of_a_request_and_no_others() -> None:
    request = RequestFactory().get("/x")
    fields = {"client": "198.51.100.7", "method": "GET", "path": "/x?y", "status": 200, "seconds": 0.25, "bytes": 7}
    made = record("%s", "x", **fields, request=request, status_code=200, secret="s")
    assert {*as_json(made)} == {*fields, "time", "level", "logger", "message", "request_id"}
    assert as_json(made) | fields == as_json(made)


def test_what_no_json_can_hold() -> None:
    assert as_json(record("A path: %s", "/\udcff", path="/\udcff")) | {"message": "A path: /\\udcff"} == as_json(
        record("A path: %s", "/\udcff", path="/\udcff")
    )
    assert as_json(record("%s", {"a": 1}))["message"] == "{'a': 1}"
    assert as_json(record("a", seconds=float("nan")))["seconds"] is None


def test_every_text_goes_through_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "redacted", lambda text: text.replace("secret", "***"))
    made = failed("the secret", "a %s", "secret", path="/secret")
    assert "secret" not in line("json", made)
    assert "secret" not in line("line", made)
    assert "***" in line("line", made)


def test_settings_use_it() -> None:
    logging: Any = settings.LOGGING
    assert logging["formatters"]["of_site"]["()"] == "core.logs.formatter"
    assert {handler["formatter"] for handler in logging["handlers"].values()} == {"of_site"}
