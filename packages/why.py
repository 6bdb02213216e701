"""The page “Why this verdict” in admin: each rule in its order, with what it saw and what it asks for, and the facts
behind it, with their sources and ages."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.admin.utils import display_for_value
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from core.words import counted
from packages.bots import is_bot
from packages.health.rules import RULES
from packages.health.verdicts import LEVELS
from packages.models import Package, UnsettledPackage
from packages.pages.freshness import sources_in_words
from packages.pages.reasons import RULES_IN_WORDS, Condition, reason_in_words, warning_in_words

EDITOR, REPOSITORY, PYPI, PYPISTATS = "an editor", "the repository", "PyPI", "pypistats"
PIN = "an editor, by a pin"
# The facts that can be pinned, with their columns
_COLUMNS = {
    "people": "participants",
    "archived": "archived",
    "latest release": "released",
    "latest version": "pypi_version",
}


class Rule(NamedTuple):
    """A rule: `tried` is "decides", "does not hold" or, for those after the one that decides, "not tried"."""

    name: str
    says: str
    tried: str
    conditions: list[Condition]


class FactInWords(NamedTuple):
    """A fact, with who told it; a time has its age too. An editor told one that is pinned."""

    name: str
    value: str
    age: str
    source: str


def pages(model_admin: Any) -> list[URLPattern]:
    """Return the page of each package, for the admin of packages."""

    def why(request: HttpRequest, object_id: int) -> HttpResponseBase:
        return why_view(model_admin, request, object_id)

    view = model_admin.admin_site.admin_view(why)
    return [path("<int:object_id>/why/", view, name="packages_package_why")]


def why_view(model_admin: Any, request: HttpRequest, object_id: int) -> HttpResponseBase:
    packages = Package.objects.with_freshness().with_health().select_related("replaced_by")
    package = packages.filter(pk=object_id).first() if object_id < 2**63 else None
    if not model_admin.has_view_or_change_permission(request, package):
        raise PermissionDenied
    if package is None:
        raise Http404("There is no such package.")
    now = timezone.now()
    context = model_admin.admin_site.each_context(request) | {
        "title": f"Why this verdict: {package.title}",
        "opts": Package._meta,
        "package": package,
        "level": LEVELS[package.verdict],
        "rules": list(_rules(_stored(package, "reasons"))),
        "warnings": [warning_in_words(warning) for warning in _stored(package, "warnings")],
        "facts": list(_facts(package, now)),
        "sources": sources_in_words(package),
        "is_unsettled": UnsettledPackage.objects.filter(package_id=package.pk).exists(),
    }
    return TemplateResponse(request, "packages/why.html", context)


def _stored(package: Any, name: str) -> list[Any]:
    """Return a column that is null where the verdict is not settled yet."""
    return getattr(package, f"health_{name}") or []


def _rules(reasons: list[dict[str, Any]]) -> Iterator[Rule]:
    """Yield all rules in their order: those that were tried, then the others."""
    for reason in reasons:
        words = reason_in_words(reason)
        everything = reason_in_words(reason | {"holds": False}).conditions
        yield Rule(reason["rule"], words.says, "decides" if words.holds else "does not hold", everything)
    tried = {reason["rule"] for reason in reasons}
    for name in RULES:
        if name not in tried:
            yield Rule(name, RULES_IN_WORDS[name][0], "not tried", [])


def _facts(package: Package, now: datetime) -> Iterator[FactInWords]:
    pinned = set(package.pins.values_list("column", flat=True))
    weeks = sum(map(bool, package.commits_over_52))
    people = [login for login in package.participants if not is_bot(login)]
    statuses = [each for each in package.classifiers if str(each).startswith("Development Status")]
    rows: tuple[tuple[str, Any, str], ...] = (
        ("last commit", package.last_updated, REPOSITORY),
        ("last commit not by a bot", package.last_human_commit, REPOSITORY),
        (
            "weeks with commits",
            f"{weeks} of {len(package.commits_over_52)}" if package.commits_over_52 else "",
            REPOSITORY,
        ),
        ("people", counted(len(people), "person", "people") if package.participants else "", REPOSITORY),
        ("archived", package.archived, REPOSITORY),
        ("latest release", package.released, PYPI),
        ("latest version", package.pypi_version, PYPI),
        ("requires Python", package.requires_python, PYPI),
        ("calls itself", ", ".join(map(str, statuses)), PYPI),
        ("status", package.pypi_status, PYPI),
        ("downloads a month", package.pypi_downloads, PYPISTATS),
        ("not found since", package.gone_since, "the refresh"),
        ("deprecated", package.deprecated, EDITOR),
        ("successor", package.replaced_by and package.replaced_by.title, EDITOR),
        ("reply", package.get_reply_kind_display(), EDITOR),
        ("reply holds until", package.reply_until, EDITOR),
    )
    for name, value, source in rows:
        days = (now - value).days if isinstance(value, datetime) else -1
        age = counted(days, "day") if days >= 0 else ""
        yield FactInWords(name, _text(value), age, PIN if _COLUMNS.get(name) in pinned else source)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in ("", None) else str(display_for_value(value, "-"))
