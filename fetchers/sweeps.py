"""A sweep: the due packages of one source go host by host to the upstream modules, and the results are saved.

Threads send the requests; only the main thread reads and writes the database. Each host has a queue of its own, so that
a slow one delays no other; results are saved in batches, each in one transaction, so that a kill loses one batch only.
"""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime

from fetchers.hosts import MAX_CONCURRENCY, Upstreams
from fetchers.order import Due
from fetchers.queues import HostQueue
from fetchers.steps import Steps
from fetchers.summary import Summary, Tally
from packages.facts import Source
from packages.results import Attempt, Failure, save_results

BATCH = 200  # attempts in one transaction
FLUSH_SECONDS = 5.0
MAX_REPEATS = 500  # packages of a host that are fetched a second time in one run


@dataclass(frozen=True)
class Part:
    """The due packages of one host, or a share of them; and of the host's packages as many as go with that share: all,
    and those that were fetched before."""

    due: Due
    total: int = 0
    previously_found: int = 0
    share: float = 1.0


@dataclass(frozen=True)
class Manner:
    """The manner of fetching packages. `force`: read everything again, whatever was noted of earlier fetches. `serials`
    are those of PyPI's projects, if somebody has fetched its index already. `trusted` hosts are believed."""

    workers: int = MAX_CONCURRENCY
    force: bool = False
    serials: Mapping[str, int] | None = None
    trusted: Collection[str] = ()


class Sweep:
    """The packages of one source in a run. Its tallies are in the summary. `end_reason` says why the run must end, if
    it must; `watch` is called now and then."""

    def __init__(
        self,
        source: Source,
        upstreams: Upstreams,
        clock: Callable[[], datetime],
        summary: Summary,
        manner: Manner,
        *,
        end_reason: Callable[[], str],
        watch: Callable[[], object] = lambda: None,
    ) -> None:
        self.source = source
        self.upstreams = upstreams
        self.clock = clock
        self.summary = summary
        self.manner = manner
        self.end_reason = end_reason
        self.watch = watch

    def run(self, parts: Mapping[str, Part], on_missing: Callable[[HostQueue], object] | None = None) -> None:
        """Fetch the packages of each host, and save the results: of those that were not found when it is known how many
        they are, unless `on_missing` takes them."""
        tallies = self.summary.tallies[self.source]
        queues = [self._queue(host, part, tallies[host]) for host, part in parts.items()]
        with ThreadPoolExecutor(max_workers=max(1, sum(queue.concurrency for queue in queues))) as pool:
            self._drive(queues, pool)
            for queue in queues:
                (on_missing or self.save_missing)(queue)
            self._repeat_incomplete(queues, pool)

    def _repeat_incomplete(self, queues: list[HostQueue], pool: ThreadPoolExecutor) -> None:
        """Fetch once more the packages whose lists were being computed. Those still not ready wait for the next run."""
        repeats = [
            self._queue(queue.name, Part(Due(queue.incomplete[:MAX_REPEATS])), Tally())
            for queue in queues
            if queue.incomplete and not queue.tally.stopped
        ]
        self._drive(repeats, pool)

    def _queue(self, name: str, part: Part, tally: Tally) -> HostQueue:
        steps = Steps(
            self.source,
            self.upstreams,
            self.clock,
            self.summary,
            force=self.manner.force,
            share=part.share,
            serials=self.manner.serials,
        )
        first_steps, probes = steps.of(name, part.due, part.total)
        concurrency = 1 if self.source == "downloads" else min(self.manner.workers, MAX_CONCURRENCY)
        return HostQueue(
            name,
            first_steps,
            tally,
            concurrency,
            1 if steps.is_batched(name) else concurrency,
            part.total,
            part.previously_found,
            probes,
            trusted=name in self.manner.trusted,
        )

    def _drive(self, queues: list[HostQueue], pool: ThreadPoolExecutor) -> None:
        """Keep all queues busy and save the results, until nothing is left or the run must end."""
        attempts: list[Attempt] = []
        saved = time.monotonic()
        while True:
            if reason := self.end_reason():
                for queue in queues:
                    queue.stop(reason)
            for queue in queues:
                queue.start(pool)
            running = {step: queue for queue in queues for step in queue.running}
            if not running:
                break
            finished, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            self.watch()
            for step in finished:
                attempts += running[step].finish(step)
            if len(attempts) >= BATCH or time.monotonic() - saved > FLUSH_SECONDS:
                self._save(queues, attempts)
                attempts, saved = [], time.monotonic()
        self._save(queues, attempts)

    def _save(self, queues: list[HostQueue], attempts: list[Attempt]) -> None:
        if not attempts:
            return
        report = save_results(attempts)
        self.summary.notes += report.notes
        self.summary.health.add(report.health)
        tallies = {queue.name: queue.tally for queue in queues}
        for attempt, outcome in report.outcomes:
            tallies[attempt.target.host if self.source == "repo" else self.source].outcomes[outcome] += 1
        self.upstreams.save()

    def save_missing(self, queue: HostQueue) -> None:
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


def _untrusted(attempt: Attempt) -> Attempt:
    if not isinstance(attempt.result, Failure):
        return attempt
    return replace(attempt, result=replace(attempt.result, trusted=False))
