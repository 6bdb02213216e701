"""The browsable pages: DRF's, with this catalogue's name, and without forms, since the API is read-only."""

from typing import Any

from rest_framework.renderers import BrowsableAPIRenderer


class BrowsableRenderer(BrowsableAPIRenderer):
    template = "browsable.html"

    def show_form_for_method(self, *_: Any) -> bool:
        return False
