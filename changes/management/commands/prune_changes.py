"""manage.py prune_changes: for sites that do not run refresh_packages, which prunes the log too."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from changes.log import RETENTION, prune


class Command(BaseCommand):
    help = f"Delete the changes that are older than {RETENTION.days} days from the log."

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = prune(timezone.now())
        if deleted and options["verbosity"]:
            self.stdout.write(f"{deleted} changes older than {RETENTION.days} days were deleted from the log")
