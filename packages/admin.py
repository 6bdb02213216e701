"""Packages in admin: editors' columns to edit, fetched columns to read."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.options import InlineModelAdmin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
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
from packages.list_in_admin import ListInAdmin, PackageList
from packages.models import FetchState, Package, Release, RepositoryAlias
from packages.pins.admin import PinInline
from packages.replies import today
from packages.successors import last_link

_REPLY = frozenset({"reply_kind", "reply_note", "reply_until"})


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
        self._clean_reply()
        if not self.cleaned_data.get("shared_repository"):
            self._refuse_shared("repo_url", "repository", Package.objects.sharing_repository)
            self._refuse_shared("pypi_url", "PyPI project", Package.objects.sharing_project)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """Ask the database nothing about a reply that the form leaves alone."""
        exclusions: set[str] = super()._get_validation_exclusions()
        return exclusions if _REPLY.intersection(self.changed_data) else exclusions | _REPLY

    def _clean_reply(self) -> None:
        """Refuse parts of a reply that do not make one, and one that is over; a new kind is said today."""
        changed = _REPLY.intersection(self.changed_data)
        if not changed or changed.intersection(self.errors):
            return
        kind, until = self.cleaned_data.get("reply_kind"), self.cleaned_data.get("reply_until")
        day, is_new = today(timezone.now()), "reply_kind" in changed
        if not kind and is_new:  # it is taken back as a whole
            self.cleaned_data.update(reply_note="", reply_until=None)
        elif not kind:
            for name in changed:
                self.add_error(name, "Choose the reply that this belongs to, or empty it.")
        elif not until:
            in_a_year = day.replace(year=day.year + 1, day=min(day.day, 28))
            self.add_error("reply_until", f"Type the last day on which the reply holds, {in_a_year} for example.")
        elif is_new and until < day:
            self.add_error("reply_until", "This day has passed: type a later one, or choose no reply.")
        elif not is_new and until < (self.instance.reply_since or day):
            self.add_error("reply_until", f"The reply is of {self.instance.reply_since}: type no earlier day.")
        elif is_new:
            self.instance.reply_since = None  # it is set when the package is saved

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
class PackageAdmin(HealthInAdmin, ListInAdmin, SearchedAdmin[Package]):
    kind = Kind.PACKAGE
    form = PackageForm
    actions = (*SearchedAdmin.actions, decide_about_reused_names)
    autocomplete_fields = ("category", "replaced_by")
    list_display = (
        "title",
        "category",
        "verdict_and_why",
        "failures",
        "downloads",
        "stars",
        "version",
        "last_commit",
        "marks",
    )
    list_filter = (
        "category",
        VerdictFilter,
        "deprecated",
        "reply_kind",
        ("gone_since", admin.EmptyFieldListFilter),
        "archived",
        "last_fetched",
        "repo_host",
        "fetch_states__outcome",
    )
    list_select_related = ("category",)
    ordering = ("title", "id")
    date_hierarchy = None
    inlines: ClassVar[tuple[type[InlineModelAdmin[Any, Package]], ...]] = (
        PinInline,
        FetchStateInline,
        AliasInline,
        ReleaseInline,
    )
    readonly_fields: ClassVar[tuple[str, ...]] = (
        "repository_page",
        "repo_key",
        "pypi_name",
        "reply_since",
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
        ("Status", {"fields": ("deprecated", "replaced_by")}),
        ("Reply", {"fields": ("reply_kind", "reply_note", ("reply_until", "reply_since"))}),
        (
            "Health",
            {"fields": (("verdict", "level", "why"), ("verdict_since", "verdict_before"), "warnings", "reasons")},
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

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PackageList]:
        return PackageList

    def get_inlines(self, request: HttpRequest, obj: Package | None) -> Any:
        """Show no pins where there is nothing yet that could be pinned."""
        inlines = super().get_inlines(request, obj)
        return inlines if obj else [each for each in inlines if each is not PinInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        return super().get_queryset(request).select_related("category", "replaced_by")

    def has_merge_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may merge packages, which changes one and deletes the others."""
        may_merge = request.user.has_perm("packages.merge_package")
        return may_merge and self.has_change_permission(request) and self.has_delete_permission(request)

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
