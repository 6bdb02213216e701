"""Lists without their envelope: the documents alone, or a table with a row for each and a column for each of its keys.

A key that holds an object has a column for each key of the object, named as `freshness.repo.failures`. The columns
follow from the serializer, never from the rows: all pages of a list have the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from drf_spectacular.drainage import get_override
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

Path = tuple[str, ...]  # the keys that lead to a value, from the outermost
BOM = "bom"
# The headers that tell what is known of a list by the keys of its envelope. Its neighbours are in Link.
_HEADERS = {"count": "X-Total-Count", "until": "X-Until", "newest": "X-Newest"}


class Documents(NamedTuple):
    """The documents of a list, and the headers of the response that tell the rest of its envelope."""

    documents: Sequence[Any]
    headers: Mapping[str, str]

    @classmethod
    def of(cls, data: Any) -> "Documents":
        """Return those of a list: of the envelope of a page, or of the documents alone."""
        if not isinstance(data, Mapping):
            return cls(data, {})
        return cls(data["results"], {header: str(data[key]) for key, header in _HEADERS.items() if key in data})


class Table(NamedTuple):
    """The titles of the columns, the rows with a value of JSON for each of them, and the headers of the response that
    tell what has no place in a table."""

    titles: Sequence[str]
    rows: Iterable[Iterable[Any]]
    headers: Mapping[str, str]

    @classmethod
    def of(cls, found: Documents, paths: Sequence[Path]) -> "Table":
        """Return the table of these documents."""
        return cls([".".join(path) for path in paths], _rows(found.documents, paths), found.headers)


@lru_cache
def paths_of(serializer: type[serializers.Serializer[Any]]) -> Mapping[str, tuple[Path, ...]]:
    """Return, for each key of a serializer's document, the paths of its values: its own, or those of the keys of the
    object that it holds, as the schema describes it."""
    return {name: tuple(_paths(serializer, name, field)) for name, field in serializer().fields.items()}


def _paths(serializer: Any, name: str, field: Any) -> Iterator[Path]:
    described = field
    if isinstance(field, serializers.SerializerMethodField):
        described = get_override(getattr(serializer, f"get_{name}"), "field")
    if isinstance(described, serializers.Serializer):
        described = type(described)
    if not (isinstance(described, type) and issubclass(described, serializers.Serializer)):
        yield (name,)
        return
    for paths in paths_of(described).values():
        for path in paths:
            yield (name, *path)


def _rows(documents: Iterable[Any], paths: Sequence[Path]) -> Iterator[list[Any]]:
    for document in documents:
        yield [_value(document, path) for path in paths]


def _value(document: Any, path: Path) -> Any:
    """Return the value at a path; None below a null, and below a link whose document was deleted meanwhile."""
    for key in path:
        if not isinstance(document, dict):
            return None
        document = document[key]
    return document


def check_bom(request: Request) -> None:
    """ValidationError if `bom` is not true or false, or if it is true and the response is not CSV."""
    value = request.query_params.get(BOM, "false").lower()
    if value not in {"true", "false"}:
        raise ValidationError({BOM: ["Must be true or false."]})
    if value == "true" and request.accepted_renderer.format != "csv":
        raise ValidationError({BOM: ["Only CSV has a byte order mark: add format=csv, or leave this out."]})
