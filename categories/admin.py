"""Categories in admin."""

from django.contrib import admin

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core.admin.documents import PackageCountAdmin
from core.admin.forms import DocumentForm, form_fields


class CategoryForm(DocumentForm[Category]):
    class Meta:
        model = Category
        fields = form_fields(CATEGORY_COLUMNS, Category)


@admin.register(Category)
class CategoryAdmin(PackageCountAdmin[Category]):
    form = CategoryForm
    fieldsets = (
        (None, {"fields": ("title", "slug", "title_plural", "description", "show_pypi", "created", "modified")}),
    )
    list_display = ("title", "slug", "number_of_packages", "show_pypi", "modified")
    list_filter = ("show_pypi",)
    search_fields = ("title", "slug", "description")
    ordering = ("title",)
