"""The history as files of a month. A month in which nothing has changed since the dump before is linked from that."""

import os
import zlib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import orjson
from django.db import connection

from core.dumps import FORMATS, Dump, FileEntry
from fetchers.mirror.dump.columns import HISTORY
from fetchers.mirror.dump.files import TableFiles, batches
from packages.models import Snapshot

# The months with what their rows add up to, by which a later dump knows whether they are the same.
DIGESTS = ".months.json"
_COLUMNS = ", ".join(column.name for column in HISTORY.columns)
_SOURCES = ", ".join(HISTORY.sources)
_POSTGRESQL = f"""SELECT to_char(day, 'YYYY-MM') AS month, count(*), sum(hashtextextended(ROW({_SOURCES})::text, 0))
    FROM (%s) AS history GROUP BY month ORDER BY month"""
_SQLITE = f"""SELECT substr(day, 1, 7) AS month, count(*), sum(digest_of_row({_SOURCES}))
    FROM (%s) AS history GROUP BY month ORDER BY month"""


class History:
    """The files of all months in the folder of a new dump. `before` is the dump before it, in the folder `root`."""

    def __init__(self, folder: Path, root: Path, before: Dump | None) -> None:
        self._folder, self._root, self._before = folder, root, before
        self.entries: dict[str, FileEntry] = {}
        self.written = self.linked = 0

    def write(self, now: datetime) -> None:
        digests = _digests()
        former = self._former_digests()
        for month, digest in digests.items():
            if former.get(month) == digest and self._link(month):
                self.linked += 1
            else:
                self._write_month(month, now)
                self.written += 1
        path = self._folder / DIGESTS
        path.write_bytes(orjson.dumps(digests))
        path.chmod(0o644)

    def _write_month(self, month: str, now: datetime) -> None:
        year, number = map(int, month.split("-"))
        rows = Snapshot.objects.of_present_addresses().filter(
            day__gte=date(year, number, 1), day__lt=date(year + number // 12, number % 12 + 1, 1)
        )
        files = TableFiles(self._folder, f"history-{month}", HISTORY)
        files.write(batches(HISTORY, rows, now))
        self.entries |= files.entries

    def _link(self, month: str) -> bool:
        """Link the files of a month from the dump before; return False if that cannot be done."""
        assert self._before  # noqa: S101 (it has digests)
        names = [f"history-{month}.{format_}" for format_ in FORMATS]
        entries = {name: self._before.manifest.files.get(name) for name in names}
        sources = {name: self._root / self._before.name / name for name in names}
        try:
            if any(entry is None or sources[name].stat().st_size != entry.bytes for name, entry in entries.items()):
                return False
            for name in names:
                os.link(sources[name], self._folder / name)
        except OSError:  # one was deleted, or the file system has no links
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
            return False
        self.entries |= {name: entry for name, entry in entries.items() if entry}
        return True

    def _former_digests(self) -> Mapping[str, Any]:
        if self._before is None:
            return {}
        try:
            former = orjson.loads((self._root / self._before.name / DIGESTS).read_bytes())
        except (OSError, ValueError):
            return {}
        return former if isinstance(former, dict) else {}


def _digests() -> dict[str, str]:
    """Return for each month a text that is another one if any of its rows, or the columns of the files, are."""
    database: Any = connection
    rows, parameters = (
        Snapshot.objects.of_present_addresses().order_by().values_list(*HISTORY.sources).query.sql_with_params()
    )
    if database.vendor == "sqlite":
        database.connection.create_function(
            "digest_of_row", len(HISTORY.columns), lambda *row: zlib.crc32(repr(row).encode()), deterministic=True
        )
    with database.cursor() as cursor:
        cursor.execute((_POSTGRESQL if database.vendor == "postgresql" else _SQLITE) % rows, parameters)
        return {month: f"{_COLUMNS}: {rows} {total}" for month, rows, total in cursor.fetchall()}
