"""Mirror another v4 catalogue: `manage.py import_catalogue https://djangopackages.org/api/v4/`, or a folder."""

import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from core.kinds import Kind
from fetchers.mirror.importer import Report, import_catalogue
from fetchers.mirror.sources import Api, Folder, Source
from fetchers.network.http import HttpSession


class Command(BaseCommand):
    help = (
        "Bring in the catalogue of another v4 API (its root URL), or of a folder with categories.json, grids.json and "
        "packages.json. Exit code 0: all went in; 1: something was skipped, or the source broke off; 2: nothing could "
        "be read, and the database is as before."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", metavar="SOURCE", help="the root URL of a v4 API, or a folder")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, and change nothing")
        parser.add_argument("--prune", action="store_true", help="delete what the source no longer has")

    def handle(self, *, source: str, dry_run: bool, prune: bool, **_: Any) -> None:
        report = Report(lambda level, line: self.stderr.write(f"{level}: {line}"))
        # Off a terminal this shows nothing at all: only the lines of the report.
        with Progress(*_columns(), console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
            tasks = {kind: progress.add_task(kind.plural, total=None) for kind in report.counts}

            def advance(kind: Kind, done: int) -> None:
                progress.update(tasks[kind], completed=done)
                if not sys.stderr.isatty():
                    self.stdout.write(f"{kind.plural}: {done} so far")

            try:
                import_catalogue(_source(source), report, prune=prune, dry_run=dry_run, advance=advance)
            except KeyboardInterrupt:
                self.stderr.write("interrupted: what is written is whole batches, and the next run completes them")
                sys.exit(130)
        self._sum_up(report, dry_run=dry_run)
        if report.exit_code:
            sys.exit(report.exit_code)

    def _sum_up(self, report: Report, *, dry_run: bool) -> None:
        would = "would be " if dry_run else ""
        for kind, counts in report.counts.items():
            parts = [f"{counts[what]} {would}{what}" for what in ("created", "updated", "deleted") if counts[what]]
            parts.append(f"{counts['unchanged']} unchanged")
            self.stdout.write(f"{kind.plural}: {counts['read']} read, {', '.join(parts)}")
        self.stdout.write(f"{report.skipped} skipped, {report.notes} notes")
        if report.broke_off:
            self.stderr.write(f"the source broke off: {report.broke_off}")


def _columns() -> tuple[SpinnerColumn, TextColumn, MofNCompleteColumn, TimeElapsedColumn]:
    return SpinnerColumn(), TextColumn("{task.description:12}"), MofNCompleteColumn(), TimeElapsedColumn()


def _source(source: str) -> Source:
    if not source.lower().startswith(("http://", "https://")):
        return Folder(Path(source))
    about = f"; +{settings.SITE_URL}" if settings.SITE_URL else ""
    return Api(source, HttpSession(f"package-grids/{settings.VERSION} (import_catalogue{about})"), time.sleep)
