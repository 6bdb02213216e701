"""References to documents: by id or by slug, in paths and in the values of filters."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from django.core.validators import slug_re
from django.db.models import Q, QuerySet
from rest_framework.exceptions import NotFound

from core.kinds import Kind
from core.models import MAX_ID, Document, Edited

D = TypeVar("D", bound=Edited)
_NUMBER = r"[1-9][0-9]*"  # what is read as an id, and refused where no id is as great


def is_id(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9][0-9]{0,18}", text, re.ASCII)) and int(text) <= MAX_ID


def reference_of(pk: int, slug: str) -> str:
    """Return the reference to a document that people read: its slug, or its id where the slug would be read as one."""
    return str(pk) if re.fullmatch(_NUMBER, slug, re.ASCII) else slug


def by_references(references: Iterable[str]) -> Q:
    """Return the condition that a document has one of `references` as its id or slug."""
    ids = [int(each) for each in references if is_id(each)]
    slugs = [each for each in references if not is_id(each)]
    return Q(pk__in=ids) | Q(slug__in=slugs)


def is_url(text: str) -> bool:
    return text.startswith("/") or "://" in text


def reference_in(url: str, kind: Kind, root: str) -> str:
    """Return the id or the slug in the URL of a document of `kind`, as responses link to it, or in its path. `root` is
    the absolute URL of this API. ValueError says why `url` is none of them."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    here = urlsplit(root)
    if parts.netloc and parts.netloc.lower() != here.netloc.lower():
        raise ValueError(f"“{url[:100]}” is on another host: write an id, a slug or a URL of {here.netloc}.")
    path = f"{here.path}{kind.plural}/"
    found = re.fullmatch(rf"{re.escape(path)}([^/]+)/?", unquote(parts.path))
    if not found:
        raise ValueError(f"“{url[:100]}” is not the URL of a {kind.value}: it would be like {path}{example_of(kind)}/.")
    return found[1]


# A document of each kind in the sample catalogue: its slug, if the kind has slugs, and its id.
_EXAMPLES: Mapping[Kind, tuple[str, int]] = {
    Kind.PACKAGE: ("ralph", 2647),
    Kind.GRID: ("asset-management", 263),
    Kind.CATEGORY: ("apps", 1),
}


def example_of(kind: Kind) -> str:
    return _EXAMPLES[kind][0]


def missing(model: type[Edited]) -> NotFound:
    return NotFound(f"No {model._meta.object_name} matches the given query.")


def parse_reference(reference: str, model: type[Edited]) -> tuple[str, int | str]:
    """Return the column and the value of a reference: ASCII digits without a leading zero are an id, all else a slug.

    Raises NotFound for what no row can have (PostgreSQL would fail on a NUL character or a number beyond 64 bits).
    """
    if re.fullmatch(_NUMBER, reference, re.ASCII):
        if is_id(reference):
            return "pk", int(reference)
    elif issubclass(model, Document) and slug_re.match(reference):
        return "slug", reference
    raise missing(model)


def by_reference(queryset: QuerySet[D], reference: str) -> D:
    """Return the document with that id or slug; NotFound if there is none, with the same words for every reason."""
    column, value = parse_reference(reference, queryset.model)
    found = queryset.filter(**{column: value}).first()
    if found is None:
        raise missing(queryset.model)
    return found
