"""PyPI: projects through its JSON API, and the index of last serials, which shows in one response what has changed.

What the JSON API does not tell is read from the Index API: a project's status, and the releases of a project whose
document lacks them or is too large.

Sources: docs.pypi.org, "JSON API" and "Index API"; PEP 503 (names), 592 (yanked), 691 and 700 (the index in JSON), 792
(project status).
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from urllib.parse import quote

from packaging.utils import canonicalize_name

from fetchers.indexes import files
from fetchers.indexes.metadata import facts_of
from fetchers.indexes.releases import latest, releases
from fetchers.network.http import FetchError, Response, TooLargeError, Upstream, parsing
from fetchers.network.parts import attempt
from packages.facts import (
    MISSING,
    UNKNOWN,
    Fetched,
    FetchTarget,
    InvalidFactError,
    Odd,
    PyPIFacts,
    ReleaseFact,
    Unknown,
    known,
    line,
    mapping,
)

READER = "1"  # another one when documents are read otherwise, so that they are read again
ODD = ("odd_project", "odd_status")  # the notes of what is odd about a project's document, and about its status
MAX_INDEX_BYTES = 150 * 1024 * 1024  # the index of all projects is tens of megabytes


def read_serials(upstream: Upstream, wanted: Collection[str]) -> dict[str, int]:
    """Return the last serials of the `wanted` projects (PEP 503 names), from PyPI's index of all projects.

    The body is searched, not decoded: 650,000 projects as Python objects would take ten times the memory of the text.
    """
    response = upstream.get("simple/", headers=files.INDEX_JSON, max_bytes=MAX_INDEX_BYTES)
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
    last request for the status; `page_etag` of a project that is read from the Index API because it is too large, ""
    where it must be read again; `odd_project` and `odd_status`, what is odd about them until they are others.
    """
    reading = _Reading(upstream, target.pypi_name, today, dict(target.notes))
    with parsing():
        facts = reading.large() if "page_etag" in reading.notes else reading.project(with_status=with_status)
    return reading.result(facts)


def unchanged(target: FetchTarget) -> Fetched[PyPIFacts]:
    """Return the success of a project that is known to be as it was: what was odd about it is odd still."""
    return Fetched(None, dict(target.notes), odd=tuple(target.notes[key] for key in ODD if key in target.notes))


