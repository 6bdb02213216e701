"""The history of edits: batches of rows that they created, changed or deleted together."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from grids.models import Grid
from packages.facts import SOURCES
from packages.models import Package

LONGEST_WORDS = 200


class EditBatch(models.Model):
    """An edit: all that an editor did at once, `words` say what. `user_name` stays when the account is deleted.

    `tally` has the number of rows that were created, changed and deleted, by table. `undoes` is the batch whose former
    values this one brought back; being a batch too, it can be undone itself.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    user_name = models.CharField("who", max_length=150, blank=True)
    at = models.DateTimeField("when")
    words = models.CharField("what", max_length=LONGEST_WORDS, blank=True)
    undoes = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="undone_by")
    tally = models.JSONField(default=dict)

    class Meta:
        verbose_name = "edit"
        ordering = ("-id",)
        default_permissions = ("view",)
        constraints = (
            models.CheckConstraint(
                condition=Q(undoes__isnull=True) | ~Q(undoes=models.F("id")), name="edit_batch_undoes_another"
            ),
        )
        indexes = (
            models.Index(fields=["at"], name="edit_batch_at"),
            models.Index(fields=["user_name", "id"], name="edit_batch_user"),
        )

    def __str__(self) -> str:
        return self.words or f"edit {self.pk}"


class Edit(models.Model):
    """A row of a batch, as triggers wrote it (editing/triggers/).

    `before` and `after` have the columns that differ, and those that name the row; all columns of one that was created
    (before is null) or deleted (after is null). `grid_id` and `package_id` are those that the row belongs to.
    """

    batch = models.ForeignKey(EditBatch, on_delete=models.CASCADE, related_name="edits")
    table_name = models.CharField(max_length=50)
    object_id = models.BigIntegerField()
    grid_id = models.BigIntegerField(null=True)
    package_id = models.BigIntegerField(null=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.UniqueConstraint(fields=["batch", "table_name", "object_id"], name="edit_once_in_a_batch"),
            models.CheckConstraint(condition=Q(before__isnull=False) | Q(after__isnull=False), name="edit_of_a_row"),
        )
        indexes = (
            models.Index(fields=["table_name", "object_id", "batch"], name="edit_of_object"),
            models.Index(fields=["grid_id", "batch"], condition=Q(grid_id__isnull=False), name="edit_of_grid"),
            models.Index(fields=["package_id", "batch"], condition=Q(package_id__isnull=False), name="edit_of_package"),
        )

    def __str__(self) -> str:
        return f"{self.table_name} {self.object_id}"


class OpenBatch(models.Model):
    """The batch that the current transaction records, on SQLite, where no session has settings: triggers read it.

    The row goes before the transaction ends, so that no other one sees it.
    """

    batch = models.OneToOneField(EditBatch, on_delete=models.CASCADE, primary_key=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"edit {self.pk}"


class DailyCount(models.Model):
    """The numbers of packages on one day, by source and host, as the last refresh of the day left them.

    Every package that can be fetched from a source is in one of them: `gone` (not found on three days), `failing` (its
    last try failed), `due` (its facts are older than they may be, or there are none yet) or `fresh`.
    """

    day = models.DateField()
    source = models.CharField(max_length=10, choices=[(name, name) for name in SOURCES])
    host = models.CharField(max_length=500, blank=True)
    fresh = models.PositiveIntegerField()
    due = models.PositiveIntegerField()
    failing = models.PositiveIntegerField()
    gone = models.PositiveIntegerField()

    class Meta:
        ordering = ("day", "source", "host")
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=["day", "source", "host"], name="daily_count_unique"),)

    def __str__(self) -> str:
        return f"{self.day}: {self.source} {self.host}"


class Dismissal(models.Model):
    """An item of a work list of the desk that is not shown, up to a time, or for ever (`until` is null).

    `about` is what the item was about when it was dismissed: of something else, it is shown again.
    """

    kind = models.CharField(max_length=30)
    package = models.ForeignKey(Package, on_delete=models.CASCADE, null=True, related_name="+")
    grid = models.ForeignKey(Grid, on_delete=models.CASCADE, null=True, related_name="+")
    about = models.TextField(blank=True)
    until = models.DateTimeField(null=True)
    by = models.CharField("who", max_length=150, blank=True)

    class Meta:
        verbose_name = "dismissed item"
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=["kind", "package"], name="dismissal_of_package"),
            models.UniqueConstraint(fields=["kind", "grid"], name="dismissal_of_grid"),
            models.CheckConstraint(
                condition=Q(package__isnull=True, grid__isnull=False) | Q(package__isnull=False, grid__isnull=True),
                name="dismissal_of_one",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}: {self.package or self.grid}"


class WeeklyMail(models.Model):
    """The mail of the week that begins on `monday`. One run at a time has claimed it, until it is `sent`."""

    monday = models.DateField(unique=True)
    claimed = models.DateTimeField(null=True)
    sent = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"week of {self.monday}"


class Upload(models.Model):
    """A file of CSV between the preview of its import and the import itself; a day later it is deleted.

    `shown` has what the preview showed, a fingerprint for each line of the file (editing/spreadsheets/plan.py).
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField()
    table_name = models.CharField(max_length=50)
    name = models.CharField(max_length=100)
    content = models.BinaryField()
    shown = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
