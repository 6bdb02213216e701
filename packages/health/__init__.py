"""Is a package alive? One pure function from facts, and how fresh they are, to a verdict with its reasons.

Ages and support are counted to the newest success of the source that told the fact, never to now: a source that fails
moves no verdict. Only three things look at now: a source without a success for a year, which says nothing, the end of
an editor's word, and packages that are not found any more.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from packages.health.facts import Facts
from packages.health.known import SILENT_AFTER, Known
from packages.health.rules import judge
from packages.health.verdicts import LEVELS, Health, Reason, Verdict, WarningName
from packages.health.warnings import STALE_AFTER
from packages.health.warnings import warnings as warnings_of


def health(facts: Facts, now: datetime) -> Health:
    """Return the verdict on a package, and the time at which it or a warning changes though no fact does."""
    verdict, reasons, warnings = _judged(facts, now)
    later = [moment for moment in _moments(facts) if moment > now]
    changes = (moment for moment in sorted(later) if _judged(facts, moment)[::2] != (verdict, warnings))
    return Health(verdict, LEVELS[verdict], reasons, warnings, next(changes, None))


def _judged(facts: Facts, now: datetime) -> tuple[Verdict, tuple[Reason, ...], tuple[WarningName, ...]]:
    known = Known(facts, now)
    verdict, reasons = judge(known)
    return verdict, reasons, tuple(warnings_of(known, reasons[-1].rule))


def _moments(facts: Facts) -> Iterator[datetime]:
    """Yield the times at which anything can change though no fact does."""
    instant = timedelta(microseconds=1)
    for source in (facts.repo, facts.pypi):
        if source.last_success:
            yield source.last_success + SILENT_AFTER + instant
        if since := source.last_success or source.asked_since:
            yield since + STALE_AFTER + instant
    if facts.finished_until and facts.finished_until < date.max:
        yield datetime.combine(facts.finished_until + timedelta(days=1), time(), UTC)
