"""Logins that fail, by django-axes: who fails too often is locked out for some time, by address and by name.

An address is locked after LOGIN_FAILURES failures, a name only after ten times as many, whoever tries it: otherwise one
stranger could lock an editor out. Nothing of this is done for a request that is no login.
"""

import logging
import math
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.helpers import get_lockout_message
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db.models import Max, Q, QuerySet, Sum
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.timesince import timeuntil

from core.logs import LONGEST_NAME
from core.words import counted

logger = logging.getLogger(__name__)
TIMES_AS_MANY = 10  # failures by a name, from all addresses, for which it is locked
RETENTION = timedelta(days=90)  # of the log of logins


class LoginHandler(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """The handler of django-axes, but for what counts."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Return the failures of the address; or a tenth of those of the name, if that is more."""
        of_name, of_address = (
            attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0
            for attempts in self.get_user_attempts(request, credentials)
        )
        return max(of_address, of_name // TIMES_AS_MANY)

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **kwargs: Any
    ) -> None:
        super().user_login_failed(sender, credentials, _storable(request), **kwargs)

    def user_logged_in(self, sender: Any, request: HttpRequest, user: Any, **kwargs: Any) -> None:
        super().user_logged_in(sender, _storable(request), user, **kwargs)

    def reset_user_attempts(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Forget the failures of the name that has logged in. Those of its address with other names stay: otherwise
        whoever has an account could guess the passwords of others without an end."""
        name = name_of(request, credentials)
        deleted: int
        deleted, _ = AccessAttempt.objects.filter(username=name, ip_address=request.axes_ip_address).delete()  # type: ignore[attr-defined]  # set by axes
        return deleted

    def remove_out_of_limit_failure_logs(self, *, username: str, limit: int | None = None) -> int:  # noqa: ARG002
        """Remove nothing while somebody waits: prune() does, by age."""
        return 0


def _storable(request: HttpRequest | None) -> HttpRequest | None:
    """Take out of the path what PostgreSQL stores in no text: otherwise a failure at such a path would not count."""
    if request is not None:
        request.axes_path_info = request.axes_path_info.replace("\0", "")  # type: ignore[attr-defined]  # set by axes
    return request


def client_of(request: HttpRequest) -> str:
    """Return whom failures are counted for: an address, of IPv6 the network of 64 bits that one customer has. All whose
    address is not known (a UNIX socket that is not trusted) are one: the table is unique by it, which NULL never is."""
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", "").partition("%")[0])
    except ValueError:
        return "::"
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), 64), strict=False).network_address)
    return str(address)


def name_of(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return the name for which failures are counted, as long as a name can be: a form takes any text for one."""
    name = credentials.get("username") if credentials else request.POST.get("username")
    return str(name or "")[:LONGEST_NAME]


class LoginForm(AdminAuthenticationForm):
    """The form of admin's login, which tells who is locked out; in the language of the browser, as django-axes has
    it."""

    def get_invalid_login_error(self) -> ValidationError:
        if self.request is None or not getattr(self.request, "axes_locked_out", False):
            return super().get_invalid_login_error()
        now, minutes = timezone.now(), math.ceil(_seconds_left(self.request) / 60)  # timeuntil would round down
        wait = timeuntil(now + timedelta(minutes=minutes), now)
        return ValidationError(f"{get_lockout_message()} ({wait})", code="locked")


def lock_out(
    request: HttpRequest, response: HttpResponseBase, credentials: dict[str, Any] | None = None
) -> HttpResponseBase:
    """Turn the login page, which tells it by LoginForm and has kept what was typed, into a 429."""
    del credentials
    response.status_code = 429
    response.headers["Retry-After"] = str(_seconds_left(request))
    response.headers["Cache-Control"] = "no-store"
    return response


def _seconds_left(request: HttpRequest) -> int:
    """Return for how long the name or the address of this request is locked at most."""
    of_either = Q(username=name_of(request)) | Q(ip_address=client_of(request))
    newest: datetime | None = AccessAttempt.objects.filter(of_either).aggregate(at=Max("attempt_time"))["at"]
    end = (newest or timezone.now()) + settings.AXES_COOLOFF_TIME
    return max(1, math.ceil((end - timezone.now()).total_seconds()))


def log_lock(request: HttpRequest, username: str, ip_address: str, **_: Any) -> None:
    """Write one line when a name or an address is locked, and none for attempts while it is."""
    if request.axes_failures_since_start is not None:  # type: ignore[attr-defined]  # set by axes
        minutes = settings.LOGIN_LOCK_MINUTES
        logger.warning("Logins locked for %s: user %r from %s", counted(minutes, "minute"), username, ip_address)


def prune(now: datetime, **_: Any) -> str:
    """Delete failures that count no more, what is old of the log, and sessions that have ended."""
    old: tuple[QuerySet[Any], ...] = (
        AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME),
        AccessFailureLog.objects.filter(attempt_time__lt=now - RETENTION),
        AccessLog.objects.filter(attempt_time__lt=now - RETENTION),
        Session.objects.filter(expire_date__lt=now),
    )
    deleted = sum(rows.delete()[0] for rows in old)
    return f"deleted of logins: {counted(deleted, 'row')}" if deleted else ""
