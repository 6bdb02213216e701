"""The queue of one host in a run: which steps it takes next, and when the host is given up."""

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum

from fetchers.doubt import are_unusual
from fetchers.summary import Tally
from packages.facts import MISSING, UNKNOWN, Fetched, Outcome, PyPIFacts
from packages.results import Attempt, Failure

HEALTHY_FAILURES = 10  # in a row, of packages whose last try succeeded: the host seems to be down
ANY_FAILURES = 40  # in a row, of any packages
PROBES = 3  # steps of packages that were good before, which must fail too before a host is given up
HOSTS_FAILURES = frozenset({Outcome.SERVER_ERROR, Outcome.TIMEOUT, Outcome.RATE_LIMITED})


class Marker(Enum):
    """DRAIN, among first steps: take no further ones before all that were begun have ended."""

    DRAIN = "drain"


Step = Callable[[], "StepResult"]
FirstSteps = Iterator[Step | Marker]


@dataclass
class StepResult:
    """The result of one step: attempts to save, steps to take next, and why the host must be stopped, if it must."""

    attempts: list[Attempt] = field(default_factory=list)
    follow_ups: list[Step] = field(default_factory=list)
    stopped: str = ""


@dataclass
class Outage:
    """The failures in a row that may be the host's own: of packages whose last try succeeded, and of any."""

    healthy: int = 0
    any: int = 0

    def note(self, attempt: Attempt) -> None:
        if isinstance(attempt.result, Failure) and attempt.result.outcome in HOSTS_FAILURES:
            self.healthy += attempt.target.healthy
            self.any += 1
        else:
            self.healthy = self.any = 0

    @property
    def suspected(self) -> bool:
        return self.healthy >= HEALTHY_FAILURES or self.any >= ANY_FAILURES


@dataclass
class Losses:
    """The packages that were read, how many of them lack what they told before, and which facts these lack."""

    read: int = 0
    packages: int = 0
    facts: Counter[str] = field(default_factory=Counter)

    def note(self, attempt: Attempt) -> None:
        lost = _lost(attempt)
        if lost is not None:
            self.read += 1
            self.packages += bool(lost)
            self.facts.update(lost)

    def __str__(self) -> str:
        facts = ", ".join(f"{fact} of {number}" for fact, number in sorted(self.facts.items()))
        return f"{self.packages} of {self.read} packages that were read lack what they told before ({facts})"


def _lost(attempt: Attempt) -> set[str] | None:
    """Return the facts that a response lacks though they were told before; None if it was not read."""
    told, result = attempt.target.told, attempt.result
    if isinstance(result, Failure):
        unreadable = {"everything"} if told else set()
        return unreadable if result.outcome is Outcome.INVALID else None
    if result.facts is None or _is_status_alone(result.facts):
        return None
    return {fact for fact in told if getattr(result.facts, fact) is UNKNOWN}


def _is_status_alone(facts: object) -> bool:
    """Return whether facts are no more than a project's status."""
    return isinstance(facts, PyPIFacts) and facts == PyPIFacts(status=facts.status, status_reason=facts.status_reason)


@dataclass
class HostQueue:
    """The steps of one host's packages: first steps start as there is room, and follow-ups before them.

    Packages that are not found are held back until the end: too many of them are a fault of the host. If the host
    seems to be down, steps from `probes` decide whether it is: packages that were good before, of those that the first
    steps have left. If too many packages lack what they told before, the host is not believed, unless it is `trusted`.
    """

    name: str
    first_steps: FirstSteps
    tally: Tally
    concurrency: int
    first_concurrency: int
    total: int
    previously_found: int
    probes: Iterator[Step] = field(default_factory=lambda: iter(()))
    probed: int = 0
    outage: Outage = field(default_factory=Outage)
    exhausted: bool = False
    draining: bool = False
    running: dict[Future[StepResult], bool] = field(default_factory=dict)  # True for a first step
    follow_ups: deque[Step] = field(default_factory=deque)
    missing: list[Attempt] = field(default_factory=list)
    incomplete: list[int] = field(default_factory=list)
    trusted: bool = False
    losses: Losses = field(default_factory=Losses)

    def start(self, pool: ThreadPoolExecutor) -> None:
        """Start as many steps as there is room for."""
        while len(self.running) < self.concurrency:
            if self.follow_ups:
                self.running[pool.submit(self.follow_ups.popleft())] = False
            elif step := self._next_first_step():
                self.running[pool.submit(step)] = True
            else:
                return

    def _next_first_step(self) -> Step | None:
        """Return the next first step; None if there is none, or no room for it."""
        if self.exhausted or sum(self.running.values()) >= self.first_concurrency:
            return None
        if self.running and (self.draining or self.outage.suspected):
            return None
        self.draining = False
        if self.outage.suspected:
            return self._next_probe()
        step = next(self.first_steps, None)
        if isinstance(step, Marker):
            self.draining = True
            return self._next_first_step()
        self.exhausted = step is None
        return step

    def _next_probe(self) -> Step | None:
        step = next(self.probes, None) if self.probed < PROBES else None
        self.probed += 1
        if step is None:
            self.stop(f"it failed {self.outage.any} times in a row")
        return step

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
        return [attempt for attempt in result.attempts if self._take(attempt)]

    def _take(self, attempt: Attempt) -> bool:
        """Count an attempt, and return whether it can be saved now."""
        if self.tally.distrusted:
            return False
        self.tally.tried += 1
        if self._loses_too_much(attempt):
            return False
        self.outage.note(attempt)
        if not self.outage.suspected:
            self.probed = 0
        if isinstance(attempt.result, Fetched) and attempt.result.incomplete:
            self.incomplete.append(attempt.target.package)
        if isinstance(attempt.result, Failure) and attempt.result.outcome in MISSING:
            self.missing.append(attempt)
            return False
        return True

    @property
    def distrusted(self) -> bool:
        """True if suspiciously many packages are missing.

        That is, more than 20 that were found before, which are more than a twentieth of all such packages of the host;
        or every one of four or more packages that were tried, if these are at least half of the host's.
        """
        newly_missing = sum(attempt.target.previously_found for attempt in self.missing)
        everything = self._are_all(len(self.missing), self.tally.tried)
        return everything or are_unusual(newly_missing, self.previously_found)

    def _are_all(self, number: int, tried: int) -> bool:
        return number == tried and tried >= 4 and self.total <= 2 * tried

    def _loses_too_much(self, attempt: Attempt) -> bool:
        """Count what an attempt lacks. If that is so of suspiciously many, by the same measure as for those that are
        missing, but of what was read in this run, the host is not believed from this one on."""
        losses = self.losses
        losses.note(attempt)
        are_too_many = self._are_all(losses.packages, losses.read) or are_unusual(losses.packages, losses.read)
        if not are_too_many or self.trusted:
            return False
        self.tally.distrust(str(losses))
        self.stop(str(losses))
        return True
