"""Settling what no way of the program has settled: rows written otherwise, and verdicts that change with time.

If the rules have changed, or the ends of support, that is everything. Each batch is a transaction of its own. A package
that cannot be settled stays due, and keeps no other from its verdict.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

from django.db import connection, transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from core.database.deadlocks import retried
from core.database.turns import turn
from packages.models import Package, PackageHealth, SettledRules, UnsettledPackage
from packages.settling import BATCH, Settled, batches, parts, settle
from packages.settling.reading import unaware_sharers
from packages.settling.rules import version
from packages.triggers import mark_all

logger = logging.getLogger(__name__)
CLOCKS_DIFFER = timedelta(hours=1)  # at most, of machines whose clocks are right
MOST_FAILED = 20  # packages: if more cannot be settled, the fault is none of theirs, and the run fails


class UnderWayError(Exception):
    """Another update is under way."""


def update_health(
    *,
    everything: bool = False,
    slugs: Collection[str] = (),
    is_ending: Callable[[], bool] = lambda: False,
    advance: Callable[[Settled, int], None] = lambda _settled, _due: None,
) -> Settled:
    """Settle what is due, or `everything`, and return what was settled. UnderWayError if another update does so.

    With `slugs`, of these packages alone, and not because the rules have changed. It ends after a batch when
    `is_ending`: what is left stays due. `advance` gets what was settled so far after each batch, and the number of
    packages that were due in the beginning. Those that cannot be settled stay due, each with a line in the log.
    """
    total, failed = Settled(), list[int]()
    with turn(connection, "update_health", _refuse):
        if not slugs:
            _mark_if_needed(everything=everything)
        now = timezone.now()
        marks, expired = _due(slugs, now)
        number = marks.count() + expired.count()
        for ids in _batches(marks, expired, failed):
            total.add(_settle(ids, now, failed))
            for sharers in parts(unaware_sharers(ids)):
                total.add(_settle(sharers, now, failed))
            advance(total, number)
            if is_ending():
                break
    total.failed = len(failed)
    return total


def _refuse() -> None:
    raise UnderWayError


@transaction.atomic
def _mark_if_needed(*, everything: bool) -> None:
    """Mark all packages, if the rules are others than those by which they were settled, or if verdicts were settled by
    a clock that was ahead: the marks outlive this run. Such a clock is noted with the rules, so that each marks once;
    and once more when its time has come, since it may be the present one that is wrong."""
    of_the_future = PackageHealth.objects.filter(since__gt=timezone.now() + CLOCKS_DIFFER)
    ahead = of_the_future.aggregate(last=Max("since"))["last"]
    current = sha256(f"{version()} {ahead}".encode()).hexdigest() if ahead else version()
    is_settled = SettledRules.objects.filter(version=current).exists()
    if everything or not is_settled:
        mark_all(connection)
    if not is_settled:
        SettledRules.objects.update_or_create(pk=1, defaults={"version": current})


def _due(slugs: Collection[str], now: datetime) -> tuple[QuerySet[UnsettledPackage], QuerySet[PackageHealth]]:
    """Return the marks, and the rows whose verdict or warnings change although no fact does."""
    marks, expired = UnsettledPackage.objects.all(), PackageHealth.objects.filter(valid_until__lte=now)
    if slugs:
        marks = marks.filter(package_id__in=Package.objects.filter(slug__in=slugs).values("pk"))
        expired = expired.filter(package__slug__in=slugs)
    return marks, expired


def _batches(
    marks: QuerySet[UnsettledPackage], expired: QuerySet[PackageHealth], failed: Sequence[int]
) -> Iterator[Sequence[int]]:
    yield from batches(marks)
    # Settling a batch takes it from these rows, unless it fails.
    while ids := list(expired.exclude(pk__in=failed).order_by("valid_until").values_list("pk", flat=True)[:BATCH]):
        yield ids


def _settle(ids: Sequence[int], now: datetime, failed: list[int]) -> Settled:
    """Settle packages in a transaction; if it fails, one half of them after the other. `failed` gets those that fail
    alone too."""
    try:
        return retried(partial(transaction.atomic(settle), ids, now))
    except Exception:
        if len(failed) == MOST_FAILED or not connection.is_usable():
            raise
        if len(ids) == 1:
            logger.exception("Package %s cannot be settled", ids[0])
            failed += ids
            return Settled()
    half = len(ids) // 2
    report = _settle(ids[:half], now, failed)
    report.add(_settle(ids[half:], now, failed))
    return report
