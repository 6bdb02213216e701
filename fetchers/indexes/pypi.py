"""PyPI: projects through its JSON API, and the index of last serials, which shows in one response what has changed.

Sources: docs.pypi.org, "JSON API" and "Index API"; PEP 503 (names), 592 (yanked), 639 (licence expressions), 691 (the
index in JSON), 753 (labels of project URLs), 792 (project status).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from fetchers.network.http import FetchError, Response, Upstream, parsing
from packages.facts import (
    UNKNOWN,
    Fetched,
    FetchTarget,
    InvalidFactError,
    PyPIFacts,
    ReleaseFact,
    flag,
    items,
    known,
    line,
    link,
    mapping,
    parse_datetime,
)

READER = "1"  # another one when documents are read otherwise, so that they are read again
MAX_INDEX_BYTES = 150 * 1024 * 1024  # the index of all projects is tens of megabytes
MAX_RELEASES = 3_000
MAX_CLASSIFIERS = 200
INDEX_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}

# The SPDX ids of the licence classifiers that mean a single licence; of the others, the classifier's text is shown.
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


def read_serials(upstream: Upstream, wanted: Collection[str]) -> dict[str, int]:
    """Return the last serials of the `wanted` projects (PEP 503 names), from PyPI's index of all projects.

    The body is searched, not decoded: 650,000 projects as Python objects would take ten times the memory of the text.
    """
    response = upstream.get("simple/", headers=INDEX_JSON, max_bytes=MAX_INDEX_BYTES)
    body = response.body.strip()
    whole = all(body.count(opened) == body.count(closed) for opened, closed in ((b"{", b"}"), (b"[", b"]")))
    if response.status != 200 or not (whole and body.startswith(b"{") and b'"projects"' in body):
        raise FetchError(f"{response.url} is not an index of projects")
    serials: dict[str, int] = {}
    listed = 0
    for project in _PROJECT.finditer(body):
        name, serial = _NAME.search(project[0]), _SERIAL.search(project[0])
        if name and serial:
            listed += 1
            key = canonicalize_name(name[1].decode())
            if key in wanted:
                serials[key] = int(serial[1])
    if not listed:
        raise FetchError(f"{response.url} lists no project with its last serial")
    return serials


# One project of the index is one flat object; its names are ASCII by PEP 508.
_PROJECT = re.compile(rb"\{[^{}]*\}")
_NAME = re.compile(rb'"name"\s*:\s*"([A-Za-z0-9._-]{1,255})"')
_SERIAL = re.compile(rb'"_last-serial"\s*:\s*([0-9]{1,15})\b')


def read(upstream: Upstream, target: FetchTarget, *, today: date, with_status: bool) -> Fetched[PyPIFacts]:
    """Return the facts of a project; `with_status` includes its status, for one more request.

    Validators: `etag`; `serial`, to be compared with read_serials(); `status`, `status_etag` and `status_day` of the
    last request for the status.
    """
    notes = dict(target.notes)
    response = upstream.get(f"pypi/{target.pypi_name}/json", etag=notes.get("etag", ""))
    with parsing():
        unchanged = response.status == 304 and bool(notes.get("etag"))
        project = {} if unchanged else _document(response)
        if not unchanged:
            notes |= {"etag": response.etag, "serial": _serial(project)}
        before = notes.get("status")
        if with_status:
            notes |= _status(upstream, target.pypi_name, notes) | {"status_day": today.isoformat()}
        if unchanged and notes.get("status") == before:
            return Fetched(None, notes)
        if unchanged:  # the status alone is new: facts come all together, so the project is requested again
            return read(upstream, _without_etag(target, notes), today=today, with_status=False)
        return Fetched(_facts(project, target.pypi_name, notes.get("status")), notes)


def _without_etag(target: FetchTarget, notes: Mapping[str, str]) -> FetchTarget:
    return FetchTarget(target.package, pypi_name=target.pypi_name, validators={**notes, "etag": ""})


def _document(response: Response) -> Mapping[str, Any]:
    return mapping(response.document(), "the project")


def _serial(project: Mapping[str, Any]) -> str:
    serial = project.get("last_serial")
    if type(serial) is not int or not 0 <= serial < 10**15:
        raise InvalidFactError("last_serial is not a serial")
    return str(serial)


def _status(upstream: Upstream, name: str, notes: Mapping[str, str]) -> dict[str, str]:
    """Request the status of a project, and return it and its ETag as notes; "active" where the index has none."""
    etag = notes.get("status_etag", "") if notes.get("status") else ""
    response = upstream.get(f"simple/{name}/", headers=INDEX_JSON, etag=etag)
    if response.status == 304 and etag:
        return {}
    marker = mapping(_document(response).get("project-status") or {}, "project-status")
    status = line(marker.get("status") or "active", "the project's status", 20)
    return {"status": status, "status_etag": response.etag}


def _facts(project: Mapping[str, Any], name: str, status: str | None) -> PyPIFacts:
    info = mapping(project.get("info"), "info")
    own_name = info.get("name")
    if not isinstance(own_name, str) or canonicalize_name(own_name) != name:
        raise InvalidFactError("the project has another name")
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
        status=status or UNKNOWN,
    )


def _releases(listed: Mapping[str, Any]) -> tuple[ReleaseFact, ...]:
    """Return the releases that have files, newest upload first. A version that cannot be stored is left out."""
    releases = []
    for version, files in listed.items():
        if items(files, "the files of a release") and len(version) <= 100 and version.isprintable() and version:
            releases.append(_release(version, [mapping(file, "a file") for file in files]))
    releases.sort(key=_uploaded, reverse=True)
    return tuple(releases[:MAX_RELEASES])


def _release(version: str, files: list[Mapping[str, Any]]) -> ReleaseFact:
    times = [parse_datetime(file.get("upload_time_iso_8601"), "an upload time") for file in files]
    return ReleaseFact(
        version=version,
        uploaded_at=min(times),
        yanked=all(flag(file.get("yanked", False), "yanked") for file in files),
        requires_python=line(files[0].get("requires_python"), "requires_python", 255),
    )


def _latest(releases: Iterable[ReleaseFact]) -> str:
    """Return the newest stable version that is not yanked, else such a pre-release, else a yanked one; "" if none."""
    return max(releases, key=_rank).version if releases else ""


def _rank(release: ReleaseFact) -> tuple[bool, bool, bool, Version, datetime]:
    try:
        version, valid = Version(release.version), True
    except InvalidVersion:  # from before PEP 440, so older than every valid one
        version, valid = Version("0"), False
    stable = not version.is_prerelease
    return not release.yanked, valid and stable, valid, version, _uploaded(release)


def _uploaded(release: ReleaseFact) -> datetime:
    return known(release.uploaded_at, None) or _OLDEST


def _licence(info: Mapping[str, Any], classifiers: Iterable[str]) -> str:
    """Return the licence expression, else the classifiers' licences, else a short licence text; "" if there is none."""
    expression = info.get("license_expression")
    if isinstance(expression, str) and 0 < len(expression) <= 100 and expression.isprintable():
        return expression
    classified = [each.rsplit(" :: ", 1)[1] for each in classifiers if each.startswith("License :: ")]
    names = [_SPDX.get(each, each) for each in classified if each != "OSI Approved"]
    text = " OR ".join(dict.fromkeys(names)) if names else info.get("license")
    short = isinstance(text, str) and len(text) <= 100 and text.isprintable()
    return str(text).strip() if short else ""


def _documentation(urls: object) -> str:
    """Return the first link labelled as documentation (PEP 753 compares labels without punctuation and blanks)."""
    for label, url in urls.items() if isinstance(urls, dict) else ():
        if re.sub(r"[\W_]", "", str(label)).lower().startswith(("documentation", "docs")):
            try:
                return link(url, "the documentation URL")
            except InvalidFactError:
                continue
    return ""
