"""The order in which the due packages of a host are tried, and what an older reader wrote, which is read again.

What failed last time comes after what is healthy and due, so that packages that always fail cost the others nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q

from fetchers.models import Run
from packages.facts import Source
from packages.identity import forges
from packages.models import PackageQuerySet

REREAD_DAYS = 7  # on one of which a package's turn comes
REREAD_REQUESTS = 2  # of one package: contributors and participation, or a project and its status
REASONS = {
    "without": "without an address",
    "unreadable": "with an address that names no repository",
    "elsewhere": "on unknown hosts",
}


@dataclass
class Due:
    """The ids of the due packages of a host: those whose last try did not fail, stalest first, then the others.

    The last `good` of the healthy ones were fetched before.
    """

    healthy: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    good: int = 0

    def __len__(self) -> int:
        return len(self.healthy) + len(self.failed)


def due_by_host(packages: PackageQuerySet, source: Source, limit: int | None) -> dict[str, Due]:
    """Return the packages, which came from with_state(), by host, or by the source if that is one host."""
    ordered: Any = packages.healthy_first(source)
    rows = ordered.values_list("pk", "repo_host", "failed", "state__last_success")[:limit]
    due: dict[str, Due] = {}
    for pk, host, failed, last_success in rows.iterator(chunk_size=5_000):
        of_host = due.setdefault(host if source == "repo" else source, Due())
        (of_host.failed if failed else of_host.healthy).append(pk)
        of_host.good += not failed and last_success is not None
    return due


def is_turn(package: int, today: date) -> bool:
    """Return whether it is the day on which what an older reader wrote of a package is read again."""
    return package % REREAD_DAYS == today.toordinal() % REREAD_DAYS


@dataclass(frozen=True)
class Budget:
    """The requests to these upstreams that a host's packages may cost a day, each, in the usual course."""

    upstreams: tuple[str, ...]
    a_package: float


GITHUB_BUDGET = Budget(("github", "github-graphql", "github-anonymous"), 0.25)
PYPI_BUDGET = Budget(("pypi",), 0.15)


def rereads(size: int, candidates: Sequence[int], budget: Budget | None, spent: int) -> int:
    """Return how many of the candidates can be read again now: a seventh of a host's packages at most, and within its
    budget, of which `spent` requests are used up."""
    most = min(len(candidates), -(-size // REREAD_DAYS))
    if budget is None:
        return most
    return max(0, min(most, int((budget.a_package * size - spent) / REREAD_REQUESTS)))


def spent_today(budget: Budget, now: datetime) -> int:
    """Return the requests that earlier runs of this day sent to the upstreams of a budget."""
    runs = Run.objects.filter(started__gte=now - timedelta(hours=20)).values_list("summary", flat=True)
    hosts = [summary.get("hosts", {}) for summary in runs]
    return sum(each.get(name, {}).get("requests", 0) for each in hosts for name in budget.upstreams)


def nothing_to_ask(packages: PackageQuerySet) -> dict[str, int]:
    """Return the number of packages that no source can be asked for, by the reason."""
    fetchable = packages.fetchable("repo").values("pk")
    rest = packages.filter(pypi_name="").exclude(pk__in=fetchable)
    no_address = Q(repo_url="", pypi_url="")
    unreadable = Q(repo_host="") | Q(repo_host__in=forges())
    counts = rest.aggregate(
        without=Count("pk", filter=no_address),
        unreadable=Count("pk", filter=unreadable & ~no_address),
        elsewhere=Count("pk", filter=~unreadable),
    )
    return {reason: counts[key] for key, reason in REASONS.items() if counts[key]}
