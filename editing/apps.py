from datetime import datetime
from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate

from core.signals import housekeeping, refreshed


class EditingConfig(AppConfig):
    name = "editing"

    def ready(self) -> None:
        from django.contrib.admin import site  # noqa: PLC0415 (models can be imported only now)

        from core import hooks  # noqa: PLC0415
        from core.database import triggers  # noqa: PLC0415
        from editing import adding  # noqa: PLC0415
        from editing.actions import ACTIONS  # noqa: PLC0415
        from editing.desk.metrics import measure_lists, measure_packages  # noqa: PLC0415
        from editing.desk.pages import pages as desk_pages  # noqa: PLC0415
        from editing.history import history_view, last_edits  # noqa: PLC0415
        from editing.merging.page import merge_packages, merge_pages  # noqa: PLC0415
        from editing.recorder import is_recording, recording  # noqa: PLC0415
        from editing.roles import create_roles  # noqa: PLC0415
        from editing.spreadsheets.admin import add_to_admin  # noqa: PLC0415
        from editing.triggers import EDIT_TRIGGERS  # noqa: PLC0415
        from editing.verdicts import Verdicts  # noqa: PLC0415
        from packages import hooks as hooks_of_packages  # noqa: PLC0415

        triggers.register(EDIT_TRIGGERS)
        hooks_of_packages.verdicts = Verdicts()
        hooks.recording = recording
        hooks.is_recording = is_recording
        hooks.history = history_view
        hooks.last_edits = last_edits
        hooks.added_actions["packages.Package"] += [*ACTIONS, merge_packages, *adding.ACTIONS]
        hooks.added_pages["packages.Package"] += [merge_pages, *adding.PAGES]
        hooks.added_site_pages.append(desk_pages)
        hooks.measures |= {"packages": measure_packages, "desk": measure_lists}
        add_to_admin()
        site.index_template = "editing/desk/index.html"
        # After the last app, and after Django has created its permissions: content types and permissions exist.
        *_, last = (each for each in apps.get_app_configs() if each.models_module)
        post_migrate.connect(create_roles, sender=last)
        housekeeping.connect(_prune)
        refreshed.connect(_count)
        refreshed.connect(_mail)


def _prune(now: datetime, **_: Any) -> str:
    from changes.log import RETENTION  # noqa: PLC0415 (models are not loaded when this module is)
    from core.words import counted  # noqa: PLC0415
    from editing.pruning import prune  # noqa: PLC0415

    deleted = prune(now)
    return f"deleted from the history: {counted(deleted, 'edit')} older than {RETENTION.days} days" if deleted else ""


def _count(now: datetime, **_: Any) -> None:
    from editing.desk.counts import store  # noqa: PLC0415 (models are not loaded when this module is)

    store(now)


def _mail(now: datetime, **_: Any) -> None:
    from editing.desk.mail import send  # noqa: PLC0415 (models are not loaded when this module is)

    send(now)
