"""The steps of each source: how the due packages of a host become requests, and responses attempts."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

from fetchers.forges import github, github_graphql
from fetchers.hosts import READ, READERS, Upstreams
from fetchers.indexes import pypi, pypistats
from fetchers.network.http import FetchError, NotAskedError, Upstream
from fetchers.order import GITHUB_BUDGET, PYPI_BUDGET, Budget, Due, is_turn, rereads, spent_today
from fetchers.queues import FirstSteps, Marker, Step, StepResult
from fetchers.summary import Summary
from fetchers.waiting import CHUNK, Waiting
from packages.facts import UNKNOWN, Fetched, FetchTarget, PyPIFacts, RepositoryFacts, Source
from packages.identity import TARGET_COLUMNS
from packages.keys import spelled
from packages.models import FetchState, Package
from packages.results import Attempt, Failure

logger = logging.getLogger(__name__)

INDEX_FROM = 20  # due projects from which on PyPI's index of serials costs less than single requests
STATUS_DAYS = 30  # between two requests for a project's status, which changes no serial
# Facts that every whole response tells, and the columns that have a value if one ever has
TOLD: dict[Source, dict[str, str]] = {
    "repo": {
        "url": "repo_url",
        "description": "repo_description",
        "watchers": "repo_watchers",
        "forks": "repo_forks",
        "archived": "archived",
        "last_updated": "last_updated",
    },
    "pypi": {
        "version": "pypi_version",
        "requires_python": "requires_python",
        "requires_django": "requires_django",
        "classifiers": "classifiers",
        "licence": "licence",
        "repo_url": "pypi_repo_url",
        "releases": "released",
    },
    "downloads": {"last_month": "pypi_downloads"},
}


class Steps:
    """The steps of one source. `force`: what was noted of earlier fetches is ignored. `share`: of the due packages of
    a host. `serials`: PyPI's, where its index has been fetched already."""

    def __init__(
        self,
        source: Source,
        upstreams: Upstreams,
        clock: Callable[[], datetime],
        summary: Summary,
        *,
        force: bool,
        share: float = 1.0,
        serials: Mapping[str, int] | None = None,
    ) -> None:
        self.source = source
        self.upstreams = upstreams
        self.clock = clock
        self.summary = summary
        self.force = force
        self._share = share
        self._serials = serials
        self._index: Mapping[str, int] | None = {}
        self._deferred: list[int] = []

    def of(self, host: str, due: Due, size: int) -> tuple[FirstSteps, Iterator[Step]]:
        """Return the first steps of a host that has `size` packages, and probes, which are taken from them."""
        self._index = None if self.needs_index(due) else self._serials or {}
        step_size = github_graphql.QUERY_SIZE if self.is_batched(host) else 1
        healthy = Waiting(due, partial(self._steps, host, may_defer=True), step_size)
        return chain(healthy.first(), self._again(host, size), self._steps(host, due.failed)), healthy.probes()

    def needs_index(self, due: Due) -> bool:
        """Return whether the index of serials is to be fetched."""
        return self.source == "pypi" and self._serials is None and len(due) >= INDEX_FROM

    def is_batched(self, host: str) -> bool:
        """True if the host's first steps are GraphQL queries for many repositories."""
        return self.source == "repo" and self.upstreams.kinds[host] == "github" and self.upstreams.has_token

    def _steps(self, host: str, ids: Sequence[int], *, may_defer: bool = False, afresh: bool = False) -> Iterator[Step]:
        for start in range(0, len(ids), CHUNK):
            targets = self.targets(host, ids[start : start + CHUNK], may_defer=may_defer, afresh=afresh)
            yield from self.of_targets(host, targets)

    def of_targets(self, host: str, targets: list[FetchTarget]) -> Iterator[Step]:
        """The first steps of these packages of a host, which need not be stored."""
        of_source = {"repo": self._repository_steps, "pypi": self._pypi_steps, "downloads": self._download_steps}
        yield from of_source[self.source](host, targets)

    def _again(self, host: str, size: int) -> FirstSteps:
        """The steps of packages whose turn it is to be read again, when it is known what the others have cost."""
        if not self._deferred:
            return
        yield Marker.DRAIN
        budget = self._budget(host)
        number = rereads(size, self._deferred, budget, self._spent(budget) if budget else 0)
        yield from self._steps(host, self._deferred[:number], afresh=True)
        yield from self._steps(host, self._deferred[number:])

    def _budget(self, host: str) -> Budget | None:
        if self.source == "pypi":
            return PYPI_BUDGET
        # Without GraphQL every package costs a request a day at least.
        return GITHUB_BUDGET if self.is_batched(host) else None

    def _spent(self, budget: Budget) -> int:
        """Return the requests of the day until now, as many as go with our share, and the two queries that the rest
        may take."""
        ours = [each.rate_limit.requests for each in self.upstreams.all() if each.name in budget.upstreams]
        return sum(ours) + int(self._share * spent_today(budget, self.clock())) + 2

    def targets(
        self, host: str, ids: Sequence[int], *, may_defer: bool = False, afresh: bool = False
    ) -> list[FetchTarget]:
        """The packages with these ids as targets, in their order; without those that are to be read again later."""
        rows = Package.objects.in_bulk(ids)
        states = {state.package_id: state for state in FetchState.objects.filter(package__in=ids, source=self.source)}
        targets = []
        for pk in ids:
            if pk not in rows:
                continue
            target = _target(rows[pk], self.source, states.get(pk), self.upstreams)
            if afresh or self.force:
                target = _unnoted(target)
            elif may_defer and self._is_outdated(host, target) and is_turn(pk, self._today()):
                self._deferred.append(pk)
                continue
            targets.append(target)
        return targets

    def _is_outdated(self, host: str, target: FetchTarget) -> bool:
        """Return whether an older reader wrote what is known of a package."""
        return bool(target.notes) and target.notes.get("reader") != self._reader(host)

    def _reader(self, host: str) -> str:
        return READERS.get(self.upstreams.kinds[host] if self.source == "repo" else self.source, "")

    def _repository_steps(self, host: str, targets: list[FetchTarget]) -> Iterator[Step]:
        upstream, kind = self.upstreams.forges[host], self.upstreams.kinds[host]
        if self.is_batched(host):
            for start in range(0, len(targets), github_graphql.QUERY_SIZE):
                yield partial(self._overviews, upstream, targets[start : start + github_graphql.QUERY_SIZE])
        else:
            for target in targets:
                yield partial(self._one, target, partial(READ[kind], upstream, target, self._today()))

    def _overviews(self, rest: Upstream, batch: list[FetchTarget]) -> StepResult:
        """Query GraphQL for the overviews of a batch: the first step of GitHub with a token."""
        try:
            overviews = github_graphql.read_overviews(self.upstreams.graphql, batch)
        except NotAskedError as error:
            return StepResult(stopped=str(error))
        except FetchError as error:
            return StepResult([self._failed(target, error) for target in batch])
        result = StepResult()
        for target in batch:
            overview = overviews[target.package]
            if isinstance(overview, github.AskRestError):
                result.follow_ups.append(self._unauthenticated(target))
            elif isinstance(overview, FetchError):
                result.attempts.append(self._failed(target, overview))
            else:
                complete = partial(github.complete, rest, target, overview, self._today())
                result.follow_ups.append(partial(self._one, target, complete))
        return result

    def _pypi_steps(self, _: str, targets: list[FetchTarget]) -> Iterator[Step]:
        if self._index is None:
            self._index = self.serials()
        if self._index is None:
            return
        unchanged = [target for target in targets if self._is_unchanged(target, self._index)]
        yield partial(StepResult, [self._attempt(target, pypi.unchanged(target)) for target in unchanged])
        confirmed = {target.package for target in unchanged}
        for target in targets:
            if target.package not in confirmed:
                yield partial(self._one, target, self._project_reader(target))

    def _project_reader(self, target: FetchTarget) -> Callable[[], Fetched[Any]]:
        with_status = self._is_status_due(target)
        return partial(pypi.read, self.upstreams.pypi, target, today=self._today(), with_status=with_status)

    def serials(self) -> dict[str, int] | None:
        """Fetch PyPI's index of last serials; None if that failed."""
        names = set(Package.objects.fetchable("pypi").values_list("pypi_name", flat=True).iterator())
        tally = self.summary.tallies["pypi"]["pypi"]
        if tally.stopped:
            return None
        try:
            return pypi.read_serials(self.upstreams.pypi, names)
        except FetchError as error:
            self.summary.notes.append(f"PyPI's index of serials could not be fetched, so no project was: {error}")
            tally.outcomes[error.outcome] += 1
            tally.stopped = "its index could not be fetched"
            return None

    def _is_unchanged(self, target: FetchTarget, serials: Mapping[str, int]) -> bool:
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

    def _download_steps(self, _: str, targets: list[FetchTarget]) -> Iterator[Step]:
        for target in targets:
            yield partial(self._one, target, partial(pypistats.read, self.upstreams.pypistats, target))

    def _one(self, target: FetchTarget, read: Callable[[], Fetched[Any]], *, authenticated: bool = True) -> StepResult:
        """Fetch one package. `authenticated`: with our token, if there is one."""
        try:
            return StepResult([self._attempt(target, read())])
        except NotAskedError as error:
            # The few packages that are fetched without the token must not stop those that are fetched with it.
            return StepResult(stopped=str(error)) if authenticated else StepResult()
        except github.AskRestError as error:
            if authenticated and self.upstreams.has_token:
                return StepResult(follow_ups=[self._unauthenticated(target)])
            return StepResult([self._failed(target, error)])
        except FetchError as error:
            return StepResult([self._failed(target, error)])
        except Exception as error:
            # A bug that one package's response reveals must not cost the others their numbers.
            logger.exception("package %s, %s", target.package, self.source)
            bug = FetchError(f"a fault of this program: {type(error).__name__}")
            return StepResult([self._failed(target, bug)])

    def _unauthenticated(self, target: FetchTarget) -> Step:
        """Return the step for a repository whose owner refuses our kind of token, though it is public."""
        read = partial(github.read, self.upstreams.anonymous, target, self._today())
        return partial(self._one, target, read, authenticated=False)

    def _attempt(self, target: FetchTarget, result: Fetched[Any]) -> Attempt:
        """Return a success as an attempt, whose validators name the reader of what is known then."""
        reader = self._reader(target.host)
        if target.notes and not _is_whole(result):
            reader = target.notes.get("reader", "")
        validators = {**result.validators, "reader": reader} if reader else result.validators
        return Attempt(target, self.source, self.clock(), replace(result, validators=validators))

    def _failed(self, target: FetchTarget, error: FetchError) -> Attempt:
        return Attempt(target, self.source, self.clock(), Failure(error.outcome, str(error)))

    def _today(self) -> date:
        return self.clock().date()


def _is_whole(result: Fetched[Any]) -> bool:
    """Return whether a result owes nothing to an earlier one."""
    facts = result.facts
    if isinstance(facts, RepositoryFacts):
        return facts.participants is not UNKNOWN and facts.commits_over_52 is not UNKNOWN
    return isinstance(facts, PyPIFacts) and facts.version is not UNKNOWN  # not the status alone


def _unnoted(target: FetchTarget) -> FetchTarget:
    """Return the target as if nothing had been noted and counted of it, so that all is read again."""
    return replace(target, validators={}, commits_over_52=(), weeks_end=None, has_participants=False)


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
        healthy=bool(state.last_success and not state.failures),
        told=frozenset(
            fact for fact, column in TOLD[source].items() if state.last_success and getattr(package, column)
        ),
    )
