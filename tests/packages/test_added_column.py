"""A new column of packages: a field in the models and one line in packages.documents put it everywhere."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

FIELD = "    stars = models.PositiveIntegerField(default=3, editable=False)\n"
LINE = '    Column("stars", v4=True, means="How many.", fetched=True),\n'

# Runs in the copy, and checks each place that must have the new column.
CHECKS = """
import json
from pathlib import Path
from tempfile import mkdtemp

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client

from categories.models import Category
from changes.models import Change
from fetchers.mirror.export import export_catalogue
from packages.documents import PACKAGE_COLUMNS
from packages.models import Package

call_command("migrate", verbosity=0)
category = Category.objects.create(title="C", slug="c")
package = Package.objects.create(title="P", slug="p", category=category, stars=7)
client = Client(headers={"host": "localhost"})
document = client.get("/api/v4/packages/p/").json()
assert list(document)[-1] == "stars", document
assert document["stars"] == 7
assert client.get("/api/v4/packages/?fields=stars").json()["results"] == [{"stars": 7}]
schema = client.get("/api/v4/schema/?format=json").json()["components"]["schemas"]["Package"]["properties"]
assert schema["stars"]["description"] == "How many."

before = Change.objects.count()
Package.objects.update(stars=7)
assert Change.objects.count() == before
Package.objects.update(stars=8)
assert Change.objects.count() == before + 1
Package.objects.update(stars=7)
assert "stars" in PACKAGE_COLUMNS.fetched

client.force_login(User.objects.create_superuser("a", password="a"))
page = client.get(f"/admin/packages/package/{package.pk}/change/").content.decode()
assert "field-stars" in page

folder = Path(mkdtemp())
export_catalogue(folder)
assert json.loads((folder / "packages.json").read_text())[0]["stars"] == 7
Package.objects.all().delete()
call_command("import_catalogue", str(folder), verbosity=0)
assert Package.objects.get().stars == 7
exported = (folder / "packages.json").read_text()
(folder / "packages.json").write_text(exported.replace('"stars":7', '"stars":-7'))
try:
    call_command("import_catalogue", str(folder), verbosity=0)
except SystemExit as end:
    assert end.code == 1
assert Package.objects.get().stars == 7
print("everywhere")
"""


def run(copy: Path, *command: str) -> str:
    environment = {**os.environ, "DEBUG": "true", "DATABASE_URL": f"sqlite:///{copy / 'db.sqlite3'}"}
    environment.pop("DATABASE_REPLICA_URL", None)
    command = (sys.executable, *command)
    return subprocess.run(command, cwd=copy, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def insert(file: Path, before: str, line: str) -> None:
    text = file.read_text()
    assert text.count(before) == 1
    file.write_text(text.replace(before, line + before))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns(".*", "tests", "__pycache__", "db.sqlite3*", "*.egg-info")
    return Path(shutil.copytree(settings.BASE_DIR, tmp_path / "copy", ignore=ignored))


def test_one_line_puts_a_new_column_everywhere(copy: Path) -> None:
    insert(copy / "packages" / "models.py", "    objects = PackageQuerySet.as_manager()\n", FIELD)
    insert(copy / "packages" / "documents.py", "    # Added by `fields=`\n", LINE)
    assert "Add field stars" in run(copy, "manage.py", "makemigrations", "packages")
    assert run(copy, "manage.py", "shell", "--no-imports", "-c", CHECKS).endswith("everywhere\n")
