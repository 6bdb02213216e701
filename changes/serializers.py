"""A change of the log as API v4 shows it."""

from collections.abc import Callable
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from changes.models import Change
from core.api.pagination import MAX_LIMIT
from core.kinds import Kind
from core.links import Links


class ChangeSerializer(serializers.ModelSerializer[Change]):
    """A change of a document, of a membership or of a cell."""

    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    id = serializers.IntegerField(
        source="object_id", help_text="Of the document, or of the membership; of a cell: of its feature."
    )
    url = serializers.URLField(
        read_only=True,
        allow_null=True,
        help_text="Of the document, or of the feature that a cell is of; null for a membership, and if the document is"
        " deleted.",
    )
    grid = serializers.URLField(read_only=True, allow_null=True, help_text="Of a membership, a feature or a cell.")
    package = serializers.URLField(read_only=True, allow_null=True, help_text="Of a membership or a cell.")
    documents = serializers.ListField(
        child=serializers.URLField(),
        help_text="What to fetch again: the documents that the change shows in. Of a package its releases as well. None"
        " of a document that is deleted. If one gets 404, its deletion follows in the log.",
    )

    class Meta:
        model = Change
        fields = ("number", "at", "kind", "action", "id", "slug", "old_slug", "url", "grid", "package", "documents")


def documents(changes: list[Change], links: Links) -> list[dict[str, Any]]:
    """Return the rows of the log as ChangeSerializer describes them: DRF would build its fields for every response."""
    zone = timezone.get_current_timezone()
    affixes = {kind.value: links.affixes(kind) for kind in Kind if kind.plural}
    affixes[Kind.CELL.value] = affixes[Kind.FEATURE.value]

    def link(kind: str, pk: int | None) -> str | None:
        before, after = affixes[kind]
        return None if pk is None else f"{before}{pk}{after}"

    return [
        {
            "number": change.number,
            "at": change.at and change.at.astimezone(zone),
            "kind": change.kind,
            "action": change.action,
            "id": change.object_id,
            "slug": change.slug,
            "old_slug": change.old_slug,
            "url": link(change.kind, change.object_id) if _has_url(change) else None,
            "grid": link(Kind.GRID, change.grid_id),
            "package": link(Kind.PACKAGE, change.package_id),
            "documents": _to_fetch(change, link, links),
        }
        for change in changes
    ]


def _to_fetch(change: Change, link: Callable[[str, int | None], str | None], links: Links) -> list[str | None]:
    """Return the URLs of the documents that a change shows in, as far as it leaves them in place."""
    if change.kind == Kind.MEMBERSHIP:
        # Its place is among the grids of the package; a grid has its packages by title.
        grid = [] if change.action == "changed" else [link(Kind.GRID, change.grid_id)]
        return [*grid, link(Kind.PACKAGE, change.package_id)]
    if not _has_url(change):
        return []
    own = link(change.kind, change.object_id)
    if change.kind != Kind.PACKAGE:
        return [own]
    # As a rule all of its releases are one page of that size; `next` leads on where they are not.
    return [own, links.below(f"{Kind.PACKAGE.plural}/{change.object_id}/releases/", limit=str(MAX_LIMIT))]


def _has_url(change: Change) -> bool:
    return change.kind == Kind.CELL or (change.kind != Kind.MEMBERSHIP and change.action != "deleted")


class ChangesSerializer(serializers.Serializer[Any]):
    """A page of the log."""

    since = serializers.IntegerField(help_text="The number that was requested.")
    until = serializers.IntegerField(
        help_text="Where to go on from: the last number of this page; at the end of the changes of some kinds, the last"
        " number that was looked at."
    )
    newest = serializers.IntegerField(help_text="The last number of the whole log.")
    next = serializers.URLField(allow_null=True)
    results = ChangeSerializer(many=True)


class GoneSerializer(serializers.Serializer[Any]):
    """The error of a request for changes that are pruned."""

    detail = serializers.CharField()
    newest = serializers.IntegerField(help_text="The last number of the log: where to go on once all is read again.")
