from django.db import migrations

from core.database.migrations import PostgresIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('packages', '0004_indexes_of_lists'),
    ]

    operations = [
        # Few packages are any of these, and the list of all of them is what is asked for.
        PostgresIndex("package_archived", "packages_package (id) WHERE archived"),
        PostgresIndex("package_deprecated", "packages_package (id) WHERE deprecated"),
        PostgresIndex("package_gone", "packages_package (id) WHERE gone_since IS NOT NULL"),
    ]
