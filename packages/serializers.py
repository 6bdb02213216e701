"""The package document of API v4, and what lies below it. Links are made of ids that the row already has."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.serializers import DocumentSerializer, localize
from core.kinds import Kind
from packages.compatibility import django_versions, has_python3, python_versions
from packages.facts import SOURCES, Outcome
from packages.models import EXTENDED_FIELDS, STATE_FIELDS, TARGET_COLUMNS, V4_FIELDS, Package, Release, Snapshot
from packages.score import score


class SourceStateSerializer(serializers.Serializer[Any]):
    """How fetching one source goes. A success may have found nothing new (`unchanged`)."""

    last_success = serializers.DateTimeField(allow_null=True)
    last_attempt = serializers.DateTimeField(allow_null=True)
    outcome = serializers.ChoiceField([each.value for each in Outcome], help_text="How the last attempt ended.")
    failures = serializers.IntegerField(help_text="Failures in a row; 0 after a success.")
    next_due = serializers.DateTimeField(help_text="When it is asked again.")


class FreshnessSerializer(serializers.Serializer[Any]):
    """The state of each source; null for one that was never asked about this package."""

    repo = SourceStateSerializer(allow_null=True)
    pypi = SourceStateSerializer(allow_null=True)
    downloads = SourceStateSerializer(allow_null=True)


class PackageSerializer(DocumentSerializer[Package]):
    """A package: what editors say of it, and what was fetched about it."""

    # Of rows that come from Package.objects.for_api(fields).
    category = serializers.SerializerMethodField()
    grids = serializers.SerializerMethodField(help_text="In membership order.")
    commits_over_52 = serializers.ListField(
        child=serializers.IntegerField(min_value=0), help_text="52 weekly counts, oldest first, or none."
    )
    participants = serializers.ListField(child=serializers.CharField(), help_text="Logins, most active first.")
    score = serializers.SerializerMethodField(
        help_text="Watchers, less a tenth for every three months without a commit, less three tenths (1,000 at most) "
        "without Python 3; never under -500."
    )
    python_versions = serializers.SerializerMethodField(help_text="By its classifiers and requires_python.")
    django_versions = serializers.SerializerMethodField(help_text="By its classifiers.")
    classifiers = serializers.ListField(child=serializers.CharField(), help_text="As PyPI lists them.")
    replaced_by = serializers.SerializerMethodField(help_text="The package to use instead.")
    gone = serializers.SerializerMethodField(help_text="Whether its source was not found on several days.")
    freshness = serializers.SerializerMethodField()

    class Meta:
        model = Package
        fields = (*V4_FIELDS, *EXTENDED_FIELDS)
        plain = V4_FIELDS
        extended = EXTENDED_FIELDS
        links = ("category", "grids")
        ages = {"score": 60}

    @extend_schema_field({"oneOf": [{"type": "string", "format": "uri"}, {"$ref": "#/components/schemas/Category"}]})
    def get_category(self, package: Package) -> Any:
        link = self.links.document(Kind.CATEGORY, package.category_id)
        return self.expanded["category"].get(package.category_id, link) if "category" in self.expanded else link

    @extend_schema_field(
        {
            "type": "array",
            "items": {"oneOf": [{"type": "string", "format": "uri"}, {"$ref": "#/components/schemas/Grid"}]},
        }
    )
    def get_grids(self, package: Package) -> Any:
        return self.linked(Kind.GRID, grid_ids(package), "grids")

    def get_score(self, package: Package) -> int:
        python3 = has_python3(package.classifiers, package.requires_python)
        return score(package.repo_watchers, package.last_updated, python3, self.now)

    def get_python_versions(self, package: Package) -> list[str]:
        return python_versions(package.classifiers, package.requires_python)

    def get_django_versions(self, package: Package) -> list[str]:
        return django_versions(package.classifiers)

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_replaced_by(self, package: Package) -> str | None:
        return self.links.document(Kind.PACKAGE, package.replaced_by_id) if package.replaced_by_id else None

    def get_gone(self, package: Package) -> bool:
        return package.gone_since is not None

    @extend_schema_field(FreshnessSerializer)
    def get_freshness(self, package: Package) -> dict[str, Any]:
        return {source: self._state(package, source) for source in SOURCES}

    def _state(self, package: Any, source: Any) -> dict[str, Any] | None:
        # Where an editor has changed the address since, the state is that of something else.
        if getattr(package, f"{source}_target") != getattr(package, TARGET_COLUMNS[source]):
            return None
        state = {name: getattr(package, f"{source}_{name}") for name in STATE_FIELDS}
        return {
            name: localize(value, self.zone) if isinstance(value, datetime) else value for name, value in state.items()
        }

    @cached_property
    def now(self) -> datetime:
        return timezone.now()


def grid_ids(package: Any) -> list[int]:
    """The ids of the grids of a package that came from for_api(), in membership order."""
    return package.grid_ids or []


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A version of a package on PyPI."""

    class Meta:
        model = Release
        fields = ("version", "uploaded_at", "yanked", "requires_python")


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    """The numbers of a package on one day."""

    class Meta:
        model = Snapshot
        fields = ("day", "stars", "forks", "downloads")
