"""The addresses of documents on pages: paths with slugs, as people read them."""

from core.api.references import reference_of
from core.kinds import Kind
from core.links import Links


def path_of(kind: Kind, pk: int, slug: str) -> str:
    """Return the path of a document's page."""
    return f"{Links.paths().root}{kind.plural}/{reference_of(pk, slug)}/"
