"""The comparison without its envelope: a package a row; of CSV with a text or a number in each cell."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from core.api.tables import Documents, Table

SEPARATOR = "; "  # between the values of a list in one cell
OF_EACH_ROW = {"Title": "title", "Slug": "slug", "Package": "package"}
# The part of a value that a cell shows, by the kind of the column; the other values are shown whole.
_SHOWN: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "verdict": lambda value: value["verdict"],
    "cell": lambda value: value["text"],
}


def as_table(comparison: Mapping[str, Any]) -> Table:
    """Return the rows of a comparison below the titles of its columns. The headers count the packages of all pages, and
    tell how many are hidden for which reason."""
    columns = comparison["columns"]
    return Table([*OF_EACH_ROW, *titles(columns)], _rows(columns, comparison["rows"]), _headers(comparison))


def as_documents(comparison: Mapping[str, Any]) -> Documents:
    """Return the rows of a comparison as they are. X-Columns has the keys of the columns that their values are of."""
    keys = ",".join(each["key"] for each in comparison["columns"])
    return Documents(comparison["rows"], {**_headers(comparison), "X-Columns": keys})


def _headers(comparison: Mapping[str, Any]) -> dict[str, str]:
    hidden = "; ".join(f"{each['reason']}: {each['count']}" for each in comparison["hidden"])
    return {"X-Total-Count": str(comparison["shown"]), **({"X-Hidden": hidden} if hidden else {})}


def titles(columns: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the titles of columns with their units; with its key where another column has the same one."""
    with_units = [_with_unit(each) for each in columns]
    number = Counter([*OF_EACH_ROW, *with_units])
    return [
        with_key(title, each["key"]) if number[title] > 1 else title
        for title, each in zip(with_units, columns, strict=True)
    ]


def keys_of_titles(columns: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """Return, by each title that one of these columns may have in a table, the keys of the columns that may have it.

    There is more than one where columns have the same title: whether each has its key behind it depends on the columns
    of the table.
    """
    keys: dict[str, list[str]] = {}
    for column in columns:
        title, key = _with_unit(column), column["key"]
        for each in (title, with_key(title, key)):
            keys.setdefault(each, []).append(key)
    return keys


def with_key(title: str, key: str) -> str:
    return f"{title} [{key}]"


def _with_unit(column: Mapping[str, str]) -> str:
    return f"{column['title']} ({column['unit']})" if column.get("unit") else column["title"]


def _rows(columns: Iterable[Mapping[str, str]], rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    shown: list[Callable[[Any], Any]] = [_SHOWN.get(column["kind"], _whole) for column in columns]
    for row in rows:
        values = zip(shown, row["values"], strict=True)
        yield [row[key] for key in OF_EACH_ROW.values()] + [
            None if value is None else show(value) for show, value in values
        ]


def _whole(value: Any) -> Any:
    return SEPARATOR.join(map(str, value)) if isinstance(value, list) else value
