"""Settle the verdicts on packages: `manage.py update_health`, from cron or by hand."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from packages.settling import Settled
from packages.settling.update import UnderWayError, update_health


class Command(BaseCommand):
    help = (
        "Settle the verdicts on packages whose facts were written otherwise than by the program, or that change with "
        "time; on all of them if the rules or the ends of support have changed. Exit code 0: done; 1: some could "
        "not be settled, and stay due; 3: another run is under way; 130: interrupted, what was settled stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--all", action="store_true", help="all packages, due or not")

    def handle(self, **arguments: Any) -> None:
        columns = TextColumn("settling"), MofNCompleteColumn(), TimeElapsedColumn()
        is_hidden = not sys.stderr.isatty()
        with Progress(*columns, console=Console(stderr=True), disable=is_hidden, transient=True) as progress:
            task = progress.add_task("settling", total=None)

            def advance(settled: Settled, due: int) -> None:
                progress.update(task, completed=settled.settled, total=due)

            try:
                report = update_health(everything=arguments["all"], advance=advance)
            except UnderWayError:
                self.stderr.write("another run is under way, so this one does nothing")
                sys.exit(3)
            except KeyboardInterrupt:
                self.stderr.write("interrupted: what was settled so far stays; run the command again for the rest")
                sys.exit(130)
        if arguments["verbosity"]:
            self.stdout.write(str(report))
        if report.failed:
            sys.exit(1)
