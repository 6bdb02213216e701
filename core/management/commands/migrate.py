"""manage.py migrate: Django's, one at a time. Two nodes that start together would both create the tables."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from core.database.turns import turn


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> Any:
        if options["plan"] or options["check_unapplied"]:
            return super().execute(*args, **options)
        # The checks come after the wait: what the other one has not done yet is no mistake.
        with turn(connections[options["database"]], "migrate", self._report_wait):
            return super().execute(*args, **options)

    def _report_wait(self) -> None:
        self.stderr.write("Another migrate is under way; this one waits for its end.")
