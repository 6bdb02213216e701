from django.db import migrations, models

from core.database.migrations import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("changes", "0004_features_and_cells"),
    ]

    operations = [
        AddIndexOnline(
            model_name="change",
            index=models.Index(fields=["kind", "number"], name="change_kind"),
        ),
    ]
