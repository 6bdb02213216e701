"""What the documents of every kind share: the keys that were asked for, links, and documents in place of links."""

from typing import Any, TypeVar

from rest_framework import serializers

from config.links import Kind, Links
from config.models import Document
from config.shape import Shape

D = TypeVar("D", bound=Document)


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

    def get_fields(self) -> Any:
        every = super().get_fields()
        if "links" not in self.context:  # the schema describes every key
            return every
        shape: Shape | None = self.context.get("shape")
        return {name: every[name] for name in (shape.fields if shape else self.Meta.plain)}

    @property
    def links(self) -> Links:
        links: Links = self.context["links"]
        return links

    def linked(self, kind: Kind, pk: int, key: str) -> Any:
        """What stands for a document under `key`: its link, or the document itself."""
        embedded = self.context.get("embedded", {}).get(key)
        return self.links.document(kind, pk) if embedded is None else embedded[pk]
