"""The lists of columns: complete, and every column that a key shows is in the log or has a reason why not."""

from typing import Any

import pytest
from django.db.models import Model

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from changes.triggers.watched import WATCHED
from core.documents import Column, Columns, Computed
from core.kinds import Kind
from grids.documents import GRID_COLUMNS
from grids.models import Grid
from packages.documents import PACKAGE_COLUMNS
from packages.models import Package

LISTS: tuple[tuple[Columns, type[Model]], ...] = (
    (CATEGORY_COLUMNS, Category),
    (GRID_COLUMNS, Grid),
    (PACKAGE_COLUMNS, Package),
)
each_list = pytest.mark.parametrize(("columns", "model"), LISTS, ids=["category", "grid", "package"])


def stored(columns: Columns) -> dict[str, Column]:
    return {key.column: key for key in columns.keys if isinstance(key, Column) and key.column}


@each_list
def test_every_column_of_the_table_is_listed_once(columns: Columns, model: type[Model]) -> None:
    listed = [key.column for key in columns.keys if isinstance(key, Column) and key.column]
    assert sorted(listed) == sorted(field.attname for field in model._meta.concrete_fields)
    assert len(columns.by_name) == len(columns.keys)
    computed = {column for key in columns.keys if isinstance(key, Computed) for column in key.columns}
    assert computed <= set(listed)
    assert not set(columns.v4) & set(columns.extended)


@each_list
def test_every_column_that_a_key_shows_is_logged_or_has_a_reason(columns: Columns, model: Any) -> None:
    for name in columns.served:
        mask = model.objects.for_api([name]).query.get_select_mask()
        for column in {field.attname for field in mask} - {"id"}:
            assert column in columns.logged or stored(columns)[column].reason, (name, column)


@each_list
def test_the_log_watches_the_logged_columns(columns: Columns, model: type[Model]) -> None:
    watched = next(each for each in WATCHED if each.table == model._meta.db_table)
    assert sorted(watched.columns) == sorted(columns.logged)


def test_a_column_is_not_left_out_of_the_log_without_a_reason() -> None:
    with pytest.raises(ValueError, match="size: a column is logged, or there is a reason"):
        Column("size", v4=True, means="How big.", logged=False)
    with pytest.raises(ValueError, match="size"):
        Column("size", v4=True, means="How big.", reason="It is small.")


def test_a_key_without_stored_columns_has_a_reason_why_nothing_is_logged() -> None:
    with pytest.raises(ValueError, match="size: it is made of stored columns, or there is a reason"):
        Computed("size", extended=True, means="How big.", shows=(Kind.GRID,))
    with pytest.raises(ValueError, match="size"):
        Computed("size", extended=True, means="How big.", columns=("id",), reason="It is small.")


def test_what_a_key_shows_of_other_kinds() -> None:
    assert PACKAGE_COLUMNS.shows([*PACKAGE_COLUMNS.v4, "no such key"]) == set()
    assert PACKAGE_COLUMNS.shows(["title", "category_slug", "grid_slugs"]) == {Kind.CATEGORY, Kind.GRID}
    assert CATEGORY_COLUMNS.shows(["package_count"]) == {(Kind.PACKAGE, "category_id")}


def test_the_shortest_age_counts() -> None:
    columns = Columns(Kind.PACKAGE, Column("id"), Computed("a", columns=("id",), ages=60), Column("b", ages=5))
    assert (columns.ages(["id"]), columns.ages(["id", "a"]), columns.ages(["a", "b"])) == (0, 60, 5)
    assert PACKAGE_COLUMNS.ages([*PACKAGE_COLUMNS.v4, "no such key"]) == 0
    assert PACKAGE_COLUMNS.ages(["title", "score"]) == 60


def test_a_key_of_a_document_says_what_it_means() -> None:
    with pytest.raises(ValueError, match="size: a key of a document says what it means"):
        Column("size", v4=True)
    with pytest.raises(ValueError, match="size"):
        Column("size", means="How big.")
