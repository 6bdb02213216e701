"""The page of one response, in the frame that all pages share."""

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote, urlencode

from django.conf import settings
from django.template.loader import get_template
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from core.admin_path import is_told
from core.api.pages import MAX_DOCUMENTS, is_full
from core.api.pagination import neighbour
from core.api.references import reference_of
from core.api.renderers import RowsRenderer
from core.caching.dependencies import NOTHING, Dependencies
from core.links import absolute
from core.pages.folded import MOST_COMPRESSED, Folded

SITE_NAME = "Package Grids"
SLOGAN = "A catalogue of reusable packages, sorted into categories and compared side by side in grids."
DESCRIPTION_LENGTH = 200  # characters, for search engines and for links that are shared


class Link(NamedTuple):
    """A link with its words; `is_current` where it leads to the page that it stands on."""

    url: str
    words: str
    is_current: bool = False


# The links in the head of every page: the name of the URL, and the words.
_SECTIONS = (
    ("package-list", "Packages"),
    ("grid-list", "Grids"),
    ("category-list", "Categories"),
    ("readiness", "Readiness"),
    ("trending", "Trending"),
    ("docs", "API docs"),
    ("admin:index", "Admin"),
)
# Atom feeds of the whole catalogue
_FEEDS = {"feed-packages": "New packages", "feed-releases": "New releases", "feed-grids": "New grids"}
# Those of them that are nearest to the lists and to the documents of a kind, by the first word of their URLs' names
_NEAREST_TO_LISTS = {"grid": "feed-grids"}
_NEAREST_TO_DOCUMENTS = {"package": "feed-releases", "grid": "feed-grids"}
# Feeds of one document
_FEEDS_OF = {"grid": ("feed-grid", "New releases in"), "category": ("feed-category", "New packages in")}


class Frame:
    """The frame of a page, whatever is on it."""

    title = SITE_NAME
    description = SLOGAN
    canonical = ""  # the one URL of what is shown; "" where it has none
    is_indexed = False  # whether search engines may list it, where the site allows that at all
    path = ""
    search_text = ""  # in the search box of the head
    # The feeds of what is shown, the nearest first, before those of the whole catalogue
    own_feeds: Sequence[Link] = ()
    # The way to the page: its section, the document that it is a part of, and the page itself
    crumbs: Sequence[Link] = ()

    @property
    def full_title(self) -> str:
        return self.title if self.title == SITE_NAME else f"{self.title} – {SITE_NAME}"  # noqa: RUF001 (a dash)

    @property
    def sections(self) -> list[Link]:
        """The links in the head. The section that the page is in is current."""
        links = ((reverse(name), words) for name, words in _SECTIONS if name != "admin:index" or is_told())
        return [Link(url, words, is_current=self.path.startswith(url)) for url, words in links]

    @property
    def is_listed(self) -> bool:
        """True if search engines may list the page."""
        return self.is_indexed and bool(settings.INDEXED)

    @property
    def feeds(self) -> Sequence[Link]:
        """The feeds that go with the page, the nearest first."""
        own = list(self.own_feeds)
        return [*own, *(link for link in map(_feed, _FEEDS) if link not in own)]


def _feed(name: str) -> Link:
    return Link(reverse(name, kwargs={"extension": "atom"}), _FEEDS[name])


