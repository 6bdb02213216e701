from django.db import migrations, models

from core.database.migrations import AddIndexOnline, CreateModelOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0016_trends"),
    ]

    operations = [
        AddIndexOnline(
            model_name="package",
            index=models.Index(fields=["requires_django"], name="package_requires_django"),
        ),
        CreateModelOnline(
            name="ReadinessCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("platform", models.CharField(max_length=10)),
                ("version", models.CharField(max_length=10)),
                ("says", models.CharField(max_length=10)),
                ("packages", models.PositiveBigIntegerField()),
                ("downloads", models.PositiveBigIntegerField()),
                ("as_of", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["platform", "version", "says"], name="readiness_count_unique"),
                    models.CheckConstraint(
                        condition=models.Q(platform__in=("django", "python")), name="readiness_count_platform"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(says__in=("named", "refused", "others", "silent", "unknown")),
                        name="readiness_count_says",
                    ),
                ],
            },
        ),
    ]
