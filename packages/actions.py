"""Actions on the packages that an editor has selected in admin."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from packages.models import Package, PackageQuerySet
from packages.reuse import drop_address, reused, take_repository

MOST = 100
DECISIONS: Mapping[str, tuple[Callable[[PackageQuerySet], None], str]] = {
    "take": (take_repository, "Took the repository that has the name now."),
    "drop": (drop_address, "Dropped the repository URL, whose name another repository has now."),
}


@admin.action(description="Decide about reused repository names", permissions=["change"])
def decide_about_reused_names(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Package]
) -> HttpResponseBase | None:
    """Ask whether packages take the repositories that have their names now, or drop their URLs; then do it."""
    packages = list(reused(queryset)[: MOST + 1])
    if not packages or len(packages) > MOST:
        problem = f"Select at most {MOST} packages." if packages else "No selected package has a name that was reused."
        model_admin.message_user(request, problem, messages.WARNING)
        return None
    if request.POST.get("decision") in DECISIONS:
        decide, done = DECISIONS[request.POST["decision"]]
        chosen = Package.objects.filter(pk__in=[package.pk for package in packages])
        decide(chosen)
        user: Any = request.user.pk
        LogEntry.objects.log_actions(user, chosen, CHANGE, change_message=done)
        names = ", ".join(f"“{package.title}”" for package in packages)
        model_admin.message_user(request, f"{done} Of: {names}.", messages.SUCCESS)
        return None
    context = model_admin.admin_site.each_context(request) | {
        "title": "Reused repository names",
        "opts": model_admin.model._meta,
        "packages": packages,
        "action": request.POST["action"],
        "checkbox": helpers.ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "packages/reused_names.html", context)
