"""The log of logins in admin, for superusers: nobody writes it there, but whoever deletes an attempt unlocks it."""

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.http import HttpRequest


class _ReadOnly(admin.ModelAdmin[Any]):
    list_display: Any = ("attempt_time", "username", "ip_address", "user_agent")
    search_fields = ("username", "ip_address")
    date_hierarchy = "attempt_time"
    show_full_result_count = False
    actions: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
    """What counts at the moment: to delete it is to unlock the name and the address."""

    fields = ("attempt_time", "username", "ip_address", "user_agent", "path_info", "failures_since_start")
    list_display = (*_ReadOnly.list_display, "failures_since_start")
    actions = ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super(_ReadOnly, self).has_delete_permission(request, obj)
