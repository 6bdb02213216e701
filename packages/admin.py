"""Packages in admin: editors' columns to edit, fetched columns to read."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.admin.forms import DocumentForm, form_fields
from core.admin.rows import RowsInline
from core.admin.search import SearchedAdmin
from core.kinds import Kind
from packages.actions import decide_about_reused_names
from packages.addresses import ADDRESSES, Refusal, read
from packages.documents import PACKAGE_COLUMNS
from packages.health_in_admin import HealthInAdmin, VerdictFilter
from packages.identity import derived, forges
from packages.keys import repository
from packages.models import FetchState, Package, Release, RepositoryAlias
from packages.successors import last_link


class PackageForm(DocumentForm[Package]):
    shared_repository = forms.BooleanField(
        required=False,
        label="Save anyway",
        help_text="Tick this if several packages are in one repository, or are one project on PyPI.",
    )

    class Meta:
        model = Package
        fields = form_fields(PACKAGE_COLUMNS, Package)

    def clean_documentation_url(self) -> str | None:
        """Store "" if it is left empty, as in a new package; but keep a stored null."""
        empty = self.instance.documentation_url if self.instance.pk else ""
        return self.cleaned_data["documentation_url"] or (None if empty is None else "")

    def clean_replaced_by(self) -> Package | None:
        """Refuse a successor that would close a cycle."""
        successor: Package | None = self.cleaned_data["replaced_by"]
        if successor and self.instance.pk and successor.pk != self.instance.pk and "replaced_by" in self.changed_data:
            last = last_link(successor, self.instance)
            if last == successor:
                raise ValidationError(f"“{successor}” is itself replaced by this package.")
            if last:
                raise ValidationError(f"“{successor}” leads to “{last}”, which is itself replaced by this package.")
        return successor

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        for column in ADDRESSES:
            typed = self.cleaned_data.get(column)
            result = read(column, typed, forges()) if typed and column in self.changed_data else ""
            if isinstance(result, Refusal):
                self.add_error(column, str(result))
        if not self.cleaned_data.get("shared_repository"):
            self._refuse_shared("repo_url", "repository", Package.objects.sharing_repository)
            self._refuse_shared("pypi_url", "PyPI project", Package.objects.sharing_project)
        return cleaned

    def _refuse_shared(self, column: str, what: str, sharing: Callable[[Package], QuerySet[Package]]) -> None:
        url = self.cleaned_data.get(column)
        if not url or column not in self.changed_data:
            return
        other = sharing(Package(pk=self.instance.pk, **derived(column, url))).first()
        if other:
            self.add_error(
                column,
                f"The package “{other.title}” ({other.slug}) has the same {what}, as {getattr(other, column)}. "
                "If both packages are in it, tick “Save anyway”.",
            )


class FetchStateInline(RowsInline):
    model = FetchState
    fields = readonly_fields = ("source", "outcome", "last_success", "last_attempt", "failures", "next_due", "error")
    verbose_name_plural = "fetch states"


class ReleaseInline(RowsInline):
    model = Release
    fields = readonly_fields = ("version", "uploaded_at", "yanked", "requires_python")
    classes = ("collapse",)


class AliasInline(RowsInline):
    model = RepositoryAlias
    fields = readonly_fields = ("repo_url", "until")
    classes = ("collapse",)


@admin.register(Package)
class PackageAdmin(HealthInAdmin, SearchedAdmin[Package]):
    kind = Kind.PACKAGE
    form = PackageForm
    actions = (*SearchedAdmin.actions, decide_about_reused_names)
    autocomplete_fields = ("category", "replaced_by")
    list_display = (
        "title",
        "category",
        "verdict",
        "repo_watchers",
        "repo_forks",
        "pypi_version",
        "last_updated",
        "last_fetched",
        "deprecated",
    )
    list_filter = (
        "category",
        VerdictFilter,
        "deprecated",
        ("gone_since", admin.EmptyFieldListFilter),
        "archived",
        "last_fetched",
        "repo_host",
        "fetch_states__outcome",
    )
    list_select_related = ("category",)
    ordering = ("title", "id")
    date_hierarchy = None
    inlines: ClassVar[tuple[type[admin.TabularInline[Any, Package]], ...]] = (
        FetchStateInline,
        AliasInline,
        ReleaseInline,
    )
    readonly_fields: ClassVar[tuple[str, ...]] = (
        "repository_page",
        "repo_key",
        "pypi_name",
        *PACKAGE_COLUMNS.fetched,
        *HealthInAdmin.health_fields,
        "created",
        "modified",
    )
    fieldsets = (
        (None, {"fields": ("title", "slug", "category")}),
        (
            "Addresses",
            {"fields": ("repo_url", "shared_repository", "repository_page", "pypi_url", "documentation_url")},
        ),
        ("Status", {"fields": ("deprecated", "replaced_by", "finished_until")}),
        (
            "Health",
            {"fields": (("verdict", "level"), ("verdict_since", "verdict_before"), "warnings", "reasons")},
        ),
        (
            "Fetched",
            {
                "fields": (
                    "repo_description",
                    ("repo_watchers", "repo_forks"),
                    ("commits_over_52", "weeks_end"),
                    "participants",
                    "last_updated",
                    "archived",
                    ("pypi_version", "released"),
                    ("requires_python", "requires_django"),
                    "licence",
                    "classifiers",
                    "pypi_repo_url",
                    ("pypi_status", "pypi_status_reason", "pypi_downloads"),
                    ("stars_30d", "stars_90d", "stars_trend"),
                    ("downloads_30d", "downloads_trend"),
                    "last_fetched",
                    ("gone_since", "gone_reason"),
                )
            },
        ),
        (
            "Identifiers and times",
            {
                "classes": ("collapse",),
                "fields": (
                    ("repo_key", "repo_facts_of", "repo_id"),
                    ("pypi_name", "pypi_facts_of"),
                    ("created", "modified"),
                ),
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        return super().get_queryset(request).select_related("category", "replaced_by")

    def also_found(self, text: str) -> Q:
        """Select the packages of a repository, or with a part of its URL."""
        if "/" not in text or " " in text.strip():
            return super().also_found(text)
        same = Q(repo_key=repository(text, forges()).key) & ~Q(repo_key="")
        return same | Q(repo_url__icontains=text.strip())

    @admin.display(description="repository page")
    def repository_page(self, package: Package) -> str | SafeString:
        if not package.repo_url.lower().startswith(("http://", "https://")):
            return "-"
        return format_html('<a href="{0}" rel="noopener noreferrer">{0}</a>', package.repo_url)
