"""Settling: verdicts are computed from the facts that are stored, and stored with them.

Triggers mark the packages whose facts are written as unsettled (packages.triggers). The program's own ways of writing
run in `settled()`, so that facts and verdicts are written in one transaction. `update_health` settles the rest.

A settler locks the packages before it reads what their verdicts follow from: the last one sees what all others have
committed. It waits for no lock while it holds those of a writer: packages that another transaction has locked are
settled after the commit. So settlers are part of no deadlock. After it too, packages are looked for that came to a
repository in two transactions, which did not see each other's.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import BigIntegerField, Case, Func, Max, QuerySet, SmallIntegerField, Value, When
from django.db.models.functions import Cast
from django.utils import timezone

from core.words import counted
from packages import hooks
from packages.advisories.settle import of_project
from packages.health import health
from packages.health.verdicts import Health, rank
from packages.hooks import Standing
from packages.models import HEALTH_FIELDS, Package, PackageHealth, UnsettledPackage
from packages.settling.advisories import Advisories
from packages.settling.reading import PACKAGE_COLUMNS_READ, facts_of, unaware_sharers

SETTLED_COLUMNS = ("verdict_rank", "vulnerable")
BATCH = 500  # packages that are locked, read and written together

_ends_settled: ContextVar[bool] = ContextVar("ends_settled", default=False)


@dataclass
class Settled:
    """The number of packages that were settled, of those that never were before, of the others with a new verdict, and
    of those that could not be settled."""

    settled: int = 0
    new: int = 0
    changed: int = 0
    failed: int = 0

    def add(self, other: "Settled") -> None:
        self.settled += other.settled
        self.new += other.new
        self.changed += other.changed
        self.failed += other.failed

    def __str__(self) -> str:
        new = f", {self.new:,} for the first time" if self.new else ""
        failed = f"; {counted(self.failed, 'package')} could not be settled (see the log)" if self.failed else ""
        return (
            f"{counted(self.settled, 'package')} settled{new}: "
            f"{counted(self.changed, 'verdict') if self.changed else 'no verdict'} changed{failed}"
        )


@contextmanager
def settled() -> Iterator[Settled]:
    """Run a transaction that ends with settling the packages whose facts it wrote, and fill in what was settled.

    Inside another one of these, that one settles.
    """
    report = Settled()
    if _ends_settled.get():
        with transaction.atomic():
            yield report
        return
    token = _ends_settled.set(True)
    try:
        with transaction.atomic():
            before = _last_mark()
            yield report
            _settle_own(before, report)
    finally:
        _ends_settled.reset(token)


def settle(ids: Collection[int], now: datetime, *, wait: bool = True) -> Settled:
    """Settle the packages with these ids, BATCH at most, in the current transaction.

    Those that another transaction has locked are waited for, or left as they are.
    """
    packages = _locked(ids, wait=wait)
    if not packages:
        return Settled()
    pks = [package.pk for package in packages]
    # The marks go before the facts are read: one that comes later is of facts that may not be read.
    UnsettledPackage.objects.filter(package_id__in=pks).delete()
    stored, advisories = _stored(packages)
    report = Settled(settled=len(pks))
    rows: list[PackageHealth] = []
    ranks: dict[int | None, list[int]] = {}
    flips: dict[int, tuple[Standing, Standing]] = {}
    known = hooks.verdicts.known()
    for package, facts in facts_of(packages, advisories.vulnerable):
        result = health(facts, now)
        row, is_changed = stored.get(package.pk), result.verdict != package.verdict
        report.new += row is None
        report.changed += row is not None and is_changed
        if is_changed:
            ranks.setdefault(rank(result.verdict), []).append(package.pk)
        after = _row(package, row, result, known.get(package.pk), now)
        if is_changed and row is not None:
            new = Standing(result.verdict, after.since, after.before)
            flips[package.pk] = (Standing(package.verdict, row.since, row.before), new)
        if row is None or any(getattr(row, column) != getattr(after, column) for column in HEALTH_FIELDS):
            rows.append(after)
    _write(rows, ranks)
    advisories.save()
    if flips:
        hooks.verdicts.flipped(flips)
    return report


def _locked(ids: Collection[int], *, wait: bool) -> Sequence[Package]:
    packages = Package.objects.filter(pk__in=ids).order_by("pk").only(*PACKAGE_COLUMNS_READ, *SETTLED_COLUMNS)
    return list(packages.select_for_update(no_key=True, skip_locked=not wait))


def _stored(packages: Sequence[Package]) -> tuple[dict[int, PackageHealth], Advisories]:
    """Return what is stored of the verdicts by now, and of the advisories, in one statement."""
    rows = Package.objects.filter(pk__in=[package.pk for package in packages]).with_health().with_advisories()
    columns = ("pk", "health", *(f"health_{name}" for name in HEALTH_FIELDS), "advisories_listed", "advisories_told")
    health: dict[int, PackageHealth] = {}
    listed, told = {}, {}
    for pk, row, *values, listed[pk], told[pk] in rows.annotate(advisories_told=of_project()).values_list(*columns):
        if row is not None:
            health[pk] = PackageHealth(package_id=pk, **dict(zip(HEALTH_FIELDS, values, strict=True)))
    return health, Advisories(packages, told, listed)


def _row(
    package: Package, row: PackageHealth | None, result: Health, known: Standing | None, now: datetime
) -> PackageHealth:
    if row is None or row.since is None:
        since, before = now, ""
    elif result.verdict != package.verdict and known and known.verdict == result.verdict:
        since, before = known.since or now, known.before
    elif result.verdict == package.verdict:
        since, before = row.since, row.before
    else:
        since, before = now, package.verdict
    return PackageHealth(
        package_id=package.pk,
        since=since,
        before=before,
        reasons=[asdict(reason) for reason in result.reasons],
        warnings=list(result.warnings),
        valid_until=result.valid_until,
    )


def _write(rows: Sequence[PackageHealth], ranks: dict[int | None, list[int]]) -> None:
    PackageHealth.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["package"], update_fields=HEALTH_FIELDS, batch_size=BATCH
    )
    if ranks:
        new = Case(*(When(pk__in=pks, then=Value(each)) for each, pks in ranks.items()))
        changed = Package.objects.filter(pk__in=[pk for pks in ranks.values() for pk in pks])
        changed.update(verdict_rank=Cast(new, SmallIntegerField()))  # PostgreSQL takes nulls alone for a text


def _last_mark() -> int:
    """Return the id of the newest mark. SQLite's have no transaction: those with later ids are ours."""
    if connection.vendor == "postgresql":
        return 0
    return UnsettledPackage.objects.aggregate(last=Max("pk"))["last"] or 0


