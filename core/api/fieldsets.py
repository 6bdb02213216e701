"""The form of an answer's documents: which keys (`fields=`), and which links give way to documents (`expand=`)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from rest_framework.exceptions import ValidationError

from core.api.parameters import no_such
from core.kinds import Kind

MAX_EXPANDED = 1_000  # documents in place of links, in one answer


@dataclass(frozen=True, slots=True)
class Fieldset:
    """`fields` are the keys of a document in the contract's order; `expand` those of them that hold documents."""

    fields: tuple[str, ...]
    expand: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls, parameters: Mapping[str, str], plain: Sequence[str], extended: Sequence[str], links: Collection[str]
    ) -> Self:
        """What `fields` and `expand` ask for; ValidationError if they name what a document does not have.

        `plain` are the keys that a document has unasked, `extended` those that can be asked for, `links` the keys
        that hold links.
        """
        known = (*plain, *extended)
        chosen = _words(parameters, "fields", known, also="all")
        expand = _words(parameters, "expand", links)
        fields = known if "all" in chosen else tuple(key for key in known if key in chosen) if chosen else tuple(plain)
        if left_out := expand - set(fields):
            raise ValidationError(
                {"expand": [f"“{min(left_out)}” is not among the fields asked for: add it to fields, or leave it out."]}
            )
        return cls(fields, frozenset(expand))


def _words(parameters: Mapping[str, str], name: str, known: Collection[str], also: str = "") -> set[str]:
    words = {word.strip() for word in parameters.get(name, "").split(",")} if name in parameters else set()
    allowed = {*known, also} - {""}
    for word in sorted(words - allowed):
        raise ValidationError({name: [no_such("field" if name == "fields" else "link to expand", word, allowed)]})
    return words


def check_expanded(count: int, on_a_list: bool) -> None:
    """ValidationError where an answer would embed too many documents."""
    if count > MAX_EXPANDED:
        way = "ask for a smaller limit" if on_a_list else "leave expand out, and ask for a list with id__in instead"
        raise ValidationError({"expand": [f"{count} documents would be expanded, {MAX_EXPANDED} at most are: {way}."]})


def kind_of(link: str) -> Kind:
    """The kind of the documents that a document's key links to."""
    kinds = {"category": Kind.CATEGORY, "grids": Kind.GRID, "packages": Kind.PACKAGE}
    return kinds[link]
