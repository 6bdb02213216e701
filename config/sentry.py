"""Errors at Sentry, where SENTRY_DSN is set: those of the program alone, with the id of the request, and without what
is personal or secret."""

from typing import Any

import sentry_sdk
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from rest_framework.exceptions import APIException
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.types import Event, Hint

from core.database.sessions import is_unavailable
from core.requests import current_id
from core.secrets import deeply_redacted

# What is nobody's mistake here: a wrong request, a client that has gone, an error that a view answers with.
_EXPECTED = (SuspiciousOperation, ConnectionError, TimeoutError, APIException, KeyboardInterrupt, SystemExit)


def begin(dsn: str, **options: Any) -> None:
    """Send the errors of this process from now on."""
    sentry_sdk.init(
        dsn,
        release=f"package-grids@{settings.VERSION}",
        send_default_pii=False,
        include_local_variables=False,  # among which are tokens, and what strangers have written
        max_request_body_size="never",
        auto_enabling_integrations=False,
        integrations=[DjangoIntegration(middleware_spans=False, signals_spans=False)],
        before_send=prepare,
        before_breadcrumb=lambda crumb, _hint: deeply_redacted(crumb),
        **options,
    )


def prepare(event: Event, hint: Hint) -> Event | None:
    """Return an event as it is sent; None for one that is not."""
    error = hint["exc_info"][1] if "exc_info" in hint else None
    record = hint.get("log_record")
    if isinstance(error, _EXPECTED) or is_unavailable(error):
        return None
    # A wrong host, a refused form; and a request that the database failed: the line in the log says why.
    if record is not None and record.name.startswith(("django.security", "django.request")):
        return None
    if request_id := current_id():
        event.setdefault("tags", {})["request_id"] = request_id
    prepared: Event = deeply_redacted(event)
    return prepared
