from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.signals import user_login_failed
from django.core.checks import Tags, register
from django.core.management.base import CommandError
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate

from core.checks import check_triggers
from core.database.locks import LockedError
from core.database.triggers import REGISTERED
from core.logs import log_failed_login
from core.signals import housekeeping


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from axes.signals import user_locked_out  # noqa: PLC0415 (models can be imported only now)

        from core.logins import log_lock, prune  # noqa: PLC0415

        register(check_triggers, Tags.database)
        user_login_failed.connect(log_failed_login)
        user_locked_out.connect(log_lock)
        housekeeping.connect(prune)
        pre_migrate.connect(_before_migrations, sender=self)
        # The signal is sent for one app after the other. After the last one, content types and permissions exist too:
        # nothing else is left undone if the triggers cannot be installed.
        *_, last = (each for each in apps.get_app_configs() if each.models_module)
        post_migrate.connect(_after_migrations, sender=last)


def _before_migrations(using: str, plan: Any = (), **_: Any) -> None:
    """Uninstall the triggers on SQLite if there is anything to migrate, and on PostgreSQL if there is a way back.

    SQLite changes most tables by copying them into new ones. That loses their triggers, and fails while triggers of
    other tables name them. The way back drops tables and columns that triggers read, while earlier migrations still
    have rows to write.
    """
    connection = connections[using]
    if not plan or not (connection.vendor == "sqlite" or any(is_backwards for _, is_backwards in plan)):
        return
    for triggers in REGISTERED:
        try:
            triggers.uninstall(connection)
        except LockedError as error:
            raise CommandError(f"Nothing was migrated: {error}. Run migrate again later.") from error


def _after_migrations(using: str, plan: Any = None, verbosity: int = 1, stdout: Any = None, **_: Any) -> None:
    """Install the triggers that are missing or differ.

    CommandError if other sessions do not release a table: a site that went on with old triggers would lose changes.
    """
    if plan is None:  # a flush, which leaves the triggers alone
        return
    connection = connections[using]
    for triggers in (each for each in REGISTERED if each.is_migrated(connection)):
        try:
            deviations = triggers.mend(connection)
        except LockedError as error:
            raise CommandError(
                f"The migrations are done, but triggers of {triggers.label} could not be installed: {error}."
                " Run: manage.py install_triggers"
            ) from error
        # On SQLite they were uninstalled before the migrations.
        if deviations and stdout and verbosity and not (plan and connection.vendor == "sqlite"):
            stdout.write(f"Installed triggers: {'; '.join(map(str, deviations))}.")
