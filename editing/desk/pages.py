"""The pages of the desk: a list of work, whose items are settled one by one, and the charts."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode

from core.admin import violations
from core.admin.autocomplete import Autocomplete
from core.api.references import is_id
from core.svg import CONTENT_SECURITY_POLICY
from core.words import counted
from editing.desk.chart import chart
from editing.desk.counts import daily
from editing.desk.front import may_use
from editing.desk.lists import BY_NAME
from editing.desk.lists.base import MOST, Decision, Fact, Link, RefusedError, Today, WorkList
from editing.models import EditBatch
from editing.recorder import recording
from editing.rights import refusals
from editing.undo import RefusedError as NotUndoneError
from editing.undo import undo
from packages.facts import SOURCES
from packages.models import Package

SHOWN = 25  # items on a page
LONGEST = 500  # characters of a value that comes back with an error
HEAVY = ("commits_over_52", "participants", "classifiers")  # columns that no list shows
GONE = "Somebody has settled this item meanwhile, or it is about something else by now: nothing was changed."


@dataclass(frozen=True)
class Choice:
    """A decision as a page shows it, with the key that makes it."""

    key: str
    decision: Decision
    value: str
    widget: Any = ""


@dataclass(frozen=True)
class Shown:
    """An item as a page shows it; `error` if a decision on it was refused."""

    item: Any
    facts: list[Fact]
    choices: list[Choice]
    links: list[Link]
    url: str
    error: str = ""


def pages(site: AdminSite) -> list[URLPattern]:
    """Return the pages of the desk, below /admin/desk/."""

    def page(view: Any) -> Any:
        def inner(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
            response: HttpResponseBase = view(request, site, **arguments)
            return response

        return site.admin_view(inner)

    return [
        path("desk/chart/<source>.svg", page(chart_view), name="desk_chart"),
        path("desk/<name>/", page(list_view), name="desk_list"),
        path("desk/<name>/undo/<int:batch>/", page(undo_view), name="desk_undo"),
    ]


def chart_view(request: HttpRequest, _: AdminSite, source: str) -> HttpResponse:
    if not may_use(request):
        raise PermissionDenied
    today = timezone.localdate()
    for known in SOURCES:
        if known == source:
            svg = chart(known, daily(known, today), today)
            headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "private, max-age=600"}
            return HttpResponse(svg, content_type="image/svg+xml", headers=headers)
    raise Http404("There is no such source.")


def _kind(request: HttpRequest, name: str) -> WorkList:
    kind = BY_NAME.get(name)
    if kind is None:
        raise Http404("The desk has no such list.")
    user: Any = request.user
    if not user.has_perm(kind.right):
        raise PermissionDenied
    return kind


def list_view(request: HttpRequest, site: AdminSite, name: str) -> HttpResponseBase:
    """Show a list of work; settle one of its items when its form is sent."""
    kind = _kind(request, name)
    if request.method == "POST":
        return _settle(request, site, kind)
    return _page(request, site, kind)


def _settle(request: HttpRequest, site: AdminSite, kind: WorkList) -> HttpResponseBase:
    """Carry one decision out, as an edit, if the item is still about what the page showed."""
    decision = kind.decision(request.POST.get("decision", ""))
    pk, value = request.POST.get("item", ""), request.POST.get("value", "").strip()
    if decision is None or not is_id(pk) or "\x00" in value:
        raise Http404("The list has no such decision, or no such item.")
    user: Any = request.user
    if not user.has_perms(decision.rights):
        raise PermissionDenied
    item = None
    try:
        with recording(user) as recorded:
            list(kind.model._base_manager.filter(pk=pk).select_for_update(no_key=True).values_list("pk"))
            item = kind.unordered(Today(timezone.now())).filter(pk=pk, about=request.POST.get("about", "")).first()
            if item is not None:
                recorded.words = f"{kind.title}: {decision.button.lower()}, “{item}”"
                decision.settle(item, value, request)
    except (RefusedError, IntegrityError) as error:
        why = violations.message(error, [kind.model]) if isinstance(error, IntegrityError) else str(error)
        return _page(request, site, kind, (int(pk), decision.name, value[:LONGEST], why))
    if item is None:
        messages.warning(request, GONE)
    done = {} if item is None or recorded.is_empty else {"done": recorded.batch.pk}
    return redirect(f"{_url(kind)}?{urlencode({'at': _at(request.POST.get('at', '')), **done})}")


Refused = tuple[int, str, str, str]  # the item, the decision, what was typed, and why it was refused


def _page(request: HttpRequest, site: AdminSite, kind: WorkList, refused: Refused | None = None) -> TemplateResponse:
    today = Today(timezone.now())
    items = kind.items(today)
    items = items.defer(*HEAVY) if kind.model is Package else items
    rows = list(items[:SHOWN])
    number = len(rows) if len(rows) < SHOWN else kind.unordered(today)[: MOST + 1].count()
    shown = list(_shown(request, site, kind, rows, refused))
    at = next((place for place, each in enumerate(shown) if each.error), _at(request.GET.get("at", "")))
    context = site.each_context(request) | {
        "title": kind.title,
        "kind": kind,
        "opts": kind.model._meta,
        "shown": shown,
        "count": f"more than {MOST:,} items" if number > MOST else counted(number, "item"),
        "number": number,
        "at": min(at, max(0, len(shown) - 1)),
        "done": _done(request),
        "has_successors": any(choice.widget for each in shown for choice in each.choices),
        "refused": refused[3] if refused and not any(each.error for each in shown) else "",
    }
    return TemplateResponse(request, "editing/desk/list.html", context, status=200)


def _shown(
    request: HttpRequest, site: AdminSite, kind: WorkList, rows: list[Any], refused: Refused | None
) -> Iterator[Shown]:
    user: Any = request.user
    decisions = [each for each in kind.choices() if user.has_perms(each.rights)]
    options = kind.model._meta
    for item, facts in zip(rows, kind.facts(rows) if rows else (), strict=True):
        is_refused = refused is not None and refused[0] == item.pk
        choices = []
        for place, decision in enumerate(decisions, 1):
            key = "0" if decision.name == "not-now" else str(place)
            typed = refused[2] if refused and is_refused and refused[1] == decision.name else None
            value = "" if not decision.asks else typed if typed is not None else decision.proposes(item)
            widget = _successor(site, item, decision) if decision.asks == "package" else ""
            choices.append(Choice(key, decision, value, widget))
        url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=(item.pk,))
        links = [link for link in kind.links(item) if user.has_perms(link.rights)]
        yield Shown(item, list(facts), choices, links, url, refused[3] if refused and is_refused else "")


def _successor(site: AdminSite, item: Any, decision: Decision) -> Any:
    """Return the field that completes the title of a package."""
    reference: Any = Package._meta.get_field("replaced_by")
    widget = Autocomplete(reference, site, attrs={"id": f"value-{item.pk}-{decision.name}", "required": True})
    return forms.ModelChoiceField(Package.objects.none(), widget=widget).widget.render("value", None)


def undo_view(request: HttpRequest, _: AdminSite, name: str, batch: int) -> HttpResponseBase:
    """Undo what this editor has just settled; where that leaves a question, its page asks."""
    kind = _kind(request, name)
    if request.method != "POST":
        return redirect(_url(kind))
    user: Any = request.user
    edit = EditBatch.objects.filter(pk=batch, user=user).first()
    if edit is None:
        raise Http404("This edit is not there.")
    if reasons := refusals(request, edit):
        messages.error(request, " ".join(reasons))
        return redirect(_url(kind))
    try:
        done = undo(edit, user, refusals=partial(refusals, request, edit))
    except NotUndoneError as error:
        messages.error(request, " ".join(error.reasons))
        return redirect("admin:editing_editbatch_change", edit.pk)
    if done.left or done.batch is None:
        return redirect("admin:editing_editbatch_change", edit.pk)
    messages.success(request, f"Undone: {edit.words}")
    return redirect(f"{_url(kind)}?{urlencode({'at': _at(request.POST.get('at', ''))})}")


def _url(kind: WorkList) -> str:
    return reverse("admin:desk_list", args=(kind.name,))


def _at(text: str) -> int:
    """Return the place on the page that the editor is at."""
    return min(int(text), SHOWN) if text.isascii() and text.isdecimal() and len(text) <= 3 else 0


def _done(request: HttpRequest) -> EditBatch | None:
    """Return the edit that was just made, to offer its undoing."""
    text = request.GET.get("done", "")
    if not is_id(text):
        return None
    user: Any = request.user
    return EditBatch.objects.filter(pk=text, user=user).first()
