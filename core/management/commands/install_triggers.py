"""manage.py install_triggers: for what `manage.py check --database default` reports of triggers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from core.database.locks import LockedError
from core.database.triggers import REGISTERED


class Command(BaseCommand):
    help = (
        "Install the triggers that are missing or differ: of the log, the revisions, the search index, the verdicts on"
        " packages and the cells of grids. If there are any, what they do is made good: documents are counted again, no"
        " cached response is served any more, the search index is brought up to date, and packages are marked for"
        " update_health."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="install all triggers again, and do the rest in any case"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for triggers in REGISTERED:
            try:
                deviations = triggers.mend(connection, everything=options["all"])
            except LockedError as error:
                raise CommandError(
                    f"Triggers of {triggers.label} could not be installed: {error}. Run this command again later."
                ) from error
            if deviations and options["verbosity"]:
                self.stdout.write(f"Installed triggers: {'; '.join(map(str, deviations))}. {triggers.aftermath}")
