"""Advisories as they are stored: those of the feed, what follows for the packages, and how far the feed was read."""

from django.db import models
from django.db.models import Q

from packages.advisories.facts import MAX_ID, MAX_NAME, MAX_SUMMARY, SEVERITIES
from packages.fields import IsList

_SEVERITIES = [(each, each) for each in SEVERITIES]
# What makes an advisory; a write of the others alone changes nothing for any package.
ADVISORY_COLUMNS = ("aliases", "summary", "severity", "published", "modified", "ranges", "versions")


class Advisory(models.Model):
    """An advisory of the feed on one project on PyPI, whether the catalogue has it or not.

    A document that says nothing of any project, as one that was withdrawn, has a row without a name: it was read, and
    `modified` says which version of it. `versions` are those that are affected beside the ranges.
    """

    osv_id = models.CharField("id", max_length=MAX_ID)
    pypi_name = models.CharField("PyPI name", max_length=MAX_NAME, blank=True)
    aliases = models.JSONField(default=list, blank=True)
    summary = models.CharField(max_length=MAX_SUMMARY, blank=True)
    severity = models.CharField(max_length=10, choices=_SEVERITIES, default="unknown")
    published = models.DateTimeField(null=True, blank=True)
    modified = models.DateTimeField()
    ranges = models.JSONField(default=list, blank=True)
    versions = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("-modified", "-id")
        verbose_name_plural = "advisories"
        constraints = (
            models.UniqueConstraint(fields=["osv_id", "pypi_name"], name="advisory_unique"),
            models.CheckConstraint(condition=Q(severity__in=SEVERITIES), name="advisory_severity"),
            models.CheckConstraint(condition=IsList("aliases"), name="advisory_aliases_list"),
            models.CheckConstraint(condition=IsList("ranges"), name="advisory_ranges_list"),
            models.CheckConstraint(condition=IsList("versions"), name="advisory_versions_list"),
        )
        indexes = (
            models.Index(fields=["pypi_name"], name="advisory_pypi_name"),
            models.Index(fields=["modified", "id"], name="advisory_modified"),
        )

    def __str__(self) -> str:
        return f"{self.osv_id} on {self.pypi_name}" if self.pypi_name else self.osv_id


class PackageAdvisory(models.Model):
    """A vulnerability of a package's project, with all advisories on it: they are aliases of each other.

    Settled from the rows of Advisory, so that documents and the log of changes move with what a package shows, and with
    nothing else. `affects_latest`: the package's latest version is affected.
    """

    package = models.ForeignKey("packages.Package", on_delete=models.CASCADE, related_name="advisories")
    osv_id = models.CharField("id", max_length=MAX_ID)
    aliases = models.JSONField(default=list, blank=True)
    summary = models.CharField(max_length=MAX_SUMMARY, blank=True)
    severity = models.CharField(max_length=10, choices=_SEVERITIES, default="unknown")
    fixed = models.JSONField(default=list, blank=True)
    affects_latest = models.BooleanField(default=False)
    published = models.DateTimeField(null=True, blank=True)
    modified = models.DateTimeField()

    class Meta:
        ordering = ("package_id", "osv_id")
        verbose_name_plural = "package advisories"
        constraints = (
            models.UniqueConstraint(fields=["package", "osv_id"], name="package_advisory_unique"),
            models.CheckConstraint(condition=Q(severity__in=SEVERITIES), name="package_advisory_severity"),
            models.CheckConstraint(condition=IsList("aliases"), name="package_advisory_aliases_list"),
            models.CheckConstraint(condition=IsList("fixed"), name="package_advisory_fixed_list"),
        )

    def __str__(self) -> str:
        return self.osv_id


class AdvisoryFeed(models.Model):
    """The state of the feed, in one row. `asked_at` is the time of the last request for its list; the validators
    are of the last list of which nothing was left to read. `unread` has the documents that could not be read.
    """

    asked_at = models.DateTimeField(null=True, blank=True)
    archive_at = models.DateTimeField(null=True, blank=True)
    etag = models.CharField(max_length=210, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    unread = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"asked at {self.asked_at}"
