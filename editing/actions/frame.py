"""The frame of bulk actions: the selection, a form, a page that says what will change, and one edit that can be undone.

An action acts on the rows that its page has shown, and on no others. It decides row by row, once they are locked: a row
that somebody else has changed since stays as it is, and a message names it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from core.words import counted
from editing.actions.selection import Selection, digest

MOST = 1_000  # rows at once
LISTED = 100  # rows on a page
NAMED, NAMED_ON_PAGE = 5, 20  # rows in a message, and in a line of a page
MEANWHILE = "changed meanwhile by somebody else"
SELECTION = "selection"
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Row:
    """A selected row: what it is `now`, as far as the action changes it, and what it is to be `then`, both in words.

    `note` says why the action leaves it as it is, if it does. `state` is what must be as the page showed it when the
    row is changed: where it is not, somebody else has changed it. `number` is of what goes with it.
    """

    pk: int
    title: str
    state: str = ""
    now: str = ""
    then: str = ""
    note: str = ""
    number: int = 0


class ActionForm(forms.Form):
    """The form of an action: it knows who asks, and of which rows. If `is_last`, the rows are about to be written, so
    that what the form names must be locked."""

    def __init__(self, data: Any, *, request: HttpRequest, model_admin: Any, ids: Sequence[int], is_last: bool) -> None:
        super().__init__(data)
        self.request, self.model_admin, self.ids, self.is_last = request, model_admin, ids, is_last

    @property
    def values(self) -> dict[str, str]:
        """The typed values, by the names of the fields."""
        return {name: str(self[name].data or "") for name in self.fields}

    def locked(self, row: M) -> M:
        """Return a row that the form names, as it is now, and locked if the selected rows are about to be written."""
        if not self.is_last:
            return row
        now: M | None = type(row)._default_manager.select_for_update(no_key=True).filter(pk=row.pk).first()
        if now is None:
            raise forms.ValidationError("This one was deleted meanwhile.")
        return now


class BulkAction:
    """An action of a list in admin: an instance is what Django calls.

    `needs` are permissions that a user must have besides the one to change the rows. `first` is what the form has been
    filled in with when the page comes first, so that the page can say at once what will change; none if an editor must
    fill it in before. With `is_told_first`, the page says so without it, and is not shown again. What an action that is
    not `is_recorded` writes is no edit.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    help: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    form_class: ClassVar[type[ActionForm]] = ActionForm
    first: ClassVar[Mapping[str, str] | None] = None
    is_told_first: ClassVar[bool] = False
    is_recorded: ClassVar[bool] = True

    allowed_permissions: ClassVar[tuple[str, ...]] = ("change",)
    asks_first = True  # the first request of the list writes nothing

    def __init__(self) -> None:
        self.__name__ = self.name
        self.short_description = self.label

    # What an action says and does

    def rows(self, rows: QuerySet[Any], form: Any) -> list[Row]:
        """Return what happens to these rows, by a valid form; by none if the form is not filled in."""
        raise NotImplementedError

    def lines(self, rows: Sequence[Row], form: Any) -> list[str]:
        """Return sentences for the top of the page."""
        raise NotImplementedError

    def write(self, ids: Collection[int], form: Any, now: datetime) -> None:
        """Change these rows, which are locked, `now`."""
        raise NotImplementedError

    def done(self, number: int, form: Any) -> str:
        """Return what was done to so many rows, as a sentence without its full stop."""
        raise NotImplementedError

    # What Django calls

    def is_offered(self, request: HttpRequest) -> bool:
        """Tell whether a user has the permissions that the action needs besides."""
        user: Any = request.user
        return all(user.has_perm(name) for name in self.needs)

    def __call__(self, model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
        if "index" in request.POST:  # Django's button beside the list of actions
            return self._begin(model_admin, request, queryset)
        shown = Selection.read(request.POST.get(SELECTION, ""), self.name, request.user.pk)
        if shown is None:
            message = "Nothing was changed: this page was of another session. Select the rows again."
            model_admin.message_user(request, message, messages.ERROR)
            return None
        form = self._form(request.POST, model_admin, request, list(shown.rows), is_last=True)
        if not form.is_valid():
            return self._page(model_admin, request, form, shown.rows)
        if self.is_told_first or shown.values == form.values:
            self._finish(model_admin, request, form, shown)
            self._tell_of_others(model_admin, request, queryset.exclude(pk__in=shown.rows))
            return None
        return self._page(model_admin, request, form, shown.rows)

    def _begin(self, model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponseBase | None:
        ids = list(queryset.order_by().values_list("pk", flat=True)[: MOST + 1])
        plural = model_admin.opts.verbose_name_plural
        if not ids or len(ids) > MOST:
            problem = f"select at most {MOST:,} {plural} at a time" if ids else f"no {plural} are selected"
            model_admin.message_user(request, f"Nothing was changed: {problem}.", messages.WARNING)
            return None
        return self._page(model_admin, request, self._form(self.first, model_admin, request, ids, is_last=False), ids)

    def _form(self, data: Any, model_admin: Any, request: HttpRequest, ids: Sequence[int], *, is_last: bool) -> Any:
        return self.form_class(data, request=request, model_admin=model_admin, ids=ids, is_last=is_last)

    def _page(self, model_admin: Any, request: HttpRequest, form: Any, ids: Collection[int]) -> TemplateResponse:
        """Show what will change, or ask for what is needed to tell."""
        filled_in = form if form.is_bound and form.is_valid() else None
        is_told = filled_in is not None or self.is_told_first
        rows = self.rows(model_admin.model._default_manager.filter(pk__in=ids), filled_in)
        rows.sort(key=lambda row: (row.title.lower(), row.pk))
        changed = [row for row in rows if not row.note]
        shown = Selection({row.pk: digest(row.state) for row in rows}, form.values if filled_in else None)
        context = model_admin.admin_site.each_context(request) | {
            "title": self.label,
            "opts": model_admin.opts,
            "action": self.name,
            "help": self.help,
            "checkbox": ACTION_CHECKBOX_NAME,
            "form": form,
            "media": model_admin.media + form.media,
            "selection": shown.signed(self.name, request.user.pk),
            "number": len(rows),
            "first": next(iter(ids)),
            "lines": self.lines(changed, filled_in) if is_told and changed else [],
            "is_told": is_told,
            "is_useful": bool(changed or form.fields),
            "changed": changed[:LISTED],
            "has_now": any(row.now for row in changed[:LISTED]),
            "has_then": any(row.then for row in changed[:LISTED]),
            "more": max(0, len(changed) - LISTED),
            "left": [(why, len(titles), named(titles, NAMED_ON_PAGE)) for why, titles in _left(rows)],
            "across": request.POST.get("select_across", ""),
        }
        return TemplateResponse(request, "editing/action.html", context, status=200 if rows else 409)

    def _finish(self, model_admin: Any, request: Any, form: Any, shown: Selection) -> None:
        """Change the rows that are as the page showed them, and say what was done."""
        locked = model_admin.model._default_manager.filter(pk__in=shown.rows).order_by("pk")
        rows = self.rows(locked.select_for_update(no_key=True), form)
        same = {row.pk for row in rows if digest(row.state) == shown.rows[row.pk]}
        changed = [row for row in rows if not row.note and row.pk in same]
        moved = [row.title for row in rows if not row.note and row.pk not in same]
        if changed:
            self.write([row.pk for row in changed], form, timezone.now())
            done = request.batch.words = self.done(len(changed), form)
            url = reverse("admin:editing_editbatch_change", args=(request.batch.batch.pk,))
            undoing = format_html(' <a href="{}">Undo</a>', url) if self.is_recorded else ""
            model_admin.message_user(request, format_html("{}.{}", done, undoing), messages.SUCCESS)
        else:
            model_admin.message_user(request, "Nothing was changed.", messages.INFO)
        for why, titles in [*_left(rows), *([(MEANWHILE, moved)] if moved else ())]:
            model_admin.message_user(request, f"Left as they are, {why}: {named(titles)}.", messages.WARNING)
        if gone := len(shown.rows) - len(rows):
            what = counted(gone, *_nouns(model_admin.opts))
            model_admin.message_user(request, f"Deleted meanwhile: {what}.", messages.WARNING)

    def _tell_of_others(self, model_admin: Any, request: HttpRequest, others: QuerySet[Any]) -> None:
        """Tell of rows that came to a selection of "all" since the page was shown."""
        if request.POST.get("select_across") == "1" and (number := others.order_by().count()):
            what = counted(number, *(f"further {noun}" for noun in _nouns(model_admin.opts)))
            message = f"Not shown by the page, and left as they are: {what} of the selection by now."
            model_admin.message_user(request, message, messages.WARNING)


def _nouns(options: Any) -> tuple[str, str]:
    return str(options.verbose_name), str(options.verbose_name_plural)


def named(titles: Sequence[str], most: int = NAMED) -> str:
    """Return the first of the titles, and the number of the others."""
    more = f" and {len(titles) - most:,} more" if len(titles) > most else ""
    return ", ".join(f"“{title}”" for title in titles[:most]) + more


def _left(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Return the titles of the rows that stay as they are, by the reason why."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            titles.setdefault(row.note, []).append(row.title)
    return list(titles.items())
