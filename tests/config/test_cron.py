"""README's lines for cron, run as cron runs them, with the settings of deploy/README.md: nothing of the environment."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.page import settings_of_page
from tests.servers import ROOT, copy_program
from tests.upstream import World, serving

README = (ROOT / "README.md").read_text(encoding="utf-8")
FOLDER = "/srv/package-grids"


def cron_lines() -> list[str]:
    """Return the commands of README's lines for cron."""
    found = re.findall(rf"^    (?:\d+ \d+|\*/15 \*) \* \* \* +(cd {FOLDER} .*)$", README, re.MULTILINE)
    assert len(found) == 4
    return found


@pytest.fixture
def osv() -> Iterator[str]:
    """The URL of OSV's feed: of cron's lines, that of advisories alone sends a request whatever the catalogue has."""
    with serving(World()) as base:
        yield base


@pytest.fixture
def deployed(tmp_path: Path, osv: str) -> Path:
    """A folder with the program and with the `.env` of deploy/README.md; SQLite stands for its PostgreSQL."""
    copy_program(tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    text = settings_of_page()
    text = re.sub("^DATABASE_URL=.*", f"DATABASE_URL=sqlite:///{tmp_path}/db.sqlite3", text, flags=re.MULTILINE)
    (tmp_path / ".env").write_text(f"{text}\nOSV_URL={osv}\nALLOW_PRIVATE_HOSTS=true\n", encoding="utf-8")
    return tmp_path


def as_cron(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": "/", "LOGNAME": "grids", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    command = command.replace(FOLDER, str(folder)).replace("/srv/dumps", f"{folder}/dumps")
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd="/", env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_lines_run(deployed: Path) -> None:
    migrated = as_cron(f"cd {FOLDER} && .venv/bin/python manage.py migrate -v0", deployed)
    assert (migrated.returncode, migrated.stdout, migrated.stderr) == (0, "", "")
    for line in cron_lines():
        done = as_cron(line, deployed)
        assert (done.returncode, done.stderr) == (0, "")
        last = r"\d{8}T.*: \d+ files, .*\n" if "dump_catalogue" in line else r"(pypistats|downloads|done).*\n"
        assert re.fullmatch(last, done.stdout.splitlines(keepends=True)[-1])
    assert (deployed / "db.sqlite3").exists()
    assert len(list((deployed / "dumps").glob("2*/manifest.json"))) == 1


def test_without_the_file_there_is_one_line(deployed: Path) -> None:
    (deployed / ".env").unlink()
    done = as_cron(cron_lines()[-1], deployed)
    assert done.returncode == 1
    assert done.stderr.startswith("Settings: SECRET_KEY: Required unless DEBUG is true")
    assert done.stderr.count("\n") == 1


def test_a_check_of_the_deployment_has_nothing_to_say(deployed: Path) -> None:
    check = f"cd {FOLDER} && .venv/bin/python manage.py check --deploy --fail-level WARNING"
    done = as_cron(check, deployed)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("System check identified no issues")
