"""The tables of a dump as one SQLite database, with views that join them: no triggers, and nothing to be installed."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from core.dumps import Manifest
from fetchers.mirror.dump.columns import TABLES, Kind, Table
from fetchers.mirror.dump.files import Rows, time_text

_TYPES: Mapping[Kind, str] = {
    **dict.fromkeys(("integer", "boolean"), "INTEGER"),
    **dict.fromkeys(("text", "time", "day", "json"), "TEXT"),
}
# The tables whose ids these columns have
_REFERENCES = {
    "category_id": "categories",
    "feature_id": "features",
    "grid_id": "grids",
    "membership_id": "memberships",
    "package_id": "packages",
    "replaced_by_id": "packages",
}
_VIEWS = """
CREATE VIEW package_list AS
SELECT packages.*, categories.slug AS category_slug, categories.title AS category_title
FROM packages JOIN categories ON categories.id = category_id;
CREATE VIEW grid_packages AS
SELECT grid_id, grids.slug AS grid_slug, grids.title AS grid_title, package_id, packages.slug AS package_slug,
    packages.title AS package_title, verdict, level, repo_watchers, pypi_downloads
FROM memberships JOIN grids ON grids.id = grid_id JOIN packages ON packages.id = package_id;
CREATE VIEW grid_cells AS
SELECT features.grid_id, grids.slug AS grid_slug, feature_id, features.title AS feature_title, package_id,
    packages.slug AS package_slug, text, sign
FROM cells JOIN features ON features.id = feature_id JOIN grids ON grids.id = features.grid_id
    JOIN packages ON packages.id = package_id;
CREATE VIEW django_versions AS
SELECT packages.id AS package_id, slug, value AS version FROM packages, json_each(django_versions);
CREATE VIEW python_versions AS
SELECT packages.id AS package_id, slug, value AS version FROM packages, json_each(python_versions);
"""


class Database:
    """A database that is being written. Nobody else reads it, so it needs no journal."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.rows = 0

    def store(self, table: Table, batches: Iterable[Rows]) -> Iterator[Rows]:
        """Store each batch of a table's rows, and yield it on."""
        places = ", ".join("?" * len(table.columns))
        for rows in batches:
            self._connection.executemany(f"INSERT INTO {table.name} VALUES ({places})", rows)
            self.rows += len(rows)
            yield rows

    def finish(self, manifest: Manifest) -> None:
        """Add the indexes, the views, and one row that says what this is a dump of."""
        for table in TABLES:
            for column in (each.name for each in table.columns if each.name in _REFERENCES):
                self._connection.execute(f"CREATE INDEX {table.name}_{column} ON {table.name} ({column})")
        for view in filter(str.strip, _VIEWS.split(";")):
            self._connection.execute(view)
        self._connection.execute("CREATE TABLE dump (time TEXT, change INTEGER, licence TEXT)")
        row = (time_text(manifest.time), manifest.change, manifest.licence)
        self._connection.execute("INSERT INTO dump VALUES (?, ?, ?)", row)


@contextmanager
def new_database(path: Path) -> Iterator[Database]:
    """Create a database, which is complete and on disk at the end. OSError if that fails."""
    path.touch(mode=0o644)
    path.chmod(0o644)
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            for table in TABLES:
                connection.execute(f"CREATE TABLE {table.name} ({', '.join(_definitions(table))})")
            yield Database(connection)
            connection.commit()
    except sqlite3.Error as error:  # a disk that is full
        raise OSError(None, str(error), str(path)) from error
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _definitions(table: Table) -> Iterator[str]:
    for column in table.columns:
        referred: Any = _REFERENCES.get(column.name)
        is_key = table.key == (column.name,)
        yield (
            f"{column.name} {_TYPES[column.kind]}"
            + (" PRIMARY KEY" if is_key else "")
            + (f" REFERENCES {referred} (id)" if referred else "")
        )
    if len(table.key) > 1:
        yield f"PRIMARY KEY ({', '.join(table.key)})"
