"""Runs of refresh_packages and the pace of each host in admin, to read."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from fetchers.models import HostPace, Run


class _ReadOnly(admin.ModelAdmin[Any]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Run)
class RunAdmin(_ReadOnly):
    list_display = ("started", "finished", "sources", "exit_code")
    list_filter = ("exit_code",)


@admin.register(HostPace)
class HostPaceAdmin(_ReadOnly):
    list_display = ("name", "remaining", "limit", "resets_at", "paused_until")
