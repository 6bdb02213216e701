"""Grids in admin, and memberships from both sides: a grid's packages, and a package's grids."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_GET

from core.admin.autocomplete import AutocompletesMixin
from core.admin.documents import DocumentAdmin, PackageCountAdmin
from core.admin.forms import D, DocumentForm, form_fields
from core.admin.search import SearchedAdmin
from core.database.functions import RowCount
from core.kinds import Kind
from grids.cells import in_words, sign
from grids.documents import GRID_COLUMNS
from grids.features import CellForm, FeatureForm, FeatureFormSet
from grids.locks import may_change, may_unlock
from grids.memberships import MembershipFormSet
from grids.models import MOST_CHARACTERS, MOST_FEATURES, Cell, Feature, Grid, GridPackage
from packages.admin import PackageAdmin


class GridForm(DocumentForm[Grid]):
    class Meta:
        model = Grid
        fields = form_fields(GRID_COLUMNS, Grid)


class _Memberships(AutocompletesMixin, admin.TabularInline[GridPackage, Any]):
    model = GridPackage
    formset = MembershipFormSet
    template = "admin/memberships.html"
    extra = 1
    can_delete = False  # of the rows for new ones
    fields: ClassVar[tuple[str, ...]]

    class Media:
        css = {"all": ("grids/memberships.css",)}

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


class FeaturesInline(admin.TabularInline[Feature, Grid]):
    model = Feature
    form = FeatureForm
    formset = FeatureFormSet
    fields = ("title", "description", "position")
    extra = 1
    max_num = MOST_FEATURES
    show_change_link = True


PackageAdmin.inlines = (GridsInline, *PackageAdmin.inlines)


@admin.register(Grid)
class GridAdmin(SearchedAdmin[Grid], PackageCountAdmin[Grid]):
    kind = Kind.GRID
    form = GridForm
    fieldsets = ((None, {"fields": ("title", "slug", "description", "header", "is_locked", "created", "modified")}),)
    inlines = (PackagesInline, FeaturesInline)
    list_display = (
        "title",
        "slug",
        "number_of_packages",
        "number_of_features",
        "header",
        "is_locked",
        "modified",
        "editor",
    )
    list_filter = ("header", "is_locked")
    ordering = ("title", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grid]:
        features = RowCount(Feature.objects.filter(grid=OuterRef("pk")).order_by().values("pk"))
        return super().get_queryset(request).annotate(number_of_features=features)

    @admin.display(description="features", ordering="number_of_features")
    def number_of_features(self, grid: Any) -> int:
        number: int = grid.number_of_features
        return number

    @admin.display(description="editor")
    def editor(self, grid: Grid) -> str:
        return format_html('<a href="{}">Editor</a>', reverse("admin:grids_grid_editor", args=[grid.pk]))

    def response_add(self, request: HttpRequest, obj: Grid, post_url_continue: str | None = None) -> HttpResponse:
        response = super().response_add(request, obj, post_url_continue)
        return self._to_editor(request, obj) or response

    def response_change(self, request: HttpRequest, obj: Grid) -> HttpResponse:
        response = super().response_change(request, obj)
        return self._to_editor(request, obj) or response

    def _to_editor(self, request: HttpRequest, grid: Grid) -> HttpResponse | None:
        """Lead to the editor if the form was sent by its button."""
        return redirect("admin:grids_grid_editor", grid.pk) if "_editor" in request.POST else None

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


class _PartOfGrid(DocumentAdmin[D]):
    """Of a row that belongs to a grid, and cannot be written by those who may not change the grid."""

    prepopulated_fields: ClassVar[dict[str, Any]] = {}
    added: ClassVar[tuple[str, ...]]  # fields that only a new row has

    def grid_of(self, row: D) -> Grid:
        raise NotImplementedError

    def get_readonly_fields(self, request: HttpRequest, obj: D | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), *(self.added if obj else ()))

    def get_form(self, request: Any, obj: D | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.request = request
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or may_change(request, self.grid_of(obj)))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or may_change(request, self.grid_of(obj)))


@admin.register(Feature)
class FeatureAdmin(_PartOfGrid[Feature]):
    form = FeatureForm
    added = ("grid",)
    fieldsets = ((None, {"fields": ("grid", "title", "description", "position", "created", "modified")}),)
    autocomplete_fields = ("grid",)
    list_display = ("title", "grid", "position", "modified")
    list_select_related = ("grid",)
    search_fields = ("title", "grid__title")
    ordering = ("grid", "position", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Feature]:
        return super().get_queryset(request).select_related("grid")

    def grid_of(self, row: Feature) -> Grid:
        return row.grid


@admin.register(Cell)
class CellAdmin(_PartOfGrid[Cell]):
    form = CellForm
    added = ("feature", "member")
    autocomplete_fields = ("feature",)
    list_display = ("feature", "member", "text", "sign", "modified")
    search_fields = ("feature__title", "membership__package__title", "text")
    ordering = ("-id",)

    def get_fieldsets(self, request: HttpRequest, obj: Cell | None = None) -> Any:
        of_a_member = ("feature", "member", "text", "sign") if obj else ("feature", "package", "text")
        return ((None, {"fields": (*of_a_member, "created", "modified")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Cell | None = None) -> tuple[str, ...]:
        return (*super().get_readonly_fields(request, obj), *(("sign",) if obj else ()))

    def get_form(self, request: Any, obj: Cell | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.may_ask = self.has_view_permission(request)
        return form

    def get_urls(self) -> list[Any]:
        asked = self.admin_site.admin_view(require_GET(self.sign_as_typed))
        return [path("sign/", asked, name="grids_cell_sign"), *super().get_urls()]

    def sign_as_typed(self, request: HttpRequest) -> HttpResponseBase:
        """Respond with the sign of `text`, which nobody has saved yet, and with what the sign means."""
        if not self.has_view_permission(request):
            return JsonResponse({"detail": "You may not view cells."}, status=403)
        text = request.GET.get("text")
        if text is None:
            return JsonResponse({"text": ["Required: the text of a cell."]}, status=400)
        if len(text) > MOST_CHARACTERS:
            return JsonResponse({"text": [f"Too long: at most {MOST_CHARACTERS:,} characters."]}, status=400)
        said = sign(text)
        return JsonResponse({"sign": said, "words": in_words(said)})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Cell]:
        return super().get_queryset(request).select_related("feature__grid", "membership__package")

    def grid_of(self, row: Cell) -> Grid:
        return row.feature.grid

    @admin.display(description="package")
    def member(self, cell: Cell) -> str:
        return str(cell.membership.package)

    @admin.display(description="sign", empty_value="-")
    def sign(self, cell: Cell) -> int | None:
        return sign(cell.text)
