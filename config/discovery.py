"""Files at addresses that everybody knows: robots.txt, sitemaps where the site is to be found (INDEXED), and
security.txt."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sitemaps import Sitemap
from django.contrib.sitemaps.views import SitemapIndexItem
from django.contrib.sitemaps.views import sitemap as sitemap_of_django
from django.core.paginator import EmptyPage, PageNotAnInteger
from django.db.models import F, QuerySet, Window
from django.db.models.functions import Mod, RowNumber
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import get_script_prefix, reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_safe

from categories.models import Category
from core import costs, versions
from core.admin_path import is_told
from core.api.references import is_id
from core.caching.dependencies import on
from core.caching.values import CachedValue
from core.kinds import Kind
from core.links import absolute
from core.pages.addresses import path_of
from core.pages.handlers import missing
from grids.models import Grid
from packages.models import Package

URLS = 5_000  # of one sitemap; the protocol allows 50,000
SECURITY_MONTHS = 6  # for which security.txt holds at least; less than a year is recommended
SECONDS = 3_600  # for which robots.txt and sitemaps may be cached
# What has no end, and nothing that has no other page: results of searches, comparisons of any packages, the log, and
# whole catalogues in files.
_NOT_TO_CRAWL = ("search", "compare", "changes", "dumps")
_LISTS = ("api-root", "package-list", "grid-list", "category-list", "readiness", "trending")


class SitemapPage(NamedTuple):
    """The documents of one sitemap."""

    object_list: Sequence[Any]


class PagesById:
    """Documents by their ids, URLS a page, as Django's sitemaps ask for them. A page is called by the first of its ids,
    and read from there on, however many stand before it."""

    def __init__(self, documents: QuerySet[Any]) -> None:
        self.documents = documents.order_by("pk")

    def page(self, number: int | str) -> SitemapPage:
        """Return the documents from that id on. PageNotAnInteger, EmptyPage (which become 404s) for what is none."""
        if not is_id(str(number)):
            raise PageNotAnInteger
        rows = list(self.documents.filter(pk__gte=int(number))[:URLS])
        if not rows:
            raise EmptyPage
        return SitemapPage(rows)

    def first_ids(self) -> list[int]:
        """Return the first id of each page, of all that there are: one reading of the primary keys."""
        numbered = self.documents.annotate(place=Mod(Window(RowNumber(), order_by=F("pk").asc()), URLS))
        return list(numbered.filter(place=1 % URLS).values_list("pk", flat=True))


class SiteSitemap(Sitemap[Any]):
    """A sitemap with the links of this site, on SITE_URL or on the request's own host."""

    def get_domain(self, site: Any = None) -> str:
        return urlsplit(settings.SITE_URL).netloc or str(site.domain)

    def get_protocol(self, protocol: str | None = None) -> str:
        return urlsplit(settings.SITE_URL).scheme or protocol or "https"

    def queries(self) -> Iterable[str]:
        """Return what stands behind the path of each of its pages."""
        return [""]


class ListSitemap(SiteSitemap):
    """The front page, and the lists in the head of every page."""

    def items(self) -> Sequence[str]:
        return _LISTS

    def location(self, item: str) -> str:
        return reverse(item)


class DocumentSitemap(SiteSitemap):
    """The pages of all documents of a kind; `times` are the columns that say when one of them changed."""

    def __init__(self, kind: Kind, documents: QuerySet[Any], times: Sequence[str] = ("modified",)) -> None:
        self.kind, self.times = kind, times
        self.documents = documents.only("id", "slug", *times)

    @property
    def paginator(self) -> Any:
        return PagesById(self.documents)

    def location(self, item: Any) -> str:
        return path_of(self.kind, item.pk, item.slug)

    def lastmod(self, item: Any) -> datetime:
        latest: datetime = max(filter(None, (getattr(item, name) for name in self.times)))
        return latest

    def get_latest_lastmod(self) -> datetime | None:
        latest: datetime | None = self.documents.order_by("-modified").values_list("modified", flat=True).first()
        return latest

    def queries(self) -> Iterable[str]:
        """Return the first ids of its pages, which are read once in SECONDS."""
        cached = CachedValue(on(ages=SECONDS), "sitemap", self.kind)
        if cached.value is None:
            cached.set(self.paginator.first_ids())
        return [f"?p={pk}" for pk in cached.value]


_SITEMAPS: Mapping[str, SiteSitemap] = {
    "lists": ListSitemap(),
    "categories": DocumentSitemap(Kind.CATEGORY, Category.objects.all()),
    "grids": DocumentSitemap(Kind.GRID, Grid.objects.all()),
    "packages": DocumentSitemap(Kind.PACKAGE, Package.objects.all(), ("modified", "released", "last_updated")),
}


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Say what crawlers may read: nothing, unless the site is to be found."""
    lines = ["User-agent: *", "Disallow: /"]
    if settings.INDEXED:
        # What earlier versions of the API show has pages in this one.
        earlier = [get_script_prefix() + each.path.removeprefix("/") for each in versions.registered()]
        # A path of admin's that the operator has chosen is told to nobody; its pages say noindex themselves.
        admin = ("admin:index",) if is_told() else ()
        paths = [*map(reverse, (*admin, *_NOT_TO_CRAWL)), *earlier]
        lines = ["User-agent: *", *(f"Disallow: {path}" for path in paths)]
        lines += ["", f"Sitemap: {absolute(request, reverse('sitemap-index'))}"]
    return _cached(HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8"))


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Say whom to tell of a security hole (RFC 9116); 404 where SECURITY_CONTACT names nobody."""
    contact = settings.SECURITY_CONTACT
    if not contact:
        return missing(request)
    # It is computed, and so is always in the future: on the first of a month, six months and more from now.
    today = datetime.now(UTC).date()
    month = today.month + SECURITY_MONTHS
    expires = today.replace(year=today.year + month // 12, month=month % 12 + 1, day=1)
    lines = [
        f"Contact: {contact if ':' in contact else f'mailto:{contact}'}",
        f"Expires: {expires:%Y-%m-%d}T00:00:00Z",
        "Preferred-Languages: en",
        f"Canonical: {absolute(request, reverse('security'))}",
    ]
    return _cached(HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8"))


@require_safe
@gzip_page
def sitemap_index(request: HttpRequest) -> HttpResponse:
    """Respond with the URLs of all sitemaps; 404 where the site is not to be found."""
    if not settings.INDEXED:
        return missing(request)
    items = []
    for section, each in _SITEMAPS.items():
        url = absolute(request, reverse("sitemap", kwargs={"section": section}))
        latest: Any = each.get_latest_lastmod()
        items += [SitemapIndexItem(f"{url}{query}", latest) for query in each.queries()]
    return _cached(TemplateResponse(request, "sitemap_index.xml", {"sitemaps": items}, content_type="application/xml"))


@require_safe
@gzip_page
def sitemap(request: HttpRequest, section: str) -> HttpResponse:
    """Respond with a page of a section's sitemap, that which begins with the id `p`; 404 for what there is not."""
    sitemaps: Any = _SITEMAPS if settings.INDEXED else {}
    try:
        return costs.mark(_cached(sitemap_of_django(request, sitemaps, section)), costs.DEAREST)
    except Http404:
        return missing(request)


def _cached(response: HttpResponse) -> HttpResponse:
    patch_cache_control(response, public=True, max_age=SECONDS)
    return response
