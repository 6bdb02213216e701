from django.db import migrations, models

from core.database.migrations import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('grids', '0002_indexes_of_lists'),
    ]

    operations = [
        AddIndexOnline(
            model_name='gridpackage',
            index=models.Index(fields=['package', 'position', 'id', 'grid'], name='membership_of_package'),
        ),
    ]
