"""Descriptions of parameters.

An example of an optional parameter stands in its schema: pages that try requests out fill a field with the example of
the parameter itself, and all filters at once would leave nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.renderers import BaseRenderer

from core.api.filters import (
    MAX_VALUES,
    FlagField,
    IdsField,
    ListField,
    NamesField,
    OrderingField,
    ReferencesField,
    SlugsField,
    TimeField,
    WholeNumberField,
    WordsField,
)
from core.api.pagination import DEFAULT_LIMIT, MAX_LIMIT
from core.api.renderers import CsvRenderer
from core.api.tables import BOM
from core.documents import Columns

JSON = "application/json"


def parameter(
    name: str, description: str, schema: Any, example: Any = None, *, required: bool = False
) -> OpenApiParameter:
    """Describe a parameter of the query. A list has commas between its values."""
    examples = None
    if example is not None and required:
        examples = [OpenApiExample("example", example)]
    elif example is not None:
        schema = {**schema, "examples": [example]}
    style: dict[str, Any] = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    return OpenApiParameter(
        name, schema, OpenApiParameter.QUERY, required=required, description=description, examples=examples, **style
    )


def list_of(items: Mapping[str, Any], most: int | None = None) -> dict[str, Any]:
    """Return the schema of a list of one value or more."""
    return {"type": "array", "items": items, "minItems": 1} | ({"maxItems": most} if most else {})


def one_or_more(names: Iterable[str]) -> dict[str, Any]:
    """Return the schema of a list of names out of a closed set."""
    return list_of({"type": "string", "enum": list(names)})


def ordering(names: Iterable[str]) -> dict[str, Any]:
    """Return the schema of a list of names to order by, each with or without a “-” before it."""
    return one_or_more(sign + name for name in names for sign in ("", "-"))


def limit(most: int, default: int = DEFAULT_LIMIT) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return parameter("limit", "How many at most.", schema, min(most, 100))


LIMIT = limit(MAX_LIMIT)
# Without a default, which some clients send: beside a cursor it would be refused.
OFFSET = parameter("offset", "How many to skip first; none, unless given.", {"type": "integer", "minimum": 0}, 20)
CSV_MARK = parameter(
    BOM,
    "Of CSV: whether it begins with a byte order mark, by which some spreadsheet programs know UTF-8; false, unless"
    " given.",
    {"type": "boolean"},
)
CURSOR = parameter(
    "cursor",
    "Walk through everything, newest first: begin with an empty one, then follow `next`. Rows that are added or deleted"
    " meanwhile make you neither miss another row nor get it twice. Not together with offset or ordering.",
    {"type": "string", "pattern": "^((below|above)-[0-9]+)?$"},
    "below-2647",
)
REFERENCE = OpenApiParameter(
    "reference",
    str,
    OpenApiParameter.PATH,
    description="An id (ASCII digits without a leading zero) or a slug. An old slug redirects (301).",
    examples=[OpenApiExample("By slug", "ralph"), OpenApiExample("By id", "2647")],
)
ID = OpenApiParameter(
    "reference",
    {"type": "string", "pattern": "^[1-9][0-9]*$"},
    OpenApiParameter.PATH,
    description="An id: ASCII digits without a leading zero.",
    examples=[OpenApiExample("By id", "1")],
)
_SLUG = {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}
# The value of a filter, by the field that reads it: schema, explanation, example. The first one that fits counts.
_VALUES: tuple[tuple[type, Any, str, Any], ...] = (
    (FlagField, {"type": "boolean"}, "Unknown counts as false.", True),
    (WholeNumberField, {"type": "integer"}, "", 10),
    (TimeField, {"type": "string"}, "A day (as an upper bound, the whole day) or a time.", "2026-05-01"),
    (
        IdsField,
        list_of({"type": "integer", "minimum": 1}, MAX_VALUES),
        "Ids, separated by commas, 1,000 at most.",
        [2647, 3850],
    ),
    (
        SlugsField,
        list_of(_SLUG, MAX_VALUES),
        "Slugs, separated by commas, 1,000 at most.",
        ["ralph", "django-filter"],
    ),
    (
        ReferencesField,
        list_of({"type": "string"}, MAX_VALUES),
        "Ids, slugs or URLs of documents, separated by commas.",
        None,
    ),
    (ListField, list_of({"type": "string"}, MAX_VALUES), "Separated by commas, 1,000 at most.", None),
    (WordsField, {"type": "string", "maxLength": 500}, "All of them must occur, in any letter case.", "rest api"),
)


def format_parameter(renderers: Iterable[BaseRenderer]) -> OpenApiParameter:
    """Describe the parameter that chooses among these renderers. The page for browsers, which is for people, is not
    among the values."""
    formats = [each.format for each in renderers if each.media_type != "text/html"]
    description = "The form of the response, whatever Accept says. `api` is the page for people."
    if CsvRenderer.format in formats:
        description += (
            " CSV and JSON lines have a row for each document, X-Total-Count for all, the next page in Link. In CSV a"
            " key that holds an object has a column for each key of the object, and a list is its JSON."
        )
    return parameter("format", description, {"type": "string", "enum": formats}, formats[0])


def filter_parameters(filters: Mapping[str, Any]) -> Iterator[OpenApiParameter]:
    """Yield the parameters of filters by their names, as their fields read them."""
    for name, each in filters.items():
        field = each.field
        schema, description, example = next(
            (row[1:] for row in _VALUES if isinstance(field, row[0])), ({"type": "string"}, "", None)
        )
        if isinstance(field, WholeNumberField):
            schema = {**schema, "minimum": field.least, "maximum": field.most}
        if isinstance(field, NamesField):
            schema, description, example = one_or_more(field.names), "Separated by commas.", [field.names[0]]
        if isinstance(field, OrderingField):
            schema, example = ordering(field.names), [f"-{field.names[0]}"]
            description = "Separated by commas; a “-” before a name sorts descending. Missing values come last."
        yield parameter(name, f"{str(each.label).capitalize()}. {description}".strip(), schema, example)


def fieldset_parameters(columns: Columns, default: Sequence[str]) -> Iterator[OpenApiParameter]:
    """Yield the parameters that choose the keys of a document, and the links that documents replace."""
    keys = "" if set(default) == set(columns.served) else f" Unless given: {', '.join(default)}."
    description = (
        "The keys to show, separated by commas; or all. With other values than `all` the response has these keys alone:"
        f" the schema of the response, which requires others, does not hold for it.{keys}"
    )
    yield parameter("fields", description, one_or_more((*columns.served, "all")), ["title", *columns.extended[:1]])
    if columns.expandable:
        description = "Documents in place of links, separated by commas; at most 1,000 of them."
        yield parameter("expand", description, one_or_more(columns.expandable), list(columns.expandable))
