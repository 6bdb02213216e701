"""The packages of a comparison, read from the database: what orders and hides all of them, and whole rows of a page."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import BooleanField, Case, F, Max, OuterRef, QuerySet, Subquery, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from core.api.row_sources import STATEMENTS
from core.database.prepared import Prepared, fetch_unprepared, with_ids_of_list
from core.database.sessions import reader
from packages.comparison.columns import Column
from packages.models import FetchState, Package

# What columns are made of besides the stored columns of a package
_MADE = {
    "category_title": F("category__title"),
    "health_warnings": F("health__warnings"),
    "classifier_text": Cast("classifiers", TextField()),
}


@dataclass(frozen=True)
class Selection:
    """The packages that are compared, and their number. `prepared` builds the same queryset with a placeholder for
    `value`, and `name` is the name of that statement."""

    name: str
    packages: QuerySet[Package]
    prepared: Callable[[], QuerySet[Package]]
    value: Any
    count: int


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


def read_page(selection: Selection, ids: Sequence[int], columns: Iterable[Column]) -> list[Any]:
    """Return the compared packages that have these ids, in their order, with what these columns are made of."""

    def read(packages: QuerySet[Package], stored: Collection[str]) -> QuerySet[Package]:
        return _with_columns(packages.filter(with_ids_of_list(Package)), stored)

    stored = _stored(columns) | {"title", "slug"}
    rows = _prepared(("page", selection.name), selection.prepared, stored, read, selection.value, json.dumps(ids))
    by_id = {row.id: row for row in rows}
    return [by_id[pk] for pk in ids if pk in by_id]  # one may have been deleted meanwhile


def _prepared(
    name: tuple[str, ...],
    packages: Callable[[], QuerySet[Package]],
    stored: Collection[str],
    read: Callable[[QuerySet[Package], Collection[str]], QuerySet[Package]],
    *values: Any,
) -> list[Any]:
    connection = reader()
    key = ("comparison", *name, frozenset(stored))
    statement = STATEMENTS.get(connection, key, lambda: Prepared(read(packages(), stored)))
    return statement.rows(connection, *values)


def _stored(columns: Iterable[Column]) -> set[str]:
    return {name for column in columns for name in column.stored}


def _with_columns(packages: QuerySet[Package], stored: Collection[str]) -> QuerySet[Package]:
    made = {name: expression for name, expression in _MADE.items() if name in stored}
    return packages.only("id", *(stored - made.keys())).annotate(**made).order_by()


def _all(packages: QuerySet[Package], stored: Collection[str], fits: Combinable | None = None) -> QuerySet[Package]:
    states = FetchState.objects.filter(package=OuterRef("pk")).order_by().values("package")
    newest = Subquery(states.annotate(newest=Max("last_success")).values("newest"))
    return _with_columns(packages, stored).annotate(
        newest_success=newest, fits=fits or Value(True, output_field=BooleanField())
    )
