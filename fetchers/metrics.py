"""Metrics of refreshing: the last run for each source, and what is left of the quotas of upstreams."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q

from core.hooks import Measured
from fetchers.models import HostRateLimit, Run
from packages.facts import FEEDS, SOURCES, Feed, Source

LOOKED_AT = 200  # runs, among which each source has its last one


def last_runs() -> dict[Source | Feed, Run]:
    """Return the last finished run of each source and feed, without its summary. Those of feeds alone are so many that
    among them a weekly run would be overlooked."""
    runs = Run.objects.filter(finished__isnull=False).order_by("-started", "-id").defer("summary")
    of_feeds = Q(sources=list(FEEDS))
    last: dict[Source | Feed, Run] = {}
    looked_at = [*runs.exclude(of_feeds)[:LOOKED_AT], *runs.filter(of_feeds)[:1]]
    for run in sorted(looked_at, key=lambda run: (run.started, run.pk), reverse=True):
        for source in (*SOURCES, *FEEDS):
            if source in run.sources:
                last.setdefault(source, run)
    return last


def measure_refreshes(_now: datetime) -> Iterator[Measured]:
    last = last_runs()
    ended = {(source,): run.finished.timestamp() for source, run in last.items() if run.finished}
    took = {(source,): (run.finished - run.started).total_seconds() for source, run in last.items() if run.finished}
    codes = {(source,): float(run.exit_code or 0) for source, run in last.items()}
    prefix, of = "refresh_last_run", "of the last run of refresh_packages for a source."
    yield Measured(f"{prefix}_timestamp_seconds", f"End {of}", ("source",), ended)
    yield Measured(f"{prefix}_duration_seconds", f"Duration {of}", ("source",), took)
    yield Measured(f"{prefix}_exit_code", f"Exit code {of}", ("source",), codes)
    of_packages = {source: last[source] for source in SOURCES if source in last}
    summaries = dict(Run.objects.filter(pk__in={run.pk for run in of_packages.values()}).values_list("pk", "summary"))
    due: dict[tuple[str, ...], float] = {}
    left: dict[tuple[str, ...], float] = {}
    outcomes: dict[tuple[str, ...], float] = {}
    for source, run in of_packages.items():
        for host, tally in _tallies(summaries.get(run.pk), source).items():
            due[source, host] = tally.get("due", 0)
            left[source, host] = tally.get("left", 0)
            outcomes |= {(source, host, outcome): number for outcome, number in tally.get("outcomes", {}).items()}
    yield Measured(f"{prefix}_due_packages", f"Packages that were due {of}", ("source", "host"), due)
    yield Measured(f"{prefix}_left_packages", f"Packages that were left over {of}", ("source", "host"), left)
    yield Measured(f"{prefix}_packages", f"Packages by outcome {of}", ("source", "host", "outcome"), outcomes)


def _tallies(summary: Any, source: Source | Feed) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = summary.get("sources", {}).get(source, {}) if isinstance(summary, dict) else {}
    return found


def measure_quotas(now: datetime) -> Iterator[Measured]:
    limits, remaining, paused = {}, {}, {}
    for row in HostRateLimit.objects.all():
        is_over = row.resets_at is not None and row.resets_at <= now
        left = row.limit if is_over else row.remaining
        if row.limit is not None and left is not None:
            limits[(row.name,)] = float(row.limit)
            remaining[(row.name,)] = float(left)
        paused[(row.name,)] = max(0.0, (row.paused_until - now).total_seconds()) if row.paused_until else 0.0
    yield Measured("upstream_quota_limit", "Requests that an upstream allows.", ("upstream",), limits)
    yield Measured("upstream_quota_remaining", "Requests of these that are left.", ("upstream",), remaining)
    yield Measured("upstream_pause_seconds", "Time for which an upstream wants no requests.", ("upstream",), paused)
