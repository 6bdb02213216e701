"""All that editors did, in admin: a list, and for each a page that says what undoing would change, and undoes it."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from core.admin.read_only import ReadOnlyMixin
from core.api.references import is_id
from core.words import counted
from editing.models import Edit, EditBatch
from editing.plan import Item, items
from editing.rights import may_view, refusals
from editing.scope import edits_of
from editing.tables import BY_NAME, EDITED
from editing.undo import RefusedError, undo
from editing.words import contents, planned

MOST_PEOPLE = 100
MOST_ROWS = 200  # that the page of a batch looks at
ONLY = "only"  # the parameter with the row of a batch that alone is to be undone
TICKED = "tick"


class PersonFilter(admin.SimpleListFilter):
    title = "person"
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = EditBatch.objects.order_by("user_name").values_list("user_name", flat=True).distinct()
        return [(name, name) for name in names[:MOST_PEOPLE] if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[EditBatch]) -> QuerySet[EditBatch]:
        if (name := self.value()) and "\x00" in name:
            raise IncorrectLookupParameters
        return queryset.filter(user_name=name) if name else queryset


class TableFilter(admin.SimpleListFilter):
    title = "table"
    parameter_name = "table"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(table.name, str(table.model._meta.verbose_name_plural)) for table in EDITED]

    def queryset(self, request: HttpRequest, queryset: QuerySet[EditBatch]) -> QuerySet[EditBatch]:
        if (name := self.value()) in BY_NAME:
            return queryset.filter(Exists(Edit.objects.filter(batch=OuterRef("pk"), table_name=name)))
        return queryset


@admin.register(EditBatch)
class EditBatchAdmin(ReadOnlyMixin, admin.ModelAdmin[EditBatch]):
    list_display = ("at", "user_name", "words", "contents", "is_undone")
    list_display_links = ("words",)
    list_filter = (PersonFilter, TableFilter)
    date_hierarchy = "at"
    ordering = ("-id",)
    search_fields = ("words", "user_name")
    search_help_text = "Searches what was done, and who did it."
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_view(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_view(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EditBatch]:
        undone = Exists(EditBatch.objects.filter(undoes=OuterRef("pk")))
        return super().get_queryset(request).annotate(undone=undone)

    @admin.display(description="rows")
    def contents(self, batch: EditBatch) -> str:
        return contents(batch.tally)

    @admin.display(description="undone", empty_value="")
    def is_undone(self, batch: Any) -> str:
        return "undone" if batch.undone else ""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Show a batch and what undoing it would change; undo it when the form is sent."""
        if object_id is None or not self.has_view_permission(request):
            raise PermissionDenied
        batch = self.get_object(request, object_id)
        if batch is None:
            raise Http404("This edit is not there, or not any more: edits are kept for 400 days.")
        only = _only(request, batch)
        reasons = refusals(request, batch, only)
        if request.method == "POST":
            if reasons:
                raise PermissionDenied
            return self._undo(request, batch, only)
        return self._page(request, batch, only, reasons)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        return redirect("admin:editing_editbatch_change", object_id)

    def _page(
        self, request: HttpRequest, batch: EditBatch, only: Edit | None, reasons: list[str], status: int = 200
    ) -> TemplateResponse:
        listed, number = _listed(batch, only)
        rows = planned(listed)
        context = self.admin_site.each_context(request) | {
            "title": str(batch),
            "opts": self.opts,
            "batch": batch,
            "contents": contents(batch.tally),
            "only": only,
            "rows": rows,
            "more": number - len(listed),
            "has_questions": any(row.questions for row in rows),
            "reasons": [*reasons, *dict.fromkeys(item.refusal for item in listed if item.refusal)],
            "undone_by": batch.undone_by.order_by("-id")[:10],
            "is_useful": any(not item.left_out for item in listed) or number > len(listed),
        }
        return TemplateResponse(request, "editing/batch.html", context, status=status)

    def _undo(self, request: HttpRequest, batch: EditBatch, only: Edit | None) -> HttpResponseBase:
        try:
            may_not = partial(refusals, request, batch, only)
            done = undo(batch, request.user, request.POST.getlist(TICKED), only, may_not)
        except RefusedError as error:
            return self._page(request, batch, only, error.reasons, status=409)
        for note in done.notes:
            messages.warning(request, f"Left as it is: {note}.")
        if done.left > len(done.notes):
            messages.warning(request, f"and {counted(done.left - len(done.notes), 'further row')} left as they are.")
        if done.batch is None:
            messages.info(request, "There was nothing to undo.")
            return redirect("admin:editing_editbatch_change", batch.pk)
        messages.success(request, f"Undone: {counted(done.rows, 'row')}. This can be undone too.")
        return redirect("admin:editing_editbatch_change", done.batch.pk)


def _only(request: HttpRequest, batch: EditBatch) -> Edit | None:
    """Return the row of the batch that the request names; none if it names none."""
    text = request.GET.get(ONLY) or request.POST.get(ONLY) or ""
    if not text:
        return None
    edit = Edit.objects.filter(batch=batch, pk=text).first() if is_id(text) else None
    if edit is None:
        raise Http404("This edit has no such row.")
    return edit


def _listed(batch: EditBatch, only: Edit | None) -> tuple[list[Item], int]:
    """Return what undoing does to the first rows of a batch, and the number of its rows."""
    edits = edits_of(batch, only).filter(table_name__in=[table.name for table in EDITED])
    listed: list[Item] = []
    for table in EDITED:
        if left := MOST_ROWS - len(listed):
            listed += items(table, batch, list(edits.filter(table_name=table.name).order_by("id")[:left]), begun=False)
    return listed, edits.count()
