from django.apps import AppConfig

from core.database import triggers
from search.triggers import SEARCH_TRIGGERS


class SearchConfig(AppConfig):
    name = "search"

    def ready(self) -> None:
        triggers.register(SEARCH_TRIGGERS)
