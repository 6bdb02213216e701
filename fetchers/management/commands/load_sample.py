"""Load the sample catalogue into an empty database: `manage.py load_sample`."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from categories.models import Category
from fetchers.sample.facts import SampleError, read, save
from packages.readiness.counts import count_readiness
from packages.settling import settled

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
FACTS = SAMPLE / "facts.json"


class Command(BaseCommand):
    help = (
        "Load the sample catalogue that comes with the program, with facts of its packages as if they had been fetched"
        " today, unless the database already has a catalogue."
    )

    def handle(self, *, verbosity: int, **_: Any) -> None:
        if Category.objects.exists():
            self.stdout.write("The database already has a catalogue; the sample was not loaded.")
            return
        output = {"stdout": self.stdout, "stderr": self.stderr}
        now = timezone.now()
        try:
            facts = read(FACTS)
            with settled():  # all of it or nothing, so that it can be tried again
                call_command("import_catalogue", str(SAMPLE), **output)
                number = save(facts, now)
                count_readiness(now)
        except SampleError as error:
            raise CommandError(str(error)) from None
        call_command("update_health", verbosity=0, **output)  # which notes the rules that verdicts are of
        if verbosity:
            self.stdout.write(f"facts: {number} packages, sample data as of {facts.as_of}, moved to today")
