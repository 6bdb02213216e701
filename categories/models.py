"""A category is the kind of thing a package is: an app, a framework, a project …"""

from typing import Self

from django.db import models

from config.models import Document


class CategoryQuerySet(models.QuerySet["Category"]):
    def for_api(self) -> Self:
        """What the API's category documents show, newest first."""
        return self.order_by("-id")


class Category(Document):
    description = models.TextField(blank=True)
    title_plural = models.CharField(max_length=100, blank=True)
    show_pypi = models.BooleanField("show PyPI facts", default=True)

    objects = CategoryQuerySet.as_manager()

    class Meta(Document.Meta):
        verbose_name_plural = "categories"
        ordering = ("title", "id")
