"""The former slugs of documents, for the folders that cannot import this one, and those of merged documents."""

from collections.abc import Collection, Sequence

from django.db import connection
from django.db.models import F
from django.utils import timezone

from changes.models import Change, OldSlug
from core.kinds import Kind
from core.models import Document, Revision


class LoggedSlugs:
    """See core.hooks.FormerSlugs."""

    def owners(self, kind: Kind, slugs: Collection[str]) -> dict[str, int]:
        return dict(OldSlug.objects.filter(kind=kind, slug__in=slugs).values_list("slug", "object_id"))


def take_over(document: Document, others: Collection[int]) -> None:
    """Have the former slugs of other documents of its kind lead to this one. Before these are deleted: the slugs go
    with them otherwise."""
    OldSlug.objects.filter(kind=document._meta.model_name, object_id__in=others).update(object_id=document.pk)


def lead_to(document: Document, slugs: Sequence[str]) -> None:
    """Have slugs that no document has any more lead to this one. The log has that as further renamings of it.

    In a transaction that writes the document after this: PostgreSQL numbers the changes with that.
    """
    kind = str(document._meta.model_name)
    OldSlug.objects.bulk_create(
        [OldSlug(kind=kind, slug=slug, object_id=document.pk) for slug in slugs],
        update_conflicts=True,
        unique_fields=["kind", "slug"],
        update_fields=["object_id"],
    )
    changes = [
        Change(kind=kind, action="renamed", object_id=document.pk, slug=document.slug, old_slug=slug) for slug in slugs
    ]
    if connection.vendor != "postgresql":
        Revision.objects.filter(kind=Revision.LOG).update(number=F("number") + len(changes))
        last = Revision.objects.values_list("number", flat=True).get(kind=Revision.LOG)
        for number, change in enumerate(changes, last - len(changes) + 1):
            change.number, change.at = number, timezone.now()
    Change.objects.bulk_create(changes)
