"""The package document of API v4, and the documents of its releases and its history."""

from datetime import datetime
from typing import Any, get_args

from django.utils import timezone
from django.utils.functional import cached_property
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.serializers import DocumentSerializer, localize
from packages.advisories.facts import SEVERITIES
from packages.advisories.listed import AdvisoryKeys, Listed
from packages.advisories.listed import listed as listed_advisories
from packages.badges import COLORS
from packages.compatibility import django_versions, has_python3, python_versions
from packages.documents import PACKAGE_COLUMNS, grid_slugs
from packages.facts import SOURCES, Outcome
from packages.health.rules import RULES
from packages.health.verdicts import LEVELS, VERDICTS, Level, WarningName
from packages.identity import TARGET_COLUMNS
from packages.models import STATE_FIELDS, Package, Release, Snapshot
from packages.pins.columns import PINNABLE
from packages.pins.listed import PinDocument, listed
from packages.replies import REPLIES, reply_of
from packages.score import score
from packages.trends import GAINS


class SourceStateSerializer(serializers.Serializer[Any]):
    """The state of fetching one source. A success may bring nothing new (`unchanged`), or not all (`partial`)."""

    last_success = serializers.DateTimeField(allow_null=True)
    last_attempt = serializers.DateTimeField(allow_null=True)
    outcome = serializers.ChoiceField([each.value for each in Outcome], help_text="How the last attempt ended.")
    error = serializers.CharField(
        help_text="Of a `partial` success: which parts were odd, or could not be had. Their old values stay."
    )
    failures = serializers.IntegerField(help_text="Failures in a row; 0 after a success.")
    next_due = serializers.DateTimeField(help_text="When it is fetched again.")


class FreshnessSerializer(serializers.Serializer[Any]):
    """The state of each source; null for one that was never queried for this package."""

    repo = SourceStateSerializer(allow_null=True)
    pypi = SourceStateSerializer(allow_null=True)
    downloads = SourceStateSerializer(allow_null=True)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {
            "oneOf": [
                {"type": ["boolean", "integer", "string", "null"]},
                {"type": "array", "items": {"type": "string"}},
            ]
        },
    }
)
class FindingsField(serializers.DictField):
    """Values by the names that a rule gives them."""


class ReasonSerializer(serializers.Serializer[Any]):
    """A rule of the verdict that was tried: what it looked at, and what that was compared with."""

    rule = serializers.ChoiceField(RULES)
    holds = serializers.BooleanField(help_text="True for the rule that decided, which is the last.")
    value = FindingsField(help_text="What it looked at, by name; null for what is not known.")
    threshold = FindingsField(allow_null=True, help_text="What that was compared with, by the same names.")


class HealthSerializer(serializers.Serializer[Any]):
    """The verdict on a package, and why."""

    verdict = serializers.ChoiceField(VERDICTS)
    level = serializers.ChoiceField(get_args(Level), help_text="It follows from the verdict.")
    since = serializers.DateTimeField(allow_null=True, help_text="When it became this verdict.")
    before = serializers.ChoiceField(VERDICTS, allow_null=True, help_text="The verdict before that; null if none was.")
    reasons = ReasonSerializer(many=True, help_text="The rules that were tried, in their order: the last one decided.")
    warnings = serializers.ListField(child=serializers.ChoiceField(get_args(WarningName)))
    valid_until = serializers.DateTimeField(
        allow_null=True, help_text="When the verdict or a warning changes although no fact does; null if never."
    )


class PinSerializer(serializers.Serializer[Any]):
    """A column that an editor has corrected."""

    column = serializers.ChoiceField(tuple(PINNABLE))
    since = serializers.DateField()
    reason = serializers.CharField()
    upstream = serializers.CharField(
        allow_null=True,
        help_text="What upstream says, in words that are cut after some hundred; null if it says nothing.",
    )


class ReplySerializer(serializers.Serializer[Any]):
    """An editor's word on a package."""

    kind = serializers.ChoiceField(list(REPLIES))
    note = serializers.CharField(help_text='What the editor says of it; "" if nothing.')
    since = serializers.DateField(help_text="The day on which it was given.")
    until = serializers.DateField(help_text="The last day on which it holds.")


class AdvisorySerializer(serializers.Serializer[Any]):
    """A known vulnerability of the project on PyPI."""

    id = serializers.CharField(help_text="Of the advisory on it in OSV.")
    aliases = serializers.ListField(
        child=serializers.CharField(), help_text="Ids of the same vulnerability in other databases, CVE numbers too."
    )
    summary = serializers.CharField(help_text='"" if there is none.')
    severity = serializers.ChoiceField(SEVERITIES, help_text="The worst that an advisory on it names.")
    fixed = serializers.ListField(
        child=serializers.CharField(), help_text="The versions that fix it, oldest first; [] if none is known."
    )
    affects_latest = serializers.BooleanField(help_text="True if the latest version is affected.")
    published = serializers.DateTimeField(allow_null=True)
    modified = serializers.DateTimeField()
    url = serializers.URLField(help_text="Its page for people.")


