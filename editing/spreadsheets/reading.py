"""A file of CSV as it is uploaded: decoded, its columns found by their titles, its rows with their line numbers.

It is UTF-8, or UTF-16 with a byte order mark, which Excel calls “Unicode text”; commas, semicolons or tabs are between
its columns. Other character sets are refused: nothing in a file says which of them it is in.
"""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from core.api.parameters import nearest
from core.csv_cells import unguarded
from grids.spreadsheets import Line, RefusedError, printable, rows

MOST_BYTES = 5_000_000
MOST_ROWS = 10_000
_DELIMITERS = (",", ";", "\t")


class SheetRow(NamedTuple):
    """A row of a file: the number of its line, and its texts by the titles of the columns, as they are written there.
    `problem` says why it cannot be read."""

    number: int
    written: Mapping[str, str]
    problem: str = ""

    def text(self, title: str) -> str:
        """Return the text of a cell that names something: without blanks around it, "" if there is no such column."""
        return unguarded(self.written.get(title, "")).strip()


class Sheet(NamedTuple):
    """The rows of a file, the titles of its columns, and those of columns that are ignored."""

    rows: list[SheetRow]
    titles: list[str]
    ignored: list[str]


def read(data: bytes, titles: Collection[str], naming: Iterable[str], ignored: Collection[str]) -> Sheet:
    """Return the rows of a file that has columns with some of these titles, one of `naming` among them, and any of
    `ignored`. RefusedError says in one line why it is none."""
    if len(data) > MOST_BYTES:
        raise RefusedError(f"It is too large: at most {MOST_BYTES // 1_000_000} MB.")
    text = _decoded(data)
    known = {*titles, *ignored}
    found = list(islice(_with_text(rows(text, _delimiter(text, known))), MOST_ROWS + 2))
    if not found:
        raise RefusedError("It is empty.")
    header = _header(found[0], known)
    if not set(naming).intersection(header):
        wanted = " or ".join(f"“{title}”" for title in naming)
        raise RefusedError(f"No column is titled {wanted}. Commas, semicolons or tabs separate columns.", 1)
    lines = found[1:]
    if len(lines) > MOST_ROWS:
        raise RefusedError(f"There are too many rows: at most {MOST_ROWS:,}.", lines[MOST_ROWS].number)
    read_only = [title for title in header if title in ignored]
    return Sheet([_row(line, header) for line in lines], [t for t in header if t in titles], read_only)


def _decoded(data: bytes) -> str:
    text = _text(data)
    if (nul := text.find("\0")) >= 0:
        raise RefusedError("It holds a NUL: save it as CSV in UTF-8.", text.count("\n", 0, nul) + 1)
    return text


def _text(data: bytes) -> str:
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        with suppress(UnicodeDecodeError):
            return data.decode("utf-16")
        raise RefusedError("It begins as UTF-16 does, and goes on otherwise: save it as CSV in UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        why = "It is not UTF-8: choose “CSV UTF-8” in Excel, or the character set UTF-8 elsewhere, when you save it."
        raise RefusedError(why, data.count(b"\n", 0, error.start) + 1) from error


def _with_text(lines: Iterator[Line]) -> Iterator[Line]:
    return (line for line in lines if any(cell.strip() for cell in line.cells))


def _delimiter(text: str, known: Collection[str]) -> str:
    """Return what separates the columns: that by which most of them have titles that we know."""

    def number(delimiter: str) -> int:
        with suppress(RefusedError, StopIteration):
            return sum(_title(cell) in known for cell in next(_with_text(rows(text, delimiter))).cells)
        return 0

    return max(_DELIMITERS, key=number)


def _title(cell: str) -> str:
    return unguarded(cell).strip().lower()


def _header(line: Line, known: Collection[str]) -> list[str]:
    titles = [_title(cell) for cell in line.cells]
    for title in filter(None, titles):
        if title not in known:
            hint = nearest(title, known)
            raise RefusedError(f"No column is called “{title[:100]}”.{hint} Correct the title, or take it out.", 1)
        if titles.count(title) > 1:
            raise RefusedError(f"Two columns are titled “{title}”.", 1)
    return titles


def _row(line: Line, header: list[str]) -> SheetRow:
    problem = ""
    if len(line.cells) != len(header):
        problem = f"It has {len(line.cells)} cells, the first line has {len(header)}."
    cells = list(zip(header, line.cells, strict=False))
    if not problem and any(cell.strip() for title, cell in cells if not title):
        problem = "There is a text in a column without a title."
    return SheetRow(line.number, {title: cell for title, cell in cells if title}, problem)


def shown(text: str, most: int = 100) -> str:
    """Return a text of a file in one line of a message."""
    return printable(text if len(text) <= most else f"{text[:most]}…")
