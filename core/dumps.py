"""Dumps of the catalogue: the layout of their folder, and the manifest, which the command that writes them and the
views that serve them share.

Each dump is a folder of its own, named by its time, in which nothing ever changes. What has another name (a dump that
is being written or deleted, a file of somebody else) is no part of it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any, NamedTuple, Self

import orjson
from django.conf import settings

MANIFEST, DATABASE = "manifest.json", "catalogue.sqlite"
FORMATS = ("jsonl.gz", "csv.gz")
TABLES = ("categories", "packages", "pins", "advisories", "grids", "memberships", "features", "cells", "releases")
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{3}Z", re.ASCII)
_FILE = re.compile(
    rf"{re.escape(MANIFEST)}|{re.escape(DATABASE)}(\.gz)?"
    rf"|({'|'.join(TABLES)}|history-[0-9]{{4}}-(0[1-9]|1[0-2]))\.({'|'.join(map(re.escape, FORMATS))})",
    re.ASCII,
)


class FileEntry(NamedTuple):
    """A file, as the manifest tells it. The rows of a database are those of all its tables."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The manifest of a dump: its time, the number of the last change that is in it, the licence of the data (None if
    the site names none), and its other files by their names."""

    time: datetime
    change: int
    licence: str | None
    files: Mapping[str, FileEntry]

    def serialized(self) -> bytes:
        files = {name: entry._asdict() for name, entry in self.files.items()}
        return orjson.dumps({**asdict(self), "files": files}, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2) + b"\n"

    @classmethod
    def parse(cls, text: bytes) -> Self | None:
        """Return the manifest that a file holds; None if it is none, or if anything in it is not as we write it."""
        try:
            data: Any = orjson.loads(text)
            files = {name: FileEntry(**entry) for name, entry in data.pop("files").items()}
            manifest = cls(time=datetime.fromisoformat(data.pop("time")), files=files, **data)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        return manifest if manifest.is_sound() else None

    def is_sound(self) -> bool:
        """Return whether everything has its type; a folder may hold what others have written."""
        return (
            self.time.tzinfo is not None
            and 1970 <= self.time.year < 9999
            and _is_count(self.change)
            and isinstance(self.licence, str | None)
            and all(is_file(name) and _is_entry(entry) for name, entry in self.files.items())
        )


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_entry(entry: FileEntry) -> bool:
    is_digest = isinstance(entry.sha256, str) and bool(re.fullmatch("[0-9a-f]{64}", entry.sha256))
    return _is_count(entry.rows) and _is_count(entry.bytes) and is_digest


class Dump(NamedTuple):
    name: str
    manifest: Manifest


def name_at(time: datetime) -> str:
    """Return the name of the dump of that time: `20261128T155318.123Z`. Names are in the order of times."""
    time = time.astimezone(UTC)
    return f"{time:%Y%m%dT%H%M%S}.{time.microsecond // 1000:03}Z"


def is_name(text: str) -> bool:
    """Return whether a dump may have that name."""
    return bool(_NAME.fullmatch(text))


def is_file(text: str) -> bool:
    """Return whether a file of a dump may have that name."""
    return bool(_FILE.fullmatch(text))


def names(root: Path) -> list[str]:
    """Return the names of the dumps in a folder, newest first; of none where it does not exist yet. OSError if it
    cannot be read."""
    try:
        found = [path.name for path in root.iterdir() if is_name(path.name) and path.is_dir() and not path.is_symlink()]
    except FileNotFoundError:
        return []
    return sorted(found, reverse=True)


def read(root: Path, name: str) -> Dump | None:
    """Return a dump; None if there is none by that name, or it is none of ours."""
    try:
        manifest = Manifest.parse((root / name / MANIFEST).read_bytes())
    except OSError:  # it was deleted meanwhile
        return None
    return Dump(name, manifest) if manifest else None


def dumps(root: Path) -> Iterator[Dump]:
    """Yield the dumps in a folder, newest first."""
    for name in names(root):
        if dump := read(root, name):
            yield dump


def find(root: Path, name: str, file: str) -> Path | None:
    """Return the path of a file of a dump; None for whatever else may be there by these names."""
    path = root / name / file
    try:
        is_there = is_name(name) and is_file(file) and S_ISDIR(path.parent.lstat().st_mode)
        return path if is_there and S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None


def root() -> Path | None:
    """Return the folder whose dumps the site serves; None if it serves none."""
    return Path(settings.DUMP_ROOT) if settings.DUMP_ROOT else None


def state() -> str:
    """Return a text that differs whenever the site serves other dumps, for what is cached of them."""
    folder = root()
    try:
        return " ".join(names(folder)) if folder else ""
    except OSError:  # the view says so
        return "unreadable"
