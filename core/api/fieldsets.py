"""What the documents of a response consist of: their keys (`fields=`), and the links that are replaced by documents
(`expand=`)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self

from rest_framework.exceptions import ValidationError

from core.api.parameters import no_such
from core.documents import Columns

MAX_EXPANDED = 1_000  # documents in place of links, in one response


@dataclass(frozen=True, slots=True)
class Fieldset:
    """`fields` are the keys of a document in the contract's order; `expand` those of them that hold documents, and
    `select_related` those of these that are loaded in the query of the rows."""

    fields: tuple[str, ...]
    expand: frozenset[str] = frozenset()
    select_related: frozenset[str] = frozenset()

    @classmethod
    def of(cls, parameters: Mapping[str, str], columns: Columns) -> Self:
        """Read `fields` and `expand`; ValidationError if they name what a document does not have."""
        known = (*columns.v4, *columns.extended)
        chosen = _words(parameters, "fields", known, also="all")
        expand = _words(parameters, "expand", columns.expandable)
        fields = known if "all" in chosen else tuple(key for key in known if key in chosen) if chosen else columns.v4
        if left_out := expand - set(fields):
            raise ValidationError(
                {"expand": [f"“{min(left_out)}” is not among the requested fields: add it to fields, or leave it out."]}
            )
        select_related = [name for name in expand if columns.relations[name].select_related]
        return cls(fields, frozenset(expand), frozenset(select_related))


def words_of(text: str) -> set[str]:
    """Return the words of a list with commas between them."""
    return {word.strip() for word in text.split(",")}


def _words(parameters: Mapping[str, str], name: str, known: Collection[str], also: str = "") -> set[str]:
    words = words_of(parameters[name]) if name in parameters else set()
    allowed = {*known, also} - {""}
    for word in sorted(words - allowed):
        raise ValidationError({name: [no_such("field" if name == "fields" else "link to expand", word, allowed)]})
    return words


def check_expanded(count: int, on_a_list: bool) -> None:
    """ValidationError if a response would show too many documents in place of links."""
    if count > MAX_EXPANDED:
        way = "use a smaller limit" if on_a_list else "leave expand out, and query a list with id__in instead"
        raise ValidationError(
            {"expand": [f"{count} documents would be expanded; at most {MAX_EXPANDED} can be: {way}."]}
        )
