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
from core.models import Edited

D = TypeVar("D", bound=Edited)
Writer = Callable[[Any, list[Any]], list[Any]]
BATCH = 200


class RelationField(serializers.Field[Any, Any, Any, Any]):
    """A relation, for the schema; to_representation() of the document writes its value."""

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        super().__init__(read_only=True, source="*")


class DocumentSerializer(serializers.ModelSerializer[D]):
    """The document of a row of for_api(), with the keys that `Meta.columns` lists.

    Its context needs the `links` of the response; `fieldset` unless the document is the one of v4; and `expanded` if
    links are replaced by documents: for each such key, the documents by their ids.
    """

    class Meta:
        columns: Columns

    @property
    def default_fields(self) -> tuple[str, ...]:
        """The keys that a document has unless a request names them: those of v4, or those of `Meta.default`."""
        return getattr(self.Meta, "default", self.Meta.columns.v4)

    def documents(self, rows: list[D]) -> list[dict[str, Any]]:
        """Return the documents of rows, which are taken out of their list.

        A key at a time: what a link or a time is made of is looked up once, not once a row. In batches, so that no
        row outlives its document for long. The database's constraints keep rows valid: the fields only describe them.
        """
        documents: list[dict[str, Any]] = []
        rows.reverse()
        while rows:
            batch = rows[: -BATCH - 1 : -1]
            del rows[-BATCH:]
            documents += self._batch(batch)
        return documents

    def _batch(self, rows: list[D]) -> list[dict[str, Any]]:
        names, stored, times, writers = self.keys
        documents = [dict(zip(names, stored(row.__dict__), strict=False)) for row in rows]
        for name in times:
            zone = self.zone
            for document in documents:
                if value := document[name]:
                    document[name] = value.astimezone(zone)
        for name, write in writers:
            for document, value in zip(documents, write(self, rows), strict=True):
                document[name] = value
        return documents

    def to_representation(self, instance: D) -> dict[str, Any]:
        return self.documents([instance])[0]

    def get_field_names(self, *_: Any) -> list[str]:
        return list(self.Meta.columns.served)

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        for name, field in fields.items():
            field.help_text = self.Meta.columns.by_name[name].means
        return fields

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
    `times` go into the site's zone; `writers` give the others, for a list of rows."""

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
        return CompiledKeys(names, stored, times, tuple(writers.items()))


def _writer(serializer: type[DocumentSerializer[Any]], name: str, field: Any) -> Writer | None:
    """Return the function of a serializer and rows that gives values which are not simply stored."""
    if isinstance(field, RelationField):
        return _many(field.relation) if field.relation.many else _one(field.relation)
    if isinstance(field, serializers.SerializerMethodField):
        method = getattr(serializer, f"get_{name}")
        return lambda own, rows: [method(own, row) for row in rows]
    return None


def _one(relation: Relation) -> Writer:
    name, kind, column = relation.name, relation.kind, relation.column

    def write(serializer: DocumentSerializer[Any], rows: list[Any]) -> list[Any]:
        ids = [row.__dict__[column] for row in rows]
        if name in serializer.expanded:
            return serializer.links.replaced(kind, ids, serializer.expanded[name])
        return serializer.links.documents(kind, ids)

    return write


def _many(relation: Relation) -> Writer:
    name, kind = relation.name, relation.kind

    def write(serializer: DocumentSerializer[Any], rows: list[Any]) -> list[Any]:
        ids, links = relation.ids_of_each(rows), serializer.links
        if name in serializer.expanded:
            return [links.replaced(kind, each, serializer.expanded[name]) for each in ids]
        if serializer.context.get("takes_serialized"):
            return links.serialized(kind, ids)
        return [links.documents(kind, each) for each in ids]

    return write


def localize(value: datetime | None, zone: tzinfo) -> datetime | None:
    """Return a time in the site's zone. The JSON encoder writes it as ISO 8601, microseconds only when not zero."""
    return value.astimezone(zone) if value else None
