import django.db.models.deletion
from django.db import migrations, models

import packages.fields
from core.database.migrations import CreateModelOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0011_fill_keys_of_facts"),
    ]

    operations = [
        CreateModelOnline(
            name="PackageHealth",
            fields=[
                (
                    "package",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="health",
                        serialize=False,
                        to="packages.package",
                    ),
                ),
                ("since", models.DateTimeField(blank=True, null=True)),
                ("before", models.CharField(blank=True, max_length=12)),
                (
                    "reasons",
                    models.JSONField(
                        blank=True, default=list, help_text="Rules that were tried; the last one decided."
                    ),
                ),
                ("warnings", models.JSONField(blank=True, default=list)),
                ("valid_until", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "package health",
                "indexes": [models.Index(fields=["valid_until"], name="package_health_valid_until")],
                "constraints": [
                    models.CheckConstraint(
                        condition=packages.fields.IsList("reasons"), name="package_health_reasons_list"
                    ),
                    models.CheckConstraint(
                        condition=packages.fields.IsList("warnings"), name="package_health_warnings_list"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            before__in=(
                                *("", "thriving", "maintained", "finished", "quiet", "unmaintained", "deprecated"),
                                *("gone", "unknown"),
                            )
                        ),
                        name="package_health_before_verdict",
                    ),
                ],
            },
        ),
    ]
