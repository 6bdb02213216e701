"""make bench-dump: the time and the memory of dumps of the bench's catalogue, without and with a year of history.

It fails where a dump takes more memory than it may at any size.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.catalogue import database, environment, query
from tests.bench.refresh import manage as measured

MOST_MB = 150
DAYS, RELEASES = 365, 20  # of each package
_DAY = "date '2026-11-01'"
_RELEASED = f"""INSERT INTO packages_release (package_id, version, uploaded_at, yanked, requires_python)
SELECT id, '1.' || n, {_DAY} - n * interval '20 days', false, '>=3.8'
FROM packages_package, generate_series(1, {RELEASES}) n ON CONFLICT DO NOTHING"""
_HISTORY = f"""INSERT INTO packages_snapshot (package_id, day, stars, forks, downloads, repo_key, pypi_name)
SELECT id, {_DAY} - n, repo_watchers + n % 7, repo_forks, pypi_downloads, repo_key, pypi_name
FROM packages_package, generate_series(1, {DAYS}) n ON CONFLICT DO NOTHING"""


def write(url: str, table: str, sql: str) -> None:
    """Run a statement without triggers, which would take longer than all the rest."""
    query(url, f"ALTER TABLE {table} DISABLE TRIGGER ALL; {sql}; ALTER TABLE {table} ENABLE TRIGGER ALL; SELECT 1")


def main() -> None:
    url = database()
    forget = f"DELETE FROM packages_snapshot WHERE day < {_DAY}"
    write(url, "packages_release", _RELEASED)
    write(url, "packages_snapshot", forget)
    table = Table("dump", "seconds", "peak MB", "MB on disk", "rows", box=None)
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for what, sql in (("without a year of history", ""), ("with it", _HISTORY), ("the one after that", "")):
            if sql:
                write(url, "packages_snapshot", sql)
            begin = time.monotonic()
            _, peak = measured(environment(url), "dump_catalogue", folder, "--keep=2", "--verbosity=0")
            seconds = time.monotonic() - begin
            manifest = json.loads((max(Path(folder).glob("2*")) / "manifest.json").read_bytes())
            files = manifest["files"].values()
            size, rows = sum(file["bytes"] for file in files), sum(file["rows"] for file in files)
            table.add_row(what, f"{seconds:.1f}", str(peak), f"{size / 1e6:.0f}", f"{rows:,}")
            peaks.append(peak)
    write(url, "packages_snapshot", forget)
    Console().print(table)
    if max(peaks) > MOST_MB:
        sys.exit(f"a dump took {max(peaks)} MB of memory, {MOST_MB} at most")


if __name__ == "__main__":
    main()
