"""Description of views and serializers, by drf-spectacular."""

import re
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from rest_framework import serializers

from core.api.schema.errors import ALWAYS, errors
from core.api.schema.parameters import (
    CSV_MARK,
    CURSOR,
    ID,
    OFFSET,
    REFERENCE,
    fieldset_parameters,
    filter_parameters,
    format_parameter,
    limit,
)
from core.api.serializers import DocumentSerializer, RelationField
from core.api.tables import BOM
from core.api.views import VIEWSETS, DocumentViewSet
from core.models import Document


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
        parameters = [format_parameter(view.get_renderers())] if "format" in known else []
        parameters += [CSV_MARK] if BOM in view.all_parameters else []
        if isinstance(view, DocumentViewSet):
            has_slug = issubclass(view.documents.model, Document)
            parameters += [REFERENCE if has_slug else ID] if view.detail else []
            parameters += [
                each for each in (limit(view.pagination_class.max_limit), OFFSET, CURSOR) if each.name in known
            ]
            parameters += fieldset_parameters(view.columns, view.default_fields) if "fields" in known else []
            parameters += filter_parameters(view.filterset_class.base_filters) if "cursor" in known else []
        return parameters

    def get_filter_backends(self) -> list[Any]:
        return []  # described above, as the fields read them

    def _get_pagination_parameters(self) -> list[Any]:
        return []

    def get_response_serializers(self) -> Any:
        return {200: super().get_response_serializers(), **errors(*ALWAYS)}

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        """Return what one document is, for the view of one; what the view says of itself, for all others."""
        view: Any = self.view
        if getattr(view, "action", "") == "retrieve":
            return str(get_doc(view.serializer_class))
        return super().get_description()

    def get_summary(self) -> str:
        """Return the first sentence of the description, up to what explains it."""
        return re.split(r"[.:;](?:\s|$)", " ".join(self.get_description().split()))[0]

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        """Describe an object with exactly the keys that responses have. Of a document, those are required that it shows
        unless `fields` chooses; of all others, those that are not declared as optional."""
        schema = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        schema.pop("required", None)
        schema["required"] = [name for name in schema["properties"] if _is_always_shown(serializer, name)]
        schema["additionalProperties"] = False
        return schema


def _is_always_shown(serializer: Any, name: str) -> bool:
    if isinstance(serializer, DocumentSerializer):
        return name in serializer.default_fields
    declared: serializers.Field[Any, Any, Any, Any] | None = serializer._declared_fields.get(name)
    return declared is None or declared.required or declared.read_only
