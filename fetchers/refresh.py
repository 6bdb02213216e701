"""Refreshing: what is due goes host by host to the upstream modules, and what comes back to packages.results.

Threads ask, the main thread alone reads and writes the database. Each host has a lane of its own, so that a slow one
holds nobody up; results are written in batches, each in one transaction, so that a kill loses the batch in hand alone.
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
from fetchers.hosts import READ, Hosts
from fetchers.indexes import pypi, pypistats
from fetchers.locks import lock
from fetchers.models import Run
from fetchers.network.http import FetchError, Host, NotAskedError
from packages import history
from packages.facts import SUCCESSES, Fetched, FetchTarget, Outcome, Source
from packages.keys import spelled
from packages.models import TARGET_COLUMNS, FetchState, Package
from packages.results import FRESH_FOR, MISSING, Attempt, Failure, save_results

logger = logging.getLogger(__name__)

BATCH = 200  # attempts in one transaction
CHUNK = 200  # packages read from the database at once
FLUSH_SECONDS = 5.0
BACKLOG = 100  # packages that wait for their second step before more begin the first
AGAIN = 500  # packages that are asked a second time in one run
INDEX_FROM = 20  # due projects from which on PyPI's index of serials pays
STATUS_DAYS = 30  # between two looks at a project's status, which moves no serial


@dataclass(frozen=True)
class Options:
    """What to refresh. `stale` None means each source's own freshness; `budget` is in seconds."""

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
    """How it went at one host, for one source."""

    due: int = 0
    tried: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    stopped: str = ""

    @property
    def good(self) -> int:
        return sum(self.outcomes[outcome] for outcome in SUCCESSES)

    @property
    def failed(self) -> int:
        return sum(self.outcomes.values()) - self.good


