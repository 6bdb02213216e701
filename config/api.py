"""All of API v4 on one screen."""

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.urls import Resolver404, include, path, re_path, resolve
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter

from categories.views import CategoryViewSet
from changes.views import ChangesView
from config.links import Kind, Links
from config.views import CatalogueView, UndefinedView
from grids.views import GridViewSet
from packages.views import PackageViewSet
from search.views import SearchView

KINDS: tuple[Kind, ...] = ("packages", "grids", "categories")


class RootView(CatalogueView):
    """A catalogue of reusable packages, sorted into categories and compared side by side in grids."""

    def get(self, request: Request) -> Response:
        links = Links.of(request)
        return Response({kind: links.kind(kind) for kind in KINDS})

    def get_view_name(self) -> str:
        return "Package Grids"


def undefined(request: HttpRequest) -> HttpResponseBase:
    """404 as the API says it, unless only the last slash is missing."""
    try:
        found = resolve(f"{request.path_info}/").func is not undefined
    except Resolver404:
        found = False
    if found and request.method in {"GET", "HEAD", "OPTIONS"}:
        return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
    return UndefinedView.as_view()(request)


router = DefaultRouter()
router.include_root_view = False
router.include_format_suffixes = False
router.register("packages", PackageViewSet, basename="package")
router.register("grids", GridViewSet, basename="grid")
router.register("categories", CategoryViewSet, basename="category")

urlpatterns = [
    path("api/v4/", RootView.as_view(), name="api-root"),
    path("api/v4/", include(router.urls)),
    path("api/v4/search/", SearchView.as_view(), name="search"),
    path("api/v4/changes/", ChangesView.as_view(), name="changes"),
    re_path(r"^api(?:/[\s\S]*)?$", undefined),
]
