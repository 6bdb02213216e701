"""Dumps of the whole catalogue as files, for analysts and mirrors: one view of the database, in one folder."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from core import dumps
from core.dumps import DATABASE, MANIFEST, Dump, FileEntry, Manifest
from core.words import counted
from fetchers.mirror.dump import folders
from fetchers.mirror.dump.columns import TABLES
from fetchers.mirror.dump.database import new_database
from fetchers.mirror.dump.files import HashedFile, TableFiles, batches, compress
from fetchers.mirror.dump.history import History
from fetchers.mirror.dump.snapshot import Snapshot, snapshot

Report = Callable[[str], object]


class Written(NamedTuple):
    """A dump that was written, and the names of those that were deleted after it."""

    dump: Dump
    deleted: list[str]


def dump_catalogue(
    root: Path, *, licence: str = "", keep: int | None = None, report: Report = lambda _line: None
) -> Written:
    """Write a dump into a folder of its own in `root`, and delete all but the newest `keep`.

    `report` gets a line for each table. OSError if the folder cannot be written; folders.UnderWayError if another run
    writes into it; folders.ClockError if the clock is behind the newest dump.
    """
    with folders.locked(root):
        folders.remove_leftovers(root)
        before = next(dumps.dumps(root), None)
        with snapshot() as view, folders.new_dump(root, name := dumps.name_at(view.time)) as folder:
            history = History(folder, root, before)
            files = _tables(folder, view, licence, report)
            history.write(view.time)
            report(f"history: {counted(history.written, 'month')} written, {history.linked} linked")
            manifest = Manifest(view.time, view.change, licence or None, {**files, **history.entries})
            _write(folder / MANIFEST, manifest.serialized())
        deleted = folders.remove_old(root, keep) if keep else []
    return Written(Dump(name, manifest), deleted)


def _tables(folder: Path, view: Snapshot, licence: str, report: Report) -> dict[str, FileEntry]:
    """Write the tables, each of them in all forms while it is read once."""
    entries: dict[str, FileEntry] = {}
    path = folder / DATABASE
    with new_database(path) as stored:
        for table in TABLES:
            files = TableFiles(folder, table.name, table)
            files.write(stored.store(table, batches(table, table.model._default_manager.all(), view.time)))
            entries |= files.entries
            report(f"{table.name}: {next(iter(files.entries.values())).rows} written")
        stored.finish(Manifest(view.time, view.change, licence or None, {}))
    return entries | compress(path, path.with_name(f"{DATABASE}.gz"), stored.rows)


def _write(path: Path, data: bytes) -> None:
    file = HashedFile(path)
    try:
        file.write(data)
        file.close()
    finally:
        file.abandon()
