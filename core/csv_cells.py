"""Values of JSON as the cells of CSV (RFC 4180), in which no spreadsheet program finds a formula.

What is a text in JSON is quoted; numbers, true and false are not. Null is nothing between two commas, so that it is
told from an empty text, which is `""`. A list and an object are their JSON, as a text.
"""

import re
from collections.abc import Iterable
from typing import Any

import orjson

# The beginnings that a spreadsheet program may take for a formula. A sign and digits are a number.
_FORMULA = re.compile(r"'*(?![+-][0-9]+\Z)[=+\-@\t\r]")


def line(values: Iterable[Any]) -> bytes:
    """Return a line of CSV with these values as its cells. It is never empty: readers leave out an empty line."""
    cells = ",".join(map(cell, values)) or '""'
    return f"{cells}\r\n".encode()


def cell(value: Any) -> str:
    """Return a value of JSON as a cell."""
    if value is None:
        return ""
    text = _text(value)
    if isinstance(value, int | float):
        return text
    quoted = guarded(text).replace('"', '""')
    return f'"{quoted}"'


def guarded(text: str) -> str:
    """Return a text with an apostrophe in front if a spreadsheet program could take it for a formula.

    A text that has apostrophes in front of such a beginning gets one more. So no two texts become the same, and a
    reader takes one apostrophe off wherever the rest would get one.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """Return the text that a cell was made of: the inverse of guarded(). A cell that was typed without an apostrophe is
    its text as it is."""
    rest = cell.removeprefix("'")
    return rest if guarded(rest) != rest else cell


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode().strip('"')  # of a time
