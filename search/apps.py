from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate


class SearchConfig(AppConfig):
    name = "search"

    def ready(self) -> None:
        from core.caching import reads  # noqa: PLC0415 (models are not loaded when this module is)
        from core.kinds import Kind  # noqa: PLC0415

        reads.register("search_entry", frozenset({Kind.PACKAGE.plural, Kind.GRID.plural}))
        pre_migrate.connect(_before_migrations, sender=self)
        post_migrate.connect(_after_migrations, sender=self)


def _before_migrations(using: str, plan: Any = (), **_: Any) -> None:
    """SQLite changes most tables by copying them into new ones, which loses triggers, and stumbles over the triggers
    of others that name the table in between: they go before, and come back after."""
    connection = connections[using]
    if connection.vendor == "sqlite" and plan:
        from search import triggers  # noqa: PLC0415 (models are not loaded when this module is)

        triggers.uninstall(connection)


def _after_migrations(using: str, plan: Any = (), **_: Any) -> None:
    connection = connections[using]
    if connection.vendor == "sqlite" and plan and "search_entry" in connection.introspection.table_names():
        from search import triggers  # noqa: PLC0415

        triggers.install(connection)
        triggers.rebuild(connection)
