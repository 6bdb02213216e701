"""PyPI: projects through its JSON API, and the index of last serials, which tells in one answer what has changed.

Sources: docs.pypi.org, "JSON API" and "Index API"; PEP 503 (names), 592 (yanked), 639 (licence expressions), 691 (the
index in JSON), 753 (labels of project URLs), 792 (project status).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from packaging.version import InvalidVersion, Version

from fetchers.network.http import Answer, FetchError, Host, parsing
from packages.facts import (
    Fetched,
    FetchTarget,
    InvalidFactError,
    PyPIFacts,
    ReleaseFact,
    flag,
    items,
    line,
    link,
    mapping,
    parse_datetime,
)

SERIALS_CAP = 150 * 1024 * 1024  # bytes: the index of all projects is tens of megabytes
MAX_RELEASES = 3_000
MAX_CLASSIFIERS = 200
INDEX_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}

# Of the licence classifiers, those that name one licence of SPDX's list; others stay as they are called.
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}
_OLDEST = datetime.min.replace(tzinfo=UTC)


def read_serials(host: Host, wanted: Collection[str]) -> dict[str, int]:
    """The last serials of the `wanted` projects (PEP 503 names) that PyPI has, out of its index of all.

    The body is searched, not decoded: 650,000 projects as Python objects would take ten times their text.
    """
    answer = host.get("simple/", headers=INDEX_JSON, max_bytes=SERIALS_CAP)
    body = answer.body.strip()
    whole = all(body.count(opened) == body.count(closed) for opened, closed in ((b"{", b"}"), (b"[", b"]")))
    if answer.status != 200 or not (whole and body.startswith(b"{") and b'"projects"' in body):
        raise FetchError(f"{answer.url} is not an index of projects")
    found: dict[str, int] = {}
    seen = 0
    for project in _PROJECT.finditer(body):
        name, serial = _NAME.search(project[0]), _SERIAL.search(project[0])
        if name and serial:
            seen += 1
            key = normalised(name[1].decode())
            if key in wanted:
                found[key] = int(serial[1])
    if not seen:
        raise FetchError(f"{answer.url} lists no project with its last serial")
    return found


# One project of the index is one flat object; its names are ASCII by PEP 508.
_PROJECT = re.compile(rb"\{[^{}]*\}")
_NAME = re.compile(rb'"name"\s*:\s*"([A-Za-z0-9._-]{1,255})"')
_SERIAL = re.compile(rb'"_last-serial"\s*:\s*([0-9]{1,15})\b')


def normalised(name: str) -> str:
    """A project's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(host: Host, known: FetchTarget, *, today: date, with_status: bool) -> Fetched[PyPIFacts]:
    """What PyPI says of a project; with its status, which costs a request more.

    Validators: `etag`; `serial`, to be compared with read_serials(); `status`, `status_etag` and `status_day` of the
    last look at the status.
    """
    notes = dict(known.validators or {})
    answer = host.get(f"pypi/{known.pypi_name}/json", etag=notes.get("etag", ""))
    with parsing():
        unchanged = answer.status == 304 and bool(notes.get("etag"))
        project = {} if unchanged else _document(answer)
        if not unchanged:
            notes |= {"etag": answer.etag, "serial": _serial(project)}
        before = notes.get("status")
        if with_status:
            notes |= _status(host, known.pypi_name, notes) | {"status_day": today.isoformat()}
        if unchanged and notes.get("status") == before:
            return Fetched(None, notes)
        if unchanged:  # the status alone is new: the facts are whole or none, so they are asked for again
            return read(host, _forgetting(known, notes), today=today, with_status=False)
        return Fetched(_facts(project, known.pypi_name, notes.get("status")), notes)


def _forgetting(known: FetchTarget, notes: Mapping[str, str]) -> FetchTarget:
    return FetchTarget(known.package, pypi_name=known.pypi_name, validators={**notes, "etag": ""})


def _document(answer: Answer) -> Mapping[str, Any]:
    return mapping(answer.document(), "the project")


def _serial(project: Mapping[str, Any]) -> str:
    serial = project.get("last_serial")
    if type(serial) is not int or not 0 <= serial < 10**15:
        raise InvalidFactError("last_serial is not a serial")
    return str(serial)


