"""The base of the RSS and Atom feeds, of the whole catalogue and of one document, with absolute links."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.html import escape
from rest_framework.exceptions import NotFound

from core.api.references import by_reference
from core.api.schema import described
from core.caching.dependencies import Dependencies
from core.kinds import Kind
from core.links import absolute
from core.xml import text

NEWEST = 50
MEDIA_TYPES = ("application/atom+xml", "application/rss+xml")
TEXT = {"type": "string"}


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
    def view(cls, request: HttpRequest, extension: str, **of: str) -> HttpResponse:
        """Respond with the feed as RSS or Atom, by the extension of the URL, and of the document that it names."""
        if request.method not in {"GET", "HEAD"}:
            body = {"detail": f'Method "{request.method}" not allowed.'}
            return JsonResponse(body, status=405, headers={"Allow": "GET, HEAD"})
        if request.GET:
            return JsonResponse({min(request.GET)[:100]: ["A feed takes no parameters."]}, status=400)
        try:
            return cls(request, extension, **of)(request)
        except NotFound as error:
            return JsonResponse({"detail": error.detail}, status=error.status_code)

    @classmethod
    def operation(cls, name: str) -> dict[str, Any]:
        """Describe the feeds at the URL of that name, for the schema."""
        return {
            "operationId": name.replace("-", "_"),
            "summary": cls.description.removesuffix("."),
            "description": f"{cls.description} {NEWEST} at most, the newest first.",
            "tags": ["feeds"],
            "parameters": cls.parameters(),
            "responses": {
                "200": {"description": "The feed.", "content": {each: {"schema": TEXT} for each in MEDIA_TYPES}},
                **{str(status): described(status) for status in (400, 404, 503)},
            },
        }

    @classmethod
    def parameters(cls) -> list[dict[str, Any]]:
        """Describe the parameters in the path."""
        schema = {"type": "string", "enum": list(cls.types)}
        return [_in_path("extension", "The form of the feed.", schema, "atom")]

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

    def item_updateddate(self, item: Any) -> datetime:
        """Return the same: nothing in a feed changes, and Atom wants it of every entry."""
        return self.item_pubdate(item)


class DocumentFeed(CatalogueFeed):
    """A feed of what belongs to one document, by its id or slug. NotFound if there is none; old slugs redirect."""

    documents: ClassVar[Any]
    words: str  # before the document's title
    example: str  # a slug of the sample catalogue

    def __init__(self, request: HttpRequest, extension: str, reference: str) -> None:
        super().__init__(request, extension)
        self.document = by_reference(self.documents.only("id", "title"), reference)
        self.title = f"Package Grids: {self.words} {text(self.document.title)}"

    @classmethod
    def parameters(cls) -> list[dict[str, Any]]:
        kind = str(cls.documents.model._meta.model_name)
        return [_in_path("reference", f"The id or the slug of a {kind}.", TEXT, cls.example), *super().parameters()]

    def link(self) -> str:
        kind: Kind = Kind(str(self.document._meta.model_name))
        return absolute(self.request, f"/api/v4/{kind.plural}/{self.document.pk}/")


def _in_path(name: str, description: str, schema: dict[str, Any], example: str) -> dict[str, Any]:
    return {
        "in": "path",
        "name": name,
        "required": True,
        "description": description,
        "schema": schema,
        "examples": {"example": {"value": example}},
    }
