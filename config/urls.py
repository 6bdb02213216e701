"""Every address of the site; the routes of API v4 and its root document."""

import re
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.urls import Resolver404, include, path, re_path, resolve
from django.views.generic import RedirectView
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from categories.views import CategoryViewSet
from changes.views import ChangesView
from config.discovery import robots, security, sitemap, sitemap_index
from config.guide import GuideView
from config.llms import llms
from config.pages import FrontPage
from core import dumps
from core.api.docs import DocsView, FormerDocsView, SchemaView
from core.api.dumps import DumpFileView, DumpsView
from core.api.routers import DocumentRouter
from core.api.schema import ALWAYS, errors
from core.api.views import CatalogueView, UndefinedView
from core.caching.dependencies import on
from core.links import Links
from core.pages.handlers import missing
from grids.feeds import GridFeed, GridReleaseFeed
from grids.views import FeatureViewSet, GridComparisonView, GridViewSet
from packages.comparison.views import CompareView
from packages.feeds import CategoryFeed, PackageFeed, ReleaseFeed
from packages.readiness.views import ReadinessView, VersionReadinessView
from packages.views import (
    BadgeEndpointView,
    BadgeView,
    CommitsChartView,
    PackageViewSet,
    StarsChartView,
    TrendingViewSet,
)
from search.views import SearchView

admin.site.site_header = admin.site.site_title = "Package Grids"
admin.site.index_title = "Catalogue"

handler400 = "core.pages.handlers.bad_request"
handler404 = "core.pages.handlers.not_found"
handler500 = "core.pages.handlers.server_error"

# The root's links: those of v4 in its order, then ours.
ROOT = (
    *("packages", "search", "grids", "categories", "changes", "features", "trending", "readiness"),
    *("dumps", "schema", "docs"),
)


class RootSerializer(serializers.Serializer[Any]):
    """The URLs of all that the API offers."""

    packages, search, grids, categories, changes, features, trending, readiness, dumps, schema, docs = (
        serializers.URLField(allow_null=name == "dumps") for name in ROOT
    )


class RootView(CatalogueView):
    """A catalogue of reusable packages, sorted into categories and compared side by side in grids."""

    depends_on = on()
    page_class = FrontPage

    @extend_schema(operation_id="root", tags=["root"], responses={200: RootSerializer, **errors(*ALWAYS)})
    def get(self, request: Request) -> Response:
        links = Links.of(request)
        urls: dict[str, str | None] = {name: links.named(name) for name in ROOT}
        return Response(urls | ({} if dumps.root() else {"dumps": None}))

    def get_view_name(self) -> str:
        return "Package Grids"


def undefined(request: HttpRequest) -> HttpResponseBase:
    """Respond with the API's 404, unless only the last slash is missing."""
    try:
        is_defined = resolve(f"{request.path_info}/").func is not undefined
    except Resolver404:
        is_defined = False
    if is_defined and request.method in {"GET", "HEAD", "OPTIONS"}:
        return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
    return UndefinedView.as_view()(request)


router = DocumentRouter()
router.register("packages", PackageViewSet, basename="package")
router.register("grids", GridViewSet, basename="grid")
router.register("categories", CategoryViewSet, basename="category")
router.register("features", FeatureViewSet, basename="feature")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="api-root")),
    path(f"{settings.ADMIN_PATH}/", admin.site.urls),
    path("api/v4/", RootView.as_view(), name="api-root"),
    path("api/v4/", include(router.urls)),
    path("api/v4/packages/<str:reference>/commits.svg", CommitsChartView.as_view(), name="package-commits"),
    path("api/v4/packages/<str:reference>/stars.svg", StarsChartView.as_view(), name="package-stars"),
    path("api/v4/packages/<str:reference>/badge.svg", BadgeView.as_view(), name="package-badge"),
    path("api/v4/packages/<str:reference>/badge.json", BadgeEndpointView.as_view(), name="package-badge-endpoint"),
    path("api/v4/grids/<str:reference>/comparison/", GridComparisonView.as_view(), name="grid-comparison"),
    path("api/v4/compare/", CompareView.as_view(), name="compare"),
    path("api/v4/trending/", TrendingViewSet.as_view({"get": "list"}), name="trending"),
    path("api/v4/search/", SearchView.as_view(), name="search"),
    path("api/v4/changes/", ChangesView.as_view(), name="changes"),
    path("api/v4/readiness/", ReadinessView.as_view(), name="readiness"),
    path("api/v4/readiness/<str:platform>/<str:version>/", VersionReadinessView.as_view(), name="readiness-version"),
    path("api/v4/dumps/", DumpsView.as_view(), name="dumps"),
    path("api/v4/dumps/<str:name>/<str:file>", DumpFileView.as_view(), name="dump-file"),
    path("api/v4/schema/", SchemaView.as_view(), name="schema"),
    path("api/v4/docs/", DocsView.as_view(), name="docs"),
    path("api/v4/docs/clients/", GuideView.as_view(), name="guide"),
    path("api/v4/docs/redoc/", FormerDocsView.as_view()),
    *(
        re_path(rf"^api/v4/feeds/{which}\.(?P<extension>rss|atom)$", feed.view, name=name)
        for name, which, feed in (
            ("feed-packages", "packages", PackageFeed),
            ("feed-releases", "releases", ReleaseFeed),
            ("feed-grids", "grids", GridFeed),
            ("feed-grid", "grids/(?P<reference>[^/]+)", GridReleaseFeed),
            ("feed-category", "categories/(?P<reference>[^/]+)", CategoryFeed),
        )
    ),
    path("robots.txt", robots, name="robots"),
    path(".well-known/security.txt", security, name="security"),
    path("llms.txt", llms, name="llms"),
    path("sitemap.xml", sitemap_index, name="sitemap-index"),
    path("sitemap-<slug:section>.xml", sitemap, name="sitemap"),
    path("", include("v3.urls")),
    re_path(r"^api(?:/[\s\S]*)?$", undefined),
    # Admin and static files have their own ways to say it, and Django its own way to add a slash to admin's path.
    re_path(rf"^(?!{re.escape(settings.ADMIN_PATH)}(?:/|$)|static/)[\s\S]+$", missing),
]
