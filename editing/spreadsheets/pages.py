"""The pages of imports in admin: a file is uploaded, its differences are shown, and what was shown is written.

When others have changed something meanwhile so that something else would be written, the differences are shown again.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError
from django.db.models import Model, Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from core import hooks
from core.admin import violations
from core.api.references import is_id
from core.database.deadlocks import retried
from core.words import counted
from editing.models import Upload
from editing.pruning import KEPT
from editing.rights import may_view
from editing.spreadsheets import cells
from editing.spreadsheets.cells import CellDifferences, Rights
from editing.spreadsheets.columns import GRIDS, PACKAGES, DocumentSheet
from editing.spreadsheets.plan import Plan, PlannedRow
from editing.spreadsheets.reading import MOST_BYTES, MOST_ROWS, read
from editing.spreadsheets.saving import DocumentImport
from editing.words import Value
from grids.locks import may_unlock
from grids.models import Cell, Grid
from grids.spreadsheets import RefusedError
from packages.models import Package

MOST_SHOWN = 500  # rows on a page
MOST_NOTES = 100
LONGEST = 300  # characters of a text on a page
MOST_KEPT = 10  # previews of a user
_LOST = (
    "This preview is not there any more: it was imported, it is older than a day, or you have had"
    f" {MOST_KEPT} others since. Choose the file again."
)


class Differing(Protocol):
    """A file beside what there is."""

    def plan(self) -> Plan: ...

    def try_out(self) -> list[str]:
        """Refuse what the database refuses, and return notes on the other rows."""
        ...

    def save(self) -> None: ...


class MovedError(Exception):
    """Something else would be written than what was shown."""


class UploadForm(forms.Form):
    file = forms.FileField(
        label="CSV file",
        help_text=f"At most {MOST_BYTES // 1_000_000} MB and {MOST_ROWS:,} rows, in UTF-8. Nothing is written yet: the"
        " next page shows what differs.",
        widget=forms.ClearableFileInput({"accept": ".csv,.tsv,.txt,text/csv"}),
    )

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size and file.size > MOST_BYTES:
            raise forms.ValidationError(f"It is too large: at most {MOST_BYTES // 1_000_000} MB.")
        return file


def compared(model: type[Model], data: bytes, request: HttpRequest, *, lock: bool) -> tuple[Differing, list[str]]:
    """Return a file of rows of a model beside what there is, and the titles of columns that are ignored. RefusedError
    if it is no such file."""
    unlocks = may_unlock(request)
    if model is Cell:
        file = read(data, cells.TITLES, ("feature", "feature_id"), ())
        user: Any = request.user
        rights = Rights(unlocks, *(user.has_perm(f"grids.{action}_cell") for action in ("add", "change", "delete")))
        return CellDifferences(file, rights, lock=lock), file.ignored
    sheet = _SHEETS[model]
    naming = [title for title in ("id", "slug", "title", "repo_url") if title == "id" or title in sheet.written]
    file = read(data, ["id", *sheet.written], naming, sheet.ignored)
    return DocumentImport(sheet, file, lock=lock, may_unlock=unlocks), file.ignored


_SHEETS: Mapping[type[Model], DocumentSheet] = {Package: PACKAGES, Grid: GRIDS}


class ImportPage:
    """The page of the imports of one admin."""

    def __init__(self, model_admin: Any) -> None:
        self.model_admin = model_admin
        self.model: type[Model] = model_admin.model
        self.plural = str(model_admin.opts.verbose_name_plural)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not (self.model_admin.has_add_permission(request) and self.model_admin.has_change_permission(request)):
            raise PermissionDenied
        if request.method != "POST":
            return self._form(request, UploadForm())
        if "upload" in request.POST:
            return self._apply(request)
        form = UploadForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._form(request, form)
        uploaded = form.cleaned_data["file"]
        upload = Upload(
            user_id=_id_of(request),
            at=timezone.now(),
            table_name=self.model._meta.db_table,
            name=str(uploaded.name)[:100],
            content=uploaded.read(),
        )
        try:
            return self._preview(request, upload)
        except RefusedError as error:
            form.add_error("file", str(error))
            return self._form(request, form)

    def _form(self, request: HttpRequest, form: forms.Form) -> TemplateResponse:
        return self._page(request, "editing/import.html", {"form": form, "titles": self._titles()})

    def _titles(self) -> Sequence[str]:
        return cells.TITLES if self.model is Cell else ["id", *_SHEETS[self.model].written]

    def _page(
        self, request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
    ) -> TemplateResponse:
        context = {
            **self.model_admin.admin_site.each_context(request),
            "title": f"Import {self.plural}",
            "opts": self.model_admin.opts,
            **context,
        }
        return TemplateResponse(request, template, context, status=status)

    # Step 1

    def _preview(self, request: HttpRequest, upload: Upload, why: str = "") -> TemplateResponse:
        """Show what an import would do, and remember what was shown; of a preview that is shown again, `why`."""
        differences, ignored = compared(self.model, bytes(upload.content), request, lock=False)
        notes = differences.try_out()
        plan = differences.plan()
        if ignored:
            titles = ", ".join(ignored)
            plan.notes.insert(0, f"Of these columns nothing is imported, as no editor writes them: {titles}.")
        plan.notes += notes
        moved = plan.moved(upload.shown) if why else set()
        if plan.rows:
            others = Upload.objects.filter(user=upload.user_id).exclude(pk=upload.pk).order_by("-at", "-pk")
            is_surplus = Q(pk__in=others[MOST_KEPT - 1 :].values("pk"))
            Upload.objects.filter(Q(at__lt=timezone.now() - KEPT) | is_surplus).delete()
            upload.shown = plan.fingerprints()
            upload.save()
        context = {"upload": upload, "why": why, **_in_short(plan, moved), "button": self._button(plan)}
        return self._page(request, "editing/import_preview.html", context, 409 if why else 200)

    def _button(self, plan: Plan) -> str:
        parts = [
            f"{words} {counted(number, 'row')}"
            for words, number in (("add", plan.added), ("change", plan.changed))
            if number
        ]
        return " and ".join(parts).capitalize()

    # Step 2

    def _apply(self, request: HttpRequest) -> HttpResponseBase:
        number = request.POST["upload"]
        own = Upload.objects.filter(user_id=_id_of(request), table_name=self.model._meta.db_table)
        upload = own.filter(pk=number, at__gte=timezone.now() - KEPT).first() if is_id(number) else None
        if upload is None:
            form = UploadForm()
            messages.error(request, _LOST)
            return self._form(request, form)
        try:
            recorded, plan = retried(partial(self._write, request, upload))
        except MovedError:
            why = "Somebody else has changed something meanwhile. Nothing is imported yet: this is what differs now."
            return self._preview(request, upload, why)
        except (IntegrityError, DataError) as error:
            reason = (
                violations.message(error, [self.model]) if isinstance(error, IntegrityError) else violations.OTHERWISE
            )
            return self._preview(request, upload, reason)
        upload.delete()
        messages.success(request, f"Imported: {counted(len(plan.rows), 'row')}. This can be undone.")
        if may_view(request):
            return redirect("admin:editing_editbatch_change", recorded.batch.pk)
        return redirect(f"admin:{self.model._meta.app_label}_{self.model._meta.model_name}_changelist")

    def _write(self, request: HttpRequest, upload: Upload) -> tuple[Any, Plan]:
        """Write what the preview of an upload has shown. MovedError if that is not what would be written now."""
        with hooks.recording(request.user, f"Imported {self.plural} from “{upload.name}”") as recorded:
            differences, _ = compared(self.model, bytes(upload.content), request, lock=True)
            plan = differences.plan()
            if plan.moved(upload.shown):
                differences.try_out()  # the database may have refused some of the rows that were shown
                plan = differences.plan()
                if plan.moved(upload.shown):
                    raise MovedError
            differences.save()
        return recorded, plan


def _id_of(request: HttpRequest) -> int:
    user: Any = request.user
    pk: int = user.pk
    return pk


def _in_short(plan: Plan, moved: Collection[int]) -> dict[str, Any]:
    """Return the parts of a plan for a page: what has moved since the last one, first."""
    rows = sorted(plan.rows, key=lambda row: (row.line not in moved, row.line))
    refused = sorted(plan.refused, key=lambda row: (row.line not in moved, row.line))
    there = {row.line for row in rows} | {row.line for row in refused}
    return {
        "plan": plan,
        "rows": [_shown(row, row.line in moved) for row in rows[:MOST_SHOWN]],
        "more_rows": len(rows[MOST_SHOWN:]),
        "refused": [(row, row.line in moved) for row in refused[:MOST_SHOWN]],
        "more_refused": len(refused[MOST_SHOWN:]),
        "settled": sorted(line for line in moved if line not in there)[:MOST_NOTES],
        "notes": plan.notes[:MOST_NOTES],
        "more_notes": len(plan.notes[MOST_NOTES:]),
    }


def _shown(row: PlannedRow, is_moved: bool) -> dict[str, Any]:
    values = [Value(value.label, _cut(value.old), _cut(value.new)) for value in row.values]
    return {**row._asdict(), "values": values, "done": "created" if row.is_new else "changed", "is_moved": is_moved}


def _cut(text: str) -> str:
    if not text:
        return "-"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} … ({len(text):,} characters)"


def pages(model_admin: Any) -> list[URLPattern]:
    """Return the page of imports of an admin."""
    options = model_admin.opts
    view: Callable[..., Any] = require_http_methods(["GET", "HEAD", "POST"])(ImportPage(model_admin))
    name = f"{options.app_label}_{options.model_name}_import"
    return [path("import/", model_admin.admin_site.admin_view(view), name=name)]
