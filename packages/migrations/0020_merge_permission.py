from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("packages", "0019_replies")]

    operations = [
        migrations.AlterModelOptions(
            name="package",
            options={"ordering": ("title", "id"), "permissions": (("merge_package", "Can merge packages"),)},
        ),
    ]
