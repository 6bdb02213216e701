"""What Django checks of a database before it migrates it, and where it is asked to: that the triggers are at work."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from changes import triggers


def check_triggers(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    found = {alias: _without_triggers(connections[alias]) for alias in databases or ()}
    return [
        Error(
            f"Triggers of {', '.join(tables)} are missing or disabled in the database “{alias}”, if only for some"
            " sessions: what is written then is not in the log of changes, and old answers are given for it.",
            hint="Run: manage.py install_triggers",
            id="changes.E001",
        )
        for alias, tables in found.items()
        if tables
    ]


def _without_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    # Migrations make the triggers: those that are still to be run may make others than there are now.
    loader = MigrationLoader(connection)
    is_migrated = all(leaf in loader.applied_migrations for leaf in loader.graph.leaf_nodes("changes"))
    return triggers.missing(connection) if is_migrated else []
