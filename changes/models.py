"""The log of changes, and the slugs that documents had before.

Only triggers write these tables (`changes/triggers/`), so that no way of writing is missed.
"""

from django.db import models

from core.kinds import Kind


class Change(models.Model):
    """A document, a membership or a cell that was created, changed, renamed (it has another slug) or deleted.

    `object_id` is the row's own; for a cell, that of its feature.

    `number` follows the order of commits without gaps: whoever has read up to a number has missed nothing before it.
    It is null only inside the transaction of the change. A new `last_fetched` alone is no change.
    """

    KINDS = (
        *(Kind.CATEGORY.value, Kind.PACKAGE.value, Kind.GRID.value, Kind.MEMBERSHIP.value),
        *(Kind.FEATURE.value, Kind.CELL.value),
    )
    ACTIONS = ("created", "changed", "renamed", "deleted")

    number = models.BigIntegerField(null=True, unique=True)
    at = models.DateTimeField(null=True, db_index=True)
    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in KINDS])
    action = models.CharField(max_length=7, choices=[(action, action) for action in ACTIONS])
    object_id = models.BigIntegerField()
    slug = models.CharField(max_length=100, default="")
    old_slug = models.CharField(max_length=100, default="")
    grid_id = models.BigIntegerField(null=True)
    package_id = models.BigIntegerField(null=True)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=tuple(kind.value for kind in Kind),
                    action__in=("created", "changed", "renamed", "deleted"),
                ),
                name="change_known",
            ),
        )
        indexes = (
            models.Index(fields=["id"], condition=models.Q(number__isnull=True), name="change_not_numbered"),
            models.Index(fields=["kind", "number"], name="change_kind"),
        )

    def __str__(self) -> str:
        return f"{self.number}: {self.kind} {self.object_id} {self.action}"


class OldSlug(models.Model):
    """A former slug of a document: the last one that had it, if there were several."""

    kind = models.CharField(max_length=10)
    slug = models.CharField(max_length=100)
    object_id = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["kind", "slug"], name="old_slug_unique"),)
        indexes = (models.Index(fields=["kind", "object_id"], name="old_slug_object"),)

    def __str__(self) -> str:
        return self.slug
