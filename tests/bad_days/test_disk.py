"""A disk that is full: under the database, the dumps, an export, an upload or the log."""

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.bad_days.sites import PACKAGE, check_unavailable, manage, site

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif(os.getuid() != 0, reason="only root mounts a small disk"),
]
FILLING = "filling"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Fill a disk to the last byte."""
    with (disk / FILLING).open("ab", buffering=0) as file:
        for size in (1024 * 1024, 4096, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


@contextmanager
def full(disk: Path) -> Iterator[None]:
    fill(disk)
    try:
        yield
    finally:
        (disk / FILLING).unlink()


def test_under_the_database(disk: Path, tmp_path: Path, sqlite: str) -> None:
    """Everything can be read; who writes is told, and nothing of it is half done."""
    shutil.copy(sqlite.removeprefix("sqlite:///"), disk / "db.sqlite3")
    with site(tmp_path, f"sqlite:///{disk / 'db.sqlite3'}") as served:
        served.log_in()
        before, form = served.title(), served.open_form()
        with full(disk):
            lines = served.lines()
            response = served.save(form, "x" * 90)
            check_unavailable(response, is_page=True)
            [line] = served.new_lines(lines)
            assert "Service Unavailable: /admin/packages/package/" in line
            assert "full" in line
            assert served.title() == before
            assert served.get("packages/?limit=100").status_code == 200
            for command in ("update_health", "refresh_packages"):
                done = served.manage(command, *(["--all"] if command == "update_health" else []))
                assert done.returncode == 1
                assert "full" in done.stderr
        assert served.save(form, "There is room again").status_code == 302
        assert served.title() == "There is room again"
        assert served.manage("update_health").returncode == 0


def test_under_the_dumps(disk: Path, sqlite: str) -> None:
    """The new dump is none, the old ones are as they were."""
    dumps = disk / "dumps"
    assert manage("dump_catalogue", str(dumps), DATABASE_URL=sqlite).returncode == 0
    before = {path: path.read_bytes() for path in dumps.rglob("*") if path.is_file()}
    with full(disk):
        done = manage("dump_catalogue", str(dumps), DATABASE_URL=sqlite)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith(f"CommandError: {dumps}/")
        assert line.endswith(("disk is full", "No space left on device"))
        assert {path: path.read_bytes() for path in dumps.rglob("*") if path.is_file()} == before
    assert manage("dump_catalogue", str(dumps), DATABASE_URL=sqlite).returncode == 0


def test_under_an_export(disk: Path, sqlite: str) -> None:
    """The files that were there stay whole: an export appears when it is complete."""
    folder = disk / "export"
    assert manage("export_catalogue", str(folder), DATABASE_URL=sqlite).returncode == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with full(disk):
        done = manage("export_catalogue", str(folder), DATABASE_URL=sqlite)
        assert done.returncode == 1
        [line] = done.stderr.splitlines()
        assert line.startswith(f"CommandError: {folder}")
        assert line.endswith("No space left on device")
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert manage("export_catalogue", str(folder), DATABASE_URL=sqlite).returncode == 0


def spreadsheet(size: int) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["slug", "title"])
    while text.tell() < size:
        rows.writerow([PACKAGE, "x" * 200])
    return text.getvalue().encode()


def test_under_an_upload(disk: Path, tmp_path: Path, sqlite: str) -> None:
    """A file of 2.5 MB and more is written to the folder of temporary files while it arrives."""
    with site(tmp_path, sqlite, TMPDIR=str(disk)) as served:
        served.log_in()
        url = f"{served.url}/admin/packages/package/import/"
        token = {"csrfmiddlewaretoken": served.editor.cookies["csrftoken"]}
        with full(disk):
            lines = served.lines()
            files = {"file": ("packages.csv", spreadsheet(4_000_000), "text/csv")}
            response = served.editor.post(url, data=token, files=files, timeout=60)
            assert response.status_code == 503
            assert "<h1>Service unavailable</h1>" in response.text
            [line] = served.new_lines(lines)
            assert "No space left on device" in line
            assert served.get("packages/").status_code == 200
        assert served.editor.post(url, data=token, files=files, timeout=60).status_code == 200


def test_under_the_log(disk: Path, tmp_path: Path, sqlite: str) -> None:
    """Lines are lost, responses are not."""
    folder = disk / "log-folder"
    folder.mkdir()
    with site(folder, sqlite, ACCESS_LOG="true") as served:
        served.log_in()
        with full(disk):
            for path in ("packages/", f"packages/{PACKAGE}/", "no-such-page/"):
                assert served.get(path).status_code in {200, 404}
            wrong = requests.get(f"{served.url}/admin/", headers={"Host": "wrong.example.org"}, timeout=60)
            assert wrong.status_code == 400
            assert served.save(served.open_form(), "Unlogged").status_code == 302
        assert served.title() == "Unlogged"
