from django.db import migrations, models

from core.database.migrations import AddIndexOnline, PostgresIndex


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0014_unsettled_packages"),
    ]

    operations = [
        AddIndexOnline(
            model_name="package",
            index=models.Index(fields=["verdict_rank", "id"], name="package_verdict"),
        ),
        # Both ways the unknown come last, and those with the same verdict most watched first.
        PostgresIndex("package_verdict_watchers", "packages_package (verdict_rank, repo_watchers DESC, id)"),
        PostgresIndex(
            "package_verdict_watchers_falling",
            "packages_package (verdict_rank DESC NULLS LAST, repo_watchers DESC, id DESC)",
        ),
        # Several verdicts together, newest first: the good and the fair, the poor, and the unknown.
        PostgresIndex("package_alive", "packages_package (id) INCLUDE (verdict_rank) WHERE verdict_rank <= 4"),
        PostgresIndex("package_dead", "packages_package (id) INCLUDE (verdict_rank) WHERE verdict_rank >= 5"),
        PostgresIndex("package_unknown", "packages_package (id) WHERE verdict_rank IS NULL"),
    ]
