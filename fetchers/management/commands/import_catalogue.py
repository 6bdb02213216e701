"""Import another v4 catalogue: `manage.py import_catalogue https://djangopackages.org/api/v4/`, or a folder."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from core.kinds import Kind
from fetchers.mirror.importer import Report, import_catalogue
from fetchers.mirror.sources import Api, DocumentSource, Folder
from fetchers.network.http import HttpSession


class Command(BaseCommand):
    help = (
        "Import the catalogue of another v4 API (its root URL), or of a folder with categories.json, grids.json and "
        "packages.json. Exit code 0: everything was imported; 1: something was skipped, or the source failed half-way; "
        "2: nothing could be read, and the database is unchanged."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SOURCE", help="the root URL of a v4 API, or a folder")
        parser.add_argument(
            "--dry-run", action="store_true", help="show what would be imported, without changing anything"
        )
        parser.add_argument(
            "--prune", action="store_true", help="delete rows that the source no longer has, unless these are too many"
        )
        parser.add_argument("--prune-many", action="store_true", help="delete them however many they are")
        parser.add_argument(
            "--overwrite",
            action="store_true",
            help="import a source whose documents have the ids of other documents here",
        )
        parser.add_argument(
            "--time-zone",
            default=settings.TIME_ZONE,
            metavar="NAME",
            help="the time zone of the source's times that have no offset, like Europe/Berlin; default: the site's",
        )

    def handle(self, *, source: str, dry_run: bool, time_zone: str, **options: Any) -> None:
        if time_zone not in available_timezones():
            raise CommandError(f"--time-zone must be a name like Europe/Berlin, not {time_zone!r}", returncode=2)
        report = Report(lambda level, line: self.stderr.write(f"{level}: {line}"))
        # The progress bars are for terminals; elsewhere a line is printed after each batch.
        with Progress(*_columns(), console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            tasks = {kind: progress.add_task(kind.plural, total=None) for kind in report.counts}

            def advance(kind: Kind, count: int) -> None:
                progress.update(tasks[kind], completed=count)
                if not sys.stderr.isatty():
                    self.stdout.write(f"{kind.plural}: {count} read so far")

            try:
                chosen = {name: options[name] for name in ("prune", "prune_many", "overwrite")}
                import_catalogue(
                    _source(source), report, **chosen, dry_run=dry_run, zone=ZoneInfo(time_zone), advance=advance
                )
            except KeyboardInterrupt:
                self.stderr.write(
                    "interrupted: the batches written so far stay; run the command again to import the rest"
                )
                sys.exit(130)
        self._print_summary(report, dry_run=dry_run)
        if report.exit_code:
            sys.exit(report.exit_code)

    def _print_summary(self, report: Report, *, dry_run: bool) -> None:
        would = "would be " if dry_run else ""
        for kind, counts in report.counts.items():
            parts = [
                f"{counts[change]} {would}{change}" for change in ("created", "updated", "deleted") if counts[change]
            ]
            parts.append(f"{counts['unchanged']} unchanged")
            self.stdout.write(f"{kind.plural}: {counts['read']} read, {', '.join(parts)}")
        self.stdout.write(f"{report.skipped} skipped, {report.notes} notes")
        if report.source_error:
            self.stderr.write(f"the source failed: {report.source_error}")


def _columns() -> tuple[SpinnerColumn, TextColumn, MofNCompleteColumn, TimeElapsedColumn]:
    return SpinnerColumn(), TextColumn("{task.description:12}"), MofNCompleteColumn(), TimeElapsedColumn()


def _source(source: str) -> DocumentSource:
    if not source.lower().startswith(("http://", "https://")):
        return Folder(Path(source))
    contact = f"; +{settings.SITE_URL}" if settings.SITE_URL else ""
    user_agent = f"package-grids/{settings.VERSION} (import_catalogue{contact})"
    return Api(source, HttpSession(user_agent, allow_private=settings.ALLOW_PRIVATE_HOSTS), time.sleep)
