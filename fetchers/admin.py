"""Read-only admin of runs of refresh_packages, of rate limits and of advisories, for all who may change packages."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.admin.read_only import ReadOnlyMixin
from fetchers.models import HostRateLimit, Run
from packages.models import Advisory


class _ReadOnly(ReadOnlyMixin, admin.ModelAdmin[Any]):
    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or request.user.has_perm("packages.change_package")


@admin.register(Run)
class RunAdmin(_ReadOnly):
    list_display = ("started", "finished", "sources", "exit_code")
    list_filter = ("exit_code",)


@admin.register(Advisory)
class AdvisoryAdmin(_ReadOnly):
    list_display = ("osv_id", "pypi_name", "severity", "summary", "modified")
    list_filter = ("severity",)
    search_fields = ("osv_id", "pypi_name")
    search_help_text = "The id of an advisory, or the name of a project on PyPI."


@admin.register(HostRateLimit)
class HostRateLimitAdmin(_ReadOnly):
    list_display = ("name", "remaining", "limit", "resets_at", "paused_until")
