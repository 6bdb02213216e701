"""A change of the log as API v4 shows it."""

from datetime import tzinfo
from functools import cached_property
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from changes.models import Change
from core.api.serializers import localize
from core.kinds import Kind
from core.links import Links


class ChangeSerializer(serializers.ModelSerializer[Change]):
    """A change of a document or of a membership."""

    # The context has the `links` of the answer.
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    id = serializers.IntegerField(source="object_id", help_text="Of the document, or of the membership.")
    url = serializers.SerializerMethodField(help_text="Of the document; null for a membership, and if it is deleted.")
    grid = serializers.SerializerMethodField(help_text="Of a membership.")
    package = serializers.SerializerMethodField(help_text="Of a membership.")

    class Meta:
        model = Change
        fields = ("number", "at", "kind", "action", "id", "slug", "old_slug", "url", "grid", "package")

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """A row of the log. Its fields only describe it: DRF would make them anew for every answer."""
        return {
            "number": instance.number,
            "at": localize(instance.at, self.zone),
            "kind": instance.kind,
            "action": instance.action,
            "id": instance.object_id,
            "slug": instance.slug,
            "old_slug": instance.old_slug,
            "url": self.get_url(instance),
            "grid": self.get_grid(instance),
            "package": self.get_package(instance),
        }

    @cached_property
    def zone(self) -> tzinfo:
        return timezone.get_current_timezone()

    @cached_property
    def links(self) -> Links:
        links: Links = self.context["links"]
        return links

    def get_url(self, change: Change) -> str | None:
        kind = Kind(change.kind)
        return self.links.document(kind, change.object_id) if kind.plural and change.action != "deleted" else None

    def get_grid(self, change: Change) -> str | None:
        return None if change.grid_id is None else self.links.document(Kind.GRID, change.grid_id)

    def get_package(self, change: Change) -> str | None:
        return None if change.package_id is None else self.links.document(Kind.PACKAGE, change.package_id)


class ChangesSerializer(serializers.Serializer[Any]):
    """A page of the log."""

    since = serializers.IntegerField(help_text="The number asked for.")
    until = serializers.IntegerField(help_text="The last number of this page: where to go on from.")
    next = serializers.URLField(allow_null=True)
    results = ChangeSerializer(many=True)
