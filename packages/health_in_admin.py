"""The verdict on a package in admin: the filter of the list, and what the page of a package shows of it, to be read."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from packages.health.verdicts import LEVELS, VERDICTS
from packages.models import Package, PackageHealth


class VerdictFilter(admin.SimpleListFilter):
    """The filter of a list by verdicts, with their names."""

    title = "verdict"
    parameter_name = "verdict"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> list[tuple[str, str]]:
        return [(verdict, verdict) for verdict in VERDICTS]

    def queryset(self, _request: HttpRequest, queryset: Any) -> QuerySet[Package]:
        chosen = [verdict for verdict in VERDICTS if verdict == self.value()]
        packages: QuerySet[Package] = queryset.with_verdicts(chosen) if chosen else queryset
        return packages


class HealthInAdmin:
    """The columns of health, for the admin of packages."""

    health_fields = ("verdict", "level", "why", "verdict_since", "verdict_before", "warnings", "reasons")

    @admin.display(ordering="verdict_rank")
    def verdict(self, package: Package) -> str:
        return package.verdict

    @admin.display(description="why")
    def why(self, package: Package) -> str | SafeString:
        """Return the link to the page that says why the verdict is this one."""
        if not package.pk:
            return ""
        return format_html('<a href="{}">Why?</a>', reverse("admin:packages_package_why", args=(package.pk,)))

    def level(self, package: Package) -> str:
        return LEVELS[package.verdict]

    @admin.display(description="since")
    def verdict_since(self, package: Package) -> str:
        health = _settled(package)
        return display_for_value(health.since, "") if health and health.since else ""

    @admin.display(description="before")
    def verdict_before(self, package: Package) -> str:
        health = _settled(package)
        return health.before if health else ""

    def warnings(self, package: Package) -> str:
        health = _settled(package)
        return ", ".join(map(_words, health.warnings)) if health else ""

    @admin.display(description="reasons, and in brackets what each rule asks for")
    def reasons(self, package: Package) -> str | SafeString:
        health = _settled(package)
        return reasons_in_words(health.reasons) if health else ""


def reasons_in_words(reasons: Iterable[Mapping[str, Any]]) -> SafeString:
    """Return a list of the rules that were tried, each with what it saw and, in brackets, what it asks for."""
    lines = (
        (_words(each["rule"]), "decides" if each["holds"] else "does not hold", _compared(each)) for each in reasons
    )
    return format_html("<ol>{}</ol>", format_html_join("", "<li>{} {}. {}</li>", lines))


def _compared(reason: Mapping[str, Any]) -> str:
    value, threshold = reason["value"] or {}, reason["threshold"] or {}
    seen = [
        f"{_words(name)}: {_words(each)}" + (f" ({_words(threshold[name])})" if name in threshold else "")
        for name, each in value.items()
    ]
    asked = [f"({_words(name)}: {_words(each)})" for name, each in threshold.items() if name not in value]
    return "; ".join(seen + asked)


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value in {None, ""} else str(value).replace("_", " ")


def _settled(package: Package) -> PackageHealth | None:
    try:
        return package.health
    except ObjectDoesNotExist:
        return None
