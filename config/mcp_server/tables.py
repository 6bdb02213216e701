"""Comparisons of the API as tables for a model: a row for each package, short values in the order of the columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.mcp_server.texts import SHORT, day, number, slug, text, texts, url

NEWEST = 4  # versions of a list that are shown
DESCRIPTION = 100
_DEFAULT = ("health", "repo_watchers", "pypi_downloads", "last_updated", "released", "django_versions", "licence")


def of_comparison(comparison: Mapping[str, Any], keys: Sequence[str] | None, *, features: bool) -> dict[str, Any]:
    """Return the columns, the rows and what is the best of a comparison, by these keys and by features or without
    them."""
    wanted = set(keys or _DEFAULT)
    columns = comparison["columns"]
    order = {key: place for place, key in enumerate(keys or ())}
    places = [place for place, each in enumerate(columns) if each["key"] in wanted or (features and _is_feature(each))]
    places.sort(key=lambda place: order.get(columns[place]["key"], len(order)))
    shown = [columns[place] for place in places]
    rows = [
        [
            slug(row["slug"]),
            *(_value(column, row["values"][place]) for place, column in zip(places, shown, strict=True)),
        ]
        for row in comparison["rows"]
    ]
    best = {
        str(_name(each)): list(filter(None, map(slug, comparison["best"][each["key"]])))[:3]
        for each in shown
        if each["key"] in comparison["best"]
    }
    return {"columns": ["slug", *map(_name, shown)], "rows": rows, "best": best}


def hidden(comparison: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return how many packages are left out, for which reason."""
    return [{"reason": text(each["reason"], SHORT), "count": number(each["count"])} for each in comparison["hidden"]]


def feature_titles(comparison: Mapping[str, Any]) -> list[str]:
    """Return the titles of the features that packages are compared by."""
    return texts([each["title"] for each in comparison["columns"] if _is_feature(each)], 20)


def _is_feature(column: Mapping[str, Any]) -> bool:
    return str(column["key"]).startswith("feature-")


def _name(column: Mapping[str, Any]) -> str | None:
    return text(column["title"], SHORT) if _is_feature(column) else str(column["key"])


def _value(column: Mapping[str, Any], value: Any) -> Any:
    show = _SHOWN.get(column["kind"])
    if value is None or isinstance(value, bool):
        return value
    if show:
        return show(value)
    return text(value, DESCRIPTION if column["key"] == "description" else SHORT)


# The short form of a value, by the kind of its column; all others are texts.
_SHOWN: Mapping[str, Callable[[Any], Any]] = {
    "count": number,
    "number": number,
    "verdict": lambda value: " ".join([str(text(value["verdict"], SHORT)), *texts(value["warnings"], 5)]),
    "spark": lambda value: sum(filter(None, map(number, value))),
    "list": lambda value: texts(value[-NEWEST:], NEWEST),
    "cell": lambda value: text(value["text"], SHORT),
    "time": day,
    "link": url,
}
