"""Dumps as their readers see them."""

import gzip
import hashlib
import json
import re
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from core.dumps import MANIFEST, FileEntry, Manifest, name_at

Rows = list[dict[str, Any]]
_CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)')


def dump_of(root: Path) -> Path:
    """Return the newest dump in a folder."""
    return max(path for path in root.iterdir() if not path.name.startswith("."))


def json_rows(dump: Path, name: str) -> Rows:
    text = gzip.decompress((dump / f"{name}.jsonl.gz").read_bytes()).decode()
    return [json.loads(line) for line in text.split("\n") if line]


def csv_rows(dump: Path, name: str) -> Rows:
    """Return the rows of a file of CSV: quoted cells as texts, and others as the JSON that they are, null if empty."""
    return parse_csv(gzip.decompress((dump / f"{name}.csv.gz").read_bytes()).decode())


def parse_csv(text: str) -> Rows:
    lines: list[list[Any]] = [[]]
    place = 0
    while place < len(text):
        cell = _CELL.match(text, place)
        assert cell, text[place : place + 50]
        quoted, plain, end = cell.groups()
        lines[-1].append(json.loads(plain or "null") if quoted is None else quoted.replace('""', '"'))
        if end != ",":
            lines.append([])
        place = cell.end()
    titles, *rows = lines[:-1]
    return [dict(zip(titles, row, strict=True)) for row in rows]


def stored_rows(dump: Path, sql: str) -> Rows:
    """Return the rows of a query of the SQLite database."""
    with closing(sqlite3.connect(f"file:{dump / 'catalogue.sqlite'}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]


def manifest_of(dump: Path) -> Any:
    return json.loads((dump / "manifest.json").read_bytes())


def check_whole(dump: Path) -> None:
    """Fail unless the files are exactly those of the manifest, with their sizes and digests."""
    files = manifest_of(dump)["files"]
    assert {path.name for path in dump.iterdir()} == {*files, "manifest.json", ".months.json"}
    for name, entry in files.items():
        data = (dump / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["bytes"], entry["sha256"]), name


def write_dump(root: Path, time: datetime, change: int = 1, **files: bytes) -> str:
    """Write a dump with these files by hand, a dot in whose name is two underscores here, and return its name."""
    name = name_at(time)
    (root / name).mkdir(parents=True)
    entries = {}
    for key, data in files.items():
        file = key.replace("__", ".")
        (root / name / file).write_bytes(data)
        entries[file] = FileEntry(7, len(data), hashlib.sha256(data).hexdigest())
    (root / name / MANIFEST).write_bytes(Manifest(time, change, "CC0-1.0", entries).serialized())
    return name
