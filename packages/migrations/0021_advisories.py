import django.db.models.deletion
from django.db import migrations, models

from core.database.migrations import CreateModelOnline
from packages.fields import IsList

LEVELS = ("critical", "high", "moderate", "low", "unknown")


def severity() -> models.CharField:
    return models.CharField(max_length=10, choices=[(level, level) for level in LEVELS], default="unknown")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("packages", "0020_merge_permission"),
    ]

    operations = [
        CreateModelOnline(
            name="Advisory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("osv_id", models.CharField(max_length=100, verbose_name="id")),
                ("pypi_name", models.CharField(blank=True, max_length=255, verbose_name="PyPI name")),
                ("aliases", models.JSONField(blank=True, default=list)),
                ("summary", models.CharField(blank=True, max_length=300)),
                ("severity", severity()),
                ("published", models.DateTimeField(blank=True, null=True)),
                ("modified", models.DateTimeField()),
                ("ranges", models.JSONField(blank=True, default=list)),
                ("versions", models.JSONField(blank=True, default=list)),
            ],
            options={
                "verbose_name_plural": "advisories",
                "ordering": ("-modified", "-id"),
                "constraints": [
                    models.UniqueConstraint(fields=("osv_id", "pypi_name"), name="advisory_unique"),
                    models.CheckConstraint(condition=models.Q(("severity__in", LEVELS)), name="advisory_severity"),
                    models.CheckConstraint(condition=IsList("aliases"), name="advisory_aliases_list"),
                    models.CheckConstraint(condition=IsList("ranges"), name="advisory_ranges_list"),
                    models.CheckConstraint(condition=IsList("versions"), name="advisory_versions_list"),
                ],
                "indexes": [
                    models.Index(fields=["pypi_name"], name="advisory_pypi_name"),
                    models.Index(fields=["modified", "id"], name="advisory_modified"),
                ],
            },
        ),
        CreateModelOnline(
            name="PackageAdvisory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("osv_id", models.CharField(max_length=100, verbose_name="id")),
                ("aliases", models.JSONField(blank=True, default=list)),
                ("summary", models.CharField(blank=True, max_length=300)),
                ("severity", severity()),
                ("fixed", models.JSONField(blank=True, default=list)),
                ("affects_latest", models.BooleanField(default=False)),
                ("published", models.DateTimeField(blank=True, null=True)),
                ("modified", models.DateTimeField()),
                (
                    "package",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="advisories", to="packages.package"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "package advisories",
                "ordering": ("package_id", "osv_id"),
                "constraints": [
                    models.UniqueConstraint(fields=("package", "osv_id"), name="package_advisory_unique"),
                    models.CheckConstraint(
                        condition=models.Q(("severity__in", LEVELS)), name="package_advisory_severity"
                    ),
                    models.CheckConstraint(condition=IsList("aliases"), name="package_advisory_aliases_list"),
                    models.CheckConstraint(condition=IsList("fixed"), name="package_advisory_fixed_list"),
                ],
            },
        ),
        CreateModelOnline(
            name="AdvisoryFeed",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asked_at", models.DateTimeField(blank=True, null=True)),
                ("archive_at", models.DateTimeField(blank=True, null=True)),
                ("etag", models.CharField(blank=True, max_length=210)),
                ("last_modified", models.CharField(blank=True, max_length=100)),
                ("unread", models.JSONField(blank=True, default=dict)),
            ],
        ),
    ]
