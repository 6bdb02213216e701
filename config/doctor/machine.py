"""Examinations of the machine: Python and its libraries, open files, room on disks."""

import resource
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template.defaultfilters import filesizeformat
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from core.hooks import Finding, Level

FEWEST_FILES = 1024  # a worker of gunicorn has a thousand connections at most
LEAST_BYTES, LEAST_SHARE = 500 * 2**20, 0.05  # of a disk, below which it is nearly full
NO_BYTES = 50 * 2**20  # below which it is full


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
    return dict(project["project"])


def examine_python() -> Iterator[Finding]:
    version, required = ".".join(map(str, sys.version_info[:3])), _project()["requires-python"]
    if version in SpecifierSet(required):
        yield Finding("python", "ok", f"Python {version}.")
    else:
        sentence = f"This is Python {version}, and {required} is required."
        yield Finding("python", "problem", sentence, "Make .venv anew with another Python: make clean install.")


def examine_libraries() -> Iterator[Finding]:
    """Yield the libraries that are missing, or of another version than is required."""
    project = _project()
    extras = {"sentry": settings.SENTRY_DSN, "celery": getattr(settings, "CELERY_BROKER_URL", "")}
    required = [*project["dependencies"]]
    for extra in (extra for extra, is_used in extras.items() if is_used):
        required += project["optional-dependencies"].get(extra, [])
    wrong = [text for text in map(_wrong, map(Requirement, required)) if text]
    for text in wrong:
        yield Finding("libraries", "problem", text, "Run: make install, then restart the site.")
    if not wrong:
        yield Finding("libraries", "ok", "All libraries are there, in versions that are allowed.")


def _wrong(requirement: Requirement) -> str:
    if requirement.marker and not requirement.marker.evaluate():
        return ""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is not installed."
    if requirement.specifier.contains(version, prereleases=True):
        return ""
    return f"{requirement.name} is {version}, and {requirement.specifier} is required."


def examine_open_files() -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= FEWEST_FILES:
        yield Finding("open files", "ok", f"A process started here may have {soft:,} files open.")
    else:
        yield Finding(
            "open files",
            "warning",
            f"A process started here may have {soft} files open, and connections are files.",
            "Raise the limit: LimitNOFILE=65536 in the unit of systemd, or ulimit -n.",
        )


def examine_disks() -> Iterator[Finding]:
    """Yield the room on each disk that the site writes to."""
    database = settings.DATABASES["default"]
    folders = [settings.BASE_DIR, Path(tempfile.gettempdir())]
    folders += [Path(database["NAME"]).parent] if database["ENGINE"].endswith("sqlite3") else []
    folders += [Path(settings.DUMP_ROOT)] if settings.DUMP_ROOT else []
    by_disk = {folder.stat().st_dev: folder for folder in reversed(folders) if folder.is_dir()}
    for folder in by_disk.values():
        usage = shutil.disk_usage(folder)
        free = filesizeformat(usage.free).replace("\xa0", " ")
        sentence = f"{free} are free on the disk of {folder}."
        if usage.free >= LEAST_BYTES and usage.free >= LEAST_SHARE * usage.total:
            yield Finding("disk", "ok", sentence)
            continue
        level: Level = "problem" if usage.free < NO_BYTES else "warning"
        yield Finding("disk", level, sentence, "Delete what is not needed, such as old dumps, or have a larger disk.")
