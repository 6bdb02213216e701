from django.apps import AppConfig


class GridsConfig(AppConfig):
    name = "grids"

    def ready(self) -> None:
        from grids.hooks import PackageGrids  # noqa: PLC0415 (models can be imported only now)
        from packages import hooks  # noqa: PLC0415

        hooks.grids = PackageGrids()
