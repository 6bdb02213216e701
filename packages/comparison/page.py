"""The browsable page of a comparison: a table with a row for each package, in place of the JSON."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.dateformat import format as formatted
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from rest_framework.request import Request

from core.api.pagination import neighbour
from core.api.renderers import BrowsableRenderer

LONGEST = 120  # characters of a text; a pointer over it shows all
_URL = re.compile(r"(https?://[^\s<>\"'|]+[^\s<>\"'|.,;:!?)\]])", re.ASCII | re.IGNORECASE)
_HOST = re.compile(r"https?://(?:www\.)?([^/?#]+)", re.IGNORECASE)
_SPARK_HEIGHT = 16

Values = Sequence[Any]


class ComparisonPage(BrowsableRenderer):
    template = "packages/comparison.html"

    def get_content(self, renderer: Any, data: Any, *rest: Any) -> str:
        return "" if _is_comparison(data) else super().get_content(renderer, data, *rest)

    def get_context(self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]) -> Any:
        context = super().get_context(data, accepted_media_type, renderer_context)
        if not _is_comparison(data):
            return context
        request: Request = renderer_context["request"]
        return context | {
            "comparison": data,
            "groups": groups(data["columns"], request),
            "columns": [heading(column, request) for column in data["columns"]],
            "by_title": sort_url("title", "", request),
            "table_rows": table_rows(data),
            "all_columns": neighbour(request, columns=None) if "columns" in request.query_params else "",
        }


def _is_comparison(data: Any) -> bool:
    return isinstance(data, dict) and "columns" in data and "rows" in data


def groups(columns: Sequence[Mapping[str, str]], request: Request) -> list[dict[str, Any]]:
    """Return the groups of columns that stand side by side: name, number of columns, and the URL of these alone."""
    found = []
    for name, grouped in groupby(columns, key=lambda column: column["group"]):
        keys = [column["key"] for column in grouped]
        url = neighbour(request, columns=",".join(keys))
        found.append({"name": name.capitalize(), "size": len(keys), "url": url})
    return found


def heading(column: Mapping[str, str], request: Request) -> dict[str, Any]:
    """Return the column with the URL that orders by it, the best first where there is one."""
    order = request.query_params.get("ordering", "").split(",")[0].strip()
    directions = {column["key"]: "ascending", f"-{column['key']}": "descending"}
    return {
        **column,
        "url": sort_url(column["key"], "-" if column.get("better") in {"more", "newest"} else "", request),
        "sorted": directions.get(order, ""),
    }


def sort_url(key: str, first: str, request: Request) -> str:
    """Return the URL of the comparison in the order of a column: in the direction `first` ("-" is descending), or the
    other way round if it is in that order now."""
    order = f"{first}{key}"
    if request.query_params.get("ordering") == order:
        order = f"{'' if first else '-'}{key}"
    return neighbour(request, ordering=order, offset=None)


def table_rows(comparison: Mapping[str, Any]) -> SafeString:
    """Return the rows of the table."""
    columns = comparison["columns"]
    cells = [_CELLS[column["kind"]] for column in columns]
    best = [set(comparison["best"].get(column["key"], ())) for column in columns]
    return format_html_join(
        "\n",
        '<tr><th scope="row"><a href="{}">{}</a></th>{}</tr>',
        (
            (row["package"], row["title"], _row(row["slug"], row["values"], columns, cells, best))
            for row in comparison["rows"]
        ),
    )


def _row(
    slug: str,
    values: Values,
    columns: Iterable[Mapping[str, str]],
    cells: Iterable[Callable[[Any], Any]],
    best: Iterable[set[str]],
) -> SafeString:
    return format_html_join(
        "",
        '<td class="{}{}">{}</td>',
        (
            (column["kind"], " best" if slug in of_column else "", _NOTHING if value in (None, "", []) else cell(value))
            for value, column, cell, of_column in zip(values, columns, cells, best, strict=True)
        ),
    )


_NOTHING = SafeString('<span class="none">–</span>')  # noqa: RUF001 (a dash)


def _text(value: str) -> SafeString:
    short = Truncator(value).chars(LONGEST)
    return conditional_escape(short) if short == value else format_html('<span title="{}">{}</span>', value, short)


def _time(value: datetime) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', value.isoformat(), formatted(value, "j M Y"))


def _link(value: str) -> SafeString:
    host = _HOST.match(value)  # urlsplit() refuses some stored URLs, such as http://[x
    return format_html('<a href="{}" rel="nofollow">{}</a>', value, host[1] if host else value)


def _verdict(value: Mapping[str, Any]) -> SafeString:
    warnings = format_html_join("", "<br><small>{}</small>", ((each.replace("_", " "),) for each in value["warnings"]))
    return format_html('<span class="level-{}">{}</span>{}', value["level"], value["verdict"], warnings)


def _spark(weeks: Sequence[int]) -> SafeString:
    """Return the weeks as bars; the busiest one has the full height."""
    most = max(weeks) or 1
    bars = " ".join(
        f"M{2 * week + 0.5} {_SPARK_HEIGHT}v-{round(_SPARK_HEIGHT * count / most, 1)}"
        for week, count in enumerate(weeks)
        if count
    )
    return format_html(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img"><title>{2} commits</title>'
        '<path d="{3}"/></svg>',
        2 * len(weeks),
        _SPARK_HEIGHT,
        f"{sum(weeks):,}",
        bars,
    )


def _cell(value: Mapping[str, Any]) -> SafeString:
    sign = value["sign"]
    kind = "unknown" if sign is None else "plus" if sign > 0 else "minus" if sign < 0 else "neutral"
    return format_html('<span class="{}">{}</span>', kind, linked(value["text"]) or _NOTHING)


def linked(text: str) -> SafeString:
    """Return a text as HTML, with links of its URLs of http and https, and of nothing else."""
    parts = _URL.split(text)
    return format_html_join(
        "",
        "{}",
        (
            (format_html('<a href="{0}" rel="nofollow">{0}</a>', part) if number % 2 else part,)
            for number, part in enumerate(parts)
        ),
    )


_CELLS: Mapping[str, Callable[[Any], Any]] = {
    "text": _text,
    "licence": _text,
    "count": intcomma,
    "number": intcomma,
    "time": _time,
    "flag": lambda value: "yes" if value else "no",
    "list": ", ".join,
    "link": _link,
    "verdict": _verdict,
    "spark": _spark,
    "cell": _cell,
}
