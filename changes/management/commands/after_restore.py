"""manage.py after_restore: what a database needs that was restored from a backup."""

from typing import Any

from django.core.management.base import BaseCommand

from changes.log import begin_anew
from core.words import counted


class Command(BaseCommand):
    help = (
        "Run this once after a database was restored from a backup. Numbers of the log of changes that were given out"
        " after the backup would come again: so the log begins anew, and mirrors start afresh. No response that was"
        " cached before is served."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        deleted, number = begin_anew()
        if options["verbosity"]:
            self.stdout.write(f"{counted(deleted, 'change')} deleted from the log, which goes on from {number}.")
