"""fetchers.indexes.pypi: projects, their status, the index of serials, and the faults of each."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from fetchers.indexes import pypi
from fetchers.network.http import FetchError, Upstream
from packages.facts import UNKNOWN, Fetched, FetchTarget, Outcome, PyPIFacts, ReleaseFact, known
from tests.fetchers import faults
from tests.fetchers.faults import FAULTS, Fault
from tests.fetchers.upstreams import make_upstream

BASE = "https://index.test"
URL = f"{BASE}/pypi/my-project/json"
STATUS = f"{BASE}/simple/my-project/"
TODAY = date(2026, 11, 23)
TARGET = FetchTarget(7, pypi_name="my-project", validators={})
Json = dict[str, Any]


@pytest.fixture
def upstream() -> Upstream:
    return make_upstream("pypi", BASE)


def file(day: int = 1, **changes: Any) -> Json:
    return {
        "upload_time_iso_8601": f"2026-01-{day:02}T03:04:05.678901Z",
        "yanked": False,
        "requires_python": "",
    } | changes


def project(info: Json | None = None, **changes: Any) -> Json:
    told = {
        "name": "My.Project",
        "version": "2.0",
        "requires_python": ">=3.11",
        "classifiers": ["Framework :: Django :: 5.2", "License :: OSI Approved :: MIT License"],
        "license": None,
        "project_urls": {"Homepage": "https://a.test/", "Documentation": "https://docs.a.test/"},
    }
    releases = {"1.0": [file(1)], "2.0": [file(9, requires_python=">=3.11"), file(8)]}
    return {"info": told | (info or {}), "last_serial": 42, "releases": releases} | changes


FACTS = PyPIFacts(
    version="2.0",
    requires_python=">=3.11",
    classifiers=("Framework :: Django :: 5.2", "License :: OSI Approved :: MIT License"),
    licence="MIT",
    documentation_url="https://docs.a.test/",
    releases=(
        ReleaseFact("2.0", datetime(2026, 1, 8, 3, 4, 5, 678901, UTC), yanked=False, requires_python=">=3.11"),
        ReleaseFact("1.0", datetime(2026, 1, 1, 3, 4, 5, 678901, UTC), yanked=False, requires_python=""),
    ),
    status=UNKNOWN,
)


def read(upstream: Upstream, target: FetchTarget = TARGET, *, with_status: bool = False) -> Fetched[PyPIFacts]:
    return pypi.read(upstream, target, today=TODAY, with_status=with_status)


def facts_of(wire: responses.RequestsMock, upstream: Upstream, document: Json) -> PyPIFacts:
    wire.get(URL, json=document)
    facts = read(upstream).facts
    assert facts is not None
    return facts


def test_a_project(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, json=project(), headers={"ETag": '"abc"'})
    assert read(upstream) == Fetched(FACTS, {"etag": '"abc"', "serial": "42"})
    assert len(wire.calls) == 1


def test_a_project_with_its_status(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, json=project(), headers={"ETag": '"abc"'})
    marker = {"name": "my-project", "project-status": {"status": "archived", "reason": "done"}}
    wire.get(STATUS, json=marker, headers={"ETag": '"s"'})
    fetched = read(upstream, with_status=True)
    assert fetched.facts == replace(FACTS, status="archived")
    assert fetched.validators == {
        "etag": '"abc"',
        "serial": "42",
        "status": "archived",
        "status_etag": '"s"',
        "status_day": "2026-11-23",
    }
    assert wire.calls[1].request.headers["Accept"] == "application/vnd.pypi.simple.v1+json"


def test_a_project_without_a_marker_is_active(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, json=project())
    wire.get(STATUS, json={"name": "my-project", "files": []})
    assert read(upstream, with_status=True).validators["status"] == "active"


def test_nothing_new(wire: responses.RequestsMock, upstream: Upstream) -> None:
    notes = {"etag": '"abc"', "serial": "42", "status": "active", "status_etag": '"s"', "status_day": "2026-01-01"}
    target = replace(TARGET, validators=notes)
    wire.get(URL, status=304)
    assert read(upstream, target) == Fetched(None, notes)
    assert wire.calls[0].request.headers["If-None-Match"] == '"abc"'
    wire.get(STATUS, status=304)
    assert read(upstream, target, with_status=True) == Fetched(None, notes | {"status_day": "2026-11-23"})


def test_a_new_status_of_an_unchanged_project(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """Archiving writes no journal entry: the serial stays, and so does the project's own document."""
    target = replace(TARGET, validators={"etag": '"abc"', "serial": "42", "status": "active", "status_etag": '"s"'})
    wire.get(URL, status=304)
    wire.get(STATUS, json={"project-status": {"status": "archived"}})
    wire.get(URL, json=project())
    fetched = read(upstream, target, with_status=True)
    assert fetched.facts == replace(FACTS, status="archived")
    assert "If-None-Match" not in wire.calls[2].request.headers


