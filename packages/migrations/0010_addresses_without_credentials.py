from typing import Any

from django.db import migrations


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0009_keys_of_facts"),
    ]

    operations = []
