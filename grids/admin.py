"""Grids in admin, and memberships from both sides: a grid's packages, and a package's grids."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from core.admin.documents import PackageCountAdmin
from core.admin.forms import DocumentForm, form_fields
from core.admin.search import SearchedAdmin
from core.kinds import Kind
from grids.documents import GRID_COLUMNS
from grids.locks import may_change, may_unlock
from grids.memberships import MembershipFormSet
from grids.models import Grid, GridPackage
from packages.admin import PackageAdmin


class GridForm(DocumentForm[Grid]):
    class Meta:
        model = Grid
        fields = form_fields(GRID_COLUMNS, Grid)


class _Memberships(admin.TabularInline[GridPackage, Any]):
    model = GridPackage
    formset = MembershipFormSet
    template = "admin/memberships.html"
    extra = 1
    can_delete = False  # of the rows for new ones
    fields: ClassVar[tuple[str, ...]]

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        may_remove = self.has_delete_permission(request, obj)
        attributes = {"request": request, "other": self.fields[0], "may_remove": may_remove}
        return type(formset.__name__, (formset,), attributes)

    def get_queryset(self, request: HttpRequest) -> QuerySet[GridPackage]:
        """Read of the documents what names them, not their facts: there may be a thousand."""
        titles = ("grid__title", "grid__is_locked", "package__title")
        return super().get_queryset(request).select_related("grid", "package").only("grid", "package", *titles)


class PackagesInline(_Memberships):
    fields = autocomplete_fields = ("package",)
    ordering = ("package__title", "package_id")
    heading = "packages"
    verbose_name, verbose_name_plural = "package", "add packages"


class GridsInline(_Memberships):
    fields = autocomplete_fields = ("grid",)
    ordering = ("position", "id")
    heading = "grids"
    verbose_name, verbose_name_plural = "grid", "add to grids"


PackageAdmin.inlines = (GridsInline, *PackageAdmin.inlines)


@admin.register(Grid)
class GridAdmin(SearchedAdmin[Grid], PackageCountAdmin[Grid]):
    kind = Kind.GRID
    form = GridForm
    fieldsets = ((None, {"fields": ("title", "slug", "description", "header", "is_locked", "created", "modified")}),)
    inlines = (PackagesInline,)
    list_display = ("title", "slug", "number_of_packages", "header", "is_locked", "modified")
    list_filter = ("header", "is_locked")
    ordering = ("title", "id")

    def get_readonly_fields(self, request: HttpRequest, obj: Grid | None = None) -> tuple[str, ...]:
        """Show those who may not unlock grids no box to lock one with."""
        readonly = tuple(super().get_readonly_fields(request, obj))
        return readonly if may_unlock(request) else (*readonly, "is_locked")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)  # type: ignore[arg-type]
        return allowed and (not isinstance(obj, Grid) or may_change(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)  # type: ignore[arg-type]
        return allowed and (not isinstance(obj, Grid) or may_change(request, obj))