@pytest.mark.parametrize(
    ("releases", "version"),
    [
        ({"1.0": [file()], "1.10": [file()], "1.9": [file()]}, "1.10"),
        ({"1.0": [file()], "2.0b1": [file()]}, "1.0"),
        ({"1.0b1": [file()], "1.0rc1": [file()], "1.0.dev5": [file()]}, "1.0rc1"),
        ({"1.0": [file()], "2.0": [file(yanked=True)]}, "1.0"),
        ({"1.0b1": [file()], "1.0": [file(yanked=True)]}, "1.0b1"),
        ({"1.0": [file(yanked=True)], "0.9": [file(yanked=True)]}, "1.0"),
        ({"1.0": [file()], "2.0": []}, "1.0"),
        ({"2.0": [file(yanked=True), file()], "1.0": [file()]}, "2.0"),
        ({"2012.11.09.3": [file()], "final-release": [file(9)]}, "2012.11.09.3"),
        ({"final-release": [file(1)], "last-release": [file(9)]}, "last-release"),
        ({"1.0-0": [file()]}, "1.0-0"),
        ({}, "2.0"),
    ],
)
def test_the_latest_version(wire: responses.RequestsMock, upstream: Upstream, releases: Json, version: str) -> None:
    assert facts_of(wire, upstream, project(releases=releases)).version == version


@pytest.mark.parametrize(
    ("info", "licence"),
    [
        ({"license_expression": "BSD-3-Clause OR MIT"}, "BSD-3-Clause OR MIT"),
        ({"license_expression": "", "classifiers": ["License :: OSI Approved :: BSD License"]}, "BSD"),
        ({"classifiers": ["License :: OSI Approved"], "license": "MIT"}, "MIT"),
        ({"classifiers": ["License :: Free To Use But Restricted"]}, "Free To Use But Restricted"),
        (
            {
                "classifiers": [
                    f"License :: OSI Approved :: {name}" for name in ("MIT License", "Apache Software License")
                ]
            },
            "MIT OR Apache-2.0",
        ),
        ({"classifiers": [], "license": "Permission is hereby granted\nto any person"}, ""),
        ({"classifiers": [], "license": "x" * 101}, ""),
        ({"classifiers": None, "license": None}, ""),
    ],
)
def test_the_licence(wire: responses.RequestsMock, upstream: Upstream, info: Json, licence: str) -> None:
    assert facts_of(wire, upstream, project(info)).licence == licence


@pytest.mark.parametrize(
    ("urls", "link"),
    [
        ({"Docs": "https://a.test/"}, "https://a.test/"),
        ({"documentation_site": "https://a.test/"}, "https://a.test/"),
        ({"Documentation": "javascript:alert(1)", "Docs": "https://a.test/"}, "https://a.test/"),
        ({"Documentation": None}, ""),
        ({"Source": "https://a.test/docs"}, ""),
        (None, ""),
        ([], ""),
    ],
)
def test_the_documentation(wire: responses.RequestsMock, upstream: Upstream, urls: Any, link: str) -> None:
    assert facts_of(wire, upstream, project({"project_urls": urls})).documentation_url == link


def test_versions_that_cannot_be_stored_are_left_out(wire: responses.RequestsMock, upstream: Upstream) -> None:
    releases = {"1.0": [file()], "1\0": [file()], "x" * 101: [file()], "": [file()]}
    assert [
        release.version for release in known(facts_of(wire, upstream, project(releases=releases)).releases, ())
    ] == ["1.0"]


def test_no_more_releases_than_can_be_borne(wire: responses.RequestsMock, upstream: Upstream) -> None:
    releases = {f"1.{minor}": [file()] for minor in range(3_200)}
    assert len(known(facts_of(wire, upstream, project(releases=releases)).releases, ())) == 3_000


INVALID_PROJECTS: dict[str, Json] = {
    "another project": project({"name": "other"}),
    "no name": project({"name": None}),
    "serial of text": project(last_serial="42"),
    "negative serial": project(last_serial=-1),
    "NaN serial": project(last_serial=float("nan")),
    "absurd serial": project(last_serial=10**30),
    "NUL in the version": project({"version": "1\0"}, releases={}),
    "lone surrogate": project({"requires_python": "\ud800"}),
    "classifiers of numbers": project({"classifiers": [5]}),
    "releases of a list": project(releases=[1]),
    "files of text": project(releases={"1.0": "x"}),
    "a file of null": project(releases={"1.0": [None]}),
    "a file without a time": project(releases={"1.0": [file(upload_time_iso_8601=None)]}),
    "yanked of text": project(releases={"1.0": [file(yanked="yes")]}),
}
INVALID_STATUSES: dict[str, Json] = {
    "a number": {"project-status": {"status": 5}},
    "a text": {"project-status": "archived"},
}


