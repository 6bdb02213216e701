from django.db import migrations, models

from core.database.migrations import AddCheckOnline, AddFieldOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0012_package_health"),
    ]

    operations = [
        AddFieldOnline(
            model_name="package",
            name="finished_until",
            field=models.DateField(
                null=True,
                blank=True,
                help_text="The package is complete, and needs no releases until this day: unless it supports nothing"
                " that is supported itself, it counts as finished.",
            ),
        ),
        AddFieldOnline(
            model_name="package",
            name="verdict_rank",
            field=models.SmallIntegerField(
                "verdict",
                null=True,
                blank=True,
                editable=False,
                choices=[
                    (1, "thriving"),
                    (2, "maintained"),
                    (3, "finished"),
                    (4, "quiet"),
                    (5, "unmaintained"),
                    (6, "deprecated"),
                    (7, "gone"),
                ],
                help_text="Its place among the verdicts, the best is 1; null for unknown.",
            ),
        ),
        AddCheckOnline(
            model_name="package",
            constraint=models.CheckConstraint(
                condition=models.Q(verdict_rank__isnull=True) | models.Q(verdict_rank__range=(1, 7)),
                name="package_verdict_rank",
            ),
        ),
    ]
