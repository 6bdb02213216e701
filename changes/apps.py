from datetime import datetime
from typing import Any

from django.apps import AppConfig

from changes.triggers import LOG_TRIGGERS
from core.database import triggers
from core.signals import housekeeping


class ChangesConfig(AppConfig):
    name = "changes"

    def ready(self) -> None:
        triggers.register(LOG_TRIGGERS)
        housekeeping.connect(_prune)
        _register_tables()
        _fill_hook()


def _prune(now: datetime, **_: Any) -> str:
    from changes.log import RETENTION, prune  # noqa: PLC0415 (models are not loaded when this module is)

    deleted = prune(now)
    return f"{deleted} changes older than {RETENTION.days} days were deleted from the log" if deleted else ""


def _fill_hook() -> None:
    from changes.slugs import LoggedSlugs  # noqa: PLC0415
    from core import hooks  # noqa: PLC0415

    hooks.former_slugs = LoggedSlugs()


def _register_tables() -> None:
    """Tell the cache which revisions move with the rows of each table that documents are built from."""
    from changes.triggers.watched import WATCHED  # noqa: PLC0415
    from core.caching import reads  # noqa: PLC0415
    from core.caching.dependencies import LOG, PRUNED  # noqa: PLC0415

    for watched in WATCHED:
        revisions = frozenset(kind.plural for kind in watched.shown_in)
        reads.register(watched.table, revisions, {name: k.plural for name, k in watched.columns_shown_in.items()})
    reads.register("changes_change", frozenset({LOG, PRUNED}), every_row=False)
