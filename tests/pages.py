"""Pages as their readers have them: the fields of a form as a browser sends them, the JSON that a page shows."""

import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

Fields = dict[str, list[str]]


class _Inputs(HTMLParser):
    """Collect the inputs of the form with an id, as they would be sent."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.fields: Fields = {}
        self._inside = False
        self._textarea: str | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("id") == self.form
        if not (self._inside or given.get("form") == self.form) or "disabled" in given:
            return
        name, kind = given.get("name", ""), given.get("type", "")
        is_left_out = kind in {"submit", "button"} or (kind in {"checkbox", "radio"} and "checked" not in given)
        if tag == "input" and name and not is_left_out:
            self._add(name, given.get("value", "on" if kind == "checkbox" else ""))
        elif tag == "textarea":
            self._textarea = name
            self._add(name, "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given:
            self._add(self._select, given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea" and self._textarea:
            self.fields[self._textarea][-1] = self.fields[self._textarea][-1].removeprefix("\n")
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.fields[self._textarea][-1] += data

    def _add(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


def fields_of(response: Any, form: str) -> Fields:
    """Return the fields of the form with this id if nothing is typed, with the line ends of a browser."""
    inputs = _Inputs(form)
    inputs.feed(response.content.decode())
    inputs.close()
    return {name: [_line_ends(value) for value in values] for name, values in inputs.fields.items()}


def _line_ends(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\n", "\r\n")


def shown_document(html: str) -> Any:
    """Return the JSON that a page shows."""
    folded = html.split('<details class="json"', 1)[1]
    inner = re.split("<pre[^>]*>", folded, maxsplit=1)[1].split("</pre>", maxsplit=1)[0]
    return json.loads(unescape(re.sub("<[^>]+>", "", inner)))


def data_of(page: str, name: str) -> Any:
    """Return the data that a page holds for its script."""
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(unescape(found[1]))


def text_of(html: str) -> str:
    """Return the text of HTML as a reader has it, with single blanks."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def items_below(html: str, heading: str) -> list[str]:
    """Return the texts of the items of the first list below a heading."""
    begin = re.search(rf"<h2>(?:<[^>]+>)?{re.escape(heading)}<", html)
    assert begin, heading
    items = html[begin.end() :].split("<ul", 1)[1].split("</ul>", 1)[0].split("<li>")[1:]
    return [text_of(item) for item in items]
