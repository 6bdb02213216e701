from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('grids', '0003_memberships_in_order'),
    ]

    operations = [
        migrations.AlterField(
            model_name='grid',
            name='is_locked',
            field=models.BooleanField(default=False, help_text='Only users with the permission to unlock grids can change it.', verbose_name='locked'),
        ),
    ]
