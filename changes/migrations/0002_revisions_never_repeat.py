from django.db import migrations

from changes import triggers


def reinstall(apps, schema_editor):
    """Raises the revisions too. SQLite's triggers come after all migrations (changes/apps.py)."""
    if schema_editor.connection.vendor == "postgresql":
        triggers.install(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ("changes", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(reinstall, migrations.RunPython.noop),
    ]