class Page(Frame):
    """The page of a view's response: by itself the words of the view, and the JSON unfolded."""

    template: ClassVar[str] = "pages/page.html"
    # What the page shows beside the document.
    depends_on: ClassVar[Dependencies] = NOTHING
    is_folded = False  # whether something else than the JSON comes first
    # Parameters that say what the page is of, as a comparison's packages do; all others only say how it is shown.
    canonical_parameters: ClassVar[Collection[str]] = ()
    most_json: ClassVar[int] = MOST_COMPRESSED  # bytes, compressed; longer JSON gives way to its link
    # The rows that it shows where `limit` names no number: many of them are built one page at a time.
    default_rows: ClassVar[int] = 0

    def __init__(self, data: Any, renderer_context: Mapping[str, Any]) -> None:
        self.data = data
        self.view: Any = renderer_context["view"]
        self.request: Request = renderer_context["request"]
        self.response: Response = renderer_context["response"]

    def render(self) -> str:
        """Return the HTML of the page."""
        return get_template(self.template).render(self.context(), self.request._request)

    def context(self) -> dict[str, Any]:
        """Return what the template gets."""
        return {"page": self}

    @property
    def path(self) -> str:  # type: ignore[override]  # a page has one, its frame alone has none
        return self.request.path

    @cached_property
    def title(self) -> str:  # type: ignore[override]
        """The name of the view, as text."""
        return str(self.view.get_view_name())

    @cached_property
    def words(self) -> str:
        """The paragraphs of the view's docstring."""
        return str(self.view.get_view_description(html=False))

    @cached_property
    def description(self) -> str:  # type: ignore[override]
        """One sentence or two, for search engines."""
        return re.sub(r"\s+", " ", self.words.split("\n\n")[0]).strip()[:DESCRIPTION_LENGTH]

    @cached_property
    def canonical(self) -> str:  # type: ignore[override]
        """The one URL of what is shown: that of a document has its slug, and that of a list no parameters."""
        path = quote(self.request.path)
        if self._reference:
            path = reverse(self._match.view_name, kwargs={**self._match.kwargs, "reference": self._reference})
        given = self.request.query_params
        kept = [(name, given[name]) for name in sorted(self.canonical_parameters) if name in given]
        return absolute(self.request, f"{path}?{urlencode(kept)}" if kept else path)

    @property
    def is_indexed(self) -> bool:  # type: ignore[override]
        """Documents and lists as a whole are; their further pages, filters, orders and errors are not."""
        return self.response.status_code == 200 and not self.request.query_params

    @property
    def own_feeds(self) -> Sequence[Link]:  # type: ignore[override]
        word = self._match.view_name.partition("-")[0] if self._match else ""
        if not self._reference:
            return [_feed(_NEAREST_TO_LISTS[word])] if word in _NEAREST_TO_LISTS else []
        nearest = [_feed(_NEAREST_TO_DOCUMENTS[word])] if word in _NEAREST_TO_DOCUMENTS else []
        if word not in _FEEDS_OF:
            return nearest
        name, words = _FEEDS_OF[word]
        url = reverse(name, kwargs={"reference": self._reference, "extension": "atom"})
        return [Link(url, f"{words} {self.view.document}"), *nearest]

    @cached_property
    def crumbs(self) -> Sequence[Link]:  # type: ignore[override]
        section = next((link for link in self.sections if link.is_current and link.url != self.path), None)
        if section is None:
            return ()
        before = section.url + self._reference + "/"
        if not self._reference or not self.path.startswith(section.url) or self.path.count("/") == before.count("/"):
            return [section._replace(is_current=False), Link(self.path, self.title, is_current=True)]
        part = self.path.rstrip("/").rpartition("/")[2].capitalize()
        return [
            section._replace(is_current=False),
            Link(before, str(self.view.document)),
            Link(self.path, part, is_current=True),
        ]

    @property
    def _match(self) -> Any:
        """The URL pattern that the request is for, with its parts; None outside a server."""
        return self.request.resolver_match

    @cached_property
    def _reference(self) -> str:
        """The slug of the document that the page is of, or of a part of; its id where the slug would be read as one.
        "" where the page is not of a document."""
        reference: str = self._match.kwargs.get("reference", "") if self._match else ""
        document = getattr(self.view, "document", None)
        if not reference or document is None:
            return ""
        slug = vars(document).get("slug", "")  # not every kind has one, and not every request reads it
        return reference_of(document.pk, slug) if slug else str(document.pk)

    @cached_property
    def folded(self) -> Folded:
        return Folded.of(self.data, self.request, self.formats_of_rows, self.most_json)

    @cached_property
    def formats_of_rows(self) -> list[Link]:
        """The links to the same rows in other formats; none where the response is no list."""
        if self.response.status_code != 200:
            return []
        formats = [each for each in self.view.renderer_classes if issubclass(each, RowsRenderer)]
        return [Link(neighbour(self.request, format=each.format), each.words) for each in formats]

    @property
    def most_documents(self) -> int | None:
        """The number of documents that a page shows at most, where more may have been asked for."""
        return MAX_DOCUMENTS if self.response.status_code == 200 and is_full(self.request) else None


def page_class_for(view: Any) -> type[Page]:
    """Return the class of the page of a view's response."""
    found: type[Page] = view.list_page_class if getattr(view, "action", "") == "list" else view.page_class
    return found
