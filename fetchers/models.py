"""State of refreshing: its runs, the rate limit of each host, and the batches of a run that others take part in."""

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


class BatchState(models.TextChoices):
    """The states of a batch, in their order: a revoked one has not been fetched, or not whole, and is not any more."""

    WAITING = "waiting"
    SENT = "sent"
    STARTED = "started"
    DONE = "done"
    COUNTED = "counted"
    REVOKED = "revoked"


class Batch(models.Model):
    """Some due packages of one host, which a worker fetches in a distributed run. It is deleted when the run has ended.

    `work` says what is to be done, by ids; `result` what was done, without the facts, which the worker has saved.
    `losses` counts the workers that died of it, or with it.
    """

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="batches")
    source = models.CharField(max_length=20)
    host = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=BatchState.choices, default=BatchState.WAITING)
    losses = models.PositiveSmallIntegerField(default=0)
    work = models.JSONField(default=dict)
    result = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(state__in=BatchState.values), name="fetchers_batch_state"),
        )
        indexes = (models.Index(fields=["run", "state"], name="fetchers_batch_run_state"),)

    def __str__(self) -> str:
        return f"{self.source} at {self.host}: {self.state}"
