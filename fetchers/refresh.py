"""Refreshing: due packages go host by host to the upstream modules, and the results to packages.results.

Threads send the requests; only the main thread reads and writes the database. Each host has a queue of its own, so that
a slow one delays no other; results are saved in batches, each in one transaction, so that a kill loses one batch only.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone

from core.signals import housekeeping
from fetchers.forges import github
from fetchers.hosts import MAX_CONCURRENCY, READ, Upstreams
from fetchers.indexes import pypi, pypistats
from fetchers.locks import lock
from fetchers.models import Run
from fetchers.network.http import FetchError, NotAskedError, Upstream
from packages import history
from packages.facts import MISSING, SUCCESSES, Fetched, FetchTarget, Outcome, Source
from packages.keys import spelled
from packages.models import TARGET_COLUMNS, FetchState, Package
from packages.rederived import rederive
from packages.results import FRESH_FOR, Attempt, Failure, save_results

logger = logging.getLogger(__name__)

BATCH = 200  # attempts in one transaction
CHUNK = 200  # packages in one query of the database
FLUSH_SECONDS = 5.0
MAX_FOLLOW_UPS = 100  # packages waiting for their second step; at more, no first steps are begun
MAX_REPEATS = 500  # packages of a host that are fetched a second time in one run
INDEX_FROM = 20  # due projects from which on PyPI's index of serials costs less than single requests
STATUS_DAYS = 30  # between two requests for a project's status, which changes no serial


@dataclass(frozen=True)
class Options:
    """The packages to refresh, and how. `stale` None means the freshness of each source; `budget` is in seconds."""

    sources: tuple[Source, ...] = ("repo", "pypi")
    slugs: tuple[str, ...] = ()
    host: str = ""
    everything: bool = False
    limit: int | None = None
    stale: timedelta | None = None
    workers: int = 8
    budget: float | None = None


@dataclass
class Tally:
    """The counts of one host, for one source; `stopped` says why packages are left."""

    due: int = 0
    tried: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    stopped: str = ""

    @property
    def succeeded(self) -> int:
        return sum(self.outcomes[outcome] for outcome in SUCCESSES)

    @property
    def failed(self) -> int:
        return sum(self.outcomes.values()) - self.succeeded


@dataclass
class Summary:
    """The result of a run: a tally for each source and host, notes for an editor, and the quotas of the upstreams."""

    tallies: dict[Source, dict[str, Tally]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    pruned: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """1 if packages of a source, or of a host with four or more due, were tried and all of them failed; else 0."""
        for tallies in self.tallies.values():
            failed = [tally for tally in tallies.values() if tally.failed and not tally.succeeded]
            if any(tally.due >= 4 for tally in failed):
                return 1
            if failed and len(failed) == len(tallies) and sum(tally.due for tally in failed) >= 4:
                return 1
        return 0


Step = Callable[[], "StepResult"]


@dataclass
class StepResult:
    """The result of one step: attempts to save, steps to take next, and why the host must be stopped, if it must."""

    attempts: list[Attempt] = field(default_factory=list)
    follow_ups: list[Step] = field(default_factory=list)
    stopped: str = ""


@dataclass
class HostQueue:
    """The steps of one host's packages: first steps start as there is room, and follow-ups before them.

    Packages that are not found are held back until the end: too many of them are a fault of the host.
    """

    name: str
    first_steps: Iterator[Step]
    tally: Tally
    concurrency: int
    first_concurrency: int
    total: int
    previously_found: int
    exhausted: bool = False
    running: dict[Future[StepResult], bool] = field(default_factory=dict)  # True for a first step
    follow_ups: deque[Step] = field(default_factory=deque)
    missing: list[Attempt] = field(default_factory=list)
    incomplete: list[int] = field(default_factory=list)

    def start(self, pool: ThreadPoolExecutor) -> None:
        """Start as many steps as there is room for."""
        while len(self.running) < self.concurrency:
            first_running = sum(self.running.values())
            if self.follow_ups:
                self.running[pool.submit(self.follow_ups.popleft())] = False
            elif (
                not self.exhausted and first_running < self.first_concurrency and len(self.follow_ups) < MAX_FOLLOW_UPS
            ):
                step = next(self.first_steps, None)
                if step is None:
                    self.exhausted = True
                    return
                self.running[pool.submit(step)] = True
            else:
                return

    def stop(self, reason: str) -> None:
        """Start no more steps."""
        self.exhausted = True
        self.follow_ups.clear()
        self.tally.stopped = self.tally.stopped or reason

    def finish(self, step: Future[StepResult]) -> list[Attempt]:
        """Take in the result of a finished step, and return the attempts that can be saved now."""
        del self.running[step]
        result = step.result()
        if not self.tally.stopped:
            self.follow_ups.extend(result.follow_ups)
        if result.stopped:
            self.stop(result.stopped)
        to_save = []
        for attempt in result.attempts:
            self.tally.tried += 1
            if isinstance(attempt.result, Fetched) and attempt.result.incomplete:
                self.incomplete.append(attempt.target.package)
            if isinstance(attempt.result, Failure) and attempt.result.outcome in MISSING:
                self.missing.append(attempt)
            else:
                to_save.append(attempt)
        return to_save

    @property
    def distrusted(self) -> bool:
        """True if suspiciously many packages are missing.

        That is, more than 20 that were found before, which are more than a twentieth of all such packages of the host;
        or every one of four or more packages that were tried, if these are at least half of the host's.
        """
        newly_missing = sum(attempt.target.previously_found for attempt in self.missing)
        tried = self.tally.tried
        everything = len(self.missing) == tried and tried >= 4 and self.total <= 2 * tried
        return everything or (newly_missing > 20 and newly_missing * 20 > self.previously_found)


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
        self.upstreams = Upstreams(clock, concurrency=options.workers)
        self.started = self.shown = time.monotonic()

    def run(self) -> Summary:
        """Refresh what is due. Raises LockedError if another run of one of the sources is under way."""
        with ExitStack() as locks:
            for source in self.options.sources:
                locks.enter_context(lock(source))
            # A run that dies keeps an empty `finished`, which shows in admin.
            row = Run.objects.create(started=self.clock(), sources=list(self.options.sources))
            if forgotten := rederive(self.options.slugs):
                self.summary.notes.append(f"{forgotten} packages had facts of other addresses, which were forgotten")
            for source in self.options.sources:
                self._source(source)
            if not self.options.slugs:
                self.summary.pruned = history.prune(self.clock().date())
                Run.objects.filter(started__lt=self.clock() - history.DAILY).delete()
                housekeeping.send(Refresh, now=self.clock())
            self.upstreams.save()
            self._complete(row)
        return self.summary

    def due(self, source: Source) -> dict[str, list[int]]:
        """Return the ids of the packages to refresh, stalest first, by host."""
        options = self.options
        if options.slugs or options.everything:
            packages = Package.objects.fetchable(source).with_state(source)
        else:
            packages = Package.objects.due(source, self.clock(), options.stale or FRESH_FOR[source])
        if options.slugs:
            packages = packages.filter(slug__in=options.slugs)
        if options.host:
            packages = packages.filter(repo_host=options.host)
        rows = packages.stalest_first().values_list("pk", "repo_host")[: options.limit]
        ids: dict[str, list[int]] = {}
        for pk, host in rows.iterator(chunk_size=5_000):
            ids.setdefault(host if source == "repo" else source, []).append(pk)
        return ids

    def _source(self, source: Source) -> None:
        due = self.due(source)
        tallies = self.summary.tallies[source] = {host: Tally(due=len(ids)) for host, ids in due.items()}
        sizes = self._sizes(source)
        queues = [self._queue(source, host, ids, tallies[host], sizes) for host, ids in due.items()]
        with ThreadPoolExecutor(max_workers=max(1, sum(queue.concurrency for queue in queues))) as pool:
            self._drive(source, queues, pool)
            for queue in queues:
                self._save_missing(queue)
            self._repeat_incomplete(source, queues, pool)

    def _repeat_incomplete(self, source: Source, queues: list[HostQueue], pool: ThreadPoolExecutor) -> None:
        """Fetch once more the packages whose lists were being computed. Those still not ready wait for the next run."""
        repeats = [
            self._queue(source, queue.name, queue.incomplete[:MAX_REPEATS], Tally(), {})
            for queue in queues
            if queue.incomplete and not queue.tally.stopped
        ]
        self._drive(source, repeats, pool)

    def _queue(
        self, source: Source, name: str, ids: list[int], tally: Tally, sizes: dict[str, tuple[int, int]]
    ) -> HostQueue:
        total, previously_found = sizes.get(name, (0, 0))
        steps = {"repo": self._repository_steps, "pypi": self._pypi_steps, "downloads": self._download_steps}[source]
        batched = source == "repo" and self._is_batched(name)
        concurrency = 1 if source == "downloads" else min(self.options.workers, MAX_CONCURRENCY)
        return HostQueue(
            name, steps(name, ids), tally, concurrency, 1 if batched else concurrency, total, previously_found
        )

    def _is_batched(self, host: str) -> bool:
        """True if the host's first steps are GraphQL queries for many repositories."""
        return self.upstreams.kinds[host] == "github" and self.upstreams.has_token

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
        tallies = {queue.name: queue.tally for queue in queues}
        for attempt, outcome in report.outcomes:
            tallies[attempt.target.host if source == "repo" else source].outcomes[outcome] += 1
        self.upstreams.save()

    def _save_missing(self, queue: HostQueue) -> None:
        """Save the packages that were not found, as untrusted failures if they are suspiciously many."""
        missing = queue.missing
        if queue.distrusted:
            self.summary.notes.append(
                f"{queue.name} says that {len(missing)} packages are not found, which is too many: not believed"
            )
            missing = [_untrusted(attempt) for attempt in missing]
        for start in range(0, len(missing), BATCH):
            report = save_results(missing[start : start + BATCH])
            queue.tally.outcomes.update(outcome for _, outcome in report.outcomes)

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

    # The steps of each source

    def _targets(self, source: Source, ids: Sequence[int]) -> Iterator[list[FetchTarget]]:
        """The packages with these ids as targets, in their order, in chunks."""
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            rows = Package.objects.in_bulk(chunk)
            states = {state.package_id: state for state in FetchState.objects.filter(package__in=chunk, source=source)}
            yield [_target(rows[pk], source, states.get(pk), self.upstreams) for pk in chunk if pk in rows]

    def _repository_steps(self, host: str, ids: Sequence[int]) -> Iterator[Step]:
        upstream, kind = self.upstreams.forges[host], self.upstreams.kinds[host]
        for chunk in self._targets("repo", ids):
            if self._is_batched(host):
                for start in range(0, len(chunk), github.QUERY_SIZE):
                    yield partial(self._overviews, upstream, chunk[start : start + github.QUERY_SIZE])
            else:
                for target in chunk:
                    yield partial(self._one, "repo", target, partial(READ[kind], upstream, target, self._today()))

    def _overviews(self, rest: Upstream, batch: list[FetchTarget]) -> StepResult:
        """Query GraphQL for the overviews of a batch: the first step of GitHub with a token."""
        try:
            overviews = github.read_overviews(self.upstreams.graphql, batch)
        except NotAskedError as error:
            return StepResult(stopped=str(error))
        except FetchError as error:
            return StepResult([self._failed("repo", target, error) for target in batch])
        result = StepResult()
        for target in batch:
            overview = overviews[target.package]
            if isinstance(overview, github.AskRestError):
                result.follow_ups.append(self._unauthenticated(target))
            elif isinstance(overview, FetchError):
                result.attempts.append(self._failed("repo", target, overview))
            else:
                complete = partial(github.complete, rest, target, overview, self._today())
                result.follow_ups.append(partial(self._one, "repo", target, complete))
        return result

    def _pypi_steps(self, _: str, ids: Sequence[int]) -> Iterator[Step]:
        serials = self._serials(ids)
        if serials is None:
            return
        for chunk in self._targets("pypi", ids):
            changed: list[FetchTarget] = []
            unchanged: list[FetchTarget] = []
            for target in chunk:
                (unchanged if self._is_unchanged(target, serials) else changed).append(target)
            yield partial(
                StepResult, [self._attempt("pypi", target, Fetched(None, target.notes)) for target in unchanged]
            )
            for target in changed:
                yield partial(self._one, "pypi", target, self._project_reader(target))

    def _project_reader(self, target: FetchTarget) -> Callable[[], Fetched[Any]]:
        with_status = self._is_status_due(target)
        return partial(pypi.read, self.upstreams.pypi, target, today=self._today(), with_status=with_status)

    def _serials(self, ids: Sequence[int]) -> dict[str, int] | None:
        """Fetch PyPI's index of last serials; empty if too few projects are due for it, None if it failed."""
        if len(ids) < INDEX_FROM:
            return {}
        names = set(Package.objects.fetchable("pypi").values_list("pypi_name", flat=True).iterator())
        try:
            return pypi.read_serials(self.upstreams.pypi, names)
        except FetchError as error:
            self.summary.notes.append(f"PyPI's index of serials could not be fetched, so no project was: {error}")
            tally = self.summary.tallies["pypi"]["pypi"]
            tally.outcomes[error.outcome] += 1
            tally.stopped = "its index could not be fetched"
            return None

    def _is_unchanged(self, target: FetchTarget, serials: dict[str, int]) -> bool:
        """Compare the target's serial with the index, for equality: a serial can decrease (on a mirror)."""
        serial = target.notes.get("serial")
        return serial is not None and str(serials.get(target.pypi_name)) == serial and not self._is_status_due(target)

    def _is_status_due(self, target: FetchTarget) -> bool:
        """Return whether to request a project's status: after 30 to 39 days, so that not all come due on one day."""
        day = target.notes.get("status_day", "")
        try:
            return self._today() - date.fromisoformat(day) >= timedelta(days=STATUS_DAYS + target.package % 10)
        except ValueError:
            return True

    def _download_steps(self, _: str, ids: Sequence[int]) -> Iterator[Step]:
        for chunk in self._targets("downloads", ids):
            for target in chunk:
                yield partial(self._one, "downloads", target, partial(pypistats.read, self.upstreams.pypistats, target))

    def _one(
        self, source: Source, target: FetchTarget, read: Callable[[], Fetched[Any]], *, authenticated: bool = True
    ) -> StepResult:
        """Fetch one package. `authenticated`: with our token, if there is one."""
        try:
            return StepResult([self._attempt(source, target, read())])
        except NotAskedError as error:
            # The few packages that are fetched without the token must not stop those that are fetched with it.
            return StepResult(stopped=str(error)) if authenticated else StepResult()
        except github.AskRestError as error:
            if authenticated and self.upstreams.has_token:
                return StepResult(follow_ups=[self._unauthenticated(target)])
            return StepResult([self._failed(source, target, error)])
        except FetchError as error:
            return StepResult([self._failed(source, target, error)])
        except Exception as error:
            # A bug that one package's response reveals must not cost the others their numbers.
            logger.exception("package %s, %s", target.package, source)
            bug = FetchError(f"a fault of this program: {type(error).__name__}")
            return StepResult([self._failed(source, target, bug)])

    def _unauthenticated(self, target: FetchTarget) -> Step:
        """Return the step for a repository whose owner refuses our kind of token, though it is public."""
        read = partial(github.read, self.upstreams.anonymous, target, self._today())
        return partial(self._one, "repo", target, read, authenticated=False)

    def _attempt(self, source: Source, target: FetchTarget, result: Fetched[Any] | Failure) -> Attempt:
        return Attempt(target, source, self.clock(), result)

    def _failed(self, source: Source, target: FetchTarget, error: FetchError) -> Attempt:
        return self._attempt(source, target, Failure(error.outcome, str(error)))

    def _today(self) -> date:
        return self.clock().date()


