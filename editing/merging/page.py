"""The action “Merge” of the list of packages, and its page."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from core.api.references import is_id
from core.database.deadlocks import retried
from core.words import counted
from editing.merging.carrying import carry_out, lock, settle
from editing.merging.forms import MergeForm
from editing.merging.plan import FEWEST, MOST, GoneError, Merge, read
from editing.models import LONGEST_WORDS, EditBatch
from editing.recorder import recording
from grids.locks import locked_grids
from grids.models import Grid
from packages.models import Package

PAGE = "admin:packages_package_merge"
LIST = "admin:packages_package_changelist"
HOW_MANY = f"Select from {FEWEST} to {MOST} packages: one of them survives, and takes over what the others have."
MOVED = (
    "What this page showed was changed meanwhile: nothing is merged yet. This is how it is now, with your answers as"
    " far as they still hold."
)
REFUSED = "The database refuses this, since something was written meanwhile. Nothing is merged: try again."


@admin.action(description="Merge", permissions=["merge"])
def merge_packages(model_admin: Any, request: HttpRequest, queryset: QuerySet[Package]) -> HttpResponseBase | None:
    """Lead to the page with the selected packages."""
    ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
    if not FEWEST <= len(ids) <= MOST:
        model_admin.message_user(request, HOW_MANY, messages.WARNING)
        return None
    query = urlencode({"ids": ",".join(str(pk) for pk in ids)}, safe=",")
    return redirect(f"{reverse(PAGE, current_app=model_admin.admin_site.name)}?{query}")


def merge_pages(model_admin: Any) -> list[URLPattern]:
    view = model_admin.admin_site.admin_view(partial(_view, model_admin))
    return [path("merge/", view, name="packages_package_merge")]


def _view(model_admin: Any, request: HttpRequest) -> HttpResponseBase:
    """Show what merging packages comes to, with questions; merge them when the form is sent."""
    if not model_admin.has_merge_permission(request):
        raise PermissionDenied
    sent = request.POST if request.method == "POST" else request.GET
    ids, into = _numbers(sent.get("ids", "")), _numbers(sent.get("into", ""))
    if not FEWEST <= len(ids) <= MOST:
        return _to_list(request, HOW_MANY)
    survivor = into[0] if into and into[0] in ids else None
    try:
        if request.method == "POST":
            return _save(model_admin, request, ids, survivor)
        return _page(model_admin, request, MergeForm(read(ids, survivor)))
    except GoneError as error:
        return _to_list(request, str(error))


def _save(model_admin: Any, request: HttpRequest, ids: Sequence[int], survivor: int | None) -> HttpResponseBase:
    try:
        return _merged(model_admin, request, retried(partial(_merge, request, ids, survivor)))
    except _NotMergedError as error:
        return _page(model_admin, request, error.form, error.reasons, error.status)
    except IntegrityError:  # a row that refers to a merged package was added between the two
        return _page(model_admin, request, MergeForm(read(ids, survivor), request.POST), [REFUSED], 409)


class _NotMergedError(Exception):
    """Nothing is merged: the form is shown again, with reasons beside its own errors."""

    def __init__(self, form: MergeForm, reasons: Sequence[str] = (), status: int = 200) -> None:
        super().__init__(" ".join(reasons))
        self.form, self.reasons, self.status = form, reasons, status


def _numbers(text: str) -> list[int]:
    """Return the ids of a list with commas; none if something else is in it."""
    parts = text.split(",")
    if not all(map(is_id, parts)):
        return []
    return list(dict.fromkeys(int(each) for each in parts))


def _to_list(request: HttpRequest, why: str) -> HttpResponseBase:
    messages.error(request, why)
    return redirect(LIST)


def _merge(request: HttpRequest, ids: Sequence[int], survivor: int | None) -> tuple[Merge, EditBatch]:
    """Merge packages as the form says, in one transaction; _NotMergedError if that cannot be done."""
    with recording(request.user) as recorded:
        lock(ids)
        settle(ids)
        merge = read(ids, survivor)
        form = MergeForm(merge, request.POST)
        if reasons := _locked(request, merge):
            raise _NotMergedError(form, reasons, status=403)
        if request.POST.get("seen") != merge.seen:
            raise _NotMergedError(form, [MOVED], status=409)
        if merge.refusal or not form.is_valid():
            raise _NotMergedError(form)
        recorded.words = _words(merge)
        _log(request, merge)
        carry_out(merge, form.answers)
    return merge, recorded.batch


def _locked(request: HttpRequest, merge: Merge) -> list[str]:
    return locked_grids(request, Grid.objects.filter(pk__in=[shared.grid.pk for shared in merge.shared]))


def _words(merge: Merge) -> str:
    names = ", ".join(f"“{other}”" for other in merge.others)
    return f"Merged {names} into “{merge.survivor}”"[:LONGEST_WORDS]


def _log(request: HttpRequest, merge: Merge) -> None:
    """Note in Django's own log what was deleted, and what was changed."""
    user: Any = request.user.pk
    words = _words(merge)
    LogEntry.objects.log_actions(user, merge.others, DELETION, change_message=words)
    LogEntry.objects.log_actions(user, [merge.survivor], CHANGE, change_message=words)


def _merged(model_admin: Any, request: HttpRequest, done: tuple[Merge, EditBatch]) -> HttpResponseBase:
    merge, batch = done
    url = reverse("admin:editing_editbatch_change", args=(batch.pk,), current_app=model_admin.admin_site.name)
    what = f"{_words(merge)}."
    messages.success(request, format_html('{} <a href="{}">Undo it</a>', what, url))
    return redirect("admin:packages_package_change", merge.survivor.pk)


def _candidate(package: Package) -> tuple[Package, str]:
    """Return a package that may survive, and what helps to choose."""
    downloads = package.pypi_downloads
    known = "downloads not known" if downloads is None else f"{counted(downloads, 'download')} a month"
    return package, f"{counted(package.repo_watchers, 'star')}, {known}, added {package.created:%Y-%m-%d}"


def _page(
    model_admin: Any, request: HttpRequest, form: MergeForm, reasons: Sequence[str] = (), status: int = 200
) -> TemplateResponse:
    merge = form.merge
    reasons = [*reasons, *(each for each in _locked(request, merge) if each not in reasons)]
    context = model_admin.admin_site.each_context(request) | {
        "title": f"Merge {counted(len(merge.packages), 'package')}",
        "opts": model_admin.opts,
        "merge": merge,
        "candidates": [_candidate(package) for package in sorted(merge.packages, key=lambda each: each.pk)],
        "form": form,
        "reasons": [*reasons, merge.refusal] if merge.refusal else reasons,
        "may_merge": not merge.refusal and not _locked(request, merge),
    }
    return TemplateResponse(request, "editing/merge.html", context, status=status)
