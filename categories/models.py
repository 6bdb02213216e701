"""A category is the kind of thing a package is: an app, a framework, a project …"""

from collections.abc import Iterable
from typing import Self

from django.db import models

from core.models import Document

# The keys of a category's document in API v4, in their order.
V4_FIELDS = ("id", "title", "slug", "description", "title_plural", "show_pypi", "created", "modified")


class CategoryQuerySet(models.QuerySet["Category"]):
    def for_api(self, fields: Iterable[str] = V4_FIELDS) -> Self:
        """What the API's category documents show, newest first: the columns of those fields."""
        return self.only("id", *fields).order_by("-id")


class Category(Document):
    description = models.TextField(blank=True)
    title_plural = models.CharField(max_length=100, blank=True)
    show_pypi = models.BooleanField("show PyPI facts", default=True)

    objects = CategoryQuerySet.as_manager()

    class Meta(Document.Meta):
        verbose_name_plural = "categories"
        ordering = ("title", "id")
