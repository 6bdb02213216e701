import logging
from typing import Any

from django.db import migrations, models
from django.db.models import Count, Min

from core.database.migrations import AddFieldOnline, RemoveUniqueOnline

BATCH = 500
MAX_URL = 500

log = logging.getLogger(__name__)


def tell_apart(apps: Any, schema_editor: Any) -> None:
    """Give packages with the repository URL of an earlier one their id as its fragment, which means the same
    repository: the version before has each URL once."""
    packages = apps.get_model("packages", "Package").objects.using(schema_editor.connection.alias).order_by("pk")
    shared = packages.exclude(repo_url="").order_by().values("repo_url").annotate(rows=Count("pk"), first=Min("pk"))
    first = dict(shared.filter(rows__gt=1).values_list("repo_url", "first"))
    urls = list(first)
    for start in range(0, len(urls), BATCH):
        for package in packages.filter(repo_url__in=urls[start : start + BATCH]).only("repo_url"):
            if package.pk != first[package.repo_url]:
                end = f"{'&' if '#' in package.repo_url else '#'}{package.pk}"
                url = package.repo_url[: MAX_URL - len(end)] + end
                log.warning("package %s has the repository URL of an earlier one: it becomes %s", package.pk, url)
                packages.filter(pk=package.pk).update(repo_url=url)


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0008_partial_outcome"),
    ]

    operations = [
        RemoveUniqueOnline(model_name="package", name="package_repo_url_unique"),
        migrations.RunPython(migrations.RunPython.noop, tell_apart),
        AddFieldOnline(
            model_name="package",
            name="repo_facts_of",
            field=models.CharField(
                "key of the repository facts", max_length=500, blank=True, editable=False, default="", db_default=""
            ),
        ),
        AddFieldOnline(
            model_name="package",
            name="pypi_facts_of",
            field=models.CharField(
                "name of the PyPI facts", max_length=255, blank=True, editable=False, default="", db_default=""
            ),
        ),
        AddFieldOnline(
            model_name="snapshot",
            name="repo_key",
            field=models.CharField("repository key", max_length=500, blank=True, default="", db_default=""),
        ),
        AddFieldOnline(
            model_name="snapshot",
            name="pypi_name",
            field=models.CharField("PyPI name", max_length=255, blank=True, default="", db_default=""),
        ),
    ]
