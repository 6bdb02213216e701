"""What one import has met so far, on disk: its memory must not grow with the catalogue."""

import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Literal, Self

from core.kinds import Kind
from fetchers.mirror.documents import Document

_TABLES = """
CREATE TABLE seen (kind TEXT, id INTEGER, slug TEXT, digest BLOB, taken INTEGER DEFAULT 0, PRIMARY KEY (kind, id));
CREATE UNIQUE INDEX seen_slug ON seen (kind, slug);
CREATE TABLE listed (grid INTEGER, package INTEGER, PRIMARY KEY (grid, package)) WITHOUT ROWID;
CREATE TABLE chosen (grid INTEGER, package INTEGER, PRIMARY KEY (grid, package)) WITHOUT ROWID;
CREATE TABLE deferred (kind TEXT, document BLOB);
CREATE TABLE present (kind TEXT, id INTEGER, PRIMARY KEY (kind, id)) WITHOUT ROWID;
"""


class Ledger:
    """A private SQLite database in a temporary file that goes with it."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._db.close()

    def present(self, kind: Kind, pk: int) -> None:
        """The source has a document with that id, whether it can be taken or not."""
        self._db.execute("INSERT OR IGNORE INTO present VALUES (?, ?)", (kind, pk))

    def meet(self, kind: Kind, document: Document) -> Literal["new", "again", "repeats its id", "repeats its slug"]:
        """Note a document; say whether it is the first, the same one again, or claims what another has."""
        digest = blake2b(document.model_dump_json().encode(), digest_size=16).digest()
        row = self._db.execute("SELECT digest FROM seen WHERE kind = ? AND id = ?", (kind, document.id)).fetchone()
        if row:
            return "again" if row[0] == digest else "repeats its id"
        values = (kind, document.id, document.slug, digest)
        try:
            self._db.execute("INSERT INTO seen (kind, id, slug, digest) VALUES (?, ?, ?, ?)", values)
        except sqlite3.IntegrityError:
            return "repeats its slug"
        return "new"

    def take(self, kind: Kind, ids: Iterable[int]) -> None:
        self._db.executemany("UPDATE seen SET taken = 1 WHERE kind = ? AND id = ?", ((kind, pk) for pk in ids))

    def lacks(self, kind: Kind, ids: Iterable[int]) -> set[int]:
        """Those of `ids` that the source has no document with."""
        find = "SELECT 1 FROM present WHERE kind = ? AND id = ?"
        return {pk for pk in ids if not self._db.execute(find, (kind, pk)).fetchone()}

    def count(self, kind: Kind) -> int:
        found: int = self._db.execute("SELECT count(*) FROM present WHERE kind = ?", (kind,)).fetchone()[0]
        return found

    def defer(self, kind: Kind, document: Document) -> None:
        self._db.execute("INSERT INTO deferred VALUES (?, ?)", (kind, pickle.dumps(document)))

    def deferred(self, kind: Kind) -> Iterator[Document]:
        rows = self._db.execute("SELECT document FROM deferred WHERE kind = ? ORDER BY rowid", (kind,))
        return (pickle.loads(row[0]) for row in rows)  # noqa: S301 (out of a file that nobody else can open)

    def list_members(self, grid: int, packages: Iterable[int]) -> None:
        """What a grid's document says of its packages."""
        self._db.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?)", ((grid, pk) for pk in packages))

    def choose_grids(self, package: int, grids: Iterable[int]) -> None:
        """What a package's document says of its grids."""
        self._db.executemany("INSERT OR IGNORE INTO chosen VALUES (?, ?)", ((pk, package) for pk in grids))

    def undecided(self) -> Iterator[tuple[int, list[int]]]:
        """Grids with those of their listed packages that no document of the source speaks for."""
        rows = self._db.execute(
            "SELECT grid, package FROM listed WHERE NOT EXISTS"
            " (SELECT 1 FROM present WHERE kind = 'package' AND id = package) ORDER BY grid, package"
        )
        return ((grid, [row[1] for row in group]) for grid, group in groupby(rows, itemgetter(0)))

    def disagreements(self) -> Iterator[tuple[int, int, bool]]:
        """(grid, package, whether the grid lists it) where both documents were taken and say different things."""
        taken = "EXISTS (SELECT 1 FROM seen WHERE kind = '{}' AND id = {} AND taken)"
        both = f"{taken.format('grid', 'grid')} AND {taken.format('package', 'package')}"
        yield from (
            (grid, package, bool(listed))
            for grid, package, listed in self._db.execute(
                f"SELECT grid, package, 1 FROM (SELECT * FROM listed EXCEPT SELECT * FROM chosen) WHERE {both}"  # noqa: S608 (no input in it)
                f" UNION ALL"
                f" SELECT grid, package, 0 FROM (SELECT * FROM chosen EXCEPT SELECT * FROM listed) WHERE {both}"
            )
        )
