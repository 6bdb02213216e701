"""The base of the RSS and Atom feeds, with absolute links."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.html import escape

from core.caching.dependencies import Dependencies
from core.kinds import Kind
from core.links import absolute
from core.xml import text

NEWEST = 50


class CatalogueFeed(Feed[Any, Any]):
    """A feed of the newest rows, for one request, whose host its links need."""

    kind: Kind
    title: str
    depends_on: ClassVar[Dependencies | None] = None
    types: ClassVar = {"rss": Rss201rev2Feed, "atom": Atom1Feed}

    def __init__(self, request: HttpRequest, extension: str) -> None:
        self.request = request
        self.feed_type = self.types[extension]

    @classmethod
    def view(cls, request: HttpRequest, extension: str) -> HttpResponse:
        """Respond with the feed as RSS or Atom, by the extension of the URL."""
        if request.method not in {"GET", "HEAD"}:
            body = {"detail": f'Method "{request.method}" not allowed.'}
            return JsonResponse(body, status=405, headers={"Allow": "GET, HEAD"})
        if request.GET:
            return JsonResponse({min(request.GET)[:100]: ["A feed takes no parameters."]}, status=400)
        return cls(request, extension)(request)

    def link(self) -> str:
        return absolute(self.request, f"/api/v4/{self.kind.plural}/")

    def feed_url(self) -> str:
        return absolute(self.request, self.request.path)

    def item_title(self, item: Any) -> str:
        # Readers take titles and descriptions for HTML.
        return escape(text(str(item)))

    def item_description(self, item: Any) -> str:
        return escape(text(self.description_of(item)))

    def description_of(self, item: Any) -> str:
        raise NotImplementedError

    def item_link(self, item: Any) -> str:
        return self.document_link(item.pk)

    def document_link(self, pk: int) -> str:
        return absolute(self.request, f"/api/v4/{self.kind.plural}/{pk}/")

    def item_pubdate(self, item: Any) -> datetime:
        created: datetime = item.created
        return created
