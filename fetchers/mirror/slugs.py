"""Slugs that an import gives to documents, of which no two of a kind may have the same."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from core.models import Document


def conflicts(model: type[Document], wanted: Mapping[int, str]) -> Iterator[tuple[int, int]]:
    """Yield the ids of documents whose wanted slug belongs to another one that does not give it up, and of that one.

    A document that is not there yet may have any number that is no id.
    """
    others = model._default_manager.filter(slug__in=set(wanted.values()))
    holders = {slug: pk for pk, slug in others.values_list("pk", "slug")}
    first: dict[str, int] = {}
    for pk, slug in wanted.items():
        other = holders.get(slug, pk)
        if other == pk or (other in wanted and wanted[other] != slug):  # the other one gets another slug
            other = first.setdefault(slug, pk)
        if other != pk:
            yield pk, other


def clear_traded(model: type[Document], rows: Iterable[Any], before: Mapping[int, str]) -> None:
    """Clear the slugs that these rows take over from each other, so that none is there twice. `before` has the slugs of
    the rows that are there."""
    rows = list(rows)
    wanted = {row.slug for row in rows}
    trading = [row.pk for row in rows if row.pk in before and (old := before[row.pk]) != row.slug and old in wanted]
    if trading:
        placeholder = Concat(Value("~"), Cast("id", CharField()))
        model._default_manager.filter(pk__in=trading).update(slug=placeholder)
