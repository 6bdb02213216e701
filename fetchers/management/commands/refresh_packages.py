"""Fetch fresh facts from repositories, PyPI, pypistats and OSV: `manage.py refresh_packages`, from cron or by hand."""

import json
import signal
import sys
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.live import Live
from rich.table import Table

from core.secrets import redacted
from core.words import counted
from fetchers.hosts import Upstreams, user_agent
from fetchers.locks import LockedError
from fetchers.network.ping import ping
from fetchers.refresh import Options, Refresh
from fetchers.summary import Summary, Tally, as_json
from packages.facts import FEEDS, SOURCES, Feed, Source
from packages.identity import forges
from packages.models import Package


def _at_least(least: float, kind: type[int] | type[float] = int) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = least - 1
        if not least <= number <= 1e9:
            raise ArgumentTypeError(f"must be a number of at least {least}, not {text!r}")
        return number

    return parse


class Command(BaseCommand):
    help = (
        "Refresh the repository and PyPI facts of the packages that are due, stalest first; downloads with --source "
        "downloads; with --source advisories read what is new in OSV's feed, once in a quarter of an hour. In the end "
        "count readiness, unless --package is given or no packages are read, and settle the verdicts that are due. "
        "Exit code 0: done, even if quota or time ran out or single packages failed; 1: all packages of a source, or "
        "of a host with 4 or more due, failed, or the feed did; 2: wrong arguments; 3: another run of the same source "
        "is under way; 4: a host is not believed, and nothing more of it was saved; 130, 143: ended in good order by "
        "Ctrl-C or SIGTERM."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--package", action="append", default=[], metavar="SLUG", help="only this package (repeatable)"
        )
        parser.add_argument(
            "--source", action="append", choices=(*SOURCES, *FEEDS), help="default: repo and pypi (repeatable)"
        )
        parser.add_argument("--host", default="", help="only packages whose repository is on this host")
        parser.add_argument("--all", action="store_true", help="all packages, due or not")
        parser.add_argument(
            "--force", action="store_true", help="all packages, and all of them read again, whatever is known"
        )
        parser.add_argument(
            "--trust",
            action="append",
            default=[],
            metavar="HOST",
            help="believe a host (or pypi, or downloads) whatever its canary says, and whatever it lacks (repeatable)",
        )
        parser.add_argument("--limit", type=_at_least(1), metavar="N", help="at most N packages of each source")
        parser.add_argument(
            "--stale-hours", type=_at_least(0, float), metavar="H", help="due H hours after the last success (20)"
        )
        parser.add_argument(
            "--workers", type=_at_least(1), default=8, metavar="N", help="at most N requests in flight to each host (8)"
        )
        parser.add_argument("--time-budget", type=_at_least(0, float), metavar="SECONDS", help="end after SECONDS")
        parser.add_argument("--distribute", action="store_true", help="let workers of Celery fetch, on any machine")
        parser.add_argument("--dry-run", action="store_true", help="only count what is due, and send no request")
        parser.add_argument("--json", action="store_true", help="print the summary as JSON")

    def handle(self, **arguments: Any) -> None:
        options = self._options(arguments)
        stop = threading.Event()
        with _signals(stop) as received, self._display() as watch:
            refresh = self._way(arguments)(options, stop=stop, watch=watch)
            if arguments["dry_run"]:
                self._write_due(refresh, in_json=arguments["json"])
                return
            try:
                summary = refresh.run()
            except LockedError:
                self.stderr.write("another run of the same source is under way, so this one does nothing")
                sys.exit(3)
        if arguments["json"]:
            self.stdout.write(json.dumps(as_json(summary)))
        else:
            self._write_summary(summary)
        code = 128 + received[0] if received else summary.exit_code
        if code:
            sys.exit(code)
        if settings.PING_URL and options.is_whole:  # a run of some packages, by hand, says nothing of cron
            ping(settings.PING_URL, user_agent(), allow_private=settings.ALLOW_PRIVATE_HOSTS)

    def _way(self, arguments: dict[str, Any]) -> type[Refresh]:
        """Return how packages are fetched. Only who distributes needs Celery."""
        if not arguments["distribute"]:
            return Refresh
        from fetchers.distribution.requirements import missing  # noqa: PLC0415 (imports Redis)

        if lack := missing():
            raise CommandError(lack)
        from fetchers.distribution.coordinator import DistributedRefresh, reaches_broker  # noqa: PLC0415 (Celery)

        if not reaches_broker():
            raise CommandError("--distribute needs the broker of CELERY_BROKER_URL, which cannot be reached")
        return DistributedRefresh

    def _options(self, arguments: dict[str, Any]) -> Options:
        slugs = tuple(arguments["package"])
        unknown = set(slugs).difference(Package.objects.filter(slug__in=slugs).values_list("slug", flat=True))
        if unknown:
            raise CommandError(f"there is no package with the slug {', '.join(sorted(unknown))}", returncode=2)
        if arguments["host"] and arguments["host"] not in forges():
            hosts = ", ".join(sorted(forges()))
            message = f"{arguments['host']} is not a host that packages are fetched from; these are: {hosts}"
            raise CommandError(message, returncode=2)
        trustable = {*forges(), "pypi", "downloads"}
        if unknown := set(arguments["trust"]) - trustable:
            message = f"--trust {', '.join(sorted(unknown))}: these are: {', '.join(sorted(trustable))}"
            raise CommandError(message, returncode=2)
        hours = arguments["stale_hours"]
        chosen = dict.fromkeys(arguments["source"] or ("repo", "pypi"))
        return Options(
            sources=tuple(source for source in SOURCES if source in chosen),
            feeds=tuple(feed for feed in FEEDS if feed in chosen),
            slugs=slugs,
            host=arguments["host"],
            everything=arguments["all"] or arguments["force"] or bool(slugs),
            force=arguments["force"],
            limit=arguments["limit"],
            stale=None if hours is None else timedelta(hours=hours),
            workers=arguments["workers"],
            budget=arguments["time_budget"],
            trusted=tuple(arguments["trust"]),
        )

    def _write_due(self, refresh: Refresh, *, in_json: bool) -> None:
        due: dict[Source | Feed, dict[str, int]] = {
            source: {host: len(due) for host, due in refresh.due(source).items()} for source in refresh.options.sources
        }
        due |= {feed: {feed: int(refresh.is_due_feed())} for feed in refresh.options.feeds}
        if in_json:
            self.stdout.write(json.dumps({"due": due}))
            return
        for source, hosts in due.items():
            for host, count in hosts.items() or {"": 0}.items():
                self.stdout.write(f"{source}: {count} due" + (f" at {host}" if host != source and host else ""))

    def _write_summary(self, summary: Summary) -> None:
        for note in summary.notes:
            self.stderr.write(f"note: {redacted(note)}")
        for source, tallies in summary.tallies.items():
            for host, tally in tallies.items():
                outcomes = ", ".join(f"{count} {outcome}" for outcome, count in sorted(tally.outcomes.items()) if count)
                left = max(0, tally.due - tally.tried)
                self.stdout.write(
                    f"{source}{'' if host == source else ' at ' + host}: {tally.due} due, {outcomes or 'none tried'}"
                    + (f", {left} left" if left else "")
                    + (f" ({tally.stopped})" if left and tally.stopped else "")
                )
        if summary.nothing_to_ask:
            reasons = ", ".join(f"{count} {reason}" for reason, count in summary.nothing_to_ask.items())
            self.stdout.write(f"nothing to ask: {sum(summary.nothing_to_ask.values())} ({reasons})")
        for name, quota in summary.hosts.items():
            self.stdout.write(
                f"{name}: {quota['requests']} requests"
                + (f", {quota['remaining']} left" if quota["remaining"] is not None else "")
                + (f", may go on at {quota['may_go_on_at']}" if quota["may_go_on_at"] else "")
            )
        health = summary.health
        self.stdout.write(f"health: {counted(health.changed, 'verdict')} changed, {health.new:,} for the first time")
        self.stdout.write(f"done in {summary.seconds} s")

    @contextmanager
    def _display(self) -> Iterator[Callable[[Source, dict[str, Tally], Upstreams], None]]:
        """Show a live table on a terminal; nothing elsewhere."""
        if not sys.stderr.isatty():
            yield lambda *_: None
            return
        with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
            started: dict[Source, float] = {}

            def show(source: Source, tallies: dict[str, Tally], upstreams: Upstreams) -> None:
                seconds = time.monotonic() - started.setdefault(source, time.monotonic())
                live.update(_table(source, tallies, upstreams, seconds), refresh=True)

            yield show


def _table(source: Source, tallies: dict[str, Tally], upstreams: Upstreams, seconds: float) -> Table:
    table = Table(title=f"refreshing: {source}")
    for column in ("host", "tried", "due", "a second", "ok", "failed", "quota left"):
        table.add_column(column, justify="left" if column == "host" else "right")
    for name, tally in tallies.items():
        upstream = upstreams.forges.get(name) or (upstreams.pypi if source == "pypi" else upstreams.pypistats)
        quota = upstream.rate_limit.state.remaining
        rate = f"{tally.tried / seconds:.1f}" if seconds > 1 else ""
        numbers = (tally.tried, tally.due, rate, tally.succeeded, tally.failed, "" if quota is None else quota)
        table.add_row(name, *map(str, numbers))
    return table


@contextmanager
def _signals(stop: threading.Event) -> Iterator[list[int]]:
    """Let SIGINT and SIGTERM end the run in good order; the list collects those received."""
    received: list[int] = []

    def end(number: int, _: object) -> None:
        received.append(number)
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
