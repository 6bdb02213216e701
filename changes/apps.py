from typing import Any

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


class ChangesConfig(AppConfig):
    name = "changes"

    def ready(self) -> None:
        from changes.checks import check_triggers  # noqa: PLC0415 (models are not loaded when this module is)

        register(check_triggers, Tags.database)
        _register_tables()
        pre_migrate.connect(_before_migrations, sender=self)
        post_migrate.connect(_after_migrations, sender=self)


def _before_migrations(using: str, plan: Any = (), **_: Any) -> None:
    """SQLite changes most tables by copying them into new ones, which loses triggers, and stumbles over the triggers
    of others that name the table in between: they go before, and come back after."""
    connection = connections[using]
    if connection.vendor == "sqlite" and plan:
        from changes import triggers  # noqa: PLC0415

        triggers.uninstall(connection)


def _after_migrations(using: str, plan: Any = (), **_: Any) -> None:
    connection = connections[using]
    if connection.vendor == "sqlite" and plan and "changes_change" in connection.introspection.table_names():
        from changes import triggers  # noqa: PLC0415

        triggers.install(connection)


def _register_tables() -> None:
    """Tell the cache which revisions move with the rows of each table that documents are built from."""
    from changes.triggers import WATCHED  # noqa: PLC0415
    from core.caching import reads  # noqa: PLC0415
    from core.caching.dependencies import LOG  # noqa: PLC0415

    for watched in WATCHED:
        reads.register(watched.table, frozenset(watched.revisions), watched.revisions_of)
    reads.register("changes_change", frozenset({LOG}))
