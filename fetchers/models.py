"""What refreshing remembers between its runs: the runs themselves, and the pace of each upstream."""

from django.db import models


class Run(models.Model):
    """One run of refresh_packages: a cron job that stopped is seen. Without `finished` it is under way, or died."""

    started = models.DateTimeField()
    finished = models.DateTimeField(null=True, blank=True)
    sources = models.JSONField(default=list)
    exit_code = models.PositiveSmallIntegerField(null=True, blank=True)
    summary = models.JSONField(default=dict)

    class Meta:
        ordering = ("-started", "-id")

    def __str__(self) -> str:
        return f"{self.started:%Y-%m-%d %H:%M} {', '.join(self.sources)}"


class HostPace(models.Model):
    """The fields of fetchers.network.rate_limit.PaceState for one quota of one host."""

    name = models.CharField(max_length=300, unique=True)
    paused_until = models.DateTimeField(null=True, blank=True)
    limit = models.PositiveIntegerField(null=True, blank=True)
    remaining = models.IntegerField(null=True, blank=True)
    resets_at = models.DateTimeField(null=True, blank=True)
    spent_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
