"""The page of the dumps."""

from collections.abc import Sequence
from typing import Any

from core.pages.page import Page


class DumpsPage(Page):
    """The files of the newest dump as a table, and the older dumps in one line each."""

    template = "pages/dumps.html"
    is_folded = True
    is_indexed = False

    @property
    def newest(self) -> Any:
        """The newest dump; None if there is none."""
        return next(iter(self.data["results"]), None)

    @property
    def older(self) -> Sequence[Any]:
        dumps: Sequence[Any] = self.data["results"][1:]
        return dumps
