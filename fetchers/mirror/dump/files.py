"""The files of a dump: rows as JSON lines and as CSV, compressed, and hashed while they are written."""

import gzip
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from django.db.models import QuerySet

from core.dumps import FORMATS, FileEntry
from fetchers.mirror.dump.columns import Column, Kind, Table

BATCH = 500  # rows that are in memory together
COMPRESSION = 6
_CHUNK = 2**20

# The values of the columns of some rows: whole numbers, true, false and None; all else is a text, lists as JSON.
Rows = list[list[Any]]


class HashedFile:
    """A new file that everyone may read, with its size and digest. It is on disk when it is closed."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb")
        os.fchmod(self._file.fileno(), 0o644)
        self._digest = hashlib.sha256()
        self._bytes = 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self._bytes += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def entry(self, rows: int) -> FileEntry:
        return FileEntry(rows, self._bytes, self._digest.hexdigest())

    def close(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Close it, whatever becomes of it."""
        self._file.close()


@contextmanager
def compressed(path: Path) -> Iterator[tuple[gzip.GzipFile, HashedFile]]:
    """Open a new compressed file. The same contents make the same bytes: it tells neither its time nor its name."""
    hashed = HashedFile(path)
    try:
        with gzip.GzipFile("", "wb", COMPRESSION, hashed, mtime=0) as file:
            yield file, hashed
        hashed.close()
    finally:
        hashed.abandon()


class TableFiles:
    """The two files of one table: its rows as JSON lines, and as CSV with the names of the columns in front."""

    def __init__(self, folder: Path, name: str, table: Table) -> None:
        self._table = table
        self._paths = {f"{name}.{format_}": folder / f"{name}.{format_}" for format_ in FORMATS}
        self._rows = 0
        self.entries: dict[str, FileEntry] = {}

    def write(self, batches: Iterable[Rows]) -> None:
        """Write all rows, a batch at a time. Then `entries` has the files."""
        columns = self._table.columns
        json_path, csv_path = self._paths.values()
        with compressed(json_path) as (json_file, json_hashed), compressed(csv_path) as (csv_file, csv_hashed):
            csv_file.write(f"{','.join([_quoted(column.name) for column in columns])}\r\n".encode())
            for rows in batches:
                self._rows += len(rows)
                json_file.write(json_lines(columns, rows))
                csv_file.write(csv_lines(columns, rows))
        entries = (hashed.entry(self._rows) for hashed in (json_hashed, csv_hashed))
        self.entries = dict(zip(self._paths, entries, strict=True))


def batches(table: Table, rows: QuerySet[Any], now: datetime) -> Iterator[Rows]:
    """Read the rows of a table in its order, through a cursor of the database, and yield the values of its columns."""
    sources = table.sources
    makers = [_maker(column, sources, now) for column in table.columns]
    stored = rows.order_by(*table.order).values_list(*sources).iterator(chunk_size=BATCH)
    while some := list(islice(stored, BATCH)):
        yield [[make(row) for make in makers] for row in some]


def _maker(column: Column, sources: Sequence[str], now: datetime) -> Callable[[Sequence[Any]], Any]:
    """Return the function from a stored row to the value of a column."""
    at = [sources.index(source) for source in column.sources]
    compute, flat = column.compute, _FLAT.get(column.kind)
    if compute is None and flat is None:
        return itemgetter(*at)
    if compute is None:
        return lambda row: None if row[at[0]] is None else flat(row[at[0]])  # type: ignore[misc]  # it is not None

    def make(row: Sequence[Any]) -> Any:
        value = compute(*[row[place] for place in at], now)
        return value if flat is None or value is None else flat(value)

    return make


def time_text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _json_text(value: Any) -> str:
    return orjson.dumps(value).decode()


_FLAT: Mapping[Kind, Callable[[Any], str]] = {"time": time_text, "day": str, "json": _json_text}


def json_lines(columns: Sequence[Column], rows: Rows) -> bytes:
    """Return rows as lines of JSON, in which lists are lists."""
    names, nested = [column.name for column in columns], [column.name for column in columns if column.kind == "json"]
    lines = []
    for row in rows:
        document = dict(zip(names, row, strict=True))
        for name in nested:
            document[name] = orjson.Fragment(document[name])
        lines.append(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(lines)


def csv_lines(columns: Sequence[Column], rows: Rows) -> bytes:
    """Return rows as lines of CSV (RFC 4180). Whatever is a text is quoted, so that an empty one is told from null,
    which is nothing between two commas."""
    cells = [_CELLS.get(column.kind, _quoted) for column in columns]
    lines = [",".join([cell(value) for cell, value in zip(cells, row, strict=True)]) for row in rows]
    return ("\r\n".join(lines) + "\r\n").encode()


def _quoted(text: str | None) -> str:
    return "" if text is None else '"' + text.replace('"', '""') + '"'


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _word(value: bool | None) -> str:
    return "" if value is None else "true" if value else "false"


_CELLS: Mapping[Kind, Callable[[Any], str]] = {"integer": _number, "boolean": _word}


def compress(source: Path, target: Path, rows: int) -> dict[str, FileEntry]:
    """Compress a file that is complete, and return both of them."""
    digest = hashlib.sha256()
    with source.open("rb") as file, compressed(target) as (compressed_file, hashed):
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            compressed_file.write(chunk)
        size = file.tell()
    return {source.name: FileEntry(rows, size, digest.hexdigest()), target.name: hashed.entry(rows)}
