"""The columns, the order and the levels that a request chooses for a comparison."""

from collections.abc import Mapping, Sequence

from rest_framework.exceptions import ValidationError

from core.api.parameters import no_such
from packages.comparison.columns import Column
from packages.comparison.table import ALL_LEVELS, Order
from packages.health.verdicts import Level

EVERY_LEVEL: frozenset[Level] = frozenset(ALL_LEVELS)
NOT_POOR: frozenset[Level] = EVERY_LEVEL - {"poor"}
ALL, TITLE = "all", "title"


def chosen_columns(parameters: Mapping[str, str], columns: Sequence[Column]) -> list[Column]:
    """Return the columns that `columns` names, in its order; all of them if it is not given."""
    if "columns" not in parameters:
        return list(columns)
    by_key = {column.key: column for column in columns}
    keys = _words(parameters["columns"])
    for key in keys:
        if key not in by_key:
            raise ValidationError({"columns": [no_such("column", key, by_key)]})
    _refuse_doubled("columns", keys)
    return [by_key[key] for key in keys]


def chosen_orders(parameters: Mapping[str, str], columns: Sequence[Column]) -> list[Order]:
    """Return what `ordering` names: keys of columns, or title, each with “-” before it to sort descending."""
    if "ordering" not in parameters:
        return []
    by_key = {TITLE: None, **{column.key: column for column in columns}}
    words = [(word.removeprefix("-"), word.startswith("-")) for word in _words(parameters["ordering"])]
    for key, _ in words:
        if key not in by_key:
            message = f"{no_such('column', key, by_key)} Prefix a key with “-” to sort descending."
            raise ValidationError({"ordering": [message]})
    _refuse_doubled("ordering", [key for key, _ in words])
    return [Order(by_key[key], descending) for key, descending in words]


def chosen_levels(parameters: Mapping[str, str], default: frozenset[Level]) -> frozenset[Level]:
    """Return the levels that `level` names; `all` names each of them."""
    if "level" not in parameters:
        return default
    words = _words(parameters["level"])
    for word in words:
        if word not in {*EVERY_LEVEL, ALL}:
            raise ValidationError({"level": [no_such("level", word, [*EVERY_LEVEL, ALL])]})
    return EVERY_LEVEL if ALL in words else frozenset(level for level in EVERY_LEVEL if level in words)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _refuse_doubled(name: str, keys: Sequence[str]) -> None:
    if len(set(keys)) < len(keys):
        raise ValidationError({name: ["The same name stands there twice."]})
