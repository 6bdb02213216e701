"""Batches of due packages, which workers take in a distributed run: how they are cut, taken, and ended."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime

from django.db.models import F

from fetchers.locks import LockedError, lock_batch
from fetchers.models import Batch, BatchState
from fetchers.order import Due
from fetchers.sweeps import Part
from packages.facts import Outcome, Source
from packages.models import FetchState

SIZE = 100  # packages, which are two queries of GitHub's GraphQL
POLL_SECONDS = 0.5
MOST_LOSSES = 3  # of workers, after which a batch is given up


def cut(part: Part) -> Iterator[Part]:
    """Cut the due packages of a host into parts, in their order."""
    healthy, failed = part.due.healthy, part.due.failed
    never_fetched = len(healthy) - part.due.good
    for start in range(0, len(part.due), SIZE):
        end = start + SIZE
        due = Due(healthy[start:end], failed[max(0, start - len(healthy)) : max(0, end - len(healthy))])
        due.good = len(due.healthy) - len(healthy[start : min(end, never_fetched)])
        share = len(due) / len(part.due)
        yield Part(due, round(part.total * share), round(part.previously_found * share), share)


def without(due: Due, ids: Collection[int]) -> Due:
    """Return the due packages but for these."""
    good = due.healthy[len(due.healthy) - due.good :]
    return Due(
        [pk for pk in due.healthy if pk not in ids],
        [pk for pk in due.failed if pk not in ids],
        sum(pk not in ids for pk in good),
    )


def saved(source: Source, ids: Sequence[int], since: datetime) -> dict[int, Outcome]:
    """Return the packages whose results have been saved since then, with their outcomes."""
    states = FetchState.objects.filter(source=source, package__in=ids, last_attempt__gte=since)
    return {package: Outcome(outcome) for package, outcome in states.values_list("package_id", "outcome")}


def begin(run: str, batch: int) -> bool:
    """Start a batch of a run, whose lock is held, and return whether it may be fetched.

    One that is started already had a worker that died, and the broker was faster than the coordinator: it counts too.
    What MOST_LOSSES workers have begun in vain is left to the coordinator, which gives it up.
    """
    rows = Batch.objects.filter(pk=batch, work__run=run)
    if rows.filter(state=BatchState.SENT).update(state=BatchState.STARTED):
        return True
    died = rows.filter(state=BatchState.STARTED, losses__lt=MOST_LOSSES - 1)
    return bool(died.update(losses=F("losses") + 1))


def lose(batch: int) -> bool:
    """Count a worker that has died with a started batch. Return False if it lives, or has ended the batch."""
    try:
        with lock_batch(batch):
            rows = Batch.objects.filter(pk=batch, state=BatchState.STARTED)
            return bool(rows.update(state=BatchState.WAITING, losses=F("losses") + 1))
    except LockedError:
        return False


def end_former(sources: Collection[Source], is_ending: Callable[[], bool], sleep: Callable[[float], object]) -> None:
    """End the batches of runs that died, before another run of their sources: those that wait at once, and when their
    workers have ended those that are started, unless this run `is_ending` before."""
    batches = Batch.objects.filter(source__in=sources)
    batches.exclude(state=BatchState.STARTED).delete()
    while not is_ending():
        started = list(batches.filter(state=BatchState.STARTED).values_list("pk", flat=True))
        for batch in started:
            lose(batch)
        batches.exclude(state=BatchState.STARTED).delete()
        if not batches.exists():
            return
        sleep(POLL_SECONDS)
