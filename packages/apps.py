from django.apps import AppConfig


class PackagesConfig(AppConfig):
    name = "packages"

    def ready(self) -> None:
        from django.core.checks import register  # noqa: PLC0415 (models can be imported only now)

        from categories import hooks as hooks_of_categories  # noqa: PLC0415
        from core import hooks  # noqa: PLC0415
        from core.database import triggers  # noqa: PLC0415
        from packages.checks import check_ends_of_support  # noqa: PLC0415
        from packages.pages.of_categories import PackagesOfCategories  # noqa: PLC0415
        from packages.settling import settled  # noqa: PLC0415
        from packages.triggers import HEALTH_TRIGGERS  # noqa: PLC0415
        from packages.why import pages  # noqa: PLC0415

        hooks.writing = settled
        hooks.added_pages["packages.Package"].append(pages)
        hooks_of_categories.packages = PackagesOfCategories()
        triggers.register(HEALTH_TRIGGERS)
        register(check_ends_of_support)
