"""Counts of packages by source and host: fresh, due, failing, gone. One of each day is kept, for the chart."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, CharField, Count, F, Max, Min, Q, Sum, Value, When
from django.utils import timezone

from changes.log import RETENTION
from editing.models import DailyCount
from packages.facts import MISSING, SOURCES, Source
from packages.identity import TARGET_COLUMNS
from packages.models import Package
from packages.pages.freshness import NAMES
from packages.results import FRESH_FOR, MISSING_DAYS

DAYS = 30  # of the chart


class States(NamedTuple):
    """The numbers of packages in each state; every package that can be fetched is in one."""

    fresh: int = 0
    due: int = 0
    failing: int = 0
    gone: int = 0

    @property
    def all(self) -> int:
        return sum(self)


@dataclass(frozen=True)
class HostCount:
    """The states of the packages of one host, for one source. The host is "" for a source that is one host. `newest`
    and `oldest` are the last successes of those that are not gone."""

    source: Source
    host: str
    states: States
    newest: datetime | None = field(default=None, compare=False)
    oldest: datetime | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        return NAMES[self.source] + (f" at {self.host}" if self.host else "")


def counts(now: datetime) -> list[HostCount]:
    """Return the counts as they are now: a query for each source."""
    return [count for source in SOURCES for count in _of_source(source, now)]


def _of_source(source: Source, now: datetime) -> Iterable[HostCount]:
    is_present = Q(state__target=F(TARGET_COLUMNS[source]))
    missing = is_present & Q(state__failures__gt=0, state__outcome__in=MISSING, state__missing_days__gte=MISSING_DAYS)
    state = Case(
        When(missing, then=Value("gone")),
        When(is_present & Q(state__failures__gt=0), then=Value("failing")),
        When(is_present & Q(state__last_success__gt=now - FRESH_FOR[source]), then=Value("fresh")),
        default=Value("due"),
        output_field=CharField(),
    )
    host = F("repo_host") if source == "repo" else Value("")
    rows = Package.objects.fetchable(source).with_state(source).annotate(in_state=state, at=host).order_by()
    by_host: dict[str, dict[str, int]] = {}
    successes: dict[str, list[datetime]] = {}
    success = "state__last_success"
    grouped = rows.values_list("at", "in_state").annotate(Count("pk"), newest=Max(success), oldest=Min(success))
    for name, in_state, number, newest, oldest in grouped:
        by_host.setdefault(name, {})[in_state] = number
        of_host = successes.setdefault(name, [])
        of_host += [newest, oldest] if newest and in_state != "gone" else []
    hosts = [
        HostCount(
            source, name, States(**numbers), max(successes[name], default=None), min(successes[name], default=None)
        )
        for name, numbers in by_host.items()
    ]
    return sorted(hosts, key=lambda count: (-count.states.all, count.host))


def store(now: datetime) -> None:
    """Store the counts of today, in the place of those that an earlier run stored, and delete what is too old."""
    day = timezone.localdate(now)
    rows = [DailyCount(day=day, source=each.source, host=each.host, **each.states._asdict()) for each in counts(now)]
    DailyCount.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["day", "source", "host"], update_fields=list(States._fields)
    )
    DailyCount.objects.filter(day=day).exclude(host__in={row.host for row in rows}).delete()
    DailyCount.objects.filter(day__lt=day - RETENTION).delete()


def daily(source: Source, today: date) -> dict[date, States]:
    """Return the stored counts of the last DAYS days, by day, those of all hosts together."""
    rows: Any = DailyCount.objects.filter(source=source, day__gt=today - timedelta(days=DAYS), day__lte=today)
    sums = rows.order_by("day").values_list("day").annotate(*(Sum(name) for name in States._fields))
    return {day: States(*numbers) for day, *numbers in sums}
