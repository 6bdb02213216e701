"""A category says what a package is: an app, a framework, a project …"""

from collections.abc import Iterable
from typing import Self

from django.db import models

from categories import hooks
from categories.documents import CATEGORY_COLUMNS
from core.models import Document


class CategoryQuerySet(models.QuerySet["Category"]):
    def for_api(self, fields: Iterable[str] = CATEGORY_COLUMNS.v4) -> Self:
        """The rows of the API's category documents, newest first: the columns of those fields, and what is counted of
        their packages if it is one of them."""
        chosen = set(fields)
        categories = self.only("id", *CATEGORY_COLUMNS.stored(chosen)).order_by("-id")
        if "package_count" in chosen:
            categories = categories.annotate(package_count=hooks.packages.number_in_a_category())
        if "last_updated_median" in chosen:
            categories = categories.annotate(last_updated_median=hooks.packages.median_last_commit())
        return categories


class Category(Document):
    description = models.TextField(blank=True)
    title_plural = models.CharField(max_length=100, blank=True)
    show_pypi = models.BooleanField("show PyPI facts", default=True)

    objects = CategoryQuerySet.as_manager()

    class Meta(Document.Meta):
        verbose_name_plural = "categories"
        ordering = ("title", "id")
