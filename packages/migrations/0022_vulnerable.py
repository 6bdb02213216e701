from django.db import migrations, models

from core.database.migrations import AddFieldOnline, AddIndexOnline


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("packages", "0021_advisories"),
    ]

    operations = [
        AddFieldOnline(
            model_name="package",
            name="vulnerable",
            field=models.BooleanField(
                default=False,
                db_default=False,
                editable=False,
                help_text="An advisory affects the latest version.",
            ),
        ),
        AddIndexOnline(
            model_name="package",
            index=models.Index(fields=["id"], condition=models.Q(vulnerable=True), name="package_vulnerable"),
        ),
    ]
