"""The comparison as a table for CSV: a package a row, with a text or a number in each cell."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.api.tables import Table

_OF_EACH_ROW = {"Title": "title", "Slug": "slug", "Package": "package"}
# The part of a value that a cell shows, by the kind of the column; the other values are shown whole.
_SHOWN: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "verdict": lambda value: value["verdict"],
    "cell": lambda value: value["text"],
}


def as_table(comparison: Mapping[str, Any]) -> Table:
    """Return the rows of a comparison below the titles of its columns. The headers count the packages of all pages, and
    tell how many are hidden for which reason."""
    columns = comparison["columns"]
    hidden = "; ".join(f"{each['reason']}: {each['count']}" for each in comparison["hidden"])
    headers = {"X-Total-Count": str(comparison["shown"]), **({"X-Hidden": hidden} if hidden else {})}
    return Table([*_OF_EACH_ROW, *titles(columns)], _rows(columns, comparison["rows"]), headers)


def titles(columns: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the titles of columns with their units; with its key where another column has the same one."""
    with_units = [f"{each['title']} ({each['unit']})" if each.get("unit") else each["title"] for each in columns]
    number = Counter([*_OF_EACH_ROW, *with_units])
    return [
        f"{title} [{each['key']}]" if number[title] > 1 else title
        for title, each in zip(with_units, columns, strict=True)
    ]


def _rows(columns: Iterable[Mapping[str, str]], rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    shown: list[Callable[[Any], Any]] = [_SHOWN.get(column["kind"], _whole) for column in columns]
    for row in rows:
        values = zip(shown, row["values"], strict=True)
        yield [row[key] for key in _OF_EACH_ROW.values()] + [value and show(value) for show, value in values]


def _whole(value: Any) -> Any:
    return value
