"""The counts of what packages say of versions, as API v4 shows them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.utils import timezone
from rest_framework import serializers

from core.api.serializers import localize
from core.kinds import Kind
from core.links import Links
from packages.models import ReadinessCount
from packages.readiness.lists import UNKNOWN, ReadinessList
from packages.readiness.rule import PLATFORMS, SAYS_OF_VERSION, Platform
from packages.readiness.versions import ENDS_OF_SUPPORT


class KnownSerializer(serializers.Serializer[Any]):
    """Packages with metadata from PyPI. Percentages are shares of them."""

    packages = serializers.IntegerField()
    downloads = serializers.IntegerField(help_text="A month, of those whose downloads are known.")


class UnknownSerializer(KnownSerializer):
    """Packages without metadata: they have no project on PyPI, or none that was fetched."""

    url = serializers.URLField(help_text="The list of these packages.")


class GroupSerializer(UnknownSerializer):
    """Packages that say the same of a version."""

    percent = serializers.FloatField(
        allow_null=True, help_text="Of the packages with metadata; null if there are none."
    )
    downloads_percent = serializers.FloatField(
        allow_null=True, help_text="Of the downloads of packages with metadata; null if there are none."
    )


class VersionSerializer(serializers.Serializer[Any]):
    """Packages by what they say of a version."""

    platform = serializers.ChoiceField(PLATFORMS)
    version = serializers.CharField()
    url = serializers.URLField()
    end_of_support = serializers.DateField(allow_null=True, help_text="Null if none is known yet.")
    named = GroupSerializer(help_text="They say that they work with it, as the filters python and django tell.")
    refused = GroupSerializer(help_text="Their requires_python or requires_django excludes it, whatever else they say.")
    others = GroupSerializer(help_text="Their classifiers name other versions only.")
    silent = GroupSerializer(help_text="They name no version.")


class AsOfSerializer(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField(allow_null=True, help_text="When it was counted; null if it never was.")
    known = KnownSerializer()
    unknown = UnknownSerializer()


class ReadinessSerializer(AsOfSerializer):
    """Counts of the packages that are ready for the versions that are supported or coming, newest first."""

    django = VersionSerializer(many=True)
    python = VersionSerializer(many=True)


class VersionReadinessSerializer(VersionSerializer, AsOfSerializer):
    """Counts of the packages that are ready for a version."""


class Counted(NamedTuple):
    """Numbers of packages, and of their downloads."""

    packages: int = 0
    downloads: int = 0

    def __add__(self, other: tuple[Any, ...]) -> "Counted":
        packages, downloads = other
        return Counted(self.packages + packages, self.downloads + downloads)


class ReadinessDocuments:
    """Documents of the counts of all versions, which were made in one pass."""

    def __init__(self, rows: Iterable[ReadinessCount], links: Links) -> None:
        self.links = links
        self.as_of: datetime | None = None
        self.counts: dict[tuple[str, str], dict[str, Counted]] = {}
        for row in rows:
            self.as_of = row.as_of
            self.counts.setdefault((row.platform, row.version), {})[row.says] = Counted(row.packages, row.downloads)
        # The same packages are known for each version.
        any_version = next(iter(self.counts.values()), {})
        self.unknown = any_version.get("unknown", Counted())
        self.known = sum((any_version.get(says, Counted()) for says in SAYS_OF_VERSION), Counted())

    def versions(self, platform: Platform) -> list[str]:
        """Return the versions that were counted, newest first."""
        versions = [version for of_platform, version in self.counts if of_platform == platform]
        return sorted(versions, key=lambda version: tuple(map(int, version.split("."))), reverse=True)

    def all(self) -> dict[str, Any]:
        of_each = {
            platform: [self._version(platform, each) for each in self.versions(platform)] for platform in PLATFORMS
        }
        return self._as_of() | of_each

    def one(self, platform: Platform, version: str) -> dict[str, Any]:
        return self._as_of() | self._version(platform, version)

    def _as_of(self) -> dict[str, Any]:
        return {
            "as_of": localize(self.as_of, timezone.get_current_timezone()),
            "known": self.known._asdict(),
            "unknown": self.unknown._asdict() | {"url": self._list(UNKNOWN)},
        }

    def _version(self, platform: Platform, version: str) -> dict[str, Any]:
        return {
            "platform": platform,
            "version": version,
            "url": self.links.below(f"readiness/{platform}/{version}/"),
            "end_of_support": ENDS_OF_SUPPORT[platform].get(version),
        } | {says: self._group(ReadinessList(says, platform, version)) for says in SAYS_OF_VERSION}

    def _group(self, group: ReadinessList) -> dict[str, Any]:
        counted = self.counts[group.platform, group.version].get(group.says, Counted())
        return {
            "packages": counted.packages,
            "percent": _percent(counted.packages, self.known.packages),
            "downloads": counted.downloads,
            "downloads_percent": _percent(counted.downloads, self.known.downloads),
            "url": self._list(group),
        }

    def _list(self, packages: ReadinessList) -> str:
        return self.links.below(f"{Kind.PACKAGE.plural}/", readiness=packages.name)


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None
