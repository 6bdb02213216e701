from typing import Any

from django.db import migrations, models
from django.db.models import CheckConstraint, Q

from core.database.migrations import ReplaceCheckOnline

BEFORE = ("category", "package", "grid", "membership")
AFTER = (*BEFORE, "feature", "cell")


def forget(apps: Any, schema_editor: Any) -> None:
    changes = apps.get_model("changes", "Change").objects.using(schema_editor.connection.alias)
    changes.exclude(kind__in=BEFORE).delete()


def of_kinds(kinds: tuple[str, ...]) -> CheckConstraint:
    actions = ("created", "changed", "renamed", "deleted")
    return CheckConstraint(condition=Q(kind__in=kinds, action__in=actions), name="change_known")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("changes", "0003_revision_is_of_core"),
    ]

    operations = [
        migrations.AlterField(
            "change",
            "kind",
            models.CharField(max_length=10, choices=[(each, each) for each in AFTER]),
        ),
        ReplaceCheckOnline("change", of_kinds(BEFORE), of_kinds(AFTER)),
        migrations.RunPython(migrations.RunPython.noop, forget),
    ]
