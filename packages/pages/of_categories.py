"""The packages of categories, for the documents and the pages of these (categories.hooks)."""

from collections.abc import Collection, Mapping, Sequence

from django.db.models import Count, F, OuterRef, Subquery, Window
from django.db.models.functions import RowNumber

from core.api.row_sources import SECONDS
from core.caching.dependencies import on
from core.caching.values import CachedValue
from core.database.functions import RowCount
from core.database.sessions import limited
from core.kinds import Kind
from packages.filters import PackageFilters
from packages.models import Package
from packages.pages.lists import ORDERINGS, PackageListPage
from packages.pages.rows import PackageRow, rows_of


class PackagesOfCategories:
    """Both questions go through many packages of a large catalogue: they are given the time that a filter has."""

    rows_template = PackageListPage.rows_template
    orderings = ORDERINGS

    def first_of(self, category: int, ordering: str, most: int) -> Sequence[PackageRow]:
        ordered = PackageFilters.base_filters["ordering"].filter(
            Package.objects.filter(category=category), ordering.split(",")
        )
        with limited(SECONDS):
            ids = list(ordered.values_list("pk", flat=True)[:most])
        return rows_of(ids)

    def number_in_a_category(self) -> RowCount:
        # Counted in the index of categories alone: no column but the id, which it has.
        return RowCount(Package.objects.filter(category=OuterRef("pk")).order_by().values("pk"))

    def median_last_commit(self) -> Subquery:
        known = Package.objects.filter(category=OuterRef("pk"), last_updated__isnull=False).order_by()
        numbered = known.annotate(place=Window(RowNumber(), order_by=["last_updated", "pk"]), known=Window(Count("pk")))
        return Subquery(numbered.filter(place=(F("known") + 1) / 2).values("last_updated"))

    def counts(self, categories: Collection[int]) -> Mapping[int, int]:
        ids = sorted(categories)
        # The revision of categories moves with this column, and with packages that come and go: not with each fetch.
        changes = on(Kind.CATEGORY, columns=[(Kind.PACKAGE, "category_id")])
        cached = CachedValue(changes, "packages of categories", ",".join(map(str, ids)))
        if cached.value is None:
            of_each = Package.objects.filter(category__in=ids).order_by().values_list("category")
            with limited(SECONDS):
                cached.set(list(of_each.annotate(Count("pk"))))
        return dict(cached.value)
