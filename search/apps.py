from django.apps import AppConfig

from core.database import triggers
from search.triggers import SEARCH_TRIGGERS


class SearchConfig(AppConfig):
    name = "search"

    def ready(self) -> None:
        from core import hooks  # noqa: PLC0415 (models are not loaded when this module is)
        from core.caching import reads  # noqa: PLC0415
        from core.kinds import Kind  # noqa: PLC0415
        from search.hooks import ids_best_first  # noqa: PLC0415

        reads.register(
            "search_entry", frozenset(each.plural for each in (Kind.PACKAGE, Kind.GRID, Kind.FEATURE)), every_row=False
        )
        triggers.register(SEARCH_TRIGGERS)
        hooks.search = ids_best_first
