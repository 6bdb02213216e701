"""The packages of a comparison, read from the database: what orders and hides all of them, and whole rows of a page."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Case, F, Max, OuterRef, QuerySet, Subquery, Value, When
from django.db.models.expressions import Combinable

from core.api.row_sources import STATEMENTS
from core.database.prepared import Prepared, fetch_unprepared, with_ids_of_list
from core.database.sessions import reader
from packages.comparison.columns import Column
from packages.models import FetchState, Package

# Stored columns that are not of the packages' own table
_ELSEWHERE = {"category_title": "category__title", "health_warnings": "health__warnings"}


@dataclass(frozen=True)
class Selection:
    """The packages that are compared. `prepared` builds the same queryset with a placeholder for `value`, and `name` is
    the name of that statement."""

    name: str
    packages: QuerySet[Package]
    prepared: Callable[[], QuerySet[Package]]
    value: Any


def read_all(
    selection: Selection, columns: Iterable[Column], matching: QuerySet[Package] | None = None
) -> Sequence[Any]:
    """Return all packages that are compared, with what these columns are made of and nothing else, however many there
    are. `matching` are those of them that the filters leave; None if there are no filters."""
    stored = _stored(columns) | {"title", "slug", "verdict_rank", "last_fetched"}
    if matching is None:
        return _prepared(("all", selection.name), selection.prepared, stored, _all, selection.value)
    rows = _all(selection.packages, stored, Case(When(pk__in=matching.values("pk"), then=True), default=False))
    return fetch_unprepared(reader(), rows)


def read_page(ids: Sequence[int], columns: Iterable[Column]) -> list[Any]:
    """Return the packages with these ids, in their order, with what these columns are made of."""
    if not ids:
        return []

    def placeholder() -> QuerySet[Package]:
        return Package.objects.filter(with_ids_of_list(Package))

    stored = _stored(columns) | {"title", "slug"}
    rows = _prepared(("page",), placeholder, stored, _with_columns, json.dumps(ids))
    by_id = {row.pk: row for row in rows}
    return [by_id[pk] for pk in ids if pk in by_id]  # one may have been deleted meanwhile


def _prepared(
    name: tuple[str, ...],
    packages: Callable[[], QuerySet[Package]],
    stored: Collection[str],
    read: Callable[[QuerySet[Package], Collection[str]], QuerySet[Package]],
    value: Any,
) -> list[Any]:
    connection = reader()
    key = ("comparison", *name, frozenset(stored))
    statement = STATEMENTS.get(connection, key, lambda: Prepared(read(packages(), stored)))
    return statement.rows(connection, value)


def _stored(columns: Iterable[Column]) -> set[str]:
    return {name for column in columns for name in column.stored}


def _with_columns(packages: QuerySet[Package], stored: Collection[str]) -> QuerySet[Package]:
    elsewhere = {name: F(path) for name, path in _ELSEWHERE.items() if name in stored}
    return packages.only("id", *(stored - elsewhere.keys())).annotate(**elsewhere).order_by()


def _all(packages: QuerySet[Package], stored: Collection[str], fits: Combinable | None = None) -> QuerySet[Package]:
    states = FetchState.objects.filter(package=OuterRef("pk")).order_by().values("package")
    newest = Subquery(states.annotate(newest=Max("last_success")).values("newest"))
    return _with_columns(packages, stored).annotate(
        newest_success=newest, fits=fits or Value(True, output_field=BooleanField())
    )
