"""The OpenAPI 3.1 schema of the API, built from the views, with every parameter, error and example."""

from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.renderers import BaseRenderer

from core.api.filters import (
    FlagField,
    IdsField,
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
from core.api.serializers import DocumentSerializer, RelationField
from core.api.tables import BOM
from core.api.views import VIEWSETS, DocumentViewSet
from core.documents import Columns
from core.models import Document

# The bodies of errors, as components that every operation refers to
COMPONENTS = {
    "Error": {
        "type": "object",
        "description": "What is wrong, and how to correct it.",
        "properties": {"detail": {"type": "string"}},
        "required": ["detail"],
    },
    "Mistakes": {
        "type": "object",
        "description": "What is wrong, by the name of the parameter; or `detail`, if it is the request as a whole.",
        "additionalProperties": {"oneOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]},
    },
}
_ERRORS: Mapping[int, tuple[str, str, Any]] = {
    400: (
        "Mistakes",
        "A parameter that is unknown, given twice, empty or invalid.",
        {"limit": [f"Must be a whole number from 1 to {MAX_LIMIT}."]},
    ),
    404: ("Error", "There is no such document, or no such format.", "No Package matches the given query."),
    406: ("Error", "The Accept header takes neither JSON nor HTML.", "Could not satisfy the request Accept header."),
    410: ("Error", "The log does not reach back that far.", "Changes up to 17 are gone from the log. …"),
    503: ("Error", "The database failed, or did not respond in time.", "The database did not respond in time; …"),
}
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where to look instead."}}
ALWAYS = (400, 404, 406, 503)


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The error responses with these statuses, for extend_schema."""
    return {
        status: OpenApiResponse(
            {"$ref": f"#/components/schemas/{body}"},
            description,
            [OpenApiExample("An error", {"detail": example} if body == "Error" else example, response_only=True)],
        )
        for status, (body, description, example) in _ERRORS.items()
        if status in statuses
    }


def parameter(
    name: str, description: str, schema: Any, example: Any = None, *, required: bool = False
) -> OpenApiParameter:
    examples = [OpenApiExample(str(example), example)] if example is not None else None
    return OpenApiParameter(
        name, schema, OpenApiParameter.QUERY, required=required, description=description, examples=examples
    )


def limit(most: int, default: int = DEFAULT_LIMIT) -> OpenApiParameter:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return parameter("limit", "How many at most.", schema, 100)


LIMIT = limit(MAX_LIMIT)
OFFSET = parameter("offset", "How many to skip first.", {"type": "integer", "minimum": 0, "default": 0}, 20)
_BOM = parameter(
    BOM,
    "Of CSV: whether it begins with a byte order mark, by which some spreadsheet programs know UTF-8.",
    {"type": "boolean", "default": False},
)
CURSOR = parameter(
    "cursor",
    "Walk through everything, newest first: begin with an empty one, then follow `next`. Rows that are added or deleted"
    " meanwhile make you neither miss another row nor get it twice. Not together with offset or ordering.",
    {"type": "string", "pattern": "^((below|above)-[0-9]+)?$"},
)
REFERENCE = OpenApiParameter(
    "reference",
    str,
    OpenApiParameter.PATH,
    description="An id (ASCII digits without a leading zero) or a slug. An old slug redirects (301).",
    examples=[OpenApiExample("By slug", "ralph"), OpenApiExample("By id", "2647")],
)
ID = OpenApiParameter(
    "reference", str, OpenApiParameter.PATH, description="An id: ASCII digits without a leading zero."
)
# The value of a filter, by the field that reads it: schema, explanation, example
_VALUES: tuple[tuple[type, Any, str, Any], ...] = (
    (FlagField, {"type": "boolean"}, "Unknown counts as false.", True),
    (WholeNumberField, {"type": "integer"}, "", 10),
    (TimeField, {"type": "string"}, "A day (as an upper bound, the whole day) or a time.", "2026-05-01"),
    (IdsField, {"type": "string"}, "Ids, separated by commas, 1,000 at most.", "81,2647"),
    (SlugsField, {"type": "string"}, "Slugs, separated by commas, 1,000 at most.", "ralph,django-filter"),
    (ReferencesField, {"type": "string"}, "Ids or slugs, separated by commas.", None),
    (WordsField, {"type": "string", "maxLength": 500}, "All of them must occur, in any letter case.", "rest api"),
)


def _format(renderers: Iterable[BaseRenderer]) -> OpenApiParameter:
    """Return the parameter that chooses among these renderers."""
    formats = [renderer.format for renderer in renderers]
    description = "JSON, or a page."
    if CsvRenderer.format in formats:
        description = (
            "JSON, a page, or CSV: a row for each document, X-Total-Count for all, the next page in Link. A key that"
            " holds an object has a column for each key of the object."
        )
    return parameter("format", description, {"type": "string", "enum": formats})


def filter_parameters(filters: Mapping[str, Any]) -> Iterable[OpenApiParameter]:
    """Yield the parameters of filters by their names, as their fields read them."""
    for name, each in filters.items():
        field = each.field
        schema, description, example = next(
            (row[1:] for row in _VALUES if isinstance(field, row[0])), ({"type": "string"}, "", None)
        )
        if isinstance(field, WholeNumberField):
            schema = {**schema, "minimum": field.least, "maximum": field.most}
        if isinstance(field, NamesField):
            description = f"Separated by commas: {', '.join(field.names)}."
            example = field.names[0]
        if isinstance(field, OrderingField):
            names = ", ".join(field.names)
            description = f"Separated by commas; prefix a name with “-” to sort descending: {names}."
            description += " Missing values come last."
            example = f"-{field.names[0]}"
        yield parameter(name, f"{str(each.label).capitalize()}. {description}".strip(), schema, example)


def finished(result: Any, **_: Any) -> Any:
    """The schema with the bodies of errors and the pages for browsers (a hook of drf-spectacular)."""
    for path, operations in result["paths"].items():
        for operation in operations.values():
            _describe_csv(operation["responses"])
            if path.endswith("/"):
                _add_page(operation["responses"])
            if "{reference}" in path:
                operation["responses"]["301"] = {"description": "It has another slug now.", "headers": _LOCATION}
    result["components"]["schemas"] = dict(sorted({**result["components"]["schemas"], **COMPONENTS}.items()))
    return result


def _describe_csv(responses: dict[str, Any]) -> None:
    """Describe CSV as the text that it is; errors are JSON."""
    for status, response in responses.items():
        content = response.get("content", {})
        if content.pop(CsvRenderer.media_type, None) and status == "200":
            content[CsvRenderer.media_type] = {"schema": {"type": "string"}}


def _add_page(responses: dict[str, Any]) -> None:
    """Describe the page for browsers, which all have but what is named by an extension."""
    for response in responses.values():
        response["content"]["text/html"] = {"schema": {"type": "string"}}
    description = (
        "It has another URL: without the empty fields of a form, with the highest limit of a page, or with packages as"
        " slugs in order."
    )
    responses["302"] = {"description": description, "headers": _LOCATION}


class RelationSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # it registers itself
    """A link, or the document in its place where it can be expanded; or a list of such."""

    target_class = RelationField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Any) -> Any:
        relation = self.target.relation
        schema: Any = {"type": ["string", "null"] if relation.null else "string", "format": "uri"}
        if relation.expandable:
            document = auto_schema.resolve_serializer(VIEWSETS[relation.kind].serializer_class, direction)
            schema = {"oneOf": [schema, document.ref]}
        return {"type": "array", "items": schema} if relation.many else schema


class CatalogueSchema(AutoSchema):
    """Describes the parameters and errors of CatalogueView and DocumentViewSet."""

    def get_override_parameters(self) -> list[Any]:
        view: Any = self.view
        known = view.known_parameters
        parameters = [_format(view.get_renderers())] if "format" in known else []
        parameters += [_BOM] if BOM in view.all_parameters else []
        if isinstance(view, DocumentViewSet):
            has_slug = issubclass(view.documents.model, Document)
            parameters += [REFERENCE if has_slug else ID] if view.detail else []
            parameters += [
                each for each in (limit(view.pagination_class.max_limit), OFFSET, CURSOR) if each.name in known
            ]
            parameters += self._fieldset_parameters(view.columns) if "fields" in known else []
            parameters += filter_parameters(view.filterset_class.base_filters) if "cursor" in known else []
        return parameters

    def get_filter_backends(self) -> list[Any]:
        return []  # described above, as the fields read them

    def _get_pagination_parameters(self) -> list[Any]:
        return []

    def get_response_serializers(self) -> Any:
        return {200: super().get_response_serializers(), **errors(*ALWAYS)}

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """No key of a document is required, since `fields` chooses among them."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if isinstance(serializer, DocumentSerializer):
            schema.pop("required", None)
        return schema

    def _fieldset_parameters(self, columns: Columns) -> Iterable[OpenApiParameter]:
        more = f" Besides the keys of v4: {', '.join(columns.extended)}." if columns.extended else ""
        description = f"The keys to show, separated by commas, or all.{more}"
        yield parameter("fields", description, {"type": "string"}, ",".join(["title", *columns.extended[:1]]))
        if columns.expandable:
            names = ", ".join(columns.expandable)
            description = f"Documents in place of links, separated by commas: {names}. At most 1,000 of them."
            yield parameter("expand", description, {"type": "string"}, ",".join(columns.expandable))
