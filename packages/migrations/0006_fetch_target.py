from django.db import migrations, models


class Migration(migrations.Migration):
    """The field has another name, its column the old one: nothing of the table changes."""

    dependencies = [
        ("packages", "0005_indexes_of_flags"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField("fetchstate", "subject", "target"),
                migrations.AlterField(
                    "fetchstate", "target", models.CharField(max_length=500, blank=True, db_column="subject")
                ),
            ]
        ),
    ]
