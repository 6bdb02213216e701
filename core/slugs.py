"""The former slugs of documents: a hook, which changes.apps fills when the site starts."""

from collections.abc import Collection
from typing import Protocol

from core.kinds import Kind
from core.models import Document


class FormerSlugs(Protocol):
    def owners(self, kind: Kind, slugs: Collection[str]) -> dict[str, int]:
        """The ids of the documents that had these slugs before, and are still reached by them."""
        ...


former: FormerSlugs


def warning(document: Document) -> str:
    """Return a warning if another document had the slug of this one before, else ""."""
    kind = Kind(str(document._meta.model_name))
    owner = former.owners(kind, [document.slug]).get(document.slug)  # noqa: F821 (filled when the site starts)
    other = type(document)._default_manager.filter(pk=owner).exclude(pk=document.pk).first()
    if other is None:
        return ""
    return f"The {kind} “{other}” had the slug {document.slug} before: links by it lead to “{document}” now."
