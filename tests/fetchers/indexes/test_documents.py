"""Each key of each document of PyPI and pypistats: absent, null and odd in turn, and what the catalogue shows then.

An absent key keeps what is known, an identity that is absent refuses the document, and only what is there and empty
empties. Of an odd value the old one stays, all others are stored, and the outcome names it.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import responses

from fetchers.indexes import pypi, pypistats
from fetchers.network.http import MAX_BYTES, FetchError, Upstream
from packages.facts import Fetched, FetchTarget, Source
from packages.models import FetchState, Package, Release
from packages.results import Attempt, Failure, save_results
from tests.factories import PackageFactory
from tests.fetchers.upstreams import make_upstream

pytestmark = pytest.mark.django_db

BASE = "https://index.test"
PROJECT = f"{BASE}/pypi/p/json"
VERSION = f"{BASE}/pypi/p/2.0/json"
PAGE = f"{BASE}/simple/p/"
RECENT = f"{BASE}/packages/p/recent"
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
Json = dict[str, Any]


def info(version: str, number: int) -> Json:
    return {
        "name": "P",
        "version": version,
        "requires_python": f">=3.{number}",
        "requires_dist": [f"Django>={number}"],
        "classifiers": [f"Framework :: Django :: {number}"],
        "license_expression": ["MIT", "ISC"][number % 2],
        "license": "Zlib",
        "project_urls": {"Source": f"https://github.com/a/p{number}", "Docs": "https://docs.a.test/"},
    }


def a_file(number: int) -> Json:
    return {
        "upload_time_iso_8601": f"2026-01-0{number}T00:00:00Z",
        "yanked": number % 2 == 0,
        "requires_python": f">=3.{number}",
    }


def project(version: str, number: int) -> Json:
    return {"info": info(version, number), "last_serial": number, "releases": {"2.0": [a_file(number)]}}


def page(number: int) -> Json:
    """The page of the index with the same release, and a status."""
    return {
        "name": "p",
        "project-status": {"status": ["archived", "deprecated"][number % 2], "reason": f"reason {number}"},
        "versions": ["2.0"],
        "files": [
            {
                "filename": "p-2.0.tar.gz",
                "upload-time": a_file(number)["upload_time_iso_8601"],
                "yanked": a_file(number)["yanked"],
                "requires-python": a_file(number)["requires_python"],
            }
        ],
    }


def recent(number: int) -> Json:
    return {"package": "p", "data": {"last_month": number}}


def shown(number: int) -> Json:
    """The columns of the catalogue after the documents with that number."""
    return {
        "pypi_version": "2.0",
        "requires_python": f">=3.{number}",
        "requires_django": f">={number}",
        "classifiers": [f"Framework :: Django :: {number}"],
        "licence": ["MIT", "ISC"][number % 2],
        "pypi_repo_url": f"https://github.com/a/p{number}",
        "documentation_url": "https://docs.a.test/",
        "pypi_status": ["archived", "deprecated"][number % 2],
        "pypi_status_reason": f"reason {number}",
        "pypi_downloads": number,
        "released": datetime(2026, 1, number, tzinfo=UTC),
        "uploaded_at": datetime(2026, 1, number, tzinfo=UTC),
        "yanked": number % 2 == 0,
        "release_requires_python": f">=3.{number}",
    }


BEFORE, AFTER = shown(1), shown(2)
RELEASE = ("released", "uploaded_at", "yanked", "release_requires_python")


@dataclass(frozen=True)
class Case:
    """A key, what it means if it is null and what is odd for it; its columns keep the old value if it is absent or odd.

    `null` None: null is odd. `absent` and `odd_value` name other values of those columns. `refuses`: the document.
    """

    path: tuple[Any, ...]
    columns: tuple[str, ...] = ()
    null: Mapping[str, Any] | None = None
    absent: Mapping[str, Any] = field(default_factory=dict)
    odd: Any = 5
    refuses: bool = False
    ways: tuple[str, ...] = ("absent", "null", "odd")


INFO: tuple[Case, ...] = (
    Case(("info",), refuses=True),
    Case(("info", "name"), refuses=True),
    Case(("info", "requires_python"), ("requires_python",), {"requires_python": ""}, odd="a\nb"),
    Case(("info", "requires_dist"), ("requires_django",), {"requires_django": None}),
    Case(("info", "classifiers"), ("classifiers",), {"classifiers": []}),
    Case(("info", "license_expression"), ("licence",), {"licence": "Zlib"}),
    Case(("info", "project_urls"), ("pypi_repo_url",), {"pypi_repo_url": ""}),
    Case(("info", "project_urls", "Source"), ("pypi_repo_url",), {"pypi_repo_url": ""}, {"pypi_repo_url": ""}),
    Case(("last_serial",), odd="x"),
)
FILE: tuple[Case, ...] = (
    Case((0, "upload_time_iso_8601"), ("released", "uploaded_at"), odd="yesterday"),
    Case((0, "yanked"), ("yanked",), odd="yes"),
    Case((0, "requires_python"), ("release_requires_python",), {"release_requires_python": ""}, odd=">" * 300),
)
MARKER: tuple[Case, ...] = (
    Case(("name",), refuses=True),
    Case(("project-status",), ("pypi_status", "pypi_status_reason"), {"pypi_status": "", "pypi_status_reason": ""}),
    # The reason is that of the new status all the same.
    Case(("project-status", "status"), ("pypi_status",), {"pypi_status": ""}, odd="frozen"),
    # A reason that is absent is that of the old status, which is no more.
    Case(
        ("project-status", "reason"),
        ("pypi_status_reason",),
        {"pypi_status_reason": ""},
        {"pypi_status_reason": ""},
    ),
)


def below(prefix: tuple[Any, ...], cases: tuple[Case, ...], **names: str) -> tuple[Case, ...]:
    """The cases of a part of a document, whose keys may have other names there."""
    named = {old: new.replace("_", "-") for old, new in names.items()}
    paths = [tuple(named.get(key, key) if isinstance(key, str) else key for key in case.path) for case in cases]
    return tuple(replace(case, path=(*prefix, *path)) for path, case in zip(paths, cases, strict=True))


def changed(document: Json, path: tuple[Any, ...], way: str, odd: Any) -> Json:
    document = copy.deepcopy(document)
    parent: Any = document
    for key in path[:-1]:
        parent = parent[key]
    if way == "absent":
        del parent[path[-1]]
    else:
        parent[path[-1]] = None if way == "null" else odd
    return document


def columns(package: Package) -> Json:
    row = Package.objects.get(pk=package.pk)
    release = Release.objects.get(package=package)
    told = {name: getattr(row, name) for name in shown(1) if hasattr(row, name)}
    return told | {
        "uploaded_at": release.uploaded_at,
        "yanked": release.yanked,
        "release_requires_python": release.requires_python,
    }


class Catalogue:
    """A package with the facts of the documents number 1, which then reads those of number 2."""

    def __init__(self, wire: responses.RequestsMock) -> None:
        self.wire, self.at = wire, NOW
        self.upstream: Upstream = make_upstream("pypi", BASE)
        self.package = PackageFactory.create(pypi_url="p")
        self.serve(PROJECT, project("2.0", 1))
        self.serve(PAGE, page(1))
        self.fetch()
        self.serve(RECENT, recent(1))
        self.fetch("downloads")
        assert columns(self.package) == BEFORE

    def serve(self, url: str, document: Any) -> None:
        self.wire.upsert("GET", url, json=document)

    def fetch(self, source: Source = "pypi") -> FetchState:
        state = FetchState.objects.filter(package=self.package, source=source).first()
        target = FetchTarget(self.package.pk, pypi_name="p", validators=state.validators if state else {})
        result: Fetched[Any] | Failure
        try:
            if source == "pypi":
                result = pypi.read(self.upstream, target, today=date(2026, 11, 23), with_status=True)
            else:
                result = pypistats.read(self.upstream, target)
        except FetchError as error:
            result = Failure(error.outcome, str(error))
        self.at += timedelta(days=1)
        save_results([Attempt(target, source, self.at, result)])
        return FetchState.objects.get(package=self.package, source=source)

    def check(self, case: Case, way: str, after: Json, source: Source = "pypi") -> None:
        state = self.fetch(source)
        told = columns(self.package)
        if case.refuses:
            assert (state.outcome, told) == ("invalid", BEFORE)
            return
        empty = case.null if way == "null" else case.absent if way == "absent" else None
        is_odd = empty is None
        assert told == after | {name: (empty or {}).get(name, BEFORE[name]) for name in case.columns}
        assert state.outcome == ("partial" if is_odd else "ok")
        assert bool(state.error) == is_odd


@pytest.fixture
def catalogue(wire: responses.RequestsMock) -> Catalogue:
    wire.assert_all_requests_are_fired = False
    return Catalogue(wire)


def each_way(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    ways = [(case, way) for case in cases for way in case.ways]
    return pytest.mark.parametrize(("case", "way"), ways, ids=[f"{case.path}-{way}" for case, way in ways])


def upto(*names: str) -> Json:
    """The columns after the second documents, but for those of other documents."""
    return AFTER | {name: BEFORE[name] for name in names}


STATUS = ("pypi_status", "pypi_status_reason")


# A list of files without its only entry is empty: there is no such release.
RELEASES = (
    Case(("releases", "2.0"), RELEASE, ways=("null", "odd")),
    Case(("releases", "2.0", 0), RELEASE, ways=("null", "odd")),
    *below(("releases", "2.0"), FILE),
)


@each_way((*INFO, *RELEASES))
def test_the_project(catalogue: Catalogue, case: Case, way: str) -> None:
    catalogue.serve(PROJECT, changed(project("2.0", 2), case.path, way, case.odd))
    catalogue.serve(PAGE, page(2))
    catalogue.check(case, way, upto("pypi_downloads"))


@pytest.mark.parametrize("way", ["absent", "null"])
def test_releases_that_are_absent_come_from_the_index(catalogue: Catalogue, way: str) -> None:
    catalogue.serve(PROJECT, changed(project("2.0", 2), ("releases",), way, None))
    catalogue.serve(PAGE, page(2))
    assert catalogue.fetch().outcome == "ok"
    assert columns(catalogue.package) == upto("pypi_downloads")


@pytest.mark.parametrize(
    ("odd", "error"),
    [
        ("x", "releases is not an object"),
        ({"9": [1]}, "a file of 9 is not an object"),
        ({"9": None, "x" * 101: []}, "the files of 9 is not a list"),
        ({"x" * 101: [a_file(2)]}, f"'{'x' * 50}' is not a version"),
    ],
)
def test_odd_releases_stay(catalogue: Catalogue, odd: Any, error: str) -> None:
    catalogue.serve(PROJECT, changed(project("2.0", 2), ("releases",), "odd", odd))
    catalogue.serve(PAGE, page(2))
    assert catalogue.fetch().error == error
    assert columns(catalogue.package) == upto("pypi_downloads", *RELEASE)


def test_releases_that_are_there_and_empty(catalogue: Catalogue) -> None:
    catalogue.serve(PROJECT, project("2.0", 2) | {"releases": {}})
    catalogue.serve(PAGE, page(2))
    assert catalogue.fetch().outcome == "ok"
    assert not Release.objects.exists()
    row = Package.objects.get()
    assert (row.pypi_version, row.released) == ("2.0", None)


@each_way(MARKER)
def test_the_page_with_the_status(catalogue: Catalogue, case: Case, way: str) -> None:
    """A page that is refused costs the status alone."""
    catalogue.serve(PROJECT, project("2.0", 2))
    catalogue.serve(PAGE, changed(page(2), case.path, way, case.odd))
    if case.refuses:
        assert catalogue.fetch().error == "its page of the index: the project has another name"
        assert columns(catalogue.package) == upto("pypi_downloads", *STATUS)
    else:
        catalogue.check(case, way, upto("pypi_downloads"))


PAGE_FILE = below(("files",), FILE, upload_time_iso_8601="upload-time", requires_python="requires-python")


@each_way((*MARKER, *(replace(case, odd=5) for case in PAGE_FILE)))
def test_the_page_of_a_large_project(catalogue: Catalogue, case: Case, way: str) -> None:
    catalogue.wire.upsert("GET", PROJECT, body=b" " * (MAX_BYTES + 1))
    catalogue.serve(VERSION, project("2.0", 2))
    catalogue.serve(PAGE, changed(page(2), case.path, way, case.odd))
    catalogue.check(case, way, upto("pypi_downloads"))


@each_way((Case(("versions",), refuses=True), Case(("files",), refuses=True)))
def test_a_large_project_without_releases_is_refused(catalogue: Catalogue, case: Case, way: str) -> None:
    catalogue.wire.upsert("GET", PROJECT, body=b" " * (MAX_BYTES + 1))
    catalogue.serve(VERSION, project("2.0", 2))
    catalogue.serve(PAGE, changed(page(2), case.path, way, case.odd))
    catalogue.check(case, way, upto("pypi_downloads"))


@each_way(INFO)
def test_the_version_of_a_large_project(catalogue: Catalogue, case: Case, way: str) -> None:
    """A document that is refused costs the metadata alone."""
    catalogue.wire.upsert("GET", PROJECT, body=b" " * (MAX_BYTES + 1))
    catalogue.serve(VERSION, changed(project("2.0", 2), case.path, way, case.odd))
    catalogue.serve(PAGE, page(2))
    if case.refuses:
        assert catalogue.fetch().outcome == "partial"
        metadata = {name for each in INFO for name in each.columns}
        assert columns(catalogue.package) == upto("pypi_downloads", *metadata)
    else:
        catalogue.check(case, way, upto("pypi_downloads"))


@each_way(tuple(Case(path, refuses=True) for path in (("package",), ("data",), ("data", "last_month"))))
def test_downloads(catalogue: Catalogue, case: Case, way: str) -> None:
    """They have one fact: without it, nothing was learned."""
    catalogue.serve(RECENT, changed(recent(2), case.path, way, "x"))
    catalogue.check(case, way, AFTER, "downloads")


def test_a_failure_between_two_times_that_nothing_changed(catalogue: Catalogue) -> None:
    """An odd part is odd before and after it, one that failed for once is not."""
    odd_document = changed(project("2.0", 2), ("info", "classifiers"), "odd", 5)
    catalogue.wire.upsert("GET", PROJECT, json=odd_document, headers={"ETag": '"2"'})
    catalogue.wire.upsert("GET", PAGE, json=page(2), headers={"ETag": '"p"'})
    assert catalogue.fetch().error == "classifiers is not a list"
    catalogue.wire.upsert("GET", PROJECT, status=500)
    assert catalogue.fetch().outcome == "server_error"
    catalogue.wire.upsert("GET", PROJECT, status=304)
    catalogue.wire.upsert("GET", PAGE, status=500)
    state = catalogue.fetch()
    assert (state.outcome, state.error) == ("partial", "classifiers is not a list; its page of the index: server_error")
    catalogue.wire.upsert("GET", PAGE, status=304)
    state = catalogue.fetch()
    assert (state.outcome, state.error) == ("partial", "classifiers is not a list")
    catalogue.wire.upsert("GET", PROJECT, json=project("2.0", 2), headers={"ETag": '"3"'})
    state = catalogue.fetch()
    assert (state.outcome, state.error) == ("ok", "")
