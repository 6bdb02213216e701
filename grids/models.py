"""A grid compares packages side by side."""

from collections.abc import Iterable
from typing import Self

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from core.database.functions import AsciiLower, JSONPairs, RowCount
from core.models import Document, Edited
from grids.documents import FEATURE_COLUMNS, GRID_COLUMNS
from packages.models import Package

# The position of a membership that nobody has placed: after the placed ones, in the order of creation.
LAST = 2**31 - 1
MOST_FEATURES = 100  # of a grid: its page with more would have too many fields to be sent
MOST_CHARACTERS = 1_000  # of a cell


class GridQuerySet(models.QuerySet["Grid"]):
    def for_api(self, fields: Iterable[str] = GRID_COLUMNS.v4) -> Self:
        """The rows of the API's grid documents, newest first: the columns of those fields, members' titles and ids,
        their slugs and their number."""
        chosen = set(fields)
        grids = self.only("id", *GRID_COLUMNS.stored(chosen)).order_by("-id")
        listed = GridPackage.objects.filter(grid=models.OuterRef("pk")).order_by()
        if chosen & {"packages", "package_slugs"}:  # slugs are in the order of the titles
            titles = listed.values(key=F("package_id"), value=F("package__title"))
            grids = grids.annotate(members=JSONPairs(titles))
        if "package_slugs" in chosen:
            slugs = listed.values(key=F("package_id"), value=F("package__slug"))
            grids = grids.annotate(slugs_of_members=JSONPairs(slugs))
        if "package_count" in chosen:
            grids = grids.annotate(package_count=RowCount(listed.values("pk")))
        return grids


class Grid(Document):
    description = models.TextField(blank=True)
    is_locked = models.BooleanField(
        "locked", default=False, help_text="Only users with the permission to unlock grids can change it."
    )
    header = models.BooleanField("header tab", default=False, help_text="Shown among the main grids.")
    packages = models.ManyToManyField(Package, through="GridPackage", related_name="grids")

    objects = GridQuerySet.as_manager()

    class Meta(Document.Meta):
        ordering = ("title", "id")
        permissions = (("unlock_grid", "Can change locked grids"),)
        indexes = (
            models.Index(fields=["created", "id"], name="grid_created"),
            models.Index(fields=["modified", "id"], name="grid_modified"),
            models.Index(AsciiLower("title"), "id", name="grid_title"),
        )


class GridPackage(models.Model):
    """A package's membership in a grid; `position`, then the id, is its place among the package's grids."""

    grid = models.ForeignKey(Grid, on_delete=models.CASCADE, related_name="memberships")
    package = models.ForeignKey(Package, on_delete=models.CASCADE, related_name="memberships")
    position = models.PositiveIntegerField(default=LAST, editable=False)

    class Meta:
        verbose_name = "membership"
        ordering = ("position", "id")
        constraints = (models.UniqueConstraint(fields=["grid", "package"], name="grid_package_unique"),)
        # The grids of a package in their order are read out of the index alone.
        indexes = (models.Index(fields=["package", "position", "id", "grid"], name="membership_of_package"),)

    def __str__(self) -> str:
        return f"{self.package} in {self.grid}"


class FeatureQuerySet(models.QuerySet["Feature"]):
    def for_api(self, fields: Iterable[str] = FEATURE_COLUMNS.v4) -> Self:
        """The rows of the API's feature documents, newest first: the columns of those fields, and the texts of cells by
        the ids of their packages, in the order of the memberships."""
        features = self.only("id", *FEATURE_COLUMNS.stored(fields)).order_by("-id")
        if "cells" not in fields:
            return features
        cells = Cell.objects.filter(feature=models.OuterRef("pk")).order_by("membership_id")
        return features.annotate(texts=JSONPairs(cells.values(key=F("membership__package_id"), value=F("text"))))


class Feature(Edited):
    """A feature by which the packages of a grid are compared; `position`, then the id, is its place in the grid.

    It stays in its grid (grids/triggers.py).
    """

    grid = models.ForeignKey(Grid, on_delete=models.CASCADE, related_name="features")
    title = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    position = models.PositiveIntegerField(default=0, help_text="Features stand in this order.")

    objects = FeatureQuerySet.as_manager()

    class Meta:
        ordering = ("position", "id")
        constraints = (models.CheckConstraint(condition=~Q(title=""), name="feature_title_not_empty"),)

    def __str__(self) -> str:
        return self.title


class Cell(Edited):
    """The text that says of a member of a grid what it makes of a feature, as it was typed (grids/cells.py reads it).

    Feature and membership are of the same grid (grids/triggers.py).
    """

    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, related_name="cells", db_index=False)
    membership = models.ForeignKey(GridPackage, on_delete=models.CASCADE, related_name="cells")
    text = models.CharField(max_length=MOST_CHARACTERS, blank=True)

    class Meta:
        ordering = ("feature", "membership")
        constraints = (models.UniqueConstraint(fields=["feature", "membership"], name="cell_unique"),)

    def __str__(self) -> str:
        return f"{self.feature}: {self.text[:50]}"

    def clean(self) -> None:
        super().clean()
        if self.feature_id and self.membership_id and self.feature.grid_id != self.membership.grid_id:
            raise ValidationError("The feature and the membership of a cell must be of the same grid.")
