"""What the admin of every kind of document shares."""

from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from core.models import Document

D = TypeVar("D", bound=Document)


class DocumentForm(forms.ModelForm[D]):
    def clean_slug(self) -> str:
        """A slug of digits alone would hide behind ids. Those that an import brought may stay as they are."""
        slug: str = self.cleaned_data["slug"]
        if slug.isdigit() and slug != self.instance.slug:
            raise ValidationError("A slug needs a character that is not a digit: digits alone are read as an id.")
        return slug


class DocumentAdmin(admin.ModelAdmin[D]):
    """Editors' changes, those of memberships included, move `modified`; nothing else does."""

    prepopulated_fields = {"slug": ("title",)}
    readonly_fields: ClassVar[tuple[str, ...]] = ("created", "modified")
    list_per_page = 50
    show_full_result_count = False

    def get_prepopulated_fields(self, request: HttpRequest, obj: D | None = None) -> dict[str, Any]:
        """Only for new documents: a slug is an address, and must not follow every change of the title."""
        may_edit = obj is None and self.has_add_permission(request)
        return dict(super().get_prepopulated_fields(request, obj)) if may_edit else {}

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            form.instance.modified = timezone.now()
            form.instance.save(update_fields=["modified"])