def _target(package: Package, source: Source, state: FetchState | None, upstreams: Upstreams) -> FetchTarget:
    """Return a package as a target. What is stored of it counts only if its address is the one that was fetched."""
    target = FetchTarget(
        package=package.pk,
        host=package.repo_host,
        path=spelled(package.repo_url, upstreams.kinds).path,
        pypi_name=package.pypi_name,
        validators={},
    )
    if state is None or state.target != getattr(package, TARGET_COLUMNS[source]):
        return target
    return replace(
        target,
        repo_id=package.repo_id,
        commits_over_52=tuple(package.commits_over_52),
        weeks_end=package.weeks_end,
        has_participants=bool(package.participants),
        validators=state.validators,
        previously_found=bool(state.last_success and not state.missing_days),
    )


def _untrusted(attempt: Attempt) -> Attempt:
    if not isinstance(attempt.result, Failure):
        return attempt
    return replace(attempt, result=replace(attempt.result, trusted=False))


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the summary as it is stored with the run, and printed by --json."""
    return {
        "sources": {
            source: {
                host: {
                    "due": tally.due,
                    "tried": tally.tried,
                    "left": max(0, tally.due - tally.tried),
                    "outcomes": {outcome.value: count for outcome, count in sorted(tally.outcomes.items()) if count},
                    "stopped": tally.stopped if tally.tried < tally.due else "",
                }
                for host, tally in tallies.items()
            }
            for source, tallies in summary.tallies.items()
        },
        "hosts": summary.hosts,
        "notes": summary.notes[:1_000],
        "snapshots_pruned": summary.pruned,
        "seconds": summary.seconds,
        "exit_code": summary.exit_code,
    }
