"""Sentry: errors of the program alone, with the id of the request and without secrets; nothing without SENTRY_DSN."""

import json
import logging
import os
import subprocess
import sys
from typing import Any

import pytest
from django.core.exceptions import DisallowedHost
from django.db import OperationalError
from pytest_django import Settings

from config.sentry import prepare
from core.api.errors import TooSlow
from core.database.sessions import TooLateError
from core.requests import REQUEST_ID
from tests.servers import ROOT

ENVIRONMENT = {"PATH": os.environ["PATH"], "DEBUG": "true", "PYTHONWARNINGS": "ignore"}
# A site whose views fail, with a transport in the place of the network
SCRIPT = """
import json, logging, sys
import django, sentry_sdk
from django.db import OperationalError
from django.conf import settings
settings.ALLOWED_HOSTS = ["testserver"]
settings.GITHUB_TOKEN = "s3cret-of-a-test"
settings.DATABASES["default"]["NAME"] = ":memory:"
import config.sentry
sent = []
class Transport(sentry_sdk.transport.Transport):
    def capture_envelope(self, envelope):
        sent.append(envelope.get_event())
begin = config.sentry.begin
config.sentry.begin = lambda dsn: begin(dsn, transport=Transport)
django.setup()
from django.test import Client
import config.urls
client = Client(raise_request_exception=False)
def fails(*_, **__):
    password = "s3cret-of-a-test"
    raise ValueError("with s3cret-of-a-test")
def database(*_, **__):
    raise TimeoutError("the client is gone")
config.urls.urlpatterns.insert(0, django.urls.path("fails/", fails))
config.urls.urlpatterns.insert(0, django.urls.path("gone/", database))
headers = {"x-request-id": "request-of-a-test", "authorization": "Bearer s3cret-of-a-test"}
headers["cookie"] = "sessionid=s3cret-of-a-test"
statuses = [client.get(path, headers=headers).status_code for path in ("/fails/", "/gone/", "/healthz")]
statuses.append(client.get("/fails/", headers={"host": "evil.example.org"}).status_code)
logging.getLogger("core.caching").error("Something s3cret-of-a-test is wrong")
sentry_sdk.flush()
print(json.dumps({"statuses": statuses, "sent": sent}, default=str))
"""


def python(script: str, **variables: str) -> str:
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT | variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_errors_of_a_site() -> None:
    dsn = {"SENTRY_DSN": "https://key@sentry.example.org/1", "DJANGO_SETTINGS_MODULE": "config.settings"}
    found = json.loads(python(SCRIPT, **dsn))
    assert found["statuses"] == [500, 500, 200, 400]
    error, logged = found["sent"]
    assert error["exception"]["values"][-1]["value"] == "with ***"
    assert error["tags"]["request_id"] == "request-of-a-test"
    assert error["release"].startswith("package-grids@")
    assert logged["logentry"]["formatted"] == "Something *** is wrong"
    assert "s3cret-of-a-test" not in json.dumps(found)
    assert "user" not in error


def test_nothing_is_imported_without_a_dsn() -> None:
    """Nor is the library of metrics without METRICS_TOKEN: few sites need either."""
    script = "import sys, config.wsgi; print(sorted({'sentry_sdk', 'prometheus_client'} & {*sys.modules}))"
    assert python(script) == "[]\n"


def hint(error: BaseException) -> dict[str, Any]:
    return {"exc_info": (type(error), error, None)}


def unavailable() -> OperationalError:
    error = OperationalError("connection refused")
    error.__cause__ = type("Lost", (Exception,), {"pgcode": None})()
    return error


@pytest.mark.parametrize(
    "error",
    [unavailable(), TooLateError("late"), TooSlow(), DisallowedHost("x"), BrokenPipeError(), TimeoutError()],
    ids=lambda error: type(error).__name__,
)
def test_expected_errors_are_not_sent(error: BaseException) -> None:
    assert prepare({}, hint(error)) is None


def test_what_the_log_has_already_is_not_sent() -> None:
    for name in ("django.security.DisallowedHost", "django.request"):
        record = logging.LogRecord(name, logging.ERROR, "x.py", 1, "Wrong", (), None)
        assert prepare({}, {"log_record": record}) is None


def test_other_errors_are_sent(settings: Settings) -> None:
    settings.GITHUB_TOKEN = "secret-of-a-test"
    token = REQUEST_ID.set("request-1")
    try:
        event = prepare(
            {"extra": {"a": ["the secret-of-a-test", 1, None, ("secret-of-a-test",)]}}, hint(ValueError("x"))
        )
    finally:
        REQUEST_ID.reset(token)
    assert event == {"extra": {"a": ["the ***", 1, None, ["***"]]}, "tags": {"request_id": "request-1"}}
