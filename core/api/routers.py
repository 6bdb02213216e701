"""The routes of documents, and of their lists, which can be had as CSV and JSON lines."""

from rest_framework.routers import DefaultRouter, DynamicRoute, Route

from core.pages.renderer import OF_LISTS


def _rendered(route: Route | DynamicRoute) -> Route | DynamicRoute:
    """Return a route of DRF's; that of a list with the renderers of lists."""
    if not isinstance(route, Route) or route.detail:
        return route
    return route._replace(initkwargs={**route.initkwargs, "renderer_classes": OF_LISTS})


class DocumentRouter(DefaultRouter):
    include_root_view = False
    include_format_suffixes = False
    routes = [_rendered(route) for route in DefaultRouter.routes]  # noqa: RUF012 (as DRF declares it)
