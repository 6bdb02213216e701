"""What the documents of every kind share: the keys that were asked for, links, and documents in place of links."""

from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from django.utils import timezone
from rest_framework import serializers

from config.links import Kind, Links
from config.models import Document
from config.shape import Shape

D = TypeVar("D", bound=Document)
Writer = Callable[[Any, Any], Any]


class DocumentSerializer(serializers.ModelSerializer[D]):
    """Needs the `links` of the answer in its context; `shape` if it is not plain, and `embedded` if it expands:
    for each expanded key, the documents by their ids.

    Meta names the keys of the contract (`plain`), those that can be asked for besides (`extended`), and those that
    hold links (`links`).
    """

    class Meta:
        plain: tuple[str, ...] = ()
        extended: tuple[str, ...] = ()
        links: tuple[str, ...] = ()

    def to_representation(self, instance: D) -> dict[str, Any]:
        """The document of a row. Rows are right by the constraints of the database: fields only describe them."""
        return {name: write(self, instance) for name, write in self.writers}

    @cached_property
    def writers(self) -> tuple[tuple[str, Writer], ...]:
        shape: Shape | None = self.context.get("shape")
        return _writers(type(self), shape.fields if shape else self.Meta.plain)

    @cached_property
    def zone(self) -> tzinfo:
        return timezone.get_current_timezone()

    @cached_property
    def links(self) -> Links:
        links: Links = self.context["links"]
        return links

    @cached_property
    def embedded(self) -> dict[str, dict[int, Any]]:
        embedded: dict[str, dict[int, Any]] = self.context.get("embedded", {})
        return embedded

    def linked(self, kind: Kind, pks: list[int], key: str) -> list[Any]:
        """What stands for documents under `key`: their links, or the documents themselves."""
        links = self.links.documents(kind, pks)
        if key not in self.embedded:
            return links
        # What was deleted since its id was read stays a link, which will say so.
        return [self.embedded[key].get(pk, link) for pk, link in zip(pks, links, strict=True)]


@lru_cache(maxsize=256)
def _writers(serializer: type[DocumentSerializer[Any]], names: tuple[str, ...]) -> tuple[tuple[str, Writer], ...]:
    """What writes each key: made once, since DRF would make its fields anew for every answer."""
    fields = serializer().get_fields()
    return tuple((name, _writer(serializer, name, fields[name])) for name in names)


def _writer(serializer: type[DocumentSerializer[Any]], name: str, field: Any) -> Writer:
    if isinstance(field, serializers.SerializerMethodField):
        written: Writer = getattr(serializer, f"get_{name}")
        return written
    if isinstance(field, serializers.DateTimeField):
        return lambda self, row: moment(getattr(row, name), self.zone)
    return lambda _, row: getattr(row, name)


def moment(value: datetime | None, zone: tzinfo) -> str | None:
    """A time as DRF writes it: ISO 8601 in the site's zone, microseconds only when not zero."""
    if value is None:
        return None
    text = value.astimezone(zone).isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text
