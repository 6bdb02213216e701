from django.db import migrations, models

from core.database.migrations import AddFieldOnline, AddIndexOnline, PostgresIndex

TREND = "The gain of 30 days / (the number before + 100); null if it is not growing."


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0015_indexes_of_verdicts"),
    ]

    operations = [
        AddFieldOnline(
            model_name="package",
            name="stars_30d",
            field=models.IntegerField(
                "stars gained in 30 days",
                null=True,
                blank=True,
                editable=False,
                help_text="Counted to the last successful fetch; null until there is enough history.",
            ),
        ),
        AddFieldOnline(
            model_name="package",
            name="stars_90d",
            field=models.IntegerField(
                "stars gained in 90 days", null=True, blank=True, editable=False, help_text="As stars_30d."
            ),
        ),
        AddFieldOnline(
            model_name="package",
            name="stars_trend",
            field=models.FloatField("trend by stars", null=True, blank=True, editable=False, help_text=TREND),
        ),
        AddFieldOnline(
            model_name="package",
            name="downloads_30d",
            field=models.BigIntegerField(
                "downloads gained in 30 days",
                null=True,
                blank=True,
                editable=False,
                help_text="The downloads of the last 30 days, less those of the 30 days before; null until there is"
                " enough history.",
            ),
        ),
        AddFieldOnline(
            model_name="package",
            name="downloads_trend",
            field=models.FloatField("trend by downloads", null=True, blank=True, editable=False, help_text=TREND),
        ),
        AddIndexOnline(
            model_name="package",
            index=models.Index(fields=["stars_30d", "id"], name="package_stars_30d"),
        ),
        AddIndexOnline(
            model_name="package",
            index=models.Index(fields=["stars_90d", "id"], name="package_stars_90d"),
        ),
        AddIndexOnline(
            model_name="package",
            index=models.Index(fields=["downloads_30d", "id"], name="package_downloads_30d"),
        ),
        AddIndexOnline(
            model_name="package",
            index=models.Index(
                fields=["stars_trend", "id"],
                condition=models.Q(stars_trend__isnull=False),
                name="package_stars_trend",
            ),
        ),
        AddIndexOnline(
            model_name="package",
            index=models.Index(
                fields=["downloads_trend", "id"],
                condition=models.Q(downloads_trend__isnull=False),
                name="package_downloads_trend",
            ),
        ),
        PostgresIndex("package_stars_30d_falling", "packages_package (stars_30d DESC NULLS LAST, id DESC)"),
        PostgresIndex("package_stars_90d_falling", "packages_package (stars_90d DESC NULLS LAST, id DESC)"),
        PostgresIndex("package_downloads_30d_falling", "packages_package (downloads_30d DESC NULLS LAST, id DESC)"),
    ]
