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


def _prune(now: datetime, **_: Any) -> None:
    from changes.log import prune  # noqa: PLC0415 (models are not loaded when this module is)

    prune(now)
