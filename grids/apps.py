from django.apps import AppConfig


class GridsConfig(AppConfig):
    name = "grids"

    def ready(self) -> None:
        from core.database import triggers  # noqa: PLC0415 (models can be imported only now)
        from grids.hooks import PackageGrids  # noqa: PLC0415
        from grids.triggers import CELL_TRIGGERS  # noqa: PLC0415
        from packages import hooks  # noqa: PLC0415

        hooks.grids = PackageGrids()
        triggers.register(CELL_TRIGGERS)
