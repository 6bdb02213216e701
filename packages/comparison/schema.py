"""The parameters of comparisons, and how the schema describes them."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from core.api.pagination import MAX_LIMIT
from core.api.schema import OFFSET, filter_parameters, limit, list_of, one_or_more, ordering, parameter
from packages.comparison import table
from packages.comparison.columns import COLUMNS
from packages.comparison.parameters import ALL, TITLE
from packages.filters import PackageFilters

DEFAULT_LIMIT = 200

# The filters of packages, without their order: a comparison has its own.
FILTERS = PackageFilters.base_filters.keys() - {"ordering", "level"}
# What takes a list of values
LISTS = ("columns", *PackageFilters.lists())


def comparison_parameters(columns: Mapping[str, Any], orders: Mapping[str, Any]) -> list[OpenApiParameter]:
    """Describe the parameters of a comparison, for the schema. `columns` are the values of the parameter `columns`,
    `orders` those of `ordering`."""
    return [
        parameter("columns", "The keys of the columns to show, in that order; all, unless given.", list_of(columns)),
        parameter(
            "ordering",
            "Keys of columns, or title; prefix one with “-” to sort descending. What is missing comes last; ties are"
            " ordered by title.",
            list_of(orders),
            ["-repo_watchers"],
        ),
        parameter("level", "The levels of health to show.", one_or_more([*table.ALL_LEVELS, ALL]), ["good", "fair"]),
        limit(MAX_LIMIT, DEFAULT_LIMIT),
        OFFSET,
        *filter_parameters({name: each for name, each in PackageFilters.base_filters.items() if name in FILTERS}),
    ]


_KEYS = [column.key for column in COLUMNS]
KEYS = one_or_more(_KEYS)["items"]
ORDERS = ordering([TITLE, *_KEYS])["items"]
