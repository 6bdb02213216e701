from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("packages", "0008_partial_outcome"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="package", name="package_repo_url_unique"),
        migrations.AddField(
            model_name="package",
            name="repo_facts_of",
            field=models.CharField(
                "key of the repository facts", max_length=500, blank=True, editable=False, default="", db_default=""
            ),
        ),
        migrations.AddField(
            model_name="package",
            name="pypi_facts_of",
            field=models.CharField(
                "name of the PyPI facts", max_length=255, blank=True, editable=False, default="", db_default=""
            ),
        ),
        migrations.AddField(
            model_name="snapshot",
            name="repo_key",
            field=models.CharField("repository key", max_length=500, blank=True, default="", db_default=""),
        ),
        migrations.AddField(
            model_name="snapshot",
            name="pypi_name",
            field=models.CharField("PyPI name", max_length=255, blank=True, default="", db_default=""),
        ),
    ]
