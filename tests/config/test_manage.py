"""manage.py with an unusable database: an error of one line, without a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("database", "line"),
    [
        ("sqlite:///{}/new.sqlite3", "Database: its tables are missing or of another version; run: manage.py migrate"),
        ("sqlite:///{}/no/folder.sqlite3", "Database: unable to open database file"),
        ("postgresql://nobody@127.0.0.1:1/none", "Connection refused"),
    ],
)
def test_an_unusable_database(tmp_path: Path, database: str, line: str) -> None:
    environment = {"PATH": os.environ["PATH"], "DEBUG": "true", "DATABASE_URL": database.format(tmp_path)}
    command = [sys.executable, "manage.py", "export_catalogue", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert line in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
