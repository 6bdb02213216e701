"""manage.py install_triggers: mends what the check of the triggers complains of (changes/checks.py)."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from changes import triggers


class Command(BaseCommand):
    help = "Make the triggers of the log and of the revisions anew; then no kept answer is given any more."

    def handle(self, *args: Any, **options: Any) -> None:
        missing = triggers.missing(connection)
        triggers.install(connection)
        if missing and options["verbosity"]:
            self.stdout.write(
                f"The triggers of {', '.join(missing)} are at work again. What was written without them is not in the"
                " log: whoever mirrors the catalogue has to start afresh."
            )
