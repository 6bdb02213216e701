from typing import Any

from django.db import migrations, models

from packages.triggers import HEALTH_TRIGGERS


def uninstall(apps: Any, schema_editor: Any) -> None:
    """Without the table, the triggers would fail with every write. `migrate` installs them when it exists."""
    HEALTH_TRIGGERS.uninstall(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ("packages", "0013_verdict"),
    ]

    operations = [
        migrations.CreateModel(
            name="SettledRules",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="UnsettledPackage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("package_id", models.BigIntegerField(db_index=True)),
                ("marked_by", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["marked_by", "package_id"], name="unsettled_package_unique")
                ],
            },
        ),
        migrations.RunPython(migrations.RunPython.noop, uninstall),
    ]
