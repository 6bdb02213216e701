"""A block of cells as a spreadsheet program puts it on the clipboard: a line for each row, a tab between two cells."""

import re
from collections.abc import Sequence

from grids.spreadsheets import pasted_text

# A cell with a tab or a line break in it has quotes around, and each quote in it is doubled. In others, which are not
# quoted, a quote is a character like any other.
_QUOTED = re.compile(r'"((?:[^"\t\r\n]|"")*[\t\r\n](?:[^"]|"")*)"(?=[\t\r\n]|\Z)')
_PLAIN = re.compile(r"[^\t\r\n]*")
_LINE_END = re.compile(r"\r\n|\r|\n")


def parse(text: str) -> list[list[str]]:
    """Return the rows of a block; the line break after the last row begins no other one."""
    rows: list[list[str]] = []
    row: list[str] = []
    place = 0
    while True:
        quoted = _QUOTED.match(text, place)
        found = quoted or _PLAIN.match(text, place)
        row.append(quoted[1].replace('""', '"') if quoted else text[place : found.end() if found else place])
        place = found.end() if found else place
        if text[place : place + 1] == "\t":
            place += 1
            continue
        rows.append(row)
        row = []
        end = _LINE_END.match(text, place)
        if end is None or end.end() == len(text):
            return rows
        place = end.end()


def texts_of(text: str, shown: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """Return the texts that the cells of a block get, None for one that stays as it is shown."""
    return [
        [pasted_text(_at(shown, row, column), cell) for column, cell in enumerate(cells)]
        for row, cells in enumerate(parse(text))
    ]


def _at(shown: Sequence[Sequence[str]], row: int, column: int) -> str:
    return shown[row][column] if row < len(shown) and column < len(shown[row]) else ""
