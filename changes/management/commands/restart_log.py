"""manage.py restart_log: after the database was restored from a backup."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from changes.log import restart


class Command(BaseCommand):
    help = (
        "Begin the log of changes anew, after the database was restored from a backup: mirrors that have read further"
        " than the backup are told to start afresh (410), instead of missing changes."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        number = restart(timezone.now())
        if options["verbosity"]:
            self.stdout.write(f"The log begins anew after {number}: mirrors start afresh.")
