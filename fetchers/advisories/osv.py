"""OSV's feed for PyPI: the list of all documents with the times of their versions, and the documents.

Sources: ossf.github.io/osv-schema (the documents), google.github.io/osv.dev/data (the files of the feed).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from packaging.utils import canonicalize_name

from fetchers.network.http import FetchError, Response, Upstream, parsing
from packages.advisories.facts import (
    MAX_ID,
    MAX_NAME,
    MAX_SUMMARY,
    MAX_VERSION,
    AdvisoryDocument,
    AdvisoryFact,
    Event,
    Severity,
    worst,
)
from packages.advisories.ranges import outside
from packages.advisories.severity import severity_of
from packages.facts import InvalidFactError, items, mapping, parse_datetime, prose

ECOSYSTEM = "PyPI"
LIST, ARCHIVE, DOCUMENT = "PyPI/modified_id.csv", "PyPI/all.zip", "PyPI/{}.json"
MAX_LIST_BYTES, MAX_DOCUMENT_BYTES, MAX_ARCHIVE_BYTES = 32 * 1024**2, 2 * 1024**2, 256 * 1024**2
MAX_LINES, MAX_EVENTS, MAX_VERSIONS, MAX_ALIASES = 500_000, 1_000, 20_000, 50
ODD_PART = 20  # of a list, at most one line in so many may be odd
_ID = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9_.:]+)+", re.ASCII)
_KINDS = ("introduced", "fixed", "last_affected", "limit")
_LEVELS: Mapping[str, Severity] = {
    "CRITICAL": "critical",
    "HIGH": "high",
    "MODERATE": "moderate",
    "MEDIUM": "moderate",
    "LOW": "low",
}
MALWARE = "MAL-"  # advisories on malicious releases, which have no vector


@dataclass(frozen=True, slots=True)
class Listing:
    """The list: the time of the version of each document, by its id; the number of lines that are odd, which may be of
    any document; and the validators of the response."""

    modified: Mapping[str, datetime]
    odd: int
    etag: str
    last_modified: str


def read_list(upstream: Upstream, *, etag: str, last_modified: str) -> Listing | None:
    """Return the list; None if it is the one with these validators."""
    headers = {"If-Modified-Since": last_modified} if last_modified else {}
    response = upstream.get(LIST, headers=headers, etag=etag, max_bytes=MAX_LIST_BYTES)
    if response.status == 304:
        return None
    if response.status != 200:
        raise FetchError(f"{response.url} answers {response.status}")
    with parsing():
        return Listing(*_listed(response.body), response.etag, _last_modified(response))


def _last_modified(response: Response) -> str:
    text = response.headers.get("Last-Modified", "")
    return text if len(text) <= 100 and text.isascii() and text.isprintable() else ""


def _listed(body: bytes) -> tuple[dict[str, datetime], int]:
    lines = body.splitlines()
    if len(lines) > MAX_LINES:
        raise InvalidFactError(f"the list has more than {MAX_LINES:,} lines")
    listed: dict[str, datetime] = {}
    odd = 0
    for line in lines:
        try:
            time, _, osv_id = line.decode("ascii").partition(",")
            listed[identity(osv_id.strip())] = parse_datetime(time.strip(), "a time")
        except (InvalidFactError, UnicodeDecodeError):
            odd += bool(line.strip())
    if not listed or odd * ODD_PART > len(lines):
        raise InvalidFactError("the list is not one of times and ids")
    return listed, odd


def read(upstream: Upstream, osv_id: str) -> AdvisoryDocument:
    """Return one document."""
    response = upstream.get(DOCUMENT.format(osv_id), max_bytes=MAX_DOCUMENT_BYTES)
    with parsing():
        return document(response.document(), osv_id)


def download(upstream: Upstream, file: BinaryIO) -> None:
    """Write the archive of all documents into a file."""
    response = upstream.download(ARCHIVE, file, max_bytes=MAX_ARCHIVE_BYTES)
    if response.status != 200:
        raise FetchError(f"{response.url} answers {response.status}")


def identity(value: object) -> str:
    """Return an id of OSV, which can be a part of a URL; InvalidFactError if it is none."""
    if not isinstance(value, str) or len(value) > MAX_ID or ".." in value or not _ID.fullmatch(value):
        raise InvalidFactError("the id is not one of OSV")
    return value


def document(value: object, osv_id: str) -> AdvisoryDocument:
    """Parse the document with that id. InvalidFactError if it is another one, or a part that decides is odd."""
    told = mapping(value, "the document")
    if identity(told.get("id")) != osv_id:
        raise InvalidFactError("the document is about another advisory")
    modified = parse_datetime(told.get("modified"), "modified")
    if told.get("withdrawn") is not None:
        return AdvisoryDocument(osv_id, modified, ())
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for each in items(told.get("affected", []), "affected"):
        affected = mapping(each, "affected")
        if name := _name(affected.get("package")):
            by_name.setdefault(name, []).append(affected)
    facts = (_fact(told, osv_id, name, affected) for name, affected in by_name.items())
    return AdvisoryDocument(osv_id, modified, tuple(facts))


def _name(package: object) -> str:
    """Return the normalised name of a project on PyPI; "" for a package of something else."""
    if package is None:  # a range of commits may be of none
        return ""
    told = mapping(package, "package")
    if told.get("ecosystem") != ECOSYSTEM:
        return ""
    name = told.get("name")
    if not isinstance(name, str) or len(name) > MAX_NAME or not re.fullmatch(r"[A-Za-z0-9._-]+", name, re.ASCII):
        raise InvalidFactError("name is not one of a project")
    return str(canonicalize_name(name))


def _fact(told: Mapping[str, Any], osv_id: str, name: str, affected: list[Mapping[str, Any]]) -> AdvisoryFact:
    told_ranges = (_events(each) for one in affected for each in _ranges(one))
    ranges = tuple(events for events in told_ranges if events)
    versions = dict.fromkeys(version for one in affected for version in _versions(one))
    # Each of the versions is compared with each of the events.
    if sum(map(len, ranges)) > MAX_EVENTS:
        raise InvalidFactError(f"it has more than {MAX_EVENTS:,} events of a project")
    if len(versions) > MAX_VERSIONS:
        raise InvalidFactError(f"it names more than {MAX_VERSIONS:,} versions of a project")
    return AdvisoryFact(
        osv_id,
        name,
        _aliases(told.get("aliases"), osv_id),
        _summary(told),
        _severity(told, osv_id, affected),
        parse_datetime(told["published"], "published") if told.get("published") else None,
        ranges,
        # OSV lists all versions that are in its ranges: thousands, of which few tell anything.
        tuple(outside(versions, ranges)),
    )


def _ranges(affected: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    ranges = [mapping(each, "a range") for each in items(affected.get("ranges") or [], "ranges")]
    return [each for each in ranges if each.get("type") in {"ECOSYSTEM", "SEMVER"}]


def _events(told: Mapping[str, Any]) -> tuple[Event, ...]:
    events = [mapping(each, "an event") for each in items(told.get("events"), "events")]
    return tuple((kind, _version(event[kind])) for event in events for kind in _KINDS if event.get(kind) is not None)


def _version(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_VERSION or not value.isprintable():
        raise InvalidFactError("a version is not a short text")
    return value


def _versions(affected: Mapping[str, Any]) -> list[str]:
    return [_version(each) for each in items(affected.get("versions") or [], "versions")]


def _aliases(value: object, own: str) -> tuple[str, ...]:
    """Return the ids of the same vulnerability; what is none is left out."""
    named = items(value or [], "aliases")[:MAX_ALIASES]
    ids = [each for each in named if isinstance(each, str) and len(each) <= MAX_ID and _ID.fullmatch(each)]
    return tuple(dict.fromkeys(each for each in ids if each != own))


def _summary(told: Mapping[str, Any]) -> str:
    """Return the summary, or the beginning of the details: PyPI's own advisories have these alone."""
    text = prose(told.get("summary"), "summary", 10_000) or prose(told.get("details"), "details", 10_000)
    return prose(" ".join(text.split()), "summary", MAX_SUMMARY)


def _severity(told: Mapping[str, Any], osv_id: str, affected: Iterable[Mapping[str, Any]]) -> Severity:
    """Return the level that the database itself names, or the one of the vectors."""
    if osv_id.startswith(MALWARE):
        return "critical"
    own = told.get("database_specific")
    named = own.get("severity") if isinstance(own, dict) else None
    if isinstance(named, str) and named in _LEVELS:
        return _LEVELS[named]
    return worst([severity_of(vector) for one in (told, *affected) for vector in _vectors(one.get("severity"))])


def _vectors(value: object) -> list[str]:
    scores = [each.get("score") for each in value[:20] if isinstance(each, dict)] if isinstance(value, list) else []
    return [score for score in scores if isinstance(score, str)]
