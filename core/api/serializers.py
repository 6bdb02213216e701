"""The base of the serializers of documents: the requested keys, links, and documents in place of links."""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework import serializers

from core.api.fieldsets import Fieldset
from core.documents import Columns, Relation
from core.links import Links
from core.models import Document

D = TypeVar("D", bound=Document)
Writer = Callable[[Any, Any], Any]


class RelationField(serializers.Field[Any, Any, Any, Any]):
    """A relation, for the schema; to_representation() of the document writes its value."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        super().__init__(read_only=True, source="*", help_text=relation.help_text or None)


class DocumentSerializer(serializers.ModelSerializer[D]):
    """The document of a row of for_api(), with the keys that `Meta.columns` lists.

    Its context needs the `links` of the response; `fieldset` unless the document is the one of v4; and `expanded` if
    links are replaced by documents: for each such key, the documents by their ids.
    """

    class Meta:
        columns: Columns

    def to_representation(self, instance: D) -> dict[str, Any]:
        """The document of a row. The database's constraints keep rows valid: the fields only describe them."""
        keys = self.keys
        document = dict(zip(keys.names, keys.stored(instance.__dict__), strict=True))
        for name in keys.times:
            document[name] = localize(document[name], self.zone)
        for name, write in keys.writers:
            document[name] = write(self, instance)
        return document

    def get_field_names(self, *_: Any) -> list[str]:
        return list(self.Meta.columns.served)

    def build_field(self, field_name: str, info: Any, model_class: Any, nested_depth: int) -> Any:
        relation = self.Meta.columns.relations.get(field_name)
        if relation:
            return RelationField, {"relation": relation}
        return super().build_field(field_name, info, model_class, nested_depth)

    @cached_property
    def keys(self) -> "CompiledKeys":
        fieldset: Fieldset | None = self.context.get("fieldset")
        return CompiledKeys.of(type(self), fieldset.fields if fieldset else self.Meta.columns.v4)

    @cached_property
    def zone(self) -> tzinfo:
        return timezone.get_current_timezone()

    @cached_property
    def links(self) -> Links:
        links: Links = self.context["links"]
        return links

    @cached_property
    def expanded(self) -> dict[str, dict[int, Any]]:
        expanded: dict[str, dict[int, Any]] = self.context.get("expanded", {})
        return expanded


class CompiledKeys(NamedTuple):
    """The keys of a document, divided by where their values come from: `stored` reads the columns of a row, of which
    `times` go into the site's zone; `writers` give the others."""

    names: tuple[str, ...]
    stored: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    times: tuple[str, ...]
    writers: tuple[tuple[str, Writer], ...]

    @staticmethod
    @lru_cache(maxsize=256)
    def of(serializer: type[DocumentSerializer[Any]], names: tuple[str, ...]) -> "CompiledKeys":
        """Compile once: DRF would build its fields for every response."""
        fields = serializer().get_fields()
        writers = {name: writer for name in names if (writer := _writer(serializer, name, fields[name]))}
        times = tuple(name for name in names if isinstance(fields[name], serializers.DateTimeField))
        # The id, which every row has, holds the place of a value that a writer gives; the last one ensures a tuple.
        stored = itemgetter(*("id" if name in writers else name for name in names), "id")
        return CompiledKeys(names, lambda row: stored(row)[:-1], times, tuple(writers.items()))


def _writer(serializer: type[DocumentSerializer[Any]], name: str, field: Any) -> Writer | None:
    """The function of a serializer and a row that gives a value which is not simply stored."""
    if isinstance(field, RelationField):
        return _many(field.relation) if field.relation.many else _one(field.relation)
    if isinstance(field, serializers.SerializerMethodField):
        writer: Writer = getattr(serializer, f"get_{name}")
        return writer
    return None


def _one(relation: Relation) -> Writer:
    name, kind, column = relation.name, relation.kind, relation.column

    def write(serializer: DocumentSerializer[Any], row: Any) -> Any:
        pk = getattr(row, column)
        link = None if pk is None else serializer.links.document(kind, pk)
        return serializer.expanded[name].get(pk, link) if name in serializer.expanded else link

    return write


def _many(relation: Relation) -> Writer:
    name, kind = relation.name, relation.kind

    def write(serializer: DocumentSerializer[Any], row: Any) -> Any:
        pks = relation.ids_of(row)
        if name in serializer.expanded:
            # A document that was deleted after its id was read stays a link, which will say so.
            documents, links = serializer.expanded[name], serializer.links.documents(kind, pks)
            return [documents.get(pk, link) for pk, link in zip(pks, links, strict=True)]
        if serializer.context.get("takes_serialized"):
            return serializer.links.written(kind, pks)
        return serializer.links.documents(kind, pks)

    return write


def localize(value: datetime | None, zone: tzinfo) -> datetime | None:
    """A time in the site's zone. The JSON encoder writes it as ISO 8601, microseconds only when not zero."""
    return value.astimezone(zone) if value else None
