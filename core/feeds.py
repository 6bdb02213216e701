"""What the RSS and Atom feeds share: links on the site's address, and text that XML can hold."""

import re
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.html import escape
from django.utils.text import Truncator

from core.caching.dependencies import Dependencies
from core.links import absolute

NEWEST = 50
# What XML 1.0 cannot hold, even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """`value` as a feed can hold it, 500 characters at most."""
    return _NOT_XML.sub("\ufffd", Truncator(value).chars(500))


class CatalogueFeed(Feed[Any, Any]):
    """The newest of something, for one request: the links need its host."""

    name: str
    title: str
    depends_on: ClassVar[Dependencies | None] = None
    kinds: ClassVar = {"rss": Rss201rev2Feed, "atom": Atom1Feed}

    def __init__(self, request: HttpRequest, kind: str) -> None:
        self.request = request
        self.feed_type = self.kinds[kind]

    @classmethod
    def view(cls, request: HttpRequest, kind: str) -> HttpResponse:
        """As RSS or as Atom."""
        if request.method not in {"GET", "HEAD"}:
            said = {"detail": f'Method "{request.method}" not allowed.'}
            return JsonResponse(said, status=405, headers={"Allow": "GET, HEAD"})
        if request.GET:
            return JsonResponse({min(request.GET)[:100]: ["A feed takes no parameters."]}, status=400)
        return cls(request, kind)(request)

    def link(self) -> str:
        return absolute(self.request, f"/api/v4/{self.name}/")

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
        return absolute(self.request, f"/api/v4/{self.name}/{item.pk}/")

    def item_pubdate(self, item: Any) -> datetime:
        created: datetime = item.created
        return created
