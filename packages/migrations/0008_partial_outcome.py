from typing import Any

from django.db import migrations, models
from django.db.models import CheckConstraint, Q

from core.database.migrations import AddFieldOnline, ReplaceCheckOnline

FAILURES = (
    "not_found",
    "gone",
    "private",
    "blocked",
    "unauthorized",
    "rate_limited",
    "server_error",
    "timeout",
    "invalid",
)
BEFORE = ("ok", "unchanged", "renamed", *FAILURES)
AFTER = ("ok", "unchanged", "renamed", "partial", *FAILURES)


def to_ok(apps: Any, schema_editor: Any) -> None:
    states = apps.get_model("packages", "FetchState").objects.using(schema_editor.connection.alias)
    states.filter(outcome="partial").update(outcome="ok")


def one_of(outcomes: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(condition=Q(outcome__in=list(outcomes)), name="fetch_state_outcome")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("packages", "0007_facts_of_pypi"),
    ]

    operations = [
        migrations.AlterField(
            "fetchstate",
            "outcome",
            models.CharField(max_length=20, choices=[(each, each) for each in AFTER]),
        ),
        ReplaceCheckOnline("fetchstate", one_of(BEFORE), one_of(AFTER)),
        migrations.RunPython(migrations.RunPython.noop, to_ok),
        AddFieldOnline(
            "package",
            "last_human_commit",
            models.DateTimeField("last commit not by a bot", null=True, blank=True, editable=False),
        ),
    ]
