"""The views of comparisons: of any packages, and what those of grids have in common with them."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.errors import RedirectError
from core.api.filters import subset
from core.api.pages import is_page
from core.api.pagination import MAX_LIMIT, link_header, neighbour, page_size, whole_number
from core.api.row_sources import SECONDS
from core.api.schema import ALWAYS, errors, parameter
from core.api.tables import Documents, Table
from core.api.views import CatalogueView
from core.caching.dependencies import Dependencies, on
from core.database.prepared import with_ids_of_list
from core.database.sessions import limited
from core.kinds import Kind
from core.links import Links, root
from core.pages.renderer import OF_LISTS
from packages.comparison import spreadsheet, table
from packages.comparison.columns import COLUMNS, Column
from packages.comparison.page import MOST_ROWS, ComparePage, ComparisonPage
from packages.comparison.parameters import ALL, EVERY_LEVEL, chosen_columns, chosen_levels, chosen_orders
from packages.comparison.references import FEWEST, MOST, named_packages
from packages.comparison.rows import Selection, read_all, read_page
from packages.comparison.schema import DEFAULT_LIMIT, FILTERS, KEYS, LISTS, ORDERS, comparison_parameters
from packages.comparison.serializers import ComparisonSerializer
from packages.filters import PackageFilters
from packages.health.verdicts import Level
from packages.models import Package


class ComparisonView(CatalogueView):
    """A comparison of packages by columns."""

    is_expensive = True
    depends_on = on(Kind.PACKAGE, Kind.CATEGORY)
    renderer_classes = OF_LISTS
    page_class = ComparisonPage
    default_levels: ClassVar[frozenset[Level]] = EVERY_LEVEL
    own_parameters: ClassVar[Collection[str]] = ()
    documents: ClassVar[Any] = Package.objects  # what the URL names
    may_be_repeated: Collection[str] = LISTS
    may_have_lines = PackageFilters.may_have_lines
    # For the page: all columns that the packages can be compared by, and the rows that levels and filters leave, in
    # their order, with what orders them and what is best in them.
    columns: Sequence[Column] = ()
    shown: Sequence[Any] = ()

    @property
    def known_parameters(self) -> Collection[str]:
        return {"format", "columns", "ordering", "level", "limit", "offset", *self.own_parameters, *FILTERS}

    @classmethod
    def dependencies_of(cls, parameters: Mapping[str, str]) -> Dependencies:
        filters = {name: value for name, value in parameters.items() if name in FILTERS}
        return super().dependencies_of(parameters) | PackageFilters.dependencies_of(filters)

    def as_documents(self, data: Any) -> Documents:
        return spreadsheet.as_documents(data)

    def as_table(self, data: Any) -> Table:
        return spreadsheet.as_table(data)

    def compared(self, selection: Selection, columns: Sequence[Column]) -> dict[str, Any]:
        """Return the comparison of these packages, as the request has it, by these columns or some of them."""
        request, parameters = self.request, self.request.query_params.dict()
        chosen, orders = chosen_columns(parameters, columns), chosen_orders(parameters, columns)
        levels = chosen_levels(parameters, self.default_levels)
        size = page_size(request, DEFAULT_LIMIT, MAX_LIMIT, MOST_ROWS)
        offset = whole_number(request, "offset", 0, 0)
        is_one_page = selection.count <= size and not offset
        # Of more packages than a page shows, what orders them and what is the best is read, and nothing else.
        deciding = [column for column in chosen if column.merits or is_one_page]
        deciding += [order.column for order in orders if order.column]
        with limited(SECONDS):
            rows = read_all(selection, deciding, self._matching(selection.packages))
        total = len(rows)
        rows, hidden = table.split(rows, levels)
        self.columns, self.shown = columns, (rows := table.ordered(rows, orders))
        page = rows[offset : offset + size]
        as_of = table.newest_success(rows)
        return {
            "as_of": as_of and timezone.localtime(as_of),
            "columns": [column.description for column in chosen],
            "rows": self._rows(page if is_one_page else read_page(selection, [row.id for row in page], chosen), chosen),
            "best": table.best(rows, chosen),
            "total": total,
            "shown": len(rows),
            "hidden": self._hidden(hidden, levels),
            "next": neighbour(request, limit=size, offset=offset + size) if offset + size < len(rows) else None,
            "previous": self._previous(size, offset),
        }

    def _matching(self, packages: QuerySet[Package]) -> QuerySet[Package] | None:
        """Return those of these packages that the filters of the request leave; None if it has no filters."""
        request = self.request
        names = frozenset(FILTERS & request.query_params.keys())
        if not names:
            return None
        filters = subset(PackageFilters, names)(request.query_params, packages, request=request)
        if not filters.is_valid():
            raise ValidationError({name: list(map(str, messages)) for name, messages in filters.errors.items()})
        matching: QuerySet[Package] = filters.qs
        return matching

    def _rows(self, page: Sequence[Any], columns: Sequence[Column]) -> list[dict[str, Any]]:
        links = Links.of(self.request).documents(Kind.PACKAGE, [row.id for row in page])
        return [
            {"package": link, "slug": row.slug, "title": row.title, "values": values}
            for link, row, values in zip(links, page, table.values(page, columns), strict=True)
        ]

    def _hidden(self, hidden: table.Hidden, levels: frozenset[Level]) -> list[dict[str, Any]]:
        """Return the reasons why packages are left out. Each link leaves out none of those that it is about."""
        request = self.request
        unfiltered: dict[str, Any] = dict.fromkeys(FILTERS & request.query_params.keys())
        every_level = {"level": ALL, **(unfiltered if hidden.by_both else {})}
        reasons = (
            (f"level={','.join(table.hidden_levels(levels))}", hidden.by_level, every_level),
            ("filters", hidden.by_filters, unfiltered),
        )
        return [
            {"reason": reason, "count": count, "url": neighbour(request, offset=None, **changes)}
            for reason, count, changes in reasons
            if count
        ]

    def _previous(self, size: int, offset: int) -> str | None:
        if not offset:
            return None
        return neighbour(self.request, limit=size, offset=offset - size if offset > size else None)


def linked(comparison: dict[str, Any]) -> Response:
    """Return the response that is a comparison, with the Link header of its neighbours."""
    response = Response(comparison)
    if links := link_header(next=comparison["next"], prev=comparison["previous"]):
        response["Link"] = links
    return response


class CompareView(ComparisonView):
    """Any packages side by side: the same table as for a grid, without features."""

    page_class = ComparePage
    own_parameters = ("packages",)
    may_be_repeated = (*LISTS, "packages")

    @extend_schema(
        operation_id="compare",
        parameters=[
            parameter(
                "packages",
                f"{FEWEST} to {MOST} slugs or ids, separated by commas. Slugs in order are the URL of a comparison; any"
                " other way to name packages redirects (302) there: `packages` may be given more than once, too.",
                {"type": "string"},
                "django-filter,ralph",
                required=True,
            ),
            *comparison_parameters(KEYS, ORDERS),
        ],
        responses={200: ComparisonSerializer, **errors(*ALWAYS)},
    )
    def get(self, request: Request) -> Response:
        """Packages that are named, side by side. Their slugs in order are the URL of a comparison: any other way to
        name them redirects there."""
        text = request.query_params.get("packages")
        named = named_packages(text, root(request), is_page=is_page(request))
        if text != (names := ",".join(named.names)):
            raise RedirectError(neighbour(request, packages=names))
        selection = Selection(
            "packages",
            Package.objects.filter(pk__in=named.ids),
            lambda: Package.objects.filter(with_ids_of_list(Package)),
            json.dumps(named.ids),
            len(named.ids),
        )
        return linked(self.compared(selection, COLUMNS))

    def in_one(self, name: str, values: Sequence[str]) -> str:
        """Name packages by their slugs in order, without a second redirect."""
        text = super().in_one(name, values)
        if name != "packages":
            return text
        return ",".join(named_packages(text, root(self.request), is_page=is_page(self.request)).names)

    def get_view_name(self) -> str:
        return "Compare"
