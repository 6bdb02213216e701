"""Categories in admin."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core.admin import DocumentAdmin, DocumentForm, form_fields


class CategoryForm(DocumentForm[Category]):
    class Meta:
        model = Category
        fields = form_fields(CATEGORY_COLUMNS, Category)


@admin.register(Category)
class CategoryAdmin(DocumentAdmin[Category]):
    form = CategoryForm
    fieldsets = (
        (None, {"fields": ("title", "slug", "title_plural", "description", "show_pypi", "created", "modified")}),
    )
    list_display = ("title", "slug", "number_of_packages", "show_pypi", "modified")
    list_filter = ("show_pypi",)
    search_fields = ("title", "slug", "description")
    ordering = ("title",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Category]:
        return super().get_queryset(request).annotate(number_of_packages=Count("packages"))

    @admin.display(description="packages", ordering="number_of_packages")
    def number_of_packages(self, category: Category) -> int:
        number: int = category.number_of_packages  # type: ignore[attr-defined]  # annotated above
        return number
