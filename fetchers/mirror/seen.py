"""A record of the documents seen in one import, kept on disk so that memory does not grow with the catalogue."""

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Literal, NamedTuple, Self

from core.kinds import Kind
from fetchers.mirror.documents import Document, FeatureDocument

_TABLES = """
CREATE TABLE ids (kind TEXT, id INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE valid (kind TEXT, id INTEGER, slug TEXT, digest BLOB, stored INTEGER DEFAULT 0, PRIMARY KEY (kind, id));
CREATE UNIQUE INDEX valid_slug ON valid (kind, slug);
CREATE TABLE deferred (kind TEXT, document BLOB);
CREATE TABLE named_by_grid (grid INTEGER, package INTEGER, PRIMARY KEY (grid, package)) WITHOUT ROWID;
CREATE TABLE times (grid INTEGER PRIMARY KEY, document TEXT, edited TEXT);
CREATE TABLE features (grid INTEGER PRIMARY KEY, features BLOB);
CREATE TABLE named_by_package (grid INTEGER, package INTEGER, PRIMARY KEY (grid, package)) WITHOUT ROWID;
"""


class GridTimes(NamedTuple):
    """The times at which the source has last edited a grid, and at which this site has, if that was later."""

    document: datetime
    edited: datetime | None


class SeenDocuments:
    """A private SQLite database in a temporary file, which is deleted when it is closed."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._db.close()

    def register_id(self, kind: Kind, pk: int) -> None:
        """Note that the source has a document with this id, valid or not."""
        self._db.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (kind, pk))

    def register(self, kind: Kind, document: Document) -> Literal["new", "repeated", "id", "slug"]:
        """Note a valid document and compare it with the earlier ones.

        Return "new"; "repeated" if the very same document was seen before; "id" or "slug" if an earlier, different
        document has the same.
        """
        self.register_id(kind, document.id)
        digest = blake2b(document.model_dump_json().encode(), digest_size=16).digest()
        row = self._db.execute("SELECT digest FROM valid WHERE kind = ? AND id = ?", (kind, document.id)).fetchone()
        if row:
            return "repeated" if row[0] == digest else "id"
        values = (kind, document.id, document.slug, digest)
        try:
            self._db.execute("INSERT INTO valid (kind, id, slug, digest) VALUES (?, ?, ?, ?)", values)
        except sqlite3.IntegrityError:
            return "slug"
        return "new"

    def mark_stored(self, kind: Kind, ids: Iterable[int]) -> None:
        self._db.executemany("UPDATE valid SET stored = 1 WHERE kind = ? AND id = ?", ((kind, pk) for pk in ids))

    def has_any(self, kind: Kind) -> bool:
        return self._db.execute("SELECT 1 FROM ids WHERE kind = ? LIMIT 1", (kind,)).fetchone() is not None

    def missing(self, kind: Kind, ids: Iterable[int]) -> set[int]:
        """Return the ids for which the source has no document, not even an invalid one."""
        query = "SELECT 1 FROM ids WHERE kind = ? AND id = ?"
        return {pk for pk in ids if not self._db.execute(query, (kind, pk)).fetchone()}

    def defer(self, kind: Kind, document: Document) -> None:
        """Set a document aside for a second attempt at the end of the import."""
        self._db.execute("INSERT INTO deferred VALUES (?, ?)", (kind, pickle.dumps(document)))

    def deferred(self, kind: Kind) -> Iterator[Document]:
        rows = self._db.execute("SELECT document FROM deferred WHERE kind = ? ORDER BY rowid", (kind,))
        return (pickle.loads(row[0]) for row in rows)  # noqa: S301 (out of a file that nobody else can open)

    def add_packages_of_grid(self, grid: int, packages: Iterable[int]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO named_by_grid VALUES (?, ?)", ((grid, pk) for pk in packages))

    def add_times_of_grid(self, grid: int, document: datetime, edited: datetime | None) -> None:
        """Note when the source has edited a grid, and when this site has, if that was later."""
        values = (grid, document.isoformat(), edited and edited.isoformat())
        self._db.execute("INSERT OR REPLACE INTO times VALUES (?, ?, ?)", values)

    def times_of_grids(self, grids: Iterable[int]) -> dict[int, GridTimes]:
        """Return when those of these grids that were stored were edited."""
        query = "SELECT document, edited FROM times WHERE grid = ?"
        rows = ((grid, self._db.execute(query, (grid,)).fetchone()) for grid in grids)
        return {
            grid: GridTimes(datetime.fromisoformat(row[0]), datetime.fromisoformat(row[1]) if row[1] else None)
            for grid, row in rows
            if row
        }

    def add_grids_of_package(self, package: int, grids: Iterable[int]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO named_by_package VALUES (?, ?)", ((pk, package) for pk in grids))

    def add_features_of_grid(self, grid: int, features: list[FeatureDocument]) -> None:
        self._db.execute("INSERT OR REPLACE INTO features VALUES (?, ?)", (grid, pickle.dumps(features)))

    def features_of_grids(self) -> Iterator[tuple[int, list[FeatureDocument]]]:
        """Yield each stored grid whose document has features, with these."""
        rows = self._db.execute("SELECT grid, features FROM features ORDER BY grid")
        return ((grid, pickle.loads(features)) for grid, features in rows)  # noqa: S301 (as above)

    def packages_named_by_grids_alone(self) -> Iterator[tuple[int, list[int]]]:
        """Yield each grid with those of its packages that the source has no document of."""
        rows = self._db.execute(
            "SELECT grid, package FROM named_by_grid WHERE NOT EXISTS"
            " (SELECT 1 FROM ids WHERE kind = 'package' AND id = package) ORDER BY grid, package"
        )
        return ((grid, [row[1] for row in group]) for grid, group in groupby(rows, itemgetter(0)))

    def disagreements(self) -> Iterator[tuple[int, int, bool]]:
        """Yield (grid, package, named by the grid) for each membership that one of two stored documents leaves out."""
        stored = "EXISTS (SELECT 1 FROM valid WHERE kind = '{}' AND id = {} AND stored)"
        both = f"{stored.format('grid', 'grid')} AND {stored.format('package', 'package')}"
        yield from (
            (grid, package, bool(by_grid))
            for grid, package, by_grid in self._db.execute(
                f"SELECT grid, package, 1 FROM"  # noqa: S608 (no input in it)
                f" (SELECT * FROM named_by_grid EXCEPT SELECT * FROM named_by_package) WHERE {both}"
                f" UNION ALL SELECT grid, package, 0 FROM"
                f" (SELECT * FROM named_by_package EXCEPT SELECT * FROM named_by_grid) WHERE {both}"
            )
        )
