from typing import Any

from django.conf import settings
from django.db import migrations

from packages.addresses import clean
from packages.keys import KNOWN_HOSTS, pypi_project, repository

BATCH = 2_000


def clean_addresses(apps: Any, schema_editor: Any) -> None:
    """Credentials in addresses were published; forms and imports refuse or drop them from now on."""
    alias = schema_editor.connection.alias
    packages = apps.get_model("packages", "Package").objects.using(alias)
    for pk, values in _changed(packages, ("repo_url", "pypi_url", "documentation_url")):
        if "repo_url" in values:
            found = repository(values["repo_url"], {**KNOWN_HOSTS, **settings.FORGE_HOSTS})
            values |= {"repo_host": found.host, "repo_key": found.key}
        if "pypi_url" in values:
            values["pypi_name"] = pypi_project(values["pypi_url"])
        packages.filter(pk=pk).update(**values)
    aliases = apps.get_model("packages", "RepositoryAlias").objects.using(alias)
    for pk, values in _changed(aliases, ("repo_url",)):
        aliases.filter(pk=pk).update(**values)


def _changed(rows: Any, columns: tuple[str, ...]) -> Any:
    """Yield the ids of rows with an address that is not clean, and their clean addresses."""
    after = 0
    while batch := list(rows.filter(pk__gt=after).order_by("pk").values("pk", *columns)[:BATCH]):
        after = batch[-1]["pk"]
        for row in batch:
            values = {column: clean(row[column]).address for column in columns if row[column]}
            if changed := {column: value for column, value in values.items() if value != row[column]}:
                yield row["pk"], changed


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0009_keys_of_facts"),
    ]

    operations = [migrations.RunPython(clean_addresses, migrations.RunPython.noop, elidable=True)]
