"""Load the sample catalogue into an empty database: `manage.py load_sample`."""

from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand

from categories.models import Category

SAMPLE = Path(__file__).resolve().parents[2] / "sample"


class Command(BaseCommand):
    help = "Load the sample catalogue that comes with the program, unless the database already has a catalogue."

    def handle(self, **_: Any) -> None:
        if Category.objects.exists():
            self.stdout.write("The database already has a catalogue; the sample was not loaded.")
        else:
            call_command("import_catalogue", str(SAMPLE), stdout=self.stdout, stderr=self.stderr)
