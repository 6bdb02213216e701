"""The admin of every kind of document."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import flatten_fieldsets, model_format_dict
from django.contrib.messages.storage import default_storage
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from core import hooks, slugs
from core.admin import violations
from core.admin.autocomplete import AutocompletesMixin
from core.admin.deletion import NAMED, DeletionAdmin
from core.admin.forms import D
from core.admin.lists import DocumentList
from core.admin.typed import typed
from core.kinds import Kind
from core.links import Links
from core.models import Document

GONE = "This {} was deleted while the form was open. What you typed is here still: saving adds it anew."


class DocumentAdmin(AutocompletesMixin, DeletionAdmin[D]):
    """Saves what a form changed and nothing else, and `modified` with it; says what others changed meanwhile."""

    prepopulated_fields = {"slug": ("title",)}
    readonly_fields: ClassVar[tuple[str, ...]] = ("created", "modified")
    list_per_page = 50
    show_full_result_count = False

    class Media:
        css = {"all": ("core/lists.css",)}

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[DocumentList]:
        return DocumentList

    def get_view_on_site_url(self, obj: D | None = None) -> str | None:
        """Return the path of the page of a document; None if the kind has no pages."""
        kind = next((kind for kind in Kind if kind.plural and kind == self.opts.model_name), None)
        return Links.paths().document(kind, obj.pk) if obj and kind else None

    def get_urls(self) -> list[Any]:
        return [*(page for pages in hooks.added_pages[self.opts.label] for page in pages(self)), *super().get_urls()]

    def _get_base_actions(self) -> list[Any]:
        """Add the actions of the folders above, which Django then offers by their permissions as it does its own."""
        added = [self.get_action(action) for action in hooks.added_actions[self.opts.label]]
        return [*super()._get_base_actions(), *(action for action in added if action)]  # type: ignore[misc]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer an action that knows who may use it to no others."""
        actions: dict[str, Any] = super().get_actions(request)
        return {name: each for name, each in actions.items() if getattr(each[0], "is_offered", lambda _: True)(request)}

    def get_prepopulated_fields(self, request: HttpRequest, obj: D | None = None) -> dict[str, Any]:
        """Fill in the slug of new documents only: as part of a URL, it must not follow each change of a title."""
        may_edit = obj is None and self.has_add_permission(request)
        return dict(super().get_prepopulated_fields(request, obj)) if may_edit else {}

    def get_fieldsets(self, request: HttpRequest, obj: D | None = None) -> Any:
        """Add a fieldset for the columns that the class has put in none."""
        fieldsets = super().get_fieldsets(request, obj)
        placed = flatten_fieldsets(fieldsets)
        unplaced = [name for name in self.get_fields(request, obj) if name not in placed]
        return [*fieldsets, ("More", {"fields": unplaced})] if unplaced else fieldsets

    def get_form(self, request: Any, obj: D | None = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.refusal = getattr(request, "refusal", "")  # the class is of this request alone
        return form

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> D | None:
        """Lock the row while a form is saved: nobody can change it between the merge and the save."""
        if request.method == "POST" and transaction.get_connection().in_atomic_block:
            with suppress(ValidationError, ValueError):  # no id
                rows = self.model._base_manager.filter(**{from_field or "pk": object_id})
                list(rows.select_for_update(no_key=True).values_list("pk"))
        return super().get_object(request, object_id, from_field)

    def changeform_view(
        self, request: Any, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Validate a form again that the database refuses: what another editor saved between validating and saving is
        seen then. If it is refused again, the form comes back with the reason."""
        attempt: Any = partial(self._writing, request, super().changeform_view, object_id, form_url, extra_context)
        refusal = ""
        for _ in range(2):
            try:
                return attempt()
            except IntegrityError as error:
                refusal = violations.message(error, [self.model, *(inline.model for inline in self.inlines)])
                request._messages = default_storage(request)  # an attempt that failed has said nothing
            except PermissionDenied:
                if request.method != "POST":
                    raise
                return self._forbid(request)
        request.refusal = refusal
        return attempt()

    def delete_view(self, request: Any, object_id: str, extra_context: Any = None) -> Any:
        return self._writing(request, super().delete_view, object_id, extra_context)

    def changelist_view(self, request: Any, extra_context: Any = None) -> Any:
        action = self._with_a_page(request)
        if action is None:
            return self._writing(request, super().changelist_view, extra_context)
        # Where "all" are selected, Django reads from the list which ones these are.
        view = super().changelist_view if request.POST.get("select_across") == "1" else partial(self._act, action)
        return view(request) if "index" in request.POST else self._writing(request, view)

    def _with_a_page(self, request: HttpRequest) -> Callable[..., Any] | None:
        """Return the action that a list sends, or its page, if it has one: the list alone writes nothing."""
        names = request.POST.getlist("action") if request.method == "POST" else []
        action = self.get_actions(request).get(names[0]) if len(names) == 1 else None
        return action[0] if action and getattr(action[0], "asks_first", False) else None

    def _act(self, action: Callable[..., Any], request: HttpRequest) -> Any:
        """Call an action for the selected rows, as Django's view does that reads the list as well."""
        rows = self.get_queryset(request).filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        return action(self, request, rows) or redirect(request.get_full_path())

    def _writing(self, request: HttpRequest, view: Callable[..., Any], *arguments: Any) -> Any:
        """Call a view; what it writes is written together with all that follows from it."""
        if request.method != "POST":
            return view(request, *arguments)
        with hooks.recording(request.user, self._words_of_action(request)) as batch:
            request.batch = batch  # type: ignore[attr-defined]
            return view(request, *arguments)

    def _words_of_action(self, request: HttpRequest) -> str:
        """Return the name of the action that a list sends, "" for a form."""
        action = (self.get_actions(request) or {}).get(request.POST.get("action", ""))
        return str(action[2]) % model_format_dict(self.model) if action else ""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._say(request, f"Added the {self.opts.verbose_name} “{obj}”")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._say(request, f"Changed the {self.opts.verbose_name} “{obj}”")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        names = [f"“{obj}”" for obj in queryset]
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        plural = self.opts.verbose_name if len(names) == 1 else self.opts.verbose_name_plural
        self._say(request, f"Deleted the {plural} {', '.join(names[:NAMED])}{more}")
        return super().log_deletions(request, queryset)

    def _say(self, request: Any, words: str) -> None:
        """Say in the history what a request has done."""
        if batch := getattr(request, "batch", None):
            batch.words = words

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        return hooks.history(self, request, object_id)

    def _forbid(self, request: HttpRequest) -> TemplateResponse:
        """Show what was typed to a user who may not save it, or may not any more."""
        shown = typed(request.POST, [self.model, *(inline.model for inline in self.inlines)])
        context = {**self.admin_site.each_context(request), "title": "Nothing is saved", "typed": list(shown)}
        return TemplateResponse(request, "admin/not_saved.html", context, status=403)

    def refuse(self, request: Any, object_id: str | None, why: str) -> Any:
        """Give a form back with what was typed, and save nothing."""
        request.refusal = why
        return self.changeform_view(request, object_id)

    def _get_obj_does_not_exist_redirect(self, request: Any, opts: Any, object_id: str) -> Any:
        """Give back what was typed about a document that was deleted meanwhile, in a form that adds it."""
        if request.method != "POST" or not request.resolver_match.url_name.endswith("_change"):
            return super()._get_obj_does_not_exist_redirect(request, opts, object_id)  # type: ignore[misc]
        request.refusal = GONE.format(opts.verbose_name)
        url = reverse(f"admin:{opts.app_label}_{opts.model_name}_add", current_app=self.admin_site.name)
        return self._changeform_view(request, None, url, None)  # type: ignore[attr-defined]

    def save_model(self, request: HttpRequest, obj: D, form: Any, change: bool) -> None:
        if change:
            columns = {field.name for field in obj._meta.concrete_fields}
            if changed := columns.intersection(form.changed_data):
                obj.save(update_fields=changed)
        else:
            super().save_model(request, obj, form, change)
        if isinstance(obj, Document) and "slug" in form.changed_data and (warning := slugs.warning(obj)):
            self.message_user(request, warning, messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        self._tell(request, form, *formsets)
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            form.instance.modified = timezone.now()
            form.instance.save(update_fields=["modified"])

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        self._tell(request, context["adminform"].form, *(each.formset for each in context["inline_admin_formsets"]))
        return super().render_change_form(request, context, *args, **kwargs)

    def _tell(self, request: HttpRequest, *forms: Any) -> None:
        """Tell what others changed while the form was open."""
        for note in (note for form in forms for note in getattr(form, "notes", ())):
            messages.warning(request, note)


class PackageCountAdmin(DocumentAdmin[D]):
    """Adds the number of a document's packages as a column of its list."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[D]:
        queryset: Any = super().get_queryset(request)
        counted: QuerySet[D] = queryset.annotate(number_of_packages=Count("packages"))
        return counted

    @admin.display(description="packages", ordering="number_of_packages")
    def number_of_packages(self, document: Any) -> int:
        number: int = document.number_of_packages
        return number
