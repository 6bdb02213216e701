"""manage.py prune_changes: for sites that do not run refresh_packages, which prunes the log too."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from changes.log import RETENTION
from core.signals import housekeeping


class Command(BaseCommand):
    help = f"Delete what is older than {RETENTION.days} days from the log of changes, and from the history of edits."

    def handle(self, *args: Any, **options: Any) -> None:
        for _, deleted in housekeeping.send(Command, now=timezone.now()):
            if deleted and options["verbosity"]:
                self.stdout.write(deleted)
