"""The list of packages in admin: the columns that an editor needs to see which packages want attention."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from core.admin.lists import SearchedList
from packages.models import FetchState, Package

# Columns that no list shows, and that may be long
_LONG = ("commits_over_52", "participants", "classifiers", "repo_description")
_WORST = FetchState.objects.filter(package=OuterRef("pk")).order_by("-failures").values("failures")[:1]


class PackageList(SearchedList):
    """Reads the failing fetches of a page's packages in one query, and no long columns."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        failing = FetchState.objects.filter(failures__gt=0).order_by("-failures", "source")
        packages = super().get_queryset(request, exclude_parameters).defer(*_LONG)
        packages = packages.select_related(None).select_related("category")  # of a form alone: the successor
        return packages.prefetch_related(Prefetch("fetch_states", failing, to_attr="failing"))


class ListInAdmin:
    """The columns of the list, for the admin of packages."""

    @admin.display(description="verdict", ordering="verdict_rank")
    def verdict_and_why(self, package: Package) -> SafeString:
        """Return the verdict as a link to the page that says why it is this one."""
        url = reverse("admin:packages_package_why", args=(package.pk,))
        return format_html('<a href="{}" title="Why this verdict">{}</a>', url, package.verdict)

    @admin.display(description="failures", ordering=Coalesce(Subquery(_WORST), 0), empty_value="")
    def failures(self, package: Any) -> str | None:
        """Return the failures in a row of the source that fails longest, and its last outcome."""
        worst: FetchState | None = next(iter(package.failing), None)
        return f"{worst.failures}, {worst.outcome.replace('_', ' ')} ({worst.source})" if worst else None

    @admin.display(description="downloads", ordering="pypi_downloads", empty_value="")
    def downloads(self, package: Package) -> str | None:
        return None if package.pypi_downloads is None else f"{package.pypi_downloads:,}"

    @admin.display(description="stars", ordering="repo_watchers")
    def stars(self, package: Package) -> str:
        return f"{package.repo_watchers:,}"

    @admin.display(description="version", empty_value="")
    def version(self, package: Package) -> str | None:
        return package.pypi_version

    @admin.display(description="last commit", ordering="last_updated", empty_value="")
    def last_commit(self, package: Package) -> str | None:
        return f"{localtime(package.last_updated):%Y-%m-%d}" if package.last_updated else None

    @admin.display(description="marks", empty_value="")
    def marks(self, package: Package) -> str | None:
        """Return what else an editor should know of a package at a glance."""
        marks = {"deprecated": package.deprecated, "gone": package.gone_since, "archived": package.archived}
        return ", ".join(name for name, is_so in marks.items() if is_so) or None
