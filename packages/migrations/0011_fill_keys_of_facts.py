from typing import Any

from django.db import migrations
from django.db.models import F, Max, OuterRef, Subquery
from django.db.models.functions import Coalesce

BATCH = 2_000  # rows in a statement


def fill(apps: Any, schema_editor: Any) -> None:
    """Facts are of the target of the last fetch; where none was fetched, of the package's address."""
    alias = schema_editor.connection.alias
    packages, states, snapshots = (
        apps.get_model("packages", name).objects.using(alias) for name in ("Package", "FetchState", "Snapshot")
    )
    last = packages.aggregate(last=Max("pk"))["last"] or 0
    for after in range(0, last, BATCH):
        batch = packages.filter(pk__gt=after, pk__lte=after + BATCH)
        batch.update(
            repo_facts_of=Coalesce(_target(states, "repo"), F("repo_key")),
            pypi_facts_of=Coalesce(_target(states, "pypi"), F("pypi_name")),
        )
    owner = packages.filter(pk=OuterRef("package"))
    rows, after = snapshots.order_by("pk"), 0
    while batch := list(rows.filter(pk__gt=after).values_list("pk", flat=True)[:BATCH]):
        snapshots.filter(pk__gt=after, pk__lte=batch[-1]).update(
            repo_key=Subquery(owner.values("repo_facts_of")), pypi_name=Subquery(owner.values("pypi_facts_of"))
        )
        after = batch[-1]


def _target(states: Any, source: str) -> Subquery:
    return Subquery(states.filter(package=OuterRef("pk"), source=source).exclude(target="").values("target"))


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0010_addresses_without_credentials"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
