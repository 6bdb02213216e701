"""Models that all kinds of documents share: the bases of their own models, and their revisions."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

MAX_ID = 2**63 - 1


class Edited(models.Model):
    """A row that editors write.

    `created` and `modified` are ordinary columns, not automatic ones: an import takes the times of its source, and
    `modified` is when an editor last changed the row, so no fetch may touch it.
    """

    created = models.DateTimeField(default=timezone.now, editable=False)
    modified = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True


class Document(Edited):
    """A titled document of the catalogue, with an id and a slug."""

    title = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True)

    class Meta:
        abstract = True
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.CheckConstraint(condition=~Q(title=""), name="%(class)s_title_not_empty"),
            models.CheckConstraint(condition=~Q(slug=""), name="%(class)s_slug_not_empty"),
        )

    def __str__(self) -> str:
        return self.title


class Revision(models.Model):
    """A counter for each kind of document, which every commit raises that changes anything shown of the kind, and the
    number of its documents. The counter of LOG is the number of the last change.

    Triggers write it; `core.caching.revisions` reads it.
    """

    LOG: ClassVar[str] = "changes"

    kind = models.CharField(max_length=10, primary_key=True)
    number = models.BigIntegerField()
    rows = models.BigIntegerField()

    class Meta:
        db_table = "changes_revision"

    def __str__(self) -> str:
        return f"{self.kind}: {self.number}"
