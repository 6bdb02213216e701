"""Grids in admin, and memberships from both sides: a grid's packages, and a package's grids.

Existing memberships are shown as text, and new ones are typed in rows of their own, because a select box for each of
a hundred members would cost a query each.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from core.admin.documents import DocumentForm, PackageCountAdmin, form_fields
from grids.documents import GRID_COLUMNS
from grids.models import Grid, GridPackage
from packages.admin import PackageAdmin
from packages.models import Package


class GridForm(DocumentForm[Grid]):
    class Meta:
        model = Grid
        fields = form_fields(GRID_COLUMNS, Grid)


def may_change(request: HttpRequest, grid: Grid) -> bool:
    return not grid.is_locked or request.user.has_perm("grids.unlock_grid")


class _UnlockedOnly(forms.BaseInlineFormSet[GridPackage, Any, Any]):
    """Refuses to add a package to a locked grid or to remove it, on the page of the package, unless the editor has the
    permission to unlock grids."""

    request: HttpRequest

    def clean(self) -> None:
        super().clean()
        for form in self.forms if isinstance(self.instance, Package) else ():
            grid = form.cleaned_data.get("grid") or (form.instance.grid if form.instance.pk else None)
            removed = form.cleaned_data.get("DELETE")
            if grid and (removed or not form.instance.pk) and not may_change(self.request, grid):
                why = "Only users with the permission to unlock grids can change its packages."
                raise ValidationError(f"The grid “{grid}” is locked. {why}")


class _Memberships(admin.TabularInline[GridPackage, Any]):
    model = GridPackage
    formset = _UnlockedOnly

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        return type(formset.__name__, (formset,), {"request": request})


class _Existing(_Memberships):
    """Existing memberships, which can be deleted."""

    extra = 0
    max_num = 0
    verbose_name_plural = "members"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[GridPackage]:
        return super().get_queryset(request).select_related("grid", "package")


class _New(_Memberships):
    """Rows for new memberships."""

    extra = 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[GridPackage]:
        return super().get_queryset(request).none()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class MembersInline(_Existing):
    fields = readonly_fields = ("package",)
    ordering = ("package__title", "package_id")
    verbose_name_plural = "packages"


class NewMembersInline(_New):
    fields = autocomplete_fields = ("package",)
    verbose_name_plural = "add packages"


class GridsInline(_Existing):
    fields = readonly_fields = ("grid",)
    ordering = ("position", "id")
    verbose_name_plural = "grids"


class NewGridsInline(_New):
    fields = autocomplete_fields = ("grid",)
    verbose_name_plural = "add to grids"


PackageAdmin.inlines = (GridsInline, NewGridsInline, *PackageAdmin.inlines)


@admin.register(Grid)
class GridAdmin(PackageCountAdmin[Grid]):
    form = GridForm
    fieldsets = ((None, {"fields": ("title", "slug", "description", "header", "is_locked", "created", "modified")}),)
    inlines = (MembersInline, NewMembersInline)
    list_display = ("title", "slug", "number_of_packages", "header", "is_locked", "modified")
    list_filter = ("header", "is_locked")
    search_fields = ("title", "slug", "description")
    ordering = ("title", "id")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)  # type: ignore[arg-type]
        return allowed and (not isinstance(obj, Grid) or may_change(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)  # type: ignore[arg-type]
        return allowed and (not isinstance(obj, Grid) or may_change(request, obj))
