"""Slugs that are refused, and the warning for an editor who gives a document one that another one had before."""

from core import hooks
from core.kinds import Kind
from core.models import Document

DIGITS_ALONE = "A slug needs a character that is not a digit: digits alone are read as an id."


def warning(document: Document) -> str:
    """Return a warning if another document had the slug of this one before, else ""."""
    kind = Kind(str(document._meta.model_name))
    owner = hooks.former_slugs.owners(kind, [document.slug]).get(document.slug)
    other = type(document)._default_manager.filter(pk=owner).exclude(pk=document.pk).first()
    if other is None:
        return ""
    return f"The {kind} “{other}” had the slug {document.slug} before: links by it lead to “{document}” now."
