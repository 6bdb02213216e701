"""Export the whole catalogue as files: `manage.py export_catalogue FOLDER`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fetchers.mirror.export import export_catalogue


class Command(BaseCommand):
    help = "Write categories.json, grids.json and packages.json into FOLDER, in the form that import_catalogue reads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", type=Path, help="created if it does not exist")

    def handle(self, *, folder: Path, **_: Any) -> None:
        try:
            export_catalogue(folder, lambda kind, count: self.stdout.write(f"{kind.plural}: {count} written"))
        except OSError as error:
            raise CommandError(f"{error.filename or folder}: {error.strerror}") from error
