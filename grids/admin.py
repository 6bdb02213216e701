"""Grids in admin, and memberships from both sides: a grid's packages, and (added to the package's admin) its grids.

Members are shown as text and new ones typed in rows of their own: a select box for each of a hundred members
would cost a query each.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest

from core.admin import DocumentAdmin, DocumentForm
from grids.models import Grid, GridPackage
from packages.admin import PackageAdmin
from packages.models import Package


class GridForm(DocumentForm[Grid]):
    class Meta:
        model = Grid
        fields = ("title", "slug", "description", "is_locked", "header")


def may_change(request: HttpRequest, grid: Grid) -> bool:
    return not grid.is_locked or request.user.has_perm("grids.unlock_grid")


class _UnlockedOnly(forms.BaseInlineFormSet[GridPackage, Any, Any]):
    """From a package's side nothing joins or leaves a locked grid, unless the editor may unlock grids."""

    request: HttpRequest

    def clean(self) -> None:
        super().clean()
        for form in self.forms if isinstance(self.instance, Package) else ():
            grid = form.cleaned_data.get("grid") or (form.instance.grid if form.instance.pk else None)
            leaves = form.cleaned_data.get("DELETE")
            if grid and (leaves or not form.instance.pk) and not may_change(self.request, grid):
                raise ValidationError(f"The grid “{grid}” is locked: its packages cannot be changed.")


class _Memberships(admin.TabularInline[GridPackage, Any]):
    model = GridPackage
    formset = _UnlockedOnly

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        return type(formset.__name__, (formset,), {"request": request})


class _Present(_Memberships):
    """Memberships that exist: to read and to delete."""

    extra = 0
    max_num = 0
    verbose_name_plural = "members"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[GridPackage]:
        return super().get_queryset(request).select_related("grid", "package")


class _New(_Memberships):
    """Memberships to add."""

    extra = 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[GridPackage]:
        return super().get_queryset(request).none()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembersInline(_Present):
    fields = readonly_fields = ("package",)
    ordering = ("package__title", "package_id")
    verbose_name_plural = "packages"


class NewMembersInline(_New):
    fields = autocomplete_fields = ("package",)
    verbose_name_plural = "add packages"


class GridsInline(_Present):
    fields = readonly_fields = ("grid",)
    ordering = ("position", "id")
    verbose_name_plural = "grids"


class NewGridsInline(_New):
    fields = autocomplete_fields = ("grid",)
    verbose_name_plural = "add to grids"


PackageAdmin.inlines = (GridsInline, NewGridsInline, *PackageAdmin.inlines)


@admin.register(Grid)
class GridAdmin(DocumentAdmin[Grid]):
    form = GridForm
    fields = ("title", "slug", "description", "header", "is_locked", "created", "modified")
    inlines = (MembersInline, NewMembersInline)
    list_display = ("title", "slug", "number_of_packages", "header", "is_locked", "modified")
    list_filter = ("header", "is_locked")
    search_fields = ("title", "slug", "description")
    ordering = ("title", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grid]:
        return super().get_queryset(request).annotate(number_of_packages=Count("memberships"))

    @admin.display(description="packages", ordering="number_of_packages")
    def number_of_packages(self, grid: Grid) -> int:
        number: int = grid.number_of_packages  # type: ignore[attr-defined]  # annotated above
        return number

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)  # type: ignore[arg-type]
        return allowed and (not isinstance(obj, Grid) or may_change(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)  # type: ignore[arg-type]
        return allowed and (not isinstance(obj, Grid) or may_change(request, obj))
