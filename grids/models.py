"""A grid compares packages side by side."""

from typing import Self

from django.db import models

from config.models import Document
from packages.models import Package

# The position of a membership that nobody placed: after the placed ones, in the order in which they were made.
LAST = 2**31 - 1


class GridQuerySet(models.QuerySet["Grid"]):
    def for_api(self) -> Self:
        """What the API's grid documents show, newest first: their columns, and their members' ids and titles."""
        members = GridPackage.objects.select_related("package").only("grid_id", "package__title").order_by()
        return self.prefetch_related(models.Prefetch("memberships", members)).order_by("-id")


class Grid(Document):
    description = models.TextField(blank=True)
    is_locked = models.BooleanField("locked", default=False, help_text="Only who may unlock grids can change it.")
    header = models.BooleanField("header tab", default=False, help_text="Shown among the main grids.")
    packages = models.ManyToManyField(Package, through="GridPackage", related_name="grids")

    objects = GridQuerySet.as_manager()

    class Meta(Document.Meta):
        ordering = ("title", "id")
        permissions = (("unlock_grid", "Can change locked grids"),)


class GridPackage(models.Model):
    """A package's membership in a grid; `position`, then the id, is its place among the package's grids."""

    grid = models.ForeignKey(Grid, on_delete=models.CASCADE, related_name="memberships")
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="memberships")
    position = models.PositiveIntegerField(default=LAST, editable=False)

    class Meta:
        verbose_name = "membership"
        ordering = ("position", "id")
        constraints = (models.UniqueConstraint(fields=["grid", "package"], name="grid_package_unique"),)

    def __str__(self) -> str:
        return f"{self.package} in {self.grid}"
