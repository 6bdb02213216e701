"""The log of logins in admin, for superusers: nobody writes it there, but whoever deletes an attempt unlocks it."""

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.http import HttpRequest

from core.admin.read_only import ReadOnlyMixin


class _ReadOnly(ReadOnlyMixin, admin.ModelAdmin[Any]):
    list_display: Any = ("attempt_time", "username", "ip_address", "user_agent")
    search_fields = ("username", "ip_address")
    date_hierarchy = "attempt_time"
    show_full_result_count = False
    actions: Any = None


@admin.register(AccessLog)
class LoginAdmin(_ReadOnly):
    fields = ("attempt_time", "logout_time", "username", "ip_address", "user_agent")
    list_display = (*_ReadOnly.list_display, "logout_time")


@admin.register(AccessFailureLog)
class FailedLoginAdmin(_ReadOnly):
    fields = ("attempt_time", "username", "ip_address", "user_agent", "path_info", "locked_out")
    list_display = (*_ReadOnly.list_display, "locked_out")
    list_filter = ("locked_out",)


@admin.register(AccessAttempt)
class AttemptAdmin(_ReadOnly):
    """The failures that count at the moment: to delete them is to unlock the name and the address."""

    fields = ("attempt_time", "username", "ip_address", "user_agent", "path_info", "failures_since_start")
    list_display = (*_ReadOnly.list_display, "failures_since_start")
    actions = ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)
