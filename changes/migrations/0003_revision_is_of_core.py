from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("changes", "0002_revisions_never_repeat"),
        ("core", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="Revision")]),
    ]