@faults.at_each_step(
    ["project", "status"],
    table=FAULTS | {"cut short at its end": Fault({"body": json.dumps(project())[:-9]})},
    authenticated=False,
    accepted={("status", "empty object"), ("status", "nonsense")},
)
def test_faults(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    """A status that cannot be fetched fails the whole."""
    if step == "status":
        wire.get(URL, json=project())
    wire.get(URL if step == "project" else STATUS, **fault.response)
    faults.check(fault, lambda: read(upstream, with_status=True))
    assert len(wire.calls) == (step == "status") + fault.requests


@faults.at_each_step(["index"], authenticated=False)
def test_faults_of_the_index(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    wire.get(f"{BASE}/simple/", **fault.response)
    faults.check(fault, lambda: pypi.read_serials(upstream, {"my-project"}))


@pytest.mark.parametrize("document", INVALID_PROJECTS.values(), ids=INVALID_PROJECTS)
def test_invalid_projects(wire: responses.RequestsMock, upstream: Upstream, document: Json) -> None:
    wire.get(URL, json=document)
    faults.check(Fault({}), lambda: read(upstream))


@pytest.mark.parametrize("document", INVALID_STATUSES.values(), ids=INVALID_STATUSES)
def test_invalid_statuses(wire: responses.RequestsMock, upstream: Upstream, document: Json) -> None:
    wire.get(URL, json=project())
    wire.get(STATUS, json=document)
    faults.check(Fault({}), lambda: read(upstream, with_status=True))


def test_a_redirect_to_the_normalised_name_is_followed(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, status=301, headers={"Location": "/pypi/my-project/json/"})
    wire.get(f"{URL}/", json=project())
    assert read(upstream).facts == FACTS


# The index of serials


def index(*projects: Json, **changes: Any) -> Json:
    return {"meta": {"_last-serial": 99, "api-version": "1.4"}, "projects": list(projects)} | changes


def serials(wire: responses.RequestsMock, upstream: Upstream, body: str) -> dict[str, int]:
    wire.get(f"{BASE}/simple/", body=body)
    return pypi.read_serials(upstream, {"my-project", "other"})


@pytest.mark.parametrize("indent", [None, 1])
def test_the_serials_of_those_wanted(wire: responses.RequestsMock, upstream: Upstream, indent: int | None) -> None:
    document = index(
        {"_last-serial": 42, "name": "My_Project"},
        {"name": "other", "_last-serial": 7, "more": "of the same"},
        {"_last-serial": 1, "name": "unwanted"},
    )
    assert serials(wire, upstream, json.dumps(document, indent=indent)) == {"my-project": 42, "other": 7}
    assert wire.calls[0].request.headers["Accept"] == "application/vnd.pypi.simple.v1+json"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        "<html>",
        json.dumps(index()),
        json.dumps(index({"name": "my-project"})),
        json.dumps(index({"_last-serial": "42", "name": "my-project"})),
        json.dumps(index({"_last-serial": 42, "name": "my-project"}))[:-2],
    ],
)
def test_what_is_not_an_index_is_refused(wire: responses.RequestsMock, upstream: Upstream, body: str) -> None:
    with pytest.raises(FetchError) as failed:
        serials(wire, upstream, body)
    assert failed.value.outcome is Outcome.INVALID


def test_the_index_may_be_larger_than_other_responses(wire: responses.RequestsMock, upstream: Upstream) -> None:
    many = [{"_last-serial": number, "name": f"project-{number}"} for number in range(150_000)]
    body = json.dumps(index(*many, {"_last-serial": 5, "name": "other"}))
    assert len(body) > 6_000_000
    assert serials(wire, upstream, body) == {"other": 5}


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.sampled_from(["-", "_", ".", "-_."])
)
def test_names_are_normalised(part: str, between: str) -> None:
    name = f"{part.lower()}-{part.lower()}"
    with responses.RequestsMock() as wire:
        wire.get(f"{BASE}/simple/", json=index({"_last-serial": 5, "name": f"{part}{between}{part}"}))
        assert pypi.read_serials(make_upstream("pypi", BASE), {name}) == {name: 5}
