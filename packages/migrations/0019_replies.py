from datetime import UTC
from typing import Any

from django.db import migrations, models
from django.db.models import F, Max
from django.db.models.functions import Least, TruncDate

from core.database.migrations import AddCheckOnline, AddFieldOnline, AddIndexOnline, RemoveFieldOnline
from packages.triggers import HEALTH_TRIGGERS

BATCH = 2_000  # rows in a statement
KINDS = ("finished", "help_wanted", "seeking_maintainer")


def reply(apps: Any, schema_editor: Any) -> None:
    """Store the day of the word, which is not known: no later than its package was last saved, nor than it ended."""
    day = Least(TruncDate("modified", tzinfo=UTC), F("finished_until"))
    for packages in _batches(apps, schema_editor):
        packages.filter(finished_until__isnull=False, reply_kind="").update(
            reply_kind="finished", reply_since=day, reply_until=F("finished_until")
        )


def take_back(apps: Any, schema_editor: Any) -> None:
    for packages in _batches(apps, schema_editor):
        packages.filter(reply_kind="finished").update(finished_until=F("reply_until"))


def _batches(apps: Any, schema_editor: Any) -> Any:
    packages = apps.get_model("packages", "Package").objects.using(schema_editor.connection.alias)
    last = packages.aggregate(last=Max("pk"))["last"] or 0
    return (packages.filter(pk__gt=after, pk__lte=after + BATCH) for after in range(0, last, BATCH))


def uninstall(apps: Any, schema_editor: Any) -> None:
    """Without the column, the triggers would fail with every write. `migrate` installs others at its end, and has all
    verdicts settled again."""
    HEALTH_TRIGGERS.uninstall(schema_editor.connection)


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("packages", "0018_pins"),
    ]

    operations = [
        AddFieldOnline(
            model_name="package",
            name="reply_kind",
            field=models.CharField(
                "reply",
                max_length=20,
                blank=True,
                default="",
                db_default="",
                choices=[
                    ("finished", "finished"),
                    ("help_wanted", "help wanted"),
                    ("seeking_maintainer", "seeking maintainer"),
                ],
                help_text="“Finished” says that the package is complete, and needs no releases: unless it supports"
                " nothing that is supported itself, it counts as finished as long as the reply holds.",
            ),
        ),
        AddFieldOnline(
            model_name="package",
            name="reply_note",
            field=models.CharField(
                "note",
                max_length=300,
                blank=True,
                default="",
                db_default="",
                help_text="Shown beside the reply, to everybody: why, or whom to write to.",
            ),
        ),
        AddFieldOnline(
            model_name="package",
            name="reply_since",
            field=models.DateField("replied on", null=True, blank=True, editable=False),
        ),
        AddFieldOnline(
            model_name="package",
            name="reply_until",
            field=models.DateField(
                "until",
                null=True,
                blank=True,
                help_text="The last day on which the reply holds. It ends by itself.",
            ),
        ),
        migrations.RunPython(reply, take_back),
        AddCheckOnline(
            model_name="package",
            constraint=models.CheckConstraint(
                condition=models.Q(reply_kind__in=("", *KINDS)),
                name="package_reply_kind",
            ),
        ),
        AddCheckOnline(
            model_name="package",
            constraint=models.CheckConstraint(
                condition=models.Q(reply_kind="", reply_until__isnull=True)
                | models.Q(reply_kind__gt="", reply_until__isnull=False),
                name="package_reply_until",
                violation_error_message="A reply needs the day until which it holds, and nothing else has one.",
            ),
        ),
        AddCheckOnline(
            model_name="package",
            constraint=models.CheckConstraint(
                condition=models.Q(reply_note="") | models.Q(reply_until__isnull=False),
                name="package_reply_note",
                violation_error_message="Without a reply there is no note.",
            ),
        ),
        AddCheckOnline(
            model_name="package",
            constraint=models.CheckConstraint(
                condition=models.Q(reply_since__isnull=True, reply_until__isnull=True)
                | models.Q(reply_since__isnull=False, reply_until__isnull=False, reply_until__gte=F("reply_since")),
                name="package_reply_since",
                violation_error_message="A reply cannot end before it begins.",
            ),
        ),
        AddIndexOnline(
            model_name="package",
            index=models.Index(
                fields=["reply_until", "id"],
                condition=models.Q(reply_until__isnull=False),
                name="package_reply",
            ),
        ),
        migrations.RunPython(uninstall, migrations.RunPython.noop),
        RemoveFieldOnline(model_name="package", name="finished_until"),
    ]
