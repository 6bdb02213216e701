"""Fetching a few packages while an editor waits: for a few seconds, and the rest is left to the next run.

It takes the way of a run, through the same door, but waits for no run's lock. Runs go first: it leaves twice their
reserve of every quota, and half of every published limit.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NamedTuple

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core.secrets import redacted
from fetchers.forges import github_graphql
from fetchers.forges.github_graphql import Overviews
from fetchers.hosts import Quota, Upstreams
from fetchers.network.http import FetchError, NotAskedError
from fetchers.network.rate_limit import PublishedRate, RateLimit, RateLimitState
from fetchers.queues import Step, StepResult
from fetchers.steps import Steps
from fetchers.summary import Summary
from packages.facts import FetchTarget, Outcome, Source
from packages.models import FetchState, Package
from packages.results import HOSTS_FAULT, Attempt, Failure, save_results

SECONDS = 8.0  # for all that is fetched for one request of an editor
AT_ONCE = 20  # packages
RESERVES = 2  # of a run, which are left alone
CONCURRENCY = 4  # requests in flight to one upstream
LONGEST_WAIT = timedelta(seconds=1)  # for a published limit: a run that starts then must not have to wait for long
FETCHED: tuple[Source, ...] = ("repo", "pypi")
TIME_IS_UP = f"not answered within {SECONDS:.0f} seconds"
NO_TOKEN = "there is no token for GitHub's batch query"  # noqa: S105 (no secret)


class Wanted(NamedTuple):
    """A target of a source, which need not be stored."""

    source: Source
    target: FetchTarget


@dataclass
class Received:
    """The attempts that were made, and why the others were not, by source and package."""

    attempts: list[Attempt] = field(default_factory=list)
    unasked: dict[tuple[Source, int], str] = field(default_factory=dict)


class _Upstreams(Upstreams):
    """The upstreams of one request of an editor."""

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        super().__init__(concurrency=CONCURRENCY, sleep=self._sleep_in_time)

    def _sleep_in_time(self, seconds: float) -> None:
        if time.monotonic() + seconds >= self.ends_at:
            raise NotAskedError(f"it may be asked in {seconds:.0f} seconds", Outcome.RATE_LIMITED)
        time.sleep(seconds)

    def _rate_limit(self, quota: Quota, stored: RateLimitState) -> RateLimit:
        max_wait = min(quota.max_wait, LONGEST_WAIT)
        return RateLimit(stored, self._clock, rate=_half(quota.rate), max_wait=max_wait, reserves=RESERVES)


def _half(rate: PublishedRate | None) -> PublishedRate | None:
    """Return the rate that is left beside a run's: half of what may follow at once, else a third of its pace."""
    if rate is None or rate.burst > 1:
        return rate and PublishedRate(rate.interval, rate.burst // 2)
    return PublishedRate(3 * rate.interval, 1)


class OnDemand:
    """The fetches for one request of an editor, who waits for SECONDS in all from the making of it on."""

    def __init__(self) -> None:
        self.upstreams = _Upstreams(time.monotonic() + SECONDS)

    @property
    def seconds_left(self) -> float:
        return max(0.0, self.upstreams.ends_at - time.monotonic())

    def targets(self, source: Source, ids: Sequence[int]) -> list[Wanted]:
        """Return stored packages as targets, with what is noted of their last fetches."""
        return [Wanted(source, target) for target in self._steps(source).targets("", ids)]

    def fetch(self, wanted: Collection[Wanted]) -> Received:
        """Fetch what can be fetched in the time that is left, and store what it says of the upstreams' limits."""
        by_host: dict[tuple[Source, str], list[FetchTarget]] = defaultdict(list)
        for source, target in wanted:
            by_host[source, target.host if source == "repo" else source].append(target)
        steps = (
            ((source, host), step)
            for (source, host), targets in by_host.items()
            for step in self._steps(source).of_targets(host, targets)
        )
        received = Received()
        reasons: dict[tuple[Source, str], str] = {}
        for key, result in self._results(steps):
            received.attempts += result.attempts
            if result.stopped:
                reasons[key] = result.stopped
        tried = {(attempt.source, attempt.target.package) for attempt in received.attempts}
        usual = "it could not be asked" if self.seconds_left else TIME_IS_UP
        for key, targets in by_host.items():
            for target in targets:
                if (key[0], target.package) not in tried:
                    received.unasked[key[0], target.package] = reasons.get(key, usual)
        self.upstreams.save()
        return received

    def overviews(self, targets: Sequence[FetchTarget]) -> tuple[Overviews, str]:
        """Return the overviews of repositories on GitHub, by its batch query alone, and why some are missing."""
        if not self.upstreams.has_token:
            return {}, NO_TOKEN
        overviews: Overviews = {}
        size = github_graphql.QUERY_SIZE
        batches = [targets[start : start + size] for start in range(0, len(targets), size)]
        reason = ""
        with self._threads(1) as pool:
            for batch in batches:
                query = pool.submit(github_graphql.read_overviews, self.upstreams.graphql, batch)
                if not wait([query], timeout=self.seconds_left).done:
                    reason = TIME_IS_UP
                    break
                try:
                    overviews |= query.result()
                except FetchError as error:
                    reason = redacted(str(error))
                    break
        self.upstreams.save()
        return overviews, reason

    def _steps(self, source: Source) -> Steps:
        return Steps(source, self.upstreams, timezone.now, Summary(), force=False)

    def _results(
        self, steps: Iterable[tuple[tuple[Source, str], Step]]
    ) -> Iterator[tuple[tuple[Source, str], StepResult]]:
        """Take the steps and those that follow from them, until the time is up."""
        with self._threads(2 * CONCURRENCY) as pool:
            running: dict[Future[StepResult], tuple[Source, str]] = {pool.submit(step): key for key, step in steps}
            while running and self.seconds_left:
                done, _ = wait(running, timeout=self.seconds_left, return_when=FIRST_COMPLETED)
                for each in done:
                    key, result = running.pop(each), each.result()
                    running |= {pool.submit(step): key for step in result.follow_ups}
                    yield key, result

    @contextmanager
    def _threads(self, number: int) -> Iterator[ThreadPoolExecutor]:
        """Threads, which nobody waits for in the end: their requests end soon by themselves."""
        pool = ThreadPoolExecutor(max_workers=number)
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


Key = tuple[int, Source]


@dataclass
class Report:
    """The fate of packages that were to be fetched, by package and source.

    `outcomes` are those of what was fetched, each with words if it failed; `queued` has the reasons why the others are
    left to the next run.
    """

    outcomes: dict[Key, tuple[Outcome, str]] = field(default_factory=dict)
    queued: dict[Key, str] = field(default_factory=dict)


def fetch_now(ids: Sequence[int]) -> Report:
    """Fetch AT_ONCE packages at most, save what was fetched, and queue the others.

    A fault of a host, or of the short time, is not held against a package. One that is not found may be one of many,
    which a run would not believe.
    """
    on_demand, report = OnDemand(), Report()
    fetchable: dict[Source, set[int]] = {source: _fetchable(source, ids) for source in FETCHED}
    known = [pk for pk in ids if any(pk in pks for pks in fetchable.values())]
    at_once = known[:AT_ONCE]
    for source, pks in fetchable.items():
        report.queued |= {(pk, source): f"{AT_ONCE} are fetched at once" for pk in known[AT_ONCE:] if pk in pks}
    wanted = [
        each
        for source, pks in fetchable.items()
        for each in on_demand.targets(source, [*filter(pks.__contains__, at_once)])
    ]
    received = on_demand.fetch(wanted)
    report.queued |= {(package, source): why for (source, package), why in received.unasked.items()}
    _save(received.attempts, report)
    queue(report.queued)
    return report


def _fetchable(source: Source, ids: Collection[int]) -> set[int]:
    return set(Package.objects.fetchable(source).filter(pk__in=ids).values_list("pk", flat=True))


def _save(attempts: Iterable[Attempt], report: Report) -> None:
    believed: dict[Source, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        result, key = attempt.result, (attempt.target.package, attempt.source)
        if not isinstance(result, Failure):
            believed[attempt.source].append(attempt)
        elif result.outcome in HOSTS_FAULT:
            report.queued[key] = result.message
        else:
            believed[attempt.source].append(replace(attempt, result=replace(result, trusted=False)))
    for source, of_source in believed.items():
        for attempt, outcome in save_results(of_source).outcomes:
            message = attempt.result.message if isinstance(attempt.result, Failure) else ""
            report.outcomes[attempt.target.package, source] = outcome, message


def queue(keys: Iterable[Key]) -> None:
    """Make packages due at the next run, each for its source; what was never fetched is due anyway."""
    by_source: dict[Source, list[int]] = defaultdict(list)
    for package, source in keys:
        by_source[source].append(package)
    now = timezone.now()
    for source, packages in by_source.items():
        FetchState.objects.filter(package__in=packages, source=source, next_due__gt=now).update(next_due=now)


def failed(ids: Collection[int]) -> QuerySet[FetchState]:
    """Return the states of these packages whose last fetch failed, of their present addresses."""
    of_present_address = Q(source="repo", target=F("package__repo_key")) | (
        ~Q(source="repo") & Q(target=F("package__pypi_name"))
    )
    return FetchState.objects.filter(of_present_address, package__in=ids, failures__gt=0)


def retry(states: QuerySet[FetchState]) -> None:
    """Make what failed due at the next run, however often it has failed."""
    now = timezone.now()
    states.filter(next_due__gt=now).update(next_due=now)
