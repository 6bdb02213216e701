"""The files of deploy/ agree with the program and with each other."""

import json
import re
import zipfile
from pathlib import Path

import pytest
from django.conf import settings
from packaging.utils import canonicalize_name
from packaging.version import Version

from config import gunicorn
from grids.spreadsheets import MOST_BYTES
from tests.deploy import audit, lock
from tests.deploy.page import FOLDER, PAGE, STEPS, commands, headings, section
from tests.servers import ROOT

OURS = {"config", *(app for app in settings.INSTALLED_APPS if (ROOT / app).is_dir())}
CONTAINER = (FOLDER / "Containerfile").read_text(encoding="utf-8")
NGINX = (FOLDER / "nginx.conf").read_text(encoding="utf-8")


@pytest.mark.parametrize(("file", "extras"), [(lock.BASE, ()), (lock.ALL, lock.EXTRAS)])
def test_what_is_locked_satisfies_pyproject(file: Path, extras: tuple[str, ...]) -> None:
    """`make lock` writes the files."""
    locked = lock.versions(file)
    for requirement in lock.required(*extras):
        versions = locked[canonicalize_name(requirement.name)]
        assert all(version in requirement.specifier for version in versions), requirement


def test_both_lock_files_have_the_same_versions() -> None:
    base, everything = lock.versions(lock.BASE), lock.versions(lock.ALL)
    assert {name: everything[name] for name in base} == base
    assert not set(base) & {"celery", "mcp", "sentry-sdk", "pytest"}


def osv(folder: Path, **advisory: object) -> Path:
    file = folder / "all.zip"
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("X-1.json", json.dumps({"id": "X-1"} | advisory))
    return file


@pytest.mark.parametrize(
    ("events", "holds"),
    [
        ([{"introduced": "0"}], True),
        ([{"introduced": "0"}, {"fixed": "2.0"}], True),
        ([{"introduced": "0"}, {"fixed": "1.10"}], False),
        ([{"introduced": "1.11"}], False),
        ([{"introduced": "1.10"}, {"last_affected": "1.10"}], True),
        ([{"introduced": "0"}, {"last_affected": "1.9"}], False),
        ([{"fixed": "1.2"}, {"introduced": "0"}, {"introduced": "1.5"}, {"fixed": "1.11rc1"}], True),
    ],
)
def test_the_audit_of_a_file_of_osv(tmp_path: Path, events: list[dict[str, str]], holds: bool) -> None:
    ranges = [{"type": "ECOSYSTEM", "events": events}]
    affected = {"package": {"ecosystem": "PyPI", "name": "Some_Name"}, "ranges": ranges}
    locked = {"some-name": [Version("1.10")]}
    found = list(audit.from_osv(osv(tmp_path, affected=[affected]), locked))
    assert found == (["some-name 1.10: X-1"] if holds else [])
    assert not list(audit.from_osv(osv(tmp_path, affected=[affected], withdrawn="2026-01-01T00:00:00Z"), locked))


def test_every_section_with_commands_is_followed() -> None:
    others = ["Upgrade", "Roll back", "Restore"]  # each has a test of its own in test_page.py
    assert [heading for heading in headings() if "```sh" in section(heading)] == [*STEPS, *others]
    assert PAGE.count("```sh") == 1 + sum(len(commands(heading)) for heading in [*STEPS, *others])


def test_all_of_the_program_is_installed() -> None:
    compiled = re.findall(r"compileall -q ([a-z0-9 ]+)$", PAGE, re.MULTILINE)
    assert len(compiled) == 3
    assert all(set(line.split()) == OURS for line in compiled)
    copied = re.findall(r"^COPY (\w+) \1$", CONTAINER, re.MULTILINE)
    assert set(copied) == OURS
    assert "COPY manage.py pyproject.toml ./" in CONTAINER, "doctor reads there what is required"


def test_each_timer_is_one_job_and_is_enabled() -> None:
    timers = {path.stem.partition("@")[2] for path in (FOLDER / "systemd").glob("*.timer")}
    assert set(re.findall(r"^    (\w+)\)", (FOLDER / "run").read_text(encoding="utf-8"), re.MULTILINE)) == timers
    for heading in ("7. Services and timers", "Restore"):
        assert set(re.findall(r"package-grids-run@(\w+)\.timer", section(heading))) == timers
    assert set(re.findall(r"^\| `package-grids-run@(\w+)` \|", PAGE, re.MULTILINE)) == timers


def test_nginx_and_the_program_agree_on_bounds() -> None:
    assert f"at most {gunicorn.limit_request_line} characters" in NGINX
    [admin] = re.findall(r"client_max_body_size (\d+)m;", NGINX)
    assert int(admin) * 2**20 > MOST_BYTES + 2**20, "the file, and the form around it"