@dataclass
class _Reading:
    """The reading of one project: the notes of the last success become those of this one.

    `failed` names the parts whose requests failed, which may succeed the next time.
    """

    upstream: Upstream
    name: str
    today: date
    notes: dict[str, str]
    failed: Odd = field(default_factory=Odd)
    page: files.Page | None = None

    def __post_init__(self) -> None:
        self.odd, self.odd_status = (Odd(filter(None, [self.notes.pop(key, "")])) for key in ODD)

    def result(self, facts: PyPIFacts | None) -> Fetched[PyPIFacts]:
        lasting = zip(ODD, (self.odd, self.odd_status), strict=True)
        notes = self.notes | {key: "; ".join(odd)[:300] for key, odd in lasting if odd}
        return Fetched(facts, notes, odd=tuple(dict.fromkeys([*self.odd, *self.odd_status, *self.failed])))

    def project(self, *, with_status: bool) -> PyPIFacts | None:
        """Read the project's document; None if nothing has changed."""
        etag, response = self.notes.get("etag", ""), None
        try:
            with suppress(TooLargeError):
                response = self.upstream.get(f"pypi/{self.name}/json", etag=etag)
        except FetchError as error:
            if error.outcome in MISSING:
                return self.quarantined(error)
            raise
        if response is None:
            return self.large()
        facts = None if response.status == 304 and etag else self.document(response)
        # A project that is found again is not in quarantine any more.
        return self.with_status(facts) if with_status or self.notes.get("status") == "quarantined" else facts

    def document(self, response: Response) -> PyPIFacts:
        self.odd.clear()
        document = mapping(response.document(), "the project")
        info = self.info(document)
        self.notes["etag"] = response.etag
        if document.get("releases") is None:  # PyPI may leave it out
            found = self.listed()
        else:
            listed = self.odd.read(document, "releases", mapping)
            found = listed if isinstance(listed, Unknown) else releases(listed, self.odd)
        newest = "" if isinstance(found, Unknown) else latest(found)
        version: str | Unknown | None = newest or self.odd.read(info, "version", _version)
        return replace(facts_of(info, self.odd), version=version, releases=found)

    def info(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the metadata of the latest version, and note the serial."""
        info = mapping(document.get("info"), "info")
        files.refuse_other(info, self.name)
        serial = self.odd.read(document, "last_serial", _serial)
        self.notes.pop("serial", None)
        if not isinstance(serial, Unknown):
            self.notes["serial"] = serial
        return info

    def listed(self) -> tuple[ReleaseFact, ...] | Unknown:
        """Return the releases by the Index API. If it fails, nothing is noted that keeps the next run from asking."""
        if page := self.read_page():
            return page.releases(self.odd)
        self.notes["etag"] = ""
        self.notes.pop("serial", None)
        return UNKNOWN

    def with_status(self, facts: PyPIFacts | None) -> PyPIFacts | None:
        """Add the status to the facts, which may be None."""
        page = self.page or self.read_page(self.notes.get("status_etag", "") if self.notes.get("status") else "")
        if page is None:
            return facts
        self.notes["status_day"] = self.today.isoformat()
        if page.unchanged:
            return facts
        self.notes["status_etag"] = page.etag
        status, reason = self.status(page)
        return replace(facts or PyPIFacts(), status=status, status_reason=reason)

    def read_page(self, etag: str = "") -> files.Page | None:
        """Request the project's page of the Index API; None, and a failed part, if that fails."""
        page = attempt(self.failed, "its page of the index", lambda: files.fetch(self.upstream, self.name, etag))
        self.page = known(page, None)
        return self.page

    def status(self, page: files.Page) -> tuple[str | Unknown, str | Unknown]:
        """Return the status that a page tells, and note it."""
        self.odd_status.clear()
        status, reason = page.status(self.notes.get("status", ""), self.odd_status)
        if not isinstance(status, Unknown):
            self.notes["status"] = status
        return status, reason

    def quarantined(self, missing: FetchError) -> PyPIFacts:
        """Return the status of a project that is not found because it is in quarantine; else raise what it met."""
        try:
            page = files.fetch(self.upstream, self.name)
        except FetchError as error:
            raise (missing if error.outcome in MISSING else error) from error
        self.notes.clear()
        self.odd.clear()
        status, reason = self.status(page)
        if status != "quarantined":
            raise missing
        self.notes["status_day"] = self.today.isoformat()
        return PyPIFacts(status=status, status_reason=reason)

    def large(self) -> PyPIFacts | None:
        """Read a project whose document is too large: by its page of the index, and its latest version's document."""
        with files.ONE_AT_A_TIME:
            page = files.fetch_large(self.upstream, self.name, self.notes.get("page_etag", ""))
            self.notes["status_day"] = self.today.isoformat()
            if page.unchanged:
                return None
            etag, (status, reason) = page.etag, self.status(page)
            if status == "quarantined":  # its page is served, without its files
                self.notes.pop("serial", None)
                return PyPIFacts(status=status, status_reason=reason)
            self.odd.clear()
            found = page.releases(self.odd)
            del page
        if isinstance(found, Unknown) or not found:
            raise InvalidFactError("the page of the index lists no release")
        version = latest(found)
        self.notes.pop("etag", None)
        info = attempt(self.failed, "the document of its latest version", lambda: self.of_version(version))
        self.notes["page_etag"] = "" if isinstance(info, Unknown) else etag
        return replace(known(info, PyPIFacts()), version=version, releases=found, status=status, status_reason=reason)

    def of_version(self, version: str) -> PyPIFacts:
        """Return what the document of a version tells. If it fails, no serial keeps the next run from asking."""
        self.notes.pop("serial", None)
        document = self.upstream.get(f"pypi/{self.name}/{quote(version, safe='')}/json").document()
        return facts_of(self.info(mapping(document, "the version")), self.odd)


def _version(value: object, what: str) -> str | None:
    return line(value, what, 100) or None


def _serial(value: object, what: str) -> str:
    if type(value) is not int or not 0 <= value < 10**15:
        raise InvalidFactError(f"{what} is not a serial")
    return str(value)
