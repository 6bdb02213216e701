"""The renderer of pages: DRF's browsable one with templates of our own, without users and without forms that write."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BrowsableAPIRenderer

from core.api.renderers import CsvRenderer, FastJSONRenderer, JsonLinesRenderer
from core.pages.errors import ErrorPage
from core.pages.page import Page, page_class_for


class PageRenderer(BrowsableAPIRenderer):
    """HTML: the page that the view names for its responses, or that of an error."""

    def takes_serialized(self, _media_type: str) -> bool:
        return False

    def render(
        self, data: Any, _media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> str:
        context = renderer_context or {}
        page_class = page_class_for(context["view"])
        if context["response"].exception:
            page_class = ErrorPage
        elif context["request"].method == "OPTIONS":  # what the view says of itself
            page_class = Page
        return page_class(data, context).render()


# Of a view whose response is a list: it has CSV and JSON lines too.
OF_LISTS = (FastJSONRenderer, PageRenderer, CsvRenderer, JsonLinesRenderer)
