"""The lock files of deploy/, read."""

import re
import tomllib
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.deploy.page import FOLDER
from tests.servers import ROOT

BASE, ALL = FOLDER / "requirements.txt", FOLDER / "requirements-all.txt"
EXTRAS = ("celery", "mcp", "sentry")  # dev is for those who change the program
# A name with its extras, a version, perhaps a marker, and hashes: nothing else may stand there.
_ENTRY = re.compile(r"[a-z0-9-]+(\[[a-z,]+\])?==[0-9a-z.]+( ; [^:/\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")


def entries(file: Path) -> list[Requirement]:
    """Return the requirements of a lock file. AssertionError where anything but names, versions and hashes is in it."""
    text = file.read_text(encoding="utf-8")
    parts = list(_ENTRY.finditer(text))
    assert "".join(part[0] for part in parts) == text
    return [Requirement(part[0].partition(" \\\n")[0]) for part in parts]


def versions(file: Path) -> dict[str, list[Version]]:
    """Return the versions of each project; there are several where markers tell them apart."""
    found: dict[str, list[Version]] = {}
    for entry in entries(file):
        [specifier] = entry.specifier
        found.setdefault(canonicalize_name(entry.name), []).append(Version(specifier.version))
    return found


def required(*extras: str) -> list[Requirement]:
    """Return what pyproject.toml requires, with these extras."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [each for extra in extras for each in project["optional-dependencies"][extra]]
    return [Requirement(each) for each in (*project["dependencies"], *optional)]
