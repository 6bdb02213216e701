"""A worker's part in a distributed run: one batch, by the same functions as all packages of a host in a local run."""

from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from django.utils import timezone

from fetchers.batches import begin, saved, without
from fetchers.distribution.quota import SharedUpstreams, join
from fetchers.locks import LockedError, lock_batch
from fetchers.models import Batch, BatchState
from fetchers.order import Due
from fetchers.queues import HostQueue
from fetchers.summary import Summary, Tally
from fetchers.sweeps import Manner, Part, Sweep
from packages.facts import FetchTarget, Outcome, Source
from packages.results import Attempt, Failure

clock = timezone.now


def perform(run: str, pk: int) -> None:
    """Fetch the batch, unless another worker does or has done so, or its run has ended."""
    with suppress(LockedError), lock_batch(pk):
        if not begin(run, pk):
            return
        result = _Work(Batch.objects.get(pk=pk)).result()
        Batch.objects.filter(pk=pk, state=BatchState.STARTED).update(state=BatchState.DONE, result=result)


class _Work:
    def __init__(self, batch: Batch) -> None:
        work: dict[str, Any] = batch.work
        self.source = cast(Source, batch.source)
        self.host = batch.host
        self.missing: list[dict[str, Any]] = work["missing"]
        self.until = datetime.fromisoformat(work["until"]) if work["until"] else None
        due = Due(work["healthy"], work["failed"], work["good"])
        self.saved = saved(self.source, due.healthy + due.failed, datetime.fromisoformat(work["since"]))
        rest = without(due, self.saved.keys() | {each["package"] for each in self.missing})
        self.part = Part(rest, work["total"], 0, work["share"])
        self.tally = Tally(len(due), len(self.saved) + len(self.missing), Counter(self.saved.values()))
        self.summary = Summary(tallies={self.source: {self.host: self.tally}})
        self.upstreams = SharedUpstreams(
            work["run"], str(batch.pk), clock, concurrency=work["workers"], is_ending=lambda: bool(self._end_reason())
        )
        self.sweep = Sweep(
            self.source,
            self.upstreams,
            clock,
            self.summary,
            Manner(work["workers"], work["force"], work["serials"], work["trusted"]),
            end_reason=self._end_reason,
        )

    def _end_reason(self) -> str:
        return "its time ran out" if self.until and clock() >= self.until else ""

    def _take_missing(self, queue: HostQueue) -> None:
        self.missing += map(_as_missing, queue.missing)

    def result(self) -> dict[str, Any]:
        """Fetch what is to be fetched, and return what has come of it."""
        owner = join(self.upstreams, self.source, self.host)
        if len(self.part.due):
            self.sweep.run({self.host: self.part}, self._take_missing)
        return {
            "tried": self.tally.tried,
            "outcomes": dict(self.tally.outcomes),
            "stopped": self.tally.stopped,
            "distrusted": self.tally.distrusted,
            "missing": self.missing,
            "notes": self.summary.notes,
            "health": asdict(self.summary.health),
            "owner": owner,
        }


def as_attempt(source: Source, missing: dict[str, Any]) -> Attempt:
    """Return a package that was not found as the attempt that it was."""
    names = ("package", "host", "path", "pypi_name", "previously_found")
    target = FetchTarget(**{name: missing[name] for name in names})
    failure = Failure(Outcome(missing["outcome"]), missing["message"])
    return Attempt(target, source, datetime.fromisoformat(missing["at"]), failure)


def _as_missing(attempt: Attempt) -> dict[str, Any]:
    """Return what is to be saved of a package that was not found, when it is known how many they are."""
    target, result = attempt.target, cast(Failure, attempt.result)
    return {
        "package": target.package,
        "host": target.host,
        "path": target.path,
        "pypi_name": target.pypi_name,
        "previously_found": target.previously_found,
        "at": attempt.at.isoformat(),
        "outcome": result.outcome,
        "message": result.message[:300],
    }
