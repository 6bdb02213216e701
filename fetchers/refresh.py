"""Refreshing: a run finds what is due of each source, has it fetched in a sweep, and does what follows from it."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from core.signals import housekeeping, refreshed
from fetchers.batches import end_former
from fetchers.hosts import Upstreams
from fetchers.locks import lock
from fetchers.models import Run
from fetchers.order import Due, due_by_host, nothing_to_ask
from fetchers.summary import Summary, Tally, as_json
from fetchers.sweeps import Manner, Part, Sweep
from packages import history
from packages.facts import Source
from packages.models import Package
from packages.readiness.counts import count_readiness
from packages.rederived import rederive
from packages.results import FRESH_FOR
from packages.settling.update import UnderWayError, update_health


@dataclass(frozen=True)
class Options:
    """The packages to refresh, and how. `stale` None means the freshness of each source; `budget` is in seconds.

    `force`: read everything again, whatever was noted of earlier fetches.
    """

    sources: tuple[Source, ...] = ("repo", "pypi")
    slugs: tuple[str, ...] = ()
    host: str = ""
    everything: bool = False
    force: bool = False
    limit: int | None = None
    stale: timedelta | None = None
    workers: int = 8
    budget: float | None = None


class Refresh:
    """One run. Setting `stop` ends it in good order; `watch` is called with each source's tallies as they grow."""

    def __init__(
        self,
        options: Options,
        *,
        stop: threading.Event | None = None,
        clock: Callable[[], datetime] = timezone.now,
        watch: Callable[[Source, dict[str, Tally], Upstreams], None] = lambda *_: None,
    ) -> None:
        self.options = options
        self.stop = stop or threading.Event()
        self.clock = clock
        self.watch = watch
        self.summary = Summary()
        self.upstreams = self._make_upstreams()
        self.started = self.shown = time.monotonic()

    def _make_upstreams(self) -> Upstreams:
        return Upstreams(
            self.clock,
            concurrency=self.options.workers,
            sleep=self._sleep,
            is_ending=lambda: bool(self.end_reason()),
        )

    def run(self) -> Summary:
        """Refresh what is due. Raises LockedError if another run of one of the sources is under way."""
        with ExitStack() as locks:
            for source in self.options.sources:
                locks.enter_context(lock(source))
            end_former(self.options.sources, self.stop)
            # A run that dies keeps an empty `finished`, which shows in admin.
            row = self.row = Run.objects.create(started=self.clock(), sources=list(self.options.sources))
            if forgotten := rederive(self.options.slugs):
                self.summary.notes.append(f"{forgotten} packages had facts of other addresses, which were forgotten")
            for source in self.options.sources:
                self._source(source)
            if not self.options.slugs:
                self.summary.pruned = history.prune(self.clock().date())
                self.summary.nothing_to_ask = nothing_to_ask(Package.objects.all())
                Run.objects.filter(started__lt=self.clock() - history.DAILY).delete()
                housekeeping.send(Refresh, now=self.clock())
                count_readiness(self.clock())
            self.upstreams.save()
            self._update_health()
            self._complete(row)
            if not self.options.slugs:
                refreshed.send_robust(Refresh, now=self.clock())
        return self.summary

    def due(self, source: Source) -> dict[str, Due]:
        """Return the packages to refresh, by host."""
        options = self.options
        if options.slugs or options.everything:
            packages = Package.objects.fetchable(source).with_state(source)
        else:
            usual = FRESH_FOR[source]
            packages = Package.objects.due(source, self.clock(), options.stale or usual, usual)
        if options.slugs:
            packages = packages.filter(slug__in=options.slugs)
        if options.host:
            packages = packages.filter(repo_host=options.host)
        return due_by_host(packages, source, options.limit)

    def _source(self, source: Source) -> None:
        due = self.due(source)
        self.summary.tallies[source] = {host: Tally(due=len(of_host)) for host, of_host in due.items()}
        sizes = self._sizes(source)
        self._fetch(source, {host: Part(of_host, *sizes.get(host, (0, 0))) for host, of_host in due.items()})

    def _fetch(self, source: Source, parts: dict[str, Part]) -> None:
        """Fetch the packages of each host, and save what comes of it."""
        self.sweep(source).run(parts)

    def sweep(self, source: Source) -> Sweep:
        return Sweep(
            source,
            self.upstreams,
            self.clock,
            self.summary,
            Manner(self.options.workers, self.options.force),
            end_reason=self.end_reason,
            watch=partial(self.show, source),
        )

    def _sizes(self, source: Source) -> dict[str, tuple[int, int]]:
        """Return the number of packages of each host, and of those that were fetched before."""
        rows = (
            Package.objects.fetchable(source)
            .with_state(source)
            .order_by()
            .values_list("repo_host" if source == "repo" else "state__source")
            .annotate(total=Count("pk"), good=Count("pk", filter=Q(state__last_success__isnull=False)))
        )
        if source == "repo":
            return {host: (total, good) for host, total, good in rows}
        return {source: (sum(total for _, total, _ in rows), sum(good for *_, good in rows))}

    def show(self, source: Source) -> None:
        """Call the watcher, four times a second at most."""
        if time.monotonic() - self.shown > 0.25:
            self.shown = time.monotonic()
            self.watch(source, self.summary.tallies[source], self.upstreams)

    def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than the run may go on."""
        budget = self.options.budget
        left = seconds if budget is None else self.started + budget - time.monotonic()
        self.stop.wait(max(0.0, min(seconds, left)))

    def end_reason(self) -> str:
        if self.stop.is_set():
            return "the run was ended"
        budget = self.options.budget
        return "its time ran out" if budget is not None and time.monotonic() - self.started > budget else ""

    def _update_health(self) -> None:
        """Settle the verdicts that change with time; a refresh of single packages settles theirs alone. What follows
        from what was fetched was saved with it."""
        try:
            health = update_health(slugs=self.options.slugs, is_ending=self.stop.is_set)
        except UnderWayError:
            self.summary.notes.append("manage.py update_health is under way by itself, so this run leaves it to that")
            return
        self.summary.health.add(health)
        if health.failed:
            self.summary.notes.append(f"{health.failed} verdicts could not be settled, and stay due: see the log")

    def _complete(self, row: Run) -> None:
        """Store the summary, with the quotas of the upstreams that had requests or are paused, in the run's row."""
        summary = self.summary
        summary.seconds = round(time.monotonic() - self.started, 1)
        summary.hosts = self._quotas()
        row.finished = self.clock()
        row.exit_code = summary.exit_code
        row.summary = as_json(summary)
        row.save()

    def _quotas(self) -> dict[str, dict[str, Any]]:
        """Return the quotas of the upstreams that had requests or are paused."""
        quotas = {}
        for upstream in self.upstreams.all():
            limit = upstream.rate_limit
            if limit.requests or limit.may_go_on_at:
                quotas[upstream.name] = quota(limit.requests, limit.state.remaining, limit.may_go_on_at)
        return quotas


def quota(requests: int, remaining: int | None, may_go_on_at: datetime | None) -> dict[str, Any]:
    """Return what the summary says of an upstream."""
    return {"requests": requests, "remaining": remaining, "may_go_on_at": _iso(may_go_on_at)}


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None