class PackageSerializer(DocumentSerializer[Package]):
    """A package: facts that editors typed, and facts that were fetched."""

    commits_over_52 = serializers.ListField(child=serializers.IntegerField(min_value=0))
    participants = serializers.ListField(child=serializers.CharField())
    score = serializers.SerializerMethodField()
    python_versions = serializers.SerializerMethodField()
    django_versions = serializers.SerializerMethodField()
    classifiers = serializers.ListField(child=serializers.CharField())
    reply = serializers.SerializerMethodField()
    gone = serializers.SerializerMethodField()
    freshness = serializers.SerializerMethodField()
    health = serializers.SerializerMethodField()
    pins = serializers.SerializerMethodField()
    advisories = serializers.SerializerMethodField()
    category_slug = serializers.SlugField()
    grid_slugs = serializers.SerializerMethodField()

    class Meta:
        model = Package
        columns = PACKAGE_COLUMNS

    def get_score(self, package: Package) -> int:
        python3 = has_python3(package.classifiers, package.requires_python)
        return score(package.repo_watchers, package.last_updated, python3, self.now)

    def get_python_versions(self, package: Package) -> list[str]:
        return python_versions(package.classifiers, package.requires_python)

    def get_django_versions(self, package: Package) -> list[str]:
        return django_versions(package.classifiers)

    @extend_schema_field(ReplySerializer(allow_null=True))
    def get_reply(self, package: Package) -> dict[str, Any] | None:
        return reply_of(package, self.now)

    def get_gone(self, package: Package) -> bool:
        return package.gone_since is not None

    def get_grid_slugs(self, package: Package) -> list[str]:
        return grid_slugs(package)

    @extend_schema_field(FreshnessSerializer)
    def get_freshness(self, package: Package) -> dict[str, Any]:
        return {source: self._state(package, source) for source in SOURCES}

    def _state(self, package: Any, source: Any) -> dict[str, Any] | None:
        # If an editor has changed the target since, the state describes something else.
        if getattr(package, f"{source}_target") != getattr(package, TARGET_COLUMNS[source]):
            return None
        state = {name: getattr(package, f"{source}_{name}") for name in STATE_FIELDS}
        if state["outcome"] != Outcome.PARTIAL:
            state["error"] = ""  # of a failure it names URLs, and hosts that may be private: admin shows it
        return {
            name: localize(value, self.zone) if isinstance(value, datetime) else value for name, value in state.items()
        }

    @extend_schema_field(HealthSerializer)
    def get_health(self, package: Any) -> dict[str, Any]:
        return {
            "verdict": package.verdict,
            "level": LEVELS[package.verdict],
            "since": localize(package.health_since, self.zone),
            "before": package.health_before or None,
            "reasons": package.health_reasons or [],
            "warnings": package.health_warnings or [],
            "valid_until": localize(package.health_valid_until, self.zone),
        }

    @extend_schema_field(PinSerializer(many=True))
    def get_pins(self, package: Any) -> list[PinDocument]:
        return listed(package.pins_listed)

    @extend_schema_field(AdvisorySerializer(many=True))
    def get_advisories(self, package: Any) -> list[AdvisoryKeys]:
        return [self._advisory(each) for each in listed_advisories(package.advisories_listed)]

    def _advisory(self, listed: Listed) -> AdvisoryKeys:
        return {
            "id": listed.osv_id,
            "aliases": list(listed.aliases),
            "summary": listed.summary,
            "severity": listed.severity,
            "fixed": list(listed.fixed),
            "affects_latest": listed.affects_latest,
            "published": localize(listed.published, self.zone),
            "modified": localize(listed.modified, self.zone),
            "url": listed.url,
        }

    @cached_property
    def now(self) -> datetime:
        return timezone.now()


class TrendingPackageSerializer(PackageSerializer):
    """A package that is trending: with the gains that put it among them."""

    class Meta(PackageSerializer.Meta):
        default = (*PACKAGE_COLUMNS.v4, *GAINS)


class BadgeSerializer(serializers.Serializer[Any]):
    """An endpoint badge of shields.io."""

    schemaVersion = serializers.IntegerField(min_value=1, max_value=1)  # noqa: N815 (the name that shields.io reads)
    label = serializers.CharField()  # type: ignore[assignment]  # no label of this serializer: DRF takes it off
    message = serializers.ChoiceField(VERDICTS)
    color = serializers.ChoiceField(sorted(set(COLORS.values())), help_text="Of the level.")
    cacheSeconds = serializers.IntegerField(min_value=0)  # noqa: N815


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A version of a package on PyPI."""

    class Meta:
        model = Release
        fields = ("version", "uploaded_at", "yanked", "requires_python")


class SnapshotSerializer(serializers.ModelSerializer[Snapshot]):
    """The numbers of a package on one day."""

    stars = serializers.IntegerField(source="present_stars", min_value=0, allow_null=True)
    forks = serializers.IntegerField(source="present_forks", min_value=0, allow_null=True)
    downloads = serializers.IntegerField(source="present_downloads", min_value=0, allow_null=True)

    class Meta:
        model = Snapshot
        fields = ("day", "stars", "forks", "downloads")
