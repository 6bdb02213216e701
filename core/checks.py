"""The check of triggers, which `manage.py check --database default` runs, and `migrate` before it begins."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core import checks
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from core.database.triggers import REGISTERED


def check_triggers(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """Warn of triggers that are missing or differ. Errors would stop `migrate`, which installs them."""
    return [message for alias in databases or () for message in _warnings(connections[alias])]


def _warnings(connection: BaseDatabaseWrapper) -> Iterator[checks.CheckMessage]:
    loader = MigrationLoader(connection)
    is_migrated = all(leaf in loader.applied_migrations for leaf in loader.graph.leaf_nodes())
    for triggers in REGISTERED:
        deviations = triggers.deviations(connection) if triggers.is_migrated(connection) else []
        # `migrate` compares the triggers itself after the migrations that are still to be run. But if one of these has
        # failed on SQLite, where triggers are uninstalled before, there are none at all.
        if deviations and (is_migrated or not triggers.has_any(connection)):
            yield checks.Warning(
                f"Triggers in the database “{connection.alias}” are not those of this version:"
                f" {'; '.join(map(str, deviations))}. {triggers.consequence}",
                hint="Run: manage.py install_triggers",
                id="core.W001",
            )
