"""References to documents: by id or by slug, in paths and in the values of filters."""

import re
from collections.abc import Iterable
from typing import TypeVar

from django.core.validators import slug_re
from django.db.models import Q, QuerySet
from rest_framework.exceptions import NotFound

from core.models import MAX_ID, Document, Edited

D = TypeVar("D", bound=Edited)


def is_id(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9][0-9]{0,18}", text, re.ASCII)) and int(text) <= MAX_ID


def by_references(references: Iterable[str]) -> Q:
    """Return the condition that a document has one of `references` as its id or slug."""
    ids = [int(each) for each in references if is_id(each)]
    slugs = [each for each in references if not is_id(each)]
    return Q(pk__in=ids) | Q(slug__in=slugs)


def missing(model: type[Edited]) -> NotFound:
    return NotFound(f"No {model._meta.object_name} matches the given query.")


def parse_reference(reference: str, model: type[Edited]) -> tuple[str, int | str]:
    """Return the column and the value of a reference: ASCII digits without a leading zero are an id, all else a slug.

    Raises NotFound for what no row can have (PostgreSQL would fail on a NUL character or a number beyond 64 bits).
    """
    if re.fullmatch(r"[1-9][0-9]*", reference, re.ASCII):
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
