"""The page for those who write clients: what stays as it is, what each key means, how to be polite, and recipes."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from config.recipes import RECIPES, Recipe
from core import costs
from core.api.docs import DescriptionView
from core.api.views import VIEWSETS
from core.caching.dependencies import DAY, on
from core.documents import Key
from core.kinds import Kind
from core.limits.allowance import Allowance, allowance
from core.links import absolute
from core.pages.page import Frame, Link

_KINDS = (Kind.PACKAGE, Kind.GRID, Kind.CATEGORY, Kind.FEATURE)


class KeysOfKind(NamedTuple):
    """The keys of a kind of document: those that it always has, and those that `fields=` adds."""

    title: str
    always: list[Key]
    extended: list[Key]


class GuideFrame(Frame):
    """The frame around the guide, and what the guide tells of this site."""

    title = "For clients"
    description = "What of the API stays as it is, what each key means, how to ask politely, and how to take it all."
    is_indexed = True

    def __init__(self, request: Request) -> None:
        self.path = request.path
        self.canonical = absolute(request, request.path)
        self.root = absolute(request, reverse("api-root"))
        self.crumbs = [Link(reverse("docs"), "API docs"), Link(request.path, self.title, is_current=True)]

    @property
    def kinds(self) -> list[KeysOfKind]:
        columns = [VIEWSETS[kind].columns for kind in _KINDS]
        return [
            KeysOfKind(
                each.kind.plural.capitalize(),
                [key for key in each.keys if key.v4],
                [key for key in each.keys if key.extended],
            )
            for each in columns
        ]

    @property
    def recipes(self) -> list[Recipe]:
        """The recipes, with the day a year ago in their requests."""
        year_ago = timezone.localdate() - timedelta(days=365)
        return [recipe._replace(request=recipe.request.format(year_ago=year_ago)) for recipe in RECIPES]

    @property
    def licence(self) -> str:
        return str(settings.DATA_LICENCE)

    @property
    def allowance(self) -> Allowance | None:
        """The allowance of each client; None if there is none."""
        return allowance(settings.RATE_LIMIT) if settings.RATE_LIMIT else None

    @property
    def costs(self) -> Any:
        return costs

    @property
    def has_dumps(self) -> bool:
        return bool(settings.DUMP_ROOT)


class GuideView(DescriptionView):
    """The guide as a page."""

    known_parameters = ()
    depends_on = on(ages=DAY)  # a recipe names the day a year ago
    renderer_classes = (TemplateHTMLRenderer,)
    template_name = "pages/guide.html"

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response({"page": GuideFrame(request)})

    def get_view_name(self) -> str:
        return GuideFrame.title
