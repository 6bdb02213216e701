"""`make audit`: the known vulnerabilities of what is locked.

pip-audit asks PyPI. With `OSV_FILE=all.zip` (the file of all advisories for PyPI that OSV publishes) nothing is asked.
Exit codes: 0 none is known, 1 some are known, 3 the data could not be had, so that nothing is known.
"""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tests.deploy.lock import ALL, versions

UNREACHABLE = 3
Report = list[dict[str, Any]]


def main() -> int:
    if file := os.environ.get("OSV_FILE"):
        return _judged(list(from_osv(Path(file), versions(ALL))))
    report = _from_pip_audit()
    findings = [
        f"{each['name']} {each['version']}: {known['id']}" for each in report for known in each.get("vulns", ())
    ]
    if findings or (report and not any("skip_reason" in each for each in report)):
        return _judged(findings)
    sys.stdout.write(
        "NOT AUDITED: PyPI's data on vulnerabilities cannot be had from here; OSV_FILE=all.zip needs none.\n"
    )
    return UNREACHABLE


def _judged(findings: Iterable[str]) -> int:
    found = sorted(set(findings))
    sys.stdout.writelines(f"{line}\n" for line in found or ["No vulnerability of what is locked is known."])
    return 1 if found else 0


def _from_pip_audit() -> Report:
    """Return what pip-audit says of each project; nothing where it fails."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format=json", "--requirement"]
    done = subprocess.run([*command, str(ALL)], capture_output=True, text=True, check=False, timeout=600)
    try:
        report: Report = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return []
    return report


def from_osv(file: Path, locked: Mapping[str, Iterable[Version]]) -> Iterator[str]:
    """Yield the advisories of a file of OSV that hold for a version that is locked."""
    with zipfile.ZipFile(file) as opened:
        for name in opened.namelist():
            advisory = json.loads(opened.read(name))
            if "withdrawn" in advisory:
                continue
            for affected in advisory.get("affected", ()):
                package = affected.get("package", {})
                project = canonicalize_name(package.get("name", ""))
                for version in locked.get(project, ()) if package.get("ecosystem") == "PyPI" else ():
                    if _holds(affected, version):
                        yield f"{project} {version}: {advisory['id']}"


def _holds(affected: Mapping[str, Any], version: Version) -> bool:
    is_listed = any(_version(each) == version for each in affected.get("versions", ()))
    ranges = (each["events"] for each in affected.get("ranges", ()) if each.get("type") == "ECOSYSTEM")
    return is_listed or any(_is_in(events, version) for events in ranges)


def _is_in(events: Iterable[Mapping[str, str]], version: Version) -> bool:
    """Return whether a version is in a range: the last event before it decides."""
    is_in = False
    ordered = sorted(((_version(text), kind) for event in events for kind, text in event.items()), key=lambda e: e[0])
    for at, kind in ordered:
        if at < version or (at == version and kind != "last_affected"):
            is_in = kind == "introduced"
    return is_in


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:  # a very old spelling, before all that is locked
        return Version("0")


if __name__ == "__main__":
    sys.exit(main())
