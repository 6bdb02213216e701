from typing import Any

from django.db import migrations, models
from django.db.models.functions import Length

from core.database.migrations import AddFieldOnline, AddIndexOnline, AlterFieldOnline, AlterIntegerOnline


def empty_long_licences(apps: Any, schema_editor: Any) -> None:
    packages = apps.get_model("packages", "Package").objects.using(schema_editor.connection.alias)
    packages.alias(length=Length("licence")).filter(length__gt=100).update(licence="")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0006_fetch_target"),
    ]

    operations = [
        AddFieldOnline(
            "package",
            "pypi_repo_url",
            models.CharField(
                "repository named on PyPI", max_length=500, blank=True, editable=False, default="", db_default=""
            ),
        ),
        AddFieldOnline(
            "package",
            "pypi_status_reason",
            models.CharField(
                "reason of the PyPI status", max_length=300, blank=True, editable=False, default="", db_default=""
            ),
        ),
        AddFieldOnline(
            "package",
            "requires_django",
            models.CharField(
                max_length=255,
                null=True,
                blank=True,
                editable=False,
                help_text="The versions of Django that it requires, extras left out: empty for any, null if it requires none.",
            ),
        ),
        AlterFieldOnline("package", "licence", models.CharField(max_length=500, blank=True, editable=False)),
        migrations.RunPython(migrations.RunPython.noop, empty_long_licences),
        migrations.AlterField(
            "package",
            "pypi_status",
            models.CharField(
                "PyPI status",
                max_length=20,
                blank=True,
                editable=False,
                help_text="One of active, archived, quarantined, deprecated.",
            ),
        ),
        AddIndexOnline("package", models.Index(fields=["pypi_status", "id"], name="package_pypi_status")),
        AlterIntegerOnline(
            "package",
            "pypi_downloads",
            models.PositiveBigIntegerField("downloads a month", null=True, blank=True, editable=False),
        ),
        AlterIntegerOnline("snapshot", "downloads", models.PositiveBigIntegerField(null=True, blank=True)),
    ]
