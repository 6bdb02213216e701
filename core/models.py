"""The columns of every stored document: id, slug and title, and when it was created and last edited."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

MAX_ID = 2**63 - 1


class Document(models.Model):
    """A titled document of the catalogue, which URLs name by its id or its slug.

    `created` and `modified` are ordinary columns, not automatic ones: an import copies the times of its source,
    and `modified` tells when an editor last changed the document, so no fetch may move it.
    """

    title = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True)
    created = models.DateTimeField(default=timezone.now, editable=False)
    modified = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
        constraints: ClassVar[tuple[models.BaseConstraint, ...]] = (
            models.CheckConstraint(condition=~Q(title=""), name="%(class)s_title_not_empty"),
            models.CheckConstraint(condition=~Q(slug=""), name="%(class)s_slug_not_empty"),
        )

    def __str__(self) -> str:
        return self.title
