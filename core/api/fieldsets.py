"""The keys of the documents of a response (`fields=`), and the links that are replaced by documents (`expand=`)."""

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
    def of(cls, parameters: Mapping[str, str], columns: Columns, default: tuple[str, ...]) -> Self:
        """Read `fields`, which may be absent, and `expand`; ValidationError if they name what a document does not
        have."""
        chosen = _known(parameters, "fields", (*columns.served, "all"), "field")
        expand = _known(parameters, "expand", columns.expandable, "link to expand")
        fields = default if not chosen else tuple(key for key in columns.served if chosen & {key, "all"})
        if left_out := expand - set(fields):
            raise ValidationError(
                {"expand": [f"“{min(left_out)}” is not among the requested fields: add it to fields, or leave it out."]}
            )
        select_related = [name for name in expand if columns.relations[name].select_related]
        return cls(fields, frozenset(expand), frozenset(select_related))


def words(parameters: Mapping[str, str], name: str) -> set[str]:
    """Return the words that a parameter lists, with commas between them; none if it is not given."""
    return {word.strip() for word in parameters[name].split(",")} if name in parameters else set()


def _known(parameters: Mapping[str, str], name: str, known: Collection[str], what: str) -> set[str]:
    listed = words(parameters, name)
    for word in sorted(listed - set(known)):
        raise ValidationError({name: [no_such(what, word, known)]})
    return listed


def check_expanded(count: int, *, on_a_list: bool) -> None:
    """ValidationError if a response would show too many documents in place of links."""
    if count > MAX_EXPANDED:
        way = "use a smaller limit" if on_a_list else "leave expand out, and query a list with id__in instead"
        raise ValidationError(
            {"expand": [f"{count} documents would be expanded; at most {MAX_EXPANDED} can be: {way}."]}
        )
