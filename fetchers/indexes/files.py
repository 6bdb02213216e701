"""The Index API of PyPI: the page of a project, with its status and all its files.

A page may be large (39,000 files are 33 MB): of its keys only those that are read are kept, and one large page is read
at a time.
"""

import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from fetchers.indexes.releases import releases
from fetchers.network.http import Response, TooLargeError, Upstream
from packages.facts import (
    STATUSES,
    UNKNOWN,
    InvalidFactError,
    Odd,
    ReleaseFact,
    Unknown,
    items,
    line,
    mapping,
    prose,
)

INDEX_JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
MAX_PAGE_BYTES = 64 * 1024 * 1024
_KEYS = frozenset(
    {"name", "project-status", "status", "reason", "versions"}
    | {"files", "filename", "upload-time", "yanked", "requires-python"}
)
ONE_AT_A_TIME = threading.Lock()  # large pages, for the memory that they take


class Page:
    """A project's page: `document` is empty if it has not changed since the one with that ETag."""

    def __init__(self, response: Response, name: str, etag: str) -> None:
        self.unchanged = response.status == 304 and bool(etag)
        self.etag = etag if self.unchanged else response.etag
        self.document = {} if self.unchanged else mapping(response.document(only=_KEYS), "the page of the index")
        if not self.unchanged:
            refuse_other(self.document, name)
        self.name = name

    def status(self, before: str, odd: Odd) -> tuple[str | Unknown, str | Unknown]:
        """Return the project's status and its reason. A reason that is absent belongs to the status `before`."""
        if "project-status" not in self.document:
            return UNKNOWN, UNKNOWN
        if self.document["project-status"] is None:
            return "", ""
        marker = odd.read(self.document, "project-status", mapping)
        if isinstance(marker, Unknown):
            return UNKNOWN, UNKNOWN
        status = odd.read(marker, "status", _status)
        reason = odd.read(marker, "reason", lambda value, _: prose(value, "the reason of the status", 300))
        replaced = "reason" not in marker and status not in {UNKNOWN, before}
        return status, "" if replaced else reason

    def releases(self, odd: Odd) -> tuple[ReleaseFact, ...] | Unknown:
        """Return the releases; UNKNOWN if the page does not list versions and files."""
        versions = odd.read(self.document, "versions", items)
        files = odd.read(self.document, "files", items)
        if isinstance(versions, Unknown) or isinstance(files, Unknown):
            return UNKNOWN
        named = odd.sound(versions, lambda version: line(version, "a version", 1_000))
        return releases(_by_version(files, self.name, named, odd), odd)


def fetch(upstream: Upstream, name: str, etag: str = "") -> Page:
    """Request the page of a project."""
    with suppress(TooLargeError):
        return Page(upstream.get(f"simple/{name}/", headers=INDEX_JSON, etag=etag), name, etag)
    with ONE_AT_A_TIME:
        return fetch_large(upstream, name, etag)


def fetch_large(upstream: Upstream, name: str, etag: str = "") -> Page:
    """Request a page that may be large: the caller holds ONE_AT_A_TIME until it has read it."""
    response = upstream.get(f"simple/{name}/", headers=INDEX_JSON, etag=etag, max_bytes=MAX_PAGE_BYTES)
    return Page(response, name, etag)


def refuse_other(document: Mapping[str, Any], name: str) -> None:
    """Raise InvalidFactError if the document is about another project, or does not tell about which."""
    own = document.get("name")
    if not isinstance(own, str) or canonicalize_name(own) != name:
        raise InvalidFactError("the project has another name")


def _status(value: object, what: str) -> str:
    if value is None or value in STATUSES:
        return str(value or "")
    raise InvalidFactError(f"the project's {what} is not one of {', '.join(STATUSES)}")


def _by_version(
    files: Iterable[object], name: str, versions: Iterable[str], odd: Odd
) -> dict[str, list[dict[str, Any]]]:
    """Return the files of each version, with the keys of the JSON API."""
    listed: dict[str, list[dict[str, Any]]] = {version: [] for version in versions}
    version_of = _Versions(name, listed)
    for file in odd.sound(files, lambda each: mapping(each, "a file of the index")):
        version = version_of.file(file.get("filename"))
        if version is None:
            odd.note("the index has a file of no version that it lists")
        else:
            listed[version].append(_as_json_api(file))
    return listed


_JSON_API = {"upload-time": "upload_time_iso_8601", "requires-python": "requires_python", "yanked": "yanked"}


def _as_json_api(file: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: file[name] for name, key in _JSON_API.items() if name in file}
    if isinstance(told.get("yanked"), str) and told["yanked"]:  # the reason
        told["yanked"] = True
    return told


class _Versions:
    """The versions of a project, and which of them a file belongs to: the index tells it by the file's name alone."""

    def __init__(self, name: str, versions: Iterable[str]) -> None:
        self.prefix = re.compile("[-_.]+".join(map(re.escape, name.split("-"))) + "-", re.IGNORECASE)
        self.versions = {_plain(version): version for version in versions}
        self.known: dict[str, str | None] = {}

    def file(self, filename: object) -> str | None:
        named = self.prefix.match(filename) if isinstance(filename, str) else None
        if not named or not isinstance(filename, str):
            return None
        rest = filename[named.end() :]
        if rest.endswith((".whl", ".egg")):
            rest = rest.split("-", 1)[0]  # these write a version without a hyphen
        if rest not in self.known:
            self.known[rest] = self._longest(rest)
        return self.known[rest]

    def _longest(self, rest: str) -> str | None:
        """Return the longest version that `rest` begins with: 1.0.1.tar.gz is of 1.0.1, and not of 1.0."""
        ends = [len(rest), *(place for place in range(len(rest) - 1, 0, -1) if rest[place] in "-.")]
        return next((self.versions[text] for end in ends if (text := _plain(rest[:end])) in self.versions), None)


def _plain(version: str) -> str:
    """Return a version in one of its spellings: a file's name may have another one than the list of versions."""
    try:
        return str(Version(version.replace("_", "-")))
    except InvalidVersion:
        return version.replace("_", "-").lower()