@dataclass
class Summary:
    """What a run came to: a tally for each source and host, lines for an editor, and the hosts' quotas."""

    tallies: dict[Source, dict[str, Tally]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    pruned: int = 0
    seconds: float = 0.0
    ended_by: str = ""

    @property
    def exit_code(self) -> int:
        """1 if something was tried at a source, or at a host with four or more due, and nothing succeeded; else 0."""
        for tallies in self.tallies.values():
            useless = [tally for tally in tallies.values() if tally.failed and not tally.good]
            if any(tally.due >= 4 for tally in useless):
                return 1
            if useless and len(useless) == len(tallies) and sum(tally.due for tally in useless) >= 4:
                return 1
        return 0


Step = Callable[[], "Done"]


@dataclass
class Done:
    """What one step came to: attempts to record, steps to take next, and why the host is closed if it is."""

    attempts: list[Attempt] = field(default_factory=list)
    then: list[Step] = field(default_factory=list)
    closed: str = ""


@dataclass
class Lane:
    """The way of one host's packages: first steps are made as there is room, later ones go before them.

    "Not found" is held back until the end: of too many at once it says something of the host, not of the packages.
    """

    name: str
    steps: Iterator[Step]
    tally: Tally
    at_once: int
    first_at_once: int
    total: int
    previously_found: int
    closed: bool = False
    running: dict[Future[Done], bool] = field(default_factory=dict)
    later: deque[Step] = field(default_factory=deque)
    missing: list[Attempt] = field(default_factory=list)
    again: list[int] = field(default_factory=list)

    def begin(self, pool: ThreadPoolExecutor) -> None:
        """Start as many steps as there is room for."""
        while len(self.running) < self.at_once:
            first = sum(self.running.values())
            if self.later:
                self.running[pool.submit(self.later.popleft())] = False
            elif not self.closed and first < self.first_at_once and len(self.later) < BACKLOG:
                step = next(self.steps, None)
                if step is None:
                    self.closed = True
                    return
                self.running[pool.submit(step)] = True
            else:
                return

    def stop(self, why: str) -> None:
        self.closed = True
        self.later.clear()
        self.tally.stopped = self.tally.stopped or why

    @property
    def distrusted(self) -> bool:
        """Whether too many are suddenly not found: over 20 and a twentieth of those known, or all of four or more."""
        sudden = sum(attempt.known.previously_found for attempt in self.missing)
        tried = self.tally.tried
        everything = len(self.missing) == tried and tried >= 4 and self.total <= 2 * tried
        return everything or (sudden > 20 and sudden * 20 > self.previously_found)


class Refresh:
    """One run. `stop` ends it in good order from outside; `watch` is told of each source's tallies as they grow."""

    def __init__(
        self,
        options: Options,
        *,
        stop: threading.Event | None = None,
        clock: Callable[[], datetime] = timezone.now,
        watch: Callable[[Source, dict[str, Tally], Hosts], None] = lambda *_: None,
    ) -> None:
        self.options = options
        self.stop = stop or threading.Event()
        self.clock = clock
        self.watch = watch
        self.summary = Summary()
        self.hosts = Hosts(clock, at_once=options.workers)
        self.started = self.shown = time.monotonic()

    def run(self) -> Summary:
        """Refresh what is due. Raises LockedError if another run of one of the sources is under way."""
        with ExitStack() as locks:
            for source in self.options.sources:
                locks.enter_context(lock(source))
            # A run that dies stays without its end, and is seen so in admin.
            row = Run.objects.create(started=self.clock(), sources=list(self.options.sources))
            for source in self.options.sources:
                self._source(source)
            if not self.options.slugs:
                self.summary.pruned = history.prune(self.clock().date())
                Run.objects.filter(started__lt=self.clock() - history.DAILY).delete()
                housekeeping.send(Refresh, now=self.clock())
            self.hosts.save()
            self._sum_up(row)
        return self.summary

    def due(self, source: Source) -> dict[str, list[int]]:
        """The ids of what is to be refreshed, stalest first, by host."""
        options = self.options
        if options.slugs or options.everything:
            packages = Package.objects.askable(source).with_state(source)
        else:
            packages = Package.objects.due(source, self.clock(), options.stale or FRESH_FOR[source])
        if options.slugs:
            packages = packages.filter(slug__in=options.slugs)
        if options.host:
            packages = packages.filter(repo_host=options.host)
        rows = packages.stalest_first().values_list("pk", "repo_host")[: options.limit]
        found: dict[str, list[int]] = {}
        for pk, host in rows.iterator(chunk_size=5_000):
            found.setdefault(host if source == "repo" else source, []).append(pk)
        return found

    def _source(self, source: Source) -> None:
        due = self.due(source)
        tallies = self.summary.tallies[source] = {host: Tally(due=len(ids)) for host, ids in due.items()}
        sizes = self._sizes(source)
        lanes = [self._lane(source, host, ids, tallies[host], sizes) for host, ids in due.items()]
        with ThreadPoolExecutor(max_workers=max(1, sum(lane.at_once for lane in lanes))) as pool:
            self._drive(source, lanes, pool)
            for lane in lanes:
                self._judge(lane)
            self._ask_again(source, lanes, pool)

    def _ask_again(self, source: Source, lanes: list[Lane], pool: ThreadPoolExecutor) -> None:
        """Once more for what was still being computed: what is not ready now is asked for in the next run."""
        repeats = [
            self._lane(source, lane.name, lane.again[:AGAIN], Tally(), {})
            for lane in lanes
            if lane.again and not lane.tally.stopped
        ]
        self._drive(source, repeats, pool)

    def _lane(self, source: Source, name: str, ids: list[int], tally: Tally, sizes: dict[str, tuple[int, int]]) -> Lane:
        total, previously_found = sizes.get(name, (0, 0))
        make = {"repo": self._repository_steps, "pypi": self._pypi_steps, "downloads": self._download_steps}[source]
        batched = source == "repo" and self.hosts.kinds[name] == "github" and self.hosts.has_token
        at_once = 1 if source == "downloads" else min(self.options.workers, 8)
        return Lane(name, make(name, ids), tally, at_once, 1 if batched else at_once, total, previously_found)

    def _sizes(self, source: Source) -> dict[str, tuple[int, int]]:
        """How many packages each host has, and how many of them were fetched before."""
        rows = (
            Package.objects.askable(source)
            .with_state(source)
            .order_by()
            .values_list("repo_host" if source == "repo" else "state__source")
            .annotate(total=Count("pk"), good=Count("pk", filter=Q(state__last_success__isnull=False)))
        )
        if source == "repo":
            return {host: (total, good) for host, total, good in rows}
        return {source: (sum(total for _, total, _ in rows), sum(good for *_, good in rows))}

    def _drive(self, source: Source, lanes: list[Lane], pool: ThreadPoolExecutor) -> None:
        """Keep all lanes busy and write what comes back, until nothing is left or the run is to end."""
        attempts: list[Attempt] = []
        flushed = time.monotonic()
        while True:
            if why := self._end():
                for lane in lanes:
                    lane.stop(why)
            for lane in lanes:
                lane.begin(pool)
            running = {future: lane for lane in lanes for future in lane.running}
            if not running:
                break
            done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            self._show(source)
            for future in done:
                attempts += self._take(running[future], future)
            if len(attempts) >= BATCH or time.monotonic() - flushed > FLUSH_SECONDS:
                self._write(lanes, source, attempts)
                attempts, flushed = [], time.monotonic()
        self._write(lanes, source, attempts)

    def _show(self, source: Source) -> None:
        """Tell the watcher, four times a second at the most."""
        if time.monotonic() - self.shown > 0.25:
            self.shown = time.monotonic()
            self.watch(source, self.summary.tallies[source], self.hosts)

    def _end(self) -> str:
        if self.stop.is_set():
            return "the run was ended"
        budget = self.options.budget
        return "its time ran out" if budget is not None and time.monotonic() - self.started > budget else ""

    def _take(self, lane: Lane, future: Future[Done]) -> list[Attempt]:
        """Sort what a step came to: what to write now, what to hold back, what to do next."""
        del lane.running[future]
        done = future.result()
        if not lane.tally.stopped:
            lane.later.extend(done.then)
        if done.closed:
            lane.stop(done.closed)
        now: list[Attempt] = []
        for attempt in done.attempts:
            lane.tally.tried += 1
            if isinstance(attempt.result, Fetched) and attempt.result.incomplete:
                lane.again.append(attempt.known.package)
            if isinstance(attempt.result, Failure) and attempt.result.outcome in MISSING:
                lane.missing.append(attempt)
            else:
                now.append(attempt)
        return now

    def _write(self, lanes: list[Lane], source: Source, attempts: list[Attempt]) -> None:
        if not attempts:
            return
        report = save_results(attempts)
        self.summary.notes += report.notes
        by_host = {lane.name: lane.tally for lane in lanes}
        for attempt, outcome in report.outcomes:
            by_host[attempt.known.host if source == "repo" else source].outcomes[outcome] += 1
        self.hosts.save()

    def _judge(self, lane: Lane) -> None:
        """Record what was not found, believing it or not."""
        if lane.distrusted:
            self.summary.notes.append(
                f"{lane.name} says of {len(lane.missing)} packages at once that they are not found: not believed"
            )
        for start in range(0, len(lane.missing), BATCH):
            batch = [self._judged(attempt, lane) for attempt in lane.missing[start : start + BATCH]]
            lane.tally.outcomes.update(outcome for _, outcome in save_results(batch).outcomes)

    @staticmethod
    def _judged(attempt: Attempt, lane: Lane) -> Attempt:
        result = attempt.result
        if not isinstance(result, Failure) or not lane.distrusted:
            return attempt
        return Attempt(
            attempt.known, attempt.source, attempt.at, Failure(result.outcome, result.message, trusted=False)
        )

    def _sum_up(self, row: Run) -> None:
        summary = self.summary
        summary.seconds = round(time.monotonic() - self.started, 1)
        for host in self.hosts.all():
            state = host.pace.state
            if host.pace.requests or host.pace.opens_at:
                summary.hosts[host.name] = {
                    "requests": host.pace.requests,
                    "remaining": state.remaining,
                    "may go on at": _iso(host.pace.opens_at),
                }
        row.finished = self.clock()
        row.exit_code = summary.exit_code
        row.summary = as_json(summary)
        row.save()

    # The steps of each source

    def _known(self, source: Source, ids: Sequence[int]) -> Iterator[list[FetchTarget]]:
        """Chunks of what is known of these packages, in their order."""
        for start in range(0, len(ids), CHUNK):
            chunk = ids[start : start + CHUNK]
            rows = Package.objects.in_bulk(chunk)
            states = {state.package_id: state for state in FetchState.objects.filter(package__in=chunk, source=source)}
            yield [_known(rows[pk], source, states.get(pk), self.hosts) for pk in chunk if pk in rows]

    def _repository_steps(self, name: str, ids: Sequence[int]) -> Iterator[Step]:
        host, kind = self.hosts.forges[name], self.hosts.kinds[name]
        batched = kind == "github" and self.hosts.has_token
        for chunk in self._known("repo", ids):
            if batched:
                for start in range(0, len(chunk), github.QUERY_SIZE):
                    yield partial(self._overviews, host, chunk[start : start + github.QUERY_SIZE])
            else:
                for known in chunk:
                    yield partial(self._one, "repo", known, partial(READ[kind], host, known, self._today()))

    def _overviews(self, rest: Host, batch: list[FetchTarget]) -> Done:
        """The first step of GitHub with a token: what GraphQL knows, for many repositories at once."""
        try:
            found = github.read_overviews(self.hosts.graphql, batch)
        except NotAskedError as error:
            return Done(closed=str(error))
        except FetchError as error:
            return Done([self._failed("repo", known, error) for known in batch])
        done = Done()
        for known in batch:
            overview = found[known.package]
            if isinstance(overview, github.AskRestError):
                done.then.append(self._unsigned(known))
            elif isinstance(overview, FetchError):
                done.attempts.append(self._failed("repo", known, overview))
            else:
                complete = partial(github.complete, rest, known, overview, self._today())
                done.then.append(partial(self._one, "repo", known, complete))
        return done

    def _pypi_steps(self, _: str, ids: Sequence[int]) -> Iterator[Step]:
        serials = self._serials(ids)
        if serials is None:
            return
        for chunk in self._known("pypi", ids):
            changed = [known for known in chunk if not self._confirmed(known, serials)]
            asked = {known.package for known in changed}
            confirmed = [known for known in chunk if known.package not in asked]
            yield partial(
                Done, [self._attempt("pypi", known, Fetched(None, known.validators or {})) for known in confirmed]
            )
            for known in changed:
                read = partial(
                    pypi.read, self.hosts.pypi, known, today=self._today(), with_status=self._status_due(known)
                )
                yield partial(self._one, "pypi", known, read)

    def _serials(self, ids: Sequence[int]) -> dict[str, int] | None:
        """PyPI's index of last serials; empty if too few are due to pay for it, None if it cannot be had."""
        if len(ids) < INDEX_FROM:
            return {}
        names = set(Package.objects.askable("pypi").values_list("pypi_name", flat=True).iterator())
        try:
            return pypi.read_serials(self.hosts.pypi, names)
        except FetchError as error:
            self.summary.notes.append(f"PyPI's index of serials cannot be had, so it was not asked: {error}")
            tally = self.summary.tallies["pypi"]["pypi"]
            tally.outcomes[error.outcome] += 1
            tally.stopped = "its index cannot be had"
            return None

    def _confirmed(self, known: FetchTarget, serials: dict[str, int]) -> bool:
        """Whether the index says that nothing changed. Compared for equality: a serial can go back (a mirror)."""
        serial = (known.validators or {}).get("serial")
        return serial is not None and str(serials.get(known.pypi_name)) == serial and not self._status_due(known)

    def _status_due(self, known: FetchTarget) -> bool:
        """Spread over the days, so that all projects do not come due at once."""
        day = (known.validators or {}).get("status_day", "")
        try:
            return self._today() - date.fromisoformat(day) >= timedelta(days=STATUS_DAYS + known.package % 10)
        except ValueError:
            return True

    def _download_steps(self, _: str, ids: Sequence[int]) -> Iterator[Step]:
        for chunk in self._known("downloads", ids):
            for known in chunk:
                yield partial(self._one, "downloads", known, partial(pypistats.read, self.hosts.pypistats, known))

    def _one(
        self, source: Source, known: FetchTarget, read: Callable[[], Fetched[Any]], *, signed: bool = True
    ) -> Done:
        """Ask about one package. `signed`: with our token, if there is one."""
        try:
            return Done([self._attempt(source, known, read())])
        except NotAskedError as error:
            # The few that are asked without the token must not stop those that are asked with it.
            return Done(closed=str(error)) if signed else Done()
        except github.AskRestError as error:
            again = signed and self.hosts.has_token
            return Done(then=[self._unsigned(known)]) if again else Done([self._failed(source, known, error)])
        except FetchError as error:
            return Done([self._failed(source, known, error)])
        except Exception as error:
            # A fault of ours in one package's answer must not cost the others their numbers.
            logger.exception("package %s, %s", known.package, source)
            return Done([self._failed(source, known, FetchError(f"a fault of this program: {type(error).__name__}"))])

    def _unsigned(self, known: FetchTarget) -> Step:
        """Some owners refuse our kind of token for repositories that anybody may read."""
        read = partial(github.read, self.hosts.anonymous, known, self._today())
        return partial(self._one, "repo", known, read, signed=False)

    def _attempt(self, source: Source, known: FetchTarget, result: Fetched[Any] | Failure) -> Attempt:
        return Attempt(known, source, self.clock(), result)

    def _failed(self, source: Source, known: FetchTarget, error: FetchError) -> Attempt:
        return self._attempt(source, known, Failure(error.outcome, str(error)))

    def _today(self) -> date:
        return self.clock().date()


def _known(package: Package, source: Source, state: FetchState | None, hosts: Hosts) -> FetchTarget:
    """What is known of a package; of its address alone, if that is another than the one that was asked about."""
    known = FetchTarget(
        package=package.pk,
        host=package.repo_host,
        path=spelled(package.repo_url, hosts.kinds).path,
        pypi_name=package.pypi_name,
        validators={},
    )
    if state is None or state.target != getattr(package, TARGET_COLUMNS[source]):
        return known
    return replace(
        known,
        repo_id=package.repo_id,
        commits_over_52=tuple(package.commits_over_52),
        weeks_end=package.weeks_end,
        has_participants=bool(package.participants),
        validators=state.validators,
        previously_found=bool(state.last_success and not state.missing_days),
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as it is stored with the run, and printed by --json."""
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
        "snapshots pruned": summary.pruned,
        "seconds": summary.seconds,
        "exit code": summary.exit_code,
    }