def _status(host: Host, name: str, notes: Mapping[str, str]) -> dict[str, str]:
    """The status of a project, "active" where the index names none, and what tells next time that it is the same."""
    etag = notes.get("status_etag", "") if notes.get("status") else ""
    answer = host.get(f"simple/{name}/", headers=INDEX_JSON, etag=etag)
    if answer.status == 304 and etag:
        return {}
    marker = mapping(_document(answer).get("project-status") or {}, "project-status")
    status = line(marker.get("status") or "active", "the project's status", 20)
    return {"status": status, "status_etag": answer.etag}


def _facts(project: Mapping[str, Any], name: str, status: str | None) -> PyPIFacts:
    info = mapping(project.get("info"), "info")
    told = info.get("name")
    if not isinstance(told, str) or normalised(told) != name:
        raise InvalidFactError("the project answers by another name")
    releases = _releases(mapping(project.get("releases") or {}, "releases"))
    classifiers = [line(each, "a classifier", 200) for each in items(info.get("classifiers") or [], "classifiers")]
    latest = _latest(releases)
    return PyPIFacts(
        version=latest or line(info.get("version"), "version", 100) or None,
        requires_python=line(info.get("requires_python"), "requires_python", 255),
        classifiers=tuple(classifiers[:MAX_CLASSIFIERS]),
        licence=_licence(info, classifiers),
        documentation_url=_documentation(info.get("project_urls")),
        releases=releases,
        status=status,
    )


def _releases(listed: Mapping[str, Any]) -> tuple[ReleaseFact, ...]:
    """The releases that have files, newest upload first. A version that cannot be stored is left out."""
    found = []
    for version, files in listed.items():
        if items(files, "the files of a release") and len(version) <= 100 and version.isprintable() and version:
            found.append(_release(version, [mapping(file, "a file") for file in files]))
    found.sort(key=lambda release: release.uploaded_at or _OLDEST, reverse=True)
    return tuple(found[:MAX_RELEASES])


def _release(version: str, files: list[Mapping[str, Any]]) -> ReleaseFact:
    times = [parse_datetime(file.get("upload_time_iso_8601"), "an upload time") for file in files]
    return ReleaseFact(
        version=version,
        uploaded_at=min(times),
        yanked=all(flag(file.get("yanked", False), "yanked") for file in files),
        requires_python=line(files[0].get("requires_python"), "requires_python", 255),
    )


def _latest(releases: Iterable[ReleaseFact]) -> str:
    """The newest stable version that is not yanked, else the newest such pre-release, else the newest yanked one."""
    return max(releases, key=_rank).version if releases else ""


def _rank(release: ReleaseFact) -> tuple[bool, bool, bool, Version, datetime]:
    try:
        version, valid = Version(release.version), True
    except InvalidVersion:  # from before PEP 440: older than whatever follows it
        version, valid = Version("0"), False
    stable = not version.is_prerelease
    return not release.yanked, valid and stable, valid, version, release.uploaded_at or _OLDEST


def _licence(info: Mapping[str, Any], classifiers: Iterable[str]) -> str:
    """The licence expression, else what the classifiers name, else a short licence text; "" if there is none."""
    expression = info.get("license_expression")
    if isinstance(expression, str) and 0 < len(expression) <= 100 and expression.isprintable():
        return expression
    named = [each.rsplit(" :: ", 1)[1] for each in classifiers if each.startswith("License :: ")]
    told = [_SPDX.get(each, each) for each in named if each != "OSI Approved"]
    text = " OR ".join(dict.fromkeys(told)) if told else info.get("license")
    short = isinstance(text, str) and len(text) <= 100 and text.isprintable()
    return str(text).strip() if short else ""


def _documentation(urls: object) -> str:
    """The first link that is labelled as documentation (PEP 753 compares labels without punctuation and blanks)."""
    for label, url in urls.items() if isinstance(urls, dict) else ():
        if re.sub(r"[\W_]", "", str(label)).lower().startswith(("documentation", "docs")):
            try:
                return link(url, "the documentation URL")
            except InvalidFactError:
                continue
    return ""
