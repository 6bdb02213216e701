"""What the documents of every kind share: the keys that were asked for, links, and documents in place of links."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, tzinfo
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework import serializers

from core.api.fieldsets import Fieldset
from core.caching.dependencies import Dependencies, on
from core.kinds import Kind
from core.links import Links
from core.models import Document

D = TypeVar("D", bound=Document)
Writer = Callable[[Any, Any], Any]


class DocumentSerializer(serializers.ModelSerializer[D]):
    """Needs the `links` of the answer in its context; `fieldset` if it is not plain, and `expanded` if it expands:
    for each expanded key, the documents by their ids.

    Meta names the keys of the contract (`plain`), those that can be asked for besides (`extended`), and those that
    hold links (`links`).
    """

    class Meta:
        plain: tuple[str, ...] = ()
        extended: tuple[str, ...] = ()
        links: tuple[str, ...] = ()
        ages: Mapping[str, int] = {}  # seconds after which a key's value may be another without a write

    @classmethod
    def dependencies_of(cls, fields: str) -> Iterator[Dependencies]:
        """Yield what the keys that `fields` names add to the dependencies of a document."""
        names = {word.strip() for word in fields.split(",")}
        for key, seconds in getattr(cls.Meta, "ages", {}).items():
            if key in names or "all" in names:
                yield on(ages=seconds)

    def to_representation(self, instance: D) -> dict[str, Any]:
        """The document of a row. Rows are right by the constraints of the database: fields only describe them."""
        keys = self.keys
        document = dict(zip(keys.names, keys.stored(instance.__dict__), strict=True))
        for name in keys.moments:
            document[name] = localize(document[name], self.zone)
        for name, written in keys.written:
            document[name] = written(self, instance)
        return document

    @cached_property
    def keys(self) -> "Keys":
        fieldset: Fieldset | None = self.context.get("fieldset")
        return Keys.of(type(self), fieldset.fields if fieldset else self.Meta.plain)

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

    def linked(self, kind: Kind, pks: list[int], key: str) -> Any:
        """What stands for documents under `key`: their links, or the documents themselves."""
        if key not in self.expanded and self.context.get("takes_serialized"):
            return self.links.written(kind, pks)
        links = self.links.documents(kind, pks)
        if key not in self.expanded:
            return links
        # What was deleted since its id was read stays a link, which will say so.
        return [self.expanded[key].get(pk, link) for pk, link in zip(pks, links, strict=True)]


class Keys(NamedTuple):
    """The keys of a document: what gives their values as they are stored, and those that are written otherwise."""

    names: tuple[str, ...]
    stored: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    moments: tuple[str, ...]
    written: tuple[tuple[str, Writer], ...]

    @staticmethod
    @lru_cache(maxsize=256)
    def of(serializer: type[DocumentSerializer[Any]], names: tuple[str, ...]) -> "Keys":
        """Made once, since DRF would make its fields anew for every answer."""
        fields = serializer().get_fields()
        written = {
            name: getattr(serializer, f"get_{name}")
            for name in names
            if isinstance(fields[name], serializers.SerializerMethodField)
        }
        moments = tuple(name for name in names if isinstance(fields[name], serializers.DateTimeField))
        # The id, which every row has, keeps the place of what is written below; one more makes it a tuple always.
        stored = itemgetter(*("id" if name in written else name for name in names), "id")
        return Keys(names, lambda row: stored(row)[:-1], moments, tuple(written.items()))


def localize(value: datetime | None, zone: tzinfo) -> datetime | None:
    """A time in the site's zone. What writes JSON writes it as ISO 8601, microseconds only when not zero."""
    return value.astimezone(zone) if value else None