def _settle_own(last: int, report: Settled) -> None:
    """Settle the packages that this transaction has marked, since the mark `last` on SQLite."""
    own = UnsettledPackage.objects.filter(pk__gt=last)
    if connection.vendor == "postgresql":
        own = UnsettledPackage.objects.filter(
            marked_by=Func(function="txid_current_if_assigned", output_field=BigIntegerField())
        )
    now, written = timezone.now(), list[int]()
    for ids in batches(own):
        written += ids
        report.add(settle(ids, now, wait=False))
    left = list(own.values_list("package_id", flat=True)) if len(written) > report.settled else []
    if written:
        transaction.on_commit(partial(_settle_after_commit, left, written), robust=True)


def _settle_after_commit(left: Sequence[int], written: Sequence[int]) -> None:
    """Settle the packages that others had locked, and those that share repositories with others who wrote too."""
    for ids in parts(left):
        _settle_now(ids)
    for ids in parts(written):
        for sharers in parts(unaware_sharers(ids)):
            _settle_now(sharers)


@transaction.atomic
def _settle_now(ids: Sequence[int]) -> None:
    settle(ids, timezone.now())


def parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield the ids, BATCH at a time."""
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def batches(marks: QuerySet[UnsettledPackage]) -> Iterator[list[int]]:
    """Yield the ids of the packages with these marks, in their order, BATCH at a time, as they are by then."""
    after = 0
    ids = marks.order_by("package_id").values_list("package_id", flat=True).distinct()
    while batch := list(ids.filter(package_id__gt=after)[:BATCH]):
        yield batch
        if len(batch) < BATCH:
            return
        after = batch[-1]
