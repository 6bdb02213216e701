"""Refreshing: due packages go host by host to the upstream modules, and the results to packages.results.

Threads send the requests; only the main thread reads and writes the database. Each host has a queue of its own, so that
a slow one delays no other; results are saved in batches, each in one transaction, so that a kill loses one batch only.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from core.signals import housekeeping, refreshed
from fetchers.advisories import run as advisories
from fetchers.canaries import Canaries
from fetchers.hosts import MAX_CONCURRENCY, Upstreams
from fetchers.locks import lock
from fetchers.models import Run
from fetchers.order import Due, due_by_host, nothing_to_ask
from fetchers.queues import HostQueue
from fetchers.steps import Steps
from fetchers.summary import Summary, Tally, as_json
from packages import history
from packages.facts import FEEDS, Feed, Source
from packages.models import Package
from packages.readiness.counts import count_readiness
from packages.rederived import rederive
from packages.results import FRESH_FOR, Attempt, Failure, save_results
from packages.settling.update import UnderWayError, update_health

BATCH = 200  # attempts in one transaction
FLUSH_SECONDS = 5.0
LONGEST_REST = timedelta(days=60)  # between two runs, after which the clock may be ahead
OF_FEEDS = timedelta(days=7)  # runs of feeds alone are kept
MAX_REPEATS = 500  # packages of a host that are fetched a second time in one run


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
        self.upstreams = Upstreams(
            clock, concurrency=options.workers, sleep=self._sleep, is_ending=lambda: bool(self._end_reason())
        )
        self.started = self.shown = time.monotonic()

    def run(self) -> Summary:
        """Refresh what is due. Raises LockedError if another run of one of the sources is under way."""
        with ExitStack() as locks:
            for source in (*self.options.sources, *self.options.feeds):
                locks.enter_context(lock(source))
            # A run that dies keeps an empty `finished`, which shows in admin.
            row = Run.objects.create(started=self.clock(), sources=[*self.options.sources, *self.options.feeds])
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
        if days := history.forget_future(now.date()):
            self.summary.notes.append(f"the clock was ahead: {days} snapshots of days to come are deleted")
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
            reason = "its list was requested in this quarter of an hour already"
            self.summary.tallies[feed] = {feed: Tally(due=1, stopped=reason)}
            return
        run = advisories.Advisories(
            self.upstreams.osv, self.clock, force=self.options.force, end_reason=self._end_reason
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
        believed = {host: of_host for host, of_host in due.items() if not tallies[host].distrusted}
        sizes = self._sizes(source)
        queues = [self._queue(source, host, of_host, tallies[host], sizes) for host, of_host in believed.items()]
        with ThreadPoolExecutor(max_workers=max(1, sum(queue.concurrency for queue in queues))) as pool:
            self._drive(source, queues, pool)
            for queue in queues:
                self._save_missing(queue)
            self._repeat_incomplete(source, queues, pool)
        for host, tally in tallies.items():
            if tally.distrusted:
                self.summary.notes.append(
                    f"{host} is not believed, and nothing more of it is saved in this run: {tally.stopped}"
                )

    def _repeat_incomplete(self, source: Source, queues: list[HostQueue], pool: ThreadPoolExecutor) -> None:
        """Fetch once more the packages whose lists were being computed. Those still not ready wait for the next run."""
        repeats = [
            self._queue(source, queue.name, Due(queue.incomplete[:MAX_REPEATS]), Tally(), {})
            for queue in queues
            if queue.incomplete and not queue.tally.stopped
        ]
        self._drive(source, repeats, pool)

    def _queue(self, source: Source, name: str, due: Due, tally: Tally, sizes: dict[str, tuple[int, int]]) -> HostQueue:
        total, previously_found = sizes.get(name, (0, 0))
        steps = Steps(source, self.upstreams, self.clock, self.summary, force=self.options.force)
        first_steps, probes = steps.of(name, due, total)
        concurrency = 1 if source == "downloads" else min(self.options.workers, MAX_CONCURRENCY)
        return HostQueue(
            name,
            first_steps,
            tally,
            concurrency,
            1 if steps.is_batched(name) else concurrency,
            total,
            previously_found,
            probes,
            trusted=name in self.options.trusted,
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

    def _drive(self, source: Source, queues: list[HostQueue], pool: ThreadPoolExecutor) -> None:
        """Keep all queues busy and save the results, until nothing is left or the run must end."""
        attempts: list[Attempt] = []
        saved = time.monotonic()
        while True:
            if reason := self._end_reason():
                for queue in queues:
                    queue.stop(reason)
            for queue in queues:
                queue.start(pool)
            running = {step: queue for queue in queues for step in queue.running}
            if not running:
                break
            finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            self._show(source)
            for step in finished:
                attempts += running[step].finish(step)
            if len(attempts) >= BATCH or time.monotonic() - saved > FLUSH_SECONDS:
                self._save(queues, source, attempts)
                attempts, saved = [], time.monotonic()
        self._save(queues, source, attempts)

    def _show(self, source: Source) -> None:
        """Call the watcher, four times a second at most."""
        if time.monotonic() - self.shown > 0.25:
            self.shown = time.monotonic()
            self.watch(source, self.summary.tallies[source], self.upstreams)

    def _sleep(self, seconds: float) -> None:
        """Sleep, but no longer than the run may go on."""
        budget = self.options.budget
        left = seconds if budget is None else self.started + budget - time.monotonic()
        self.stop.wait(max(0.0, min(seconds, left)))

    def _end_reason(self) -> str:
        if self.stop.is_set():
            return "the run was ended"
        budget = self.options.budget
        return "its time ran out" if budget is not None and time.monotonic() - self.started > budget else ""

    def _save(self, queues: list[HostQueue], source: Source, attempts: list[Attempt]) -> None:
        if not attempts:
            return
        report = save_results(attempts)
        self.summary.notes += report.notes
        self.summary.health.add(report.health)
        tallies = {queue.name: queue.tally for queue in queues}
        for attempt, outcome in report.outcomes:
            tallies[attempt.target.host if source == "repo" else source].outcomes[outcome] += 1
        self.upstreams.save()

    def _save_missing(self, queue: HostQueue) -> None:
        """Save the packages that were not found, as untrusted failures if they are suspiciously many; nothing of a host
        that is not believed at all."""
        if queue.tally.distrusted:
            return
        missing = queue.missing
        if queue.distrusted:
            self.summary.notes.append(
                f"{queue.name} says that {len(missing)} packages are not found, which is too many: not believed"
            )
            missing = [_untrusted(attempt) for attempt in missing]
        for start in range(0, len(missing), BATCH):
            report = save_results(missing[start : start + BATCH])
            self.summary.health.add(report.health)
            queue.tally.outcomes.update(outcome for _, outcome in report.outcomes)

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
        for upstream in self.upstreams.all():
            limit = upstream.rate_limit
            if limit.requests or limit.may_go_on_at:
                summary.hosts[upstream.name] = {
                    "requests": limit.requests,
                    "remaining": limit.state.remaining,
                    "may_go_on_at": _iso(limit.may_go_on_at),
                }
        row.finished = self.clock()
        row.exit_code = summary.exit_code
        row.summary = as_json(summary)
        row.save()


def _untrusted(attempt: Attempt) -> Attempt:
    if not isinstance(attempt.result, Failure):
        return attempt
    return replace(attempt, result=replace(attempt.result, trusted=False))


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None
