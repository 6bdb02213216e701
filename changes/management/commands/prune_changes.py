"""manage.py prune_changes: what refresh_packages does of itself, for those who do not run it."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from changes.log import RETENTION, prune


class Command(BaseCommand):
    help = f"Delete the changes of the log that are older than {RETENTION.days} days."

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = prune(timezone.now())
        if deleted and options["verbosity"]:
            self.stdout.write(f"{deleted} changes older than {RETENTION.days} days are gone from the log")
