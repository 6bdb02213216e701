"""The actions "Fetch now" and "Retry failed" of the list of packages.

Nothing of them is an edit: what is fetched is upstream's word, and what is queued needs no undoing.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import update_wrapper
from typing import Any, ClassVar, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from core.words import counted
from editing.actions.frame import MOST, BulkAction, Row
from editing.actions.selection import Selection
from editing.adding.outcomes import in_words, not_fetched, outcome_in_words
from editing.recorder import paused
from fetchers.on_demand import AT_ONCE, FETCHED, SECONDS, Report, failed, fetch_now, queue, retry
from packages.facts import Outcome, Source
from packages.models import Package

NAME = "packages_package_fetch_now"
LISTED = 100  # packages on a page
WORDS: dict[Source, str] = {"repo": "Repository", "pypi": "PyPI", "downloads": "Downloads"}


class Line(NamedTuple):
    """A package and a source, and what became of it."""

    pk: int
    title: str
    source: str
    words: str


class FetchNow:
    """Asks first. The packages then go to a page of its own, so that nothing is locked while they are fetched."""

    name = "fetch_now"
    label = "Fetch now"
    allowed_permissions: ClassVar[tuple[str, ...]] = ("change",)
    asks_first = True

    def __init__(self) -> None:
        self.__name__ = self.name
        self.short_description = self.label

    def __call__(self, model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
        ids = list(queryset.values_list("pk", flat=True)[: MOST + 1])
        if not ids or len(ids) > MOST:
            problem = f"select at most {MOST:,} packages at a time" if ids else "no packages are selected"
            model_admin.message_user(request, f"Nothing was fetched: {problem}.", messages.WARNING)
            return None
        fetchable = _fetchable(ids)
        known = [pk for pk in ids if pk in fetchable]
        titles = dict(Package.objects.filter(pk__in=ids).values_list("pk", "title"))
        return _page(
            model_admin,
            request,
            selection=Selection(dict.fromkeys(known, "")).signed(self.name, request.user.pk),
            number=len(known),
            at_once=[(pk, titles.get(pk, "")) for pk in known[:AT_ONCE]],
            rest=max(0, len(known) - AT_ONCE),
            nothing=[(pk, titles.get(pk, "")) for pk in ids if pk not in fetchable][:LISTED],
            seconds=round(SECONDS),
        )


def pages(model_admin: Any) -> list[URLPattern]:
    """Return the page that fetches, for the admin of packages."""

    def view(request: HttpRequest) -> HttpResponseBase:
        if not model_admin.has_change_permission(request):
            raise PermissionDenied
        shown = Selection.read(request.POST.get("selection", ""), FetchNow.name, request.user.pk)
        if shown is None:
            messages.error(request, "Nothing was fetched: select the packages again.")
            return redirect("admin:packages_package_changelist")
        ids = list(shown.rows)
        if "queue" in request.POST:
            queue((pk, source) for source in FETCHED for pk in ids)
            messages.success(request, f"Queued for the next refresh: {counted(len(ids), 'package')}.")
            return redirect("admin:packages_package_changelist")
        return _page(model_admin, request, **_told(fetch_now(ids)))

    wrapped = update_wrapper(model_admin.admin_site.admin_view(view), view)
    return [path("fetch-now/", wrapped, name=NAME)]


def _fetchable(ids: Collection[int]) -> set[int]:
    rows = (Package.objects.fetchable(source).filter(pk__in=ids).values_list("pk", flat=True) for source in FETCHED)
    return {pk for each in rows for pk in each}


def _told(report: Report) -> dict[str, Any]:
    """Return what became of the packages, for the page."""
    queued = {key: not_fetched(why) for key, why in report.queued.items()}
    words = {key: outcome_in_words(*outcome) for key, outcome in report.outcomes.items()}
    packages = {pk for pk, _source in (*queued, *words)}
    titles = dict(Package.objects.filter(pk__in=packages).values_list("pk", "title"))
    return {
        "is_done": True,
        "fetched": _lines(words, titles),
        "queued": _lines(queued, titles)[:LISTED],
        "more": max(0, len(queued) - LISTED),
        "number_queued": len({pk for pk, _source in queued}),
    }


def _lines(words: dict[tuple[int, Source], str], titles: dict[int, str]) -> list[Line]:
    lines = [Line(pk, titles[pk], WORDS[source], said) for (pk, source), said in words.items() if pk in titles]
    return sorted(lines, key=lambda line: (line.title.lower(), line.pk, line.source))


def _page(model_admin: Any, request: HttpRequest, **context: Any) -> TemplateResponse:
    every = {
        **model_admin.admin_site.each_context(request),
        "title": "Fetch now",
        "opts": model_admin.opts,
        "words": WORDS,
        **context,
    }
    return TemplateResponse(request, "editing/fetch_now.html", every)


class RetryFailed(BulkAction):
    """Makes those due at the next refresh whose last fetch failed, which otherwise are tried less and less often."""

    name = "retry_failed"
    label = "Retry failed"
    help = "What could not be fetched the last time is due at the next refresh, however often it has failed before."
    first: ClassVar[dict[str, str]] = {}
    is_recorded = False

    def rows(self, rows: QuerySet[Any], form: Any) -> list[Row]:  # noqa: ARG002 (there is nothing to fill in)
        titles = dict(rows.values_list("pk", "title"))
        words: dict[int, list[str]] = {}
        for state in failed(titles):
            said = f"{WORDS[_source(state.source)]}: {in_words(Outcome(state.outcome))}"
            due = f"{counted(state.failures, 'time')}; due {state.next_due:%Y-%m-%d %H:%M} UTC"
            words.setdefault(state.package_id, []).append(f"{said}, {due}")
        return [
            Row(pk, title, "", now="\n".join(words.get(pk, ())), note="" if pk in words else "nothing has failed")
            for pk, title in titles.items()
        ]

    def lines(self, rows: Sequence[Row], form: Any) -> list[str]:  # noqa: ARG002
        return [f"{counted(len(rows), 'package')} will be tried again."]

    def write(self, ids: Collection[int], form: Any, now: datetime) -> None:  # noqa: ARG002
        with paused():
            retry(failed(ids))

    def done(self, number: int, form: Any) -> str:  # noqa: ARG002
        return f"Due at the next refresh: {counted(number, 'package')} that failed"


def _source(name: str) -> Source:
    return next(source for source in WORDS if source == name)


ACTIONS: Iterable[Any] = (FetchNow(), RetryFailed())
