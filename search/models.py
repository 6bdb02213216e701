"""The search index: one entry for each package and each grid.

Only triggers write it (`search/triggers/`), in the transaction of the edit, so that it is always up to date.
"""

from django.db import models

from core.kinds import Kind


class Entry(models.Model):
    """The words and names by which a document is found.

    `title_key`, `slug_key` and `pypi_key` are names without spaces and punctuation, A to Z in lower case. `names` are
    the words of the names; `body` the other words: the description, the participants, and for the category a word of
    its id ("category5"), so that entries stay right when a category is renamed. `quality` orders documents that match
    equally well. PostgreSQL has a column `words` too, the text search vector of both.
    """

    KINDS = (Kind.PACKAGE.value, Kind.GRID.value)

    kind = models.CharField(max_length=7, choices=[(kind, kind) for kind in KINDS])
    object_id = models.BigIntegerField()
    title_key = models.CharField(max_length=100)
    slug_key = models.CharField(max_length=100)
    pypi_key = models.CharField(max_length=255)
    names = models.TextField()
    body = models.TextField()
    quality = models.FloatField()

    class Meta:
        verbose_name_plural = "entries"
        constraints = (models.UniqueConstraint(fields=["kind", "object_id"], name="entry_unique"),)
        indexes = (
            models.Index(fields=["title_key"], name="entry_title_key"),
            models.Index(fields=["slug_key"], name="entry_slug_key"),
            models.Index(fields=["pypi_key"], name="entry_pypi_key"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"
