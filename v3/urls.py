"""The URLs of v3, each with and without its last slash, and those of the pages that its clients build themselves."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, include, path, re_path

from v3.documents import PAGES
from v3.redirects import to_v4
from v3.version import ROOT
from v3.views import (
    CategoryListView,
    CategoryView,
    GridListView,
    GridPackagesView,
    GridView,
    PackageListView,
    PackageView,
    RootView,
    UndefinedView,
)


def _both(route: str, view: Any, name: str, **options: Any) -> Iterator[URLPattern]:
    """Yield the route without its last slash and with it: reverse() goes by the last one of a name."""
    for each in (route, f"{route}/"):
        yield path(each, view, options, name)


_routes = [
    path("", RootView.as_view(), name="root"),
    *_both("packages", PackageListView.as_view(), "package-list"),
    *_both("packages/<slug:reference>", PackageView.as_view(), "package"),
    *_both("grids", GridListView.as_view(), "grid-list"),
    *_both("grids/<slug:reference>", GridView.as_view(), "grid"),
    *_both("grids/<slug:reference>/packages", GridPackagesView.as_view(), "grid-packages"),
    *_both("categories", CategoryListView.as_view(), "category-list"),
    *_both("categories/<slug:reference>", CategoryView.as_view(), "category"),
    re_path(r"[\s\S]+", UndefinedView.as_view()),
]
urlpatterns = [
    path(ROOT.removeprefix("/"), include((_routes, "v3"))),
    *(
        pattern
        for kind, page in PAGES.items()
        for pattern in _both(f"{page}/<slug:slug>", to_v4, f"v3-page-{kind}", kind=kind)
    ),
]
