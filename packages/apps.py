from django.apps import AppConfig


class PackagesConfig(AppConfig):
    name = "packages"

    def ready(self) -> None:
        from django.core.checks import register  # noqa: PLC0415 (models can be imported only now)

        from core import hooks  # noqa: PLC0415
        from core.database import triggers  # noqa: PLC0415
        from packages.checks import check_ends_of_support  # noqa: PLC0415
        from packages.settling import settled  # noqa: PLC0415
        from packages.triggers import HEALTH_TRIGGERS  # noqa: PLC0415

        hooks.writing = settled
        triggers.register(HEALTH_TRIGGERS)
        register(check_ends_of_support)
