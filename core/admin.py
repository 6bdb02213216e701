"""The base of the admin of every kind of document."""

from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from core import slugs
from core.documents import Columns
from core.models import Document

D = TypeVar("D", bound=Document)


def form_fields(columns: Columns, model: type[Document]) -> list[str]:
    """The columns that editors type: those that they write, but for the times, which the site sets itself."""
    fields: Any = [model._meta.get_field(column) for column in columns.edited]
    return [field.name for field in fields if field.editable]


class DocumentForm(forms.ModelForm[D]):
    def clean_slug(self) -> str:
        """Refuse a new slug of digits alone, which would be read as an id. Imported ones may stay."""
        slug: str = self.cleaned_data["slug"]
        if slug.isdigit() and slug != self.instance.slug:
            raise ValidationError("A slug needs a character that is not a digit: digits alone are read as an id.")
        return slug


class DocumentAdmin(admin.ModelAdmin[D]):
    """Sets `modified` when an editor saves a change of the document or of its memberships."""

    prepopulated_fields = {"slug": ("title",)}
    readonly_fields: ClassVar[tuple[str, ...]] = ("created", "modified")
    list_per_page = 50
    show_full_result_count = False

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

    def save_model(self, request: HttpRequest, obj: D, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if "slug" in form.changed_data and (warning := slugs.warning(obj)):
            self.message_user(request, warning, messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            form.instance.modified = timezone.now()
            form.instance.save(update_fields=["modified"])


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
