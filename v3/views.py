"""The endpoints of v3, in JSON alone. The parameters that they know are never wrong, and all others are ignored."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from categories.models import Category
from core.api.images import OneFormView
from core.api.references import missing
from core.api.row_sources import SECONDS, STATEMENTS, FilteredRows
from core.caching import revisions
from core.caching.dependencies import Dependencies, Parameters, on
from core.caching.values import cached_count
from core.database.functions import AsciiLower
from core.database.prepared import PLACEHOLDER_TEXT, Prepared
from core.database.sessions import limited, reader
from core.kinds import Kind
from grids.models import Grid
from packages.models import Package
from v3.documents import DOCUMENTS, Paths
from v3.pages import PageRequest
from v3.version import Version3

# What each kind's documents show: packages the slugs of their grids and category, grids those of their members by title
_SHOWS: dict[Kind, Dependencies] = {
    Kind.PACKAGE: on(Kind.PACKAGE, Kind.GRID, Kind.CATEGORY),
    Kind.GRID: on(Kind.GRID, columns=[(Kind.PACKAGE, "title"), (Kind.PACKAGE, "slug")]),
    Kind.CATEGORY: on(Kind.CATEGORY),
}


def find(kind: Kind, slug: str) -> Any:
    """Return the row of the document with that slug; NotFound if there is none."""
    connection, source = reader(), DOCUMENTS[kind]
    prepared = STATEMENTS.get(connection, ("v3", kind), lambda: Prepared(source.rows().filter(slug=PLACEHOLDER_TEXT)))
    rows = prepared.rows(connection, slug)
    if not rows:
        raise missing(source.rows().model)
    return rows[0]


class FrozenView(OneFormView):
    """A view of v3, which is not in the schema of v4."""

    schema = None
    depends_on: ClassVar[Dependencies | None] = on()

    @classmethod
    def canonical_parameters(cls, _parameters: Parameters) -> Parameters:
        """Return one spelling of the parameters for all that mean the same: here, whatever they are."""
        return []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        APIView.initial(self, request, *args, **kwargs)  # whatever the parameters are

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        response.data = Version3().error(response.status_code, str(response.data["detail"]))
        return response


class RootView(FrozenView):
    """The lists of v3."""

    def get(self, _request: Request) -> Response:
        lists = Paths().lists
        return Response({kind.plural: lists[kind] for kind in sorted(lists, key=lambda kind: kind.plural)})


class UndefinedView(FrozenView):
    """A 404 for everything that v3 does not have, such as its users."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound(f"There is nothing at this address; {Paths().root} lists what there is.")


class DocumentView(FrozenView):
    """One document, by its slug alone: v3 knows no ids. The old slug of a renamed one redirects."""

    kind: ClassVar[Kind]
    documents: ClassVar[Any]  # where changes.middleware looks for the document that had a slug before
    takes_ids = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.depends_on = _SHOWS[cls.kind]

    def get(self, _request: Request, reference: str) -> Response:
        return Response(DOCUMENTS[self.kind].build(find(self.kind, reference), Paths()))


class PackageView(DocumentView):
    kind = Kind.PACKAGE
    documents = Package.objects


class GridView(DocumentView):
    kind = Kind.GRID
    documents = Grid.objects


class CategoryView(DocumentView):
    kind = Kind.CATEGORY
    documents = Category.objects


class ListView(FrozenView):
    """The documents of a kind by title, a page at a time."""

    kind: ClassVar[Kind]
    documents: ClassVar[Any]
    takes_category: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.depends_on = _SHOWS[cls.kind]

    @classmethod
    def canonical_parameters(cls, parameters: Parameters) -> Parameters:
        return PageRequest.of(dict(parameters), takes_category=cls.takes_category).parameters

    def get(self, request: Request) -> Response:
        return Response(self._envelope(request, self.documents.all(), self._count_all))

    def _envelope(
        self, request: Request, matching: QuerySet[Any], count: Callable[[], int], path: str = ""
    ) -> dict[str, Any]:
        """Return the page that is requested of these documents, whose list is at `path`, if not at that of its kind."""
        wanted, total, paths = self._wanted(request), count(), Paths()
        rows = self._rows(matching, count, wanted) if wanted.limit and wanted.offset < total else []
        build = DOCUMENTS[self.kind].build
        rows.reverse()
        objects = [build(rows.pop(), paths) for _ in range(len(rows))]  # so that no row outlives its document
        return {"meta": wanted.meta(path or paths.lists[self.kind], total), "objects": objects}

    def _wanted(self, request: Request) -> PageRequest:
        return PageRequest.of(request.query_params.dict(), takes_category=self.takes_category)

    def _rows(self, matching: QuerySet[Any], count: Callable[[], int], wanted: PageRequest) -> list[Any]:
        by_title = (AsciiLower("title"), "pk")
        documents = DOCUMENTS[self.kind].rows().order_by(*by_title)
        with limited(SECONDS):
            return FilteredRows(matching.order_by(*by_title), documents, (), count).page(wanted.limit, wanted.offset)

    def _count_all(self) -> int:
        return revisions.current().rows.get(self.kind.plural, 0)

    def _count(self, request: Request, matching: QuerySet[Any], category: str = "") -> Callable[[], int]:
        """Return the function that counts documents once after each change."""
        return partial(cached_count, _SHOWS[self.kind], request.path_info.rstrip("/"), category, matching.count)


class PackageListView(ListView):
    """All packages, or those of a category. A category that there is not gives all of them."""

    kind = Kind.PACKAGE
    documents = Package.objects
    takes_category = True

    def get(self, request: Request) -> Response:
        matching, count = Package.objects.all(), self._count_all
        slug = self._wanted(request).category
        category = Category.objects.filter(slug=slug).values_list("pk", flat=True).first() if slug else None
        if category is not None:
            matching = matching.filter(category=category)
            count = self._count(request, matching, slug)
        return Response({**self._envelope(request, matching, count), "category": None})


class GridListView(ListView):
    kind = Kind.GRID
    documents = Grid.objects


class CategoryListView(ListView):
    kind = Kind.CATEGORY
    documents = Category.objects


class GridPackagesView(ListView):
    """The packages of a grid, with its document."""

    kind = Kind.PACKAGE
    documents = Grid.objects  # whose old slugs redirect
    takes_ids = False

    def get(self, request: Request, reference: str = "") -> Response:
        document = DOCUMENTS[Kind.GRID].build(grid := find(Kind.GRID, reference), Paths())
        matching = Package.objects.filter(memberships__grid=grid.pk)
        path = f"{document['resource_uri']}packages/"
        envelope = self._envelope(request, matching, self._count(request, matching), path)
        return Response({**envelope, "grid": document})
