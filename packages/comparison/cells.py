"""The cells of a comparison as HTML: what is shown of a value, by the kind of its column.

A page has thousands of them. So they are plain strings, put together in one pass, and not templates: each function
escapes what it is given, and what it returns is HTML.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from core.templatetags.pages import MARKS, ago, is_web, linked, verdict

LONGEST = 100  # characters of a text; a pointer over it shows more of it
LONGEST_TITLE = 500
LONG = 40  # characters, for which a column is made wider
SPARK_HEIGHT = 8
Cell = Callable[[Any], str]

_BEST = '<span class="star" aria-hidden="true">★</span><span class="hidden">best: </span>'


class Cells:
    """The cells of a column on a page, with the values of all of them there: bars are in proportion to the greatest."""

    def __init__(self, column: Mapping[str, Any], values: Sequence[Any], best: Iterable[str]) -> None:
        self.kind = column["kind"]
        self.best = frozenset(best)
        self._known: dict[Any, str] = {}
        self._most = max((value for value in values if value), default=0) if self.kind in _NUMBERS else 0
        self._class = _CLASSES.get(self.kind) or ("long" if self._is_long(values) else "")

    def _is_long(self, values: Iterable[Any]) -> bool:
        texts = (value["text"] if self.kind == "cell" else value for value in values if value)
        return self.kind in {"text", "cell"} and any(len(each) > LONG for each in texts)

    def html(self, slug: str, value: Any, label: str) -> str:
        """Return the cell of a package as a `td`. `label`, which is HTML, names it where it stands alone."""
        inner, sign = ("", "") if value is None or value in ("", []) else self._inner(value)
        if not inner:
            return "<td></td>"
        is_best = slug in self.best
        classes = " ".join(filter(None, (self._class, sign, "best" if is_best else "")))
        of_class = f' class="{classes}"' if classes else ""
        return f'<td data-label="{label}"{of_class}>{_BEST if is_best else ""}{inner}</td>'

    def _inner(self, value: Any) -> tuple[str, str]:
        """Return what is in the cell, and the class of its sign if it has one."""
        if self.kind == "cell":
            sign = value["sign"] or 0
            return self._once(value["text"], lambda: of_cell(value)), _SIGNS[(sign > 0) - (sign < 0)]
        if self.kind in _NUMBERS:
            return number(value, self._most), ""
        if self.kind in {"text", "licence"}:
            return self._once(value, lambda: text(value)), ""
        return _OF_KIND[self.kind](value), ""

    def _once(self, key: str, html: Callable[[], str]) -> str:
        """Return the HTML of a value that many packages may share."""
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = html()
        return found


_NUMBERS = frozenset({"count", "number"})
_CLASSES = {"count": "number", "number": "number", "spark": "number", "list": "some"}
_SIGNS = {1: "plus", -1: "minus", 0: ""}


def text(value: str) -> str:
    if len(value) <= LONGEST:
        return f"<bdi>{escape(value)}</bdi>"
    return f'<bdi title="{escape(value[:LONGEST_TITLE])}">{escape(value[: LONGEST - 1])}…</bdi>'


def number(value: float, most: float) -> str:
    """Return a number, and a bar where it is at least a hundredth of the greatest one."""
    share = f"{value / most:.2f}".lstrip("0") if value > 0 and most else ""
    bar = f'<meter aria-hidden="true" value="{share}"></meter>' if share not in {"", ".00"} else ""
    return f"{value:,}{bar}"


def spark(weeks: Sequence[int]) -> str:
    """Return the sum of weekly counts, and each of them as a step; the busiest week has the full height."""
    most = max(weeks) or 1
    steps = [SPARK_HEIGHT - round(SPARK_HEIGHT * count / most) for count in weeks]
    path, run = [f"M0 {SPARK_HEIGHT}"], 1
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if step == following:
            run += 1
            continue
        path.append(f"V{step}h{run}")
        run = 1
    return (
        f'{sum(weeks):,}<svg class="steps" viewBox="0 0 {len(weeks)} {SPARK_HEIGHT}" aria-hidden="true">'
        f'<path d="{"".join(path)}V{SPARK_HEIGHT}"/></svg>'
    )


def link(value: str) -> str:
    """Return a link that shows the host of its URL; a text where it is no URL of http or https."""
    if not is_web(value):
        return text(value)
    host = value.split("/", 3)[2].removeprefix("www.")  # urlsplit() refuses some stored URLs, such as http://[x
    return f'<a href="{escape(value)}" rel="nofollow noopener"><bdi>{escape(host[:LONGEST])}</bdi></a>'


def of_verdict(value: Mapping[str, Any]) -> str:
    warnings = "".join(f" <small>{escape(each.replace('_', ' '))}</small>" for each in value["warnings"])
    return f"{verdict(value['verdict'], value['level'])}{warnings}"


def of_cell(value: Mapping[str, Any]) -> str:
    """Return the mark of a cell's sign, and its text. A word that is a sign is shown in one form: +2."""
    sign, typed = value["sign"], value["text"].strip()
    if not sign or not typed:
        mark = "– " if sign is None and typed else ""  # noqa: RUF001 (a dash)
        return f"{mark}{linked(typed)}" if typed else ""
    mark, word, plus = (MARKS["good"], "yes", "+") if sign > 0 else (MARKS["poor"], "no", "−")  # noqa: RUF001 (a minus)
    rest = without_sign(typed)
    if rest == typed:
        return f'<span aria-hidden="true">{mark}</span> {linked(typed)}'
    shown = f" {plus}{abs(sign)}" if abs(sign) > 1 else ""
    heard = f'<span aria-hidden="true">{mark}</span><span class="hidden">{word}</span>{shown}'
    return f"{heard} {linked(rest)}" if rest else heard


def without_sign(text: str) -> str:
    """Return the text of a cell that has a sign without its first word, if that is the sign: signs, or a digit after
    them."""
    first, _, rest = text.strip().partition(" ")
    return rest.strip() if first.strip("+-") in {"", *"0123456789"} else text.strip()


def _time(value: datetime) -> str:
    return str(ago(value))


def _list(values: Iterable[Any]) -> str:
    return text(", ".join(map(str, values)))


def _flag(value: Any) -> str:
    return "yes" if value else "no"


_OF_KIND: Mapping[str, Cell] = {
    "time": _time,
    "flag": _flag,
    "list": _list,
    "link": link,
    "verdict": of_verdict,
    "spark": spark,
}
