from django.apps import AppConfig


class GridsConfig(AppConfig):
    name = "grids"

    def ready(self) -> None:
        from core import hooks as core_hooks  # noqa: PLC0415 (models can be imported only now)
        from core.database import triggers  # noqa: PLC0415
        from grids.editor.views import pages  # noqa: PLC0415
        from grids.hooks import PackageGrids  # noqa: PLC0415
        from grids.triggers import CELL_TRIGGERS  # noqa: PLC0415
        from packages import hooks  # noqa: PLC0415

        hooks.grids = PackageGrids()
        core_hooks.added_pages["grids.Grid"].append(pages)
        triggers.register(CELL_TRIGGERS)
