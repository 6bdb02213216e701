"""Refreshing: a run finds what is due of each source, has it fetched in a sweep, and does what follows from it."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from core.signals import housekeeping, refreshed
from fetchers.advisories import run as advisories
from fetchers.batches import end_former
from fetchers.canaries import Canaries
from fetchers.hosts import Upstreams
from fetchers.locks import lock
from fetchers.models import Run
from fetchers.order import Due, due_by_host, nothing_to_ask
from fetchers.summary import Summary, Tally, as_json
from fetchers.sweeps import Manner, Part, Sweep
from packages import history
from packages.facts import FEEDS, Feed, Source
from packages.models import Package
from packages.readiness.counts import count_readiness
from packages.rederived import rederive
from packages.results import FRESH_FOR
from packages.settling.update import UnderWayError, update_health

LONGEST_REST = timedelta(days=60)  # between two runs, after which the clock may be ahead
OF_FEEDS = timedelta(days=7)  # runs of feeds alone are kept


@dataclass(frozen=True)
class Options:
    """The packages to refresh, and how. `stale` None means the freshness of each source; `budget` is in seconds.

    `force`: read everything again, whatever was noted of earlier fetches. `trusted` hosts are believed, whatever they
    tell.
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
    trusted: tuple[str, ...] = ()
    feeds: tuple[Feed, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True of a run after which all that is counted of the whole catalogue is counted again: not of one of single
        packages, nor of one that reads feeds alone, many times a day."""
        return bool(self.sources) and not self.slugs


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
            for source in (*self.options.sources, *self.options.feeds):
                locks.enter_context(lock(source))
            end_former(self.options.sources, lambda: bool(self.end_reason()), self._sleep)
            # A run that dies keeps an empty `finished`, which shows in admin.
            started = self.clock()
            row = self.row = Run.objects.create(started=started, sources=[*self.options.sources, *self.options.feeds])
            if self.options.sources and (forgotten := rederive(self.options.slugs)):
                self.summary.notes.append(f"{forgotten} packages had facts of other addresses, which were forgotten")
            canaries = self._canaries()
            for source in self.options.sources:
                self._source(source, canaries)
            for feed in self.options.feeds:
                self._feed(feed)
            if self.options.is_whole:
                self.summary.nothing_to_ask = nothing_to_ask(Package.objects.all())
                self._keep_house(row)
                count_readiness(self.clock())
            self.upstreams.save()
            self._update_health()
            self._complete(row)
            if self.options.is_whole:
                refreshed.send_robust(Refresh, now=self.clock())
        return self.summary

    def _keep_house(self, row: Run) -> None:
        """Delete what is too old, unless the clock may be ahead: what it takes for old then would be lost for good."""
        now = self.clock()
        try:
            if days := history.forget_future(now.date()):
                self.summary.notes.append(f"the clock was ahead: {days} snapshots of days to come are deleted")
        except history.BehindError:
            self.summary.notes.append("there are snapshots of days to come: the clock may be behind, so they stay")
        last = Run.objects.exclude(pk=row.pk).filter(started__lte=now).order_by("-started").first()
        if last and now - last.started > LONGEST_REST:
            days = (now - last.started).days
            self.summary.notes.append(
                f"the last run is {days} days ago, if the clock is right: nothing is pruned in this run"
            )
            return
        self.summary.pruned = history.prune(now.date())
        Run.objects.filter(started__lt=now - history.DAILY).delete()
        Run.objects.filter(sources=list(FEEDS), started__lt=now - OF_FEEDS).delete()
        housekeeping.send(Refresh, now=now)

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

    def _canaries(self) -> Canaries:
        """Return the canaries; none for single packages, by which an operator takes over what a canary tells."""
        canaries = Canaries(() if self.options.slugs else settings.CANARIES, self.upstreams, self.clock)
        if canaries.unknown:
            self.summary.notes.append(f"CANARIES: there is no package with the slug {', '.join(canaries.unknown)}")
        return canaries

    def is_due_feed(self) -> bool:
        """Return whether this run reads the feed: once in a quarter of an hour."""
        return self.options.everything or advisories.is_due(self.clock())

    def _feed(self, feed: Feed) -> None:
        if not self.is_due_feed():
            reason = "its list was requested in this quarter of an hour already: --all does so again"
            self.summary.tallies[feed] = {feed: Tally(due=1, stopped=reason)}
            return
        run = advisories.Advisories(
            self.upstreams.osv, self.clock, force=self.options.force, end_reason=self.end_reason
        )
        self.summary.tallies[feed] = {feed: run.report.tally}
        report = run.run()
        self.summary.notes += report.notes
        self.summary.health.add(report.health)

    def _source(self, source: Source, canaries: Canaries) -> None:
        due = self.due(source)
        tallies = self.summary.tallies[source] = {host: Tally(due=len(of_host)) for host, of_host in due.items()}
        for host in sorted(set(due).difference(self.options.trusted)):
            if deviation := canaries.deviation(source, host):
                tallies[host].distrust(deviation)
        sizes = self._sizes(source)
        believed = {host: of_host for host, of_host in due.items() if not tallies[host].distrusted}
        self._fetch(source, {host: Part(of_host, *sizes.get(host, (0, 0))) for host, of_host in believed.items()})
        for host, tally in tallies.items():
            if tally.distrusted:
                self.summary.notes.append(
                    f"{host} is not believed, and nothing more of it is saved in this run: {tally.stopped}"
                )

    def _fetch(self, source: Source, parts: dict[str, Part]) -> None:
        """Fetch the packages of each host, and save what comes of it."""
        self.sweep(source).run(parts)

    def sweep(self, source: Source) -> Sweep:
        return Sweep(
            source,
            self.upstreams,
            self.clock,
            self.summary,
            Manner(self.options.workers, self.options.force, trusted=self.options.trusted),
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
