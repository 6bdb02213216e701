"""State of refreshing between its runs: the runs themselves, and the rate limit of each host."""

from django.db import models
from django.utils import timezone


class Run(models.Model):
    """A run of refresh_packages. Without `finished` it is under way, or it died; a missing one is a dead cron job."""

    started = models.DateTimeField()
    finished = models.DateTimeField(null=True, blank=True)
    sources = models.JSONField(default=list)
    exit_code = models.PositiveSmallIntegerField(null=True, blank=True)
    summary = models.JSONField(default=dict)

    class Meta:
        ordering = ("-started", "-id")

    def __str__(self) -> str:
        return f"{timezone.localtime(self.started):%Y-%m-%d %H:%M} {', '.join(self.sources)}"


class HostRateLimit(models.Model):
    """The fields of fetchers.network.rate_limit.RateLimitState for one quota of one host."""

    name = models.CharField(max_length=300, unique=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    limit = models.PositiveIntegerField(null=True, blank=True)
    remaining = models.IntegerField(null=True, blank=True)
    resets_at = models.DateTimeField(null=True, blank=True)
    spent_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "fetchers_hostpace"  # the model's former name
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
