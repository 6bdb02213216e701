import django.db.models.deletion
from django.db import migrations, models

from core.database.migrations import CreateModelOnline


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("packages", "0017_readiness"),
    ]

    operations = [
        CreateModelOnline(
            name="Pin",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "column",
                    models.CharField(
                        choices=[
                            ("repo_description", "description"),
                            ("documentation_url", "documentation URL"),
                            ("licence", "licence"),
                            ("archived", "archived"),
                            ("pypi_url", "PyPI project"),
                            ("pypi_version", "latest version"),
                            ("released", "latest release"),
                            ("participants", "participants"),
                        ],
                        max_length=20,
                    ),
                ),
                ("pinned", models.JSONField(blank=True, null=True, verbose_name="value")),
                ("upstream", models.JSONField(blank=True, editable=False, null=True, verbose_name="upstream says")),
                (
                    "upstream_then",
                    models.JSONField(blank=True, editable=False, null=True, verbose_name="upstream said"),
                ),
                (
                    "is_elsewhere",
                    models.BooleanField(default=False, editable=False, verbose_name="another address since"),
                ),
                ("reason", models.CharField(help_text="Why: everybody can read it.", max_length=200)),
                ("since", models.DateTimeField(editable=False)),
                ("by", models.CharField(blank=True, editable=False, max_length=150, verbose_name="by whom")),
                (
                    "package",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="pins", to="packages.package"
                    ),
                ),
            ],
            options={
                "ordering": ("package_id", "column"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("package", "column"),
                        name="pin_unique",
                        violation_error_message="This is pinned already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "column__in",
                                (
                                    "repo_description",
                                    "documentation_url",
                                    "licence",
                                    "archived",
                                    "pypi_url",
                                    "pypi_version",
                                    "released",
                                    "participants",
                                ),
                            )
                        ),
                        name="pin_column",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="pin_reason",
                        violation_error_message="A pin needs a reason.",
                    ),
                ],
            },
        ),
    ]
