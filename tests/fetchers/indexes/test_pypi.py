"""fetchers.indexes.pypi: projects, their status, the index of serials, and what goes wrong with each."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from fetchers.indexes import pypi
from fetchers.network.http import FetchError, Host
from fetchers.network.rate_limit import Pace, PaceState
from packages.facts import Fetched, FetchTarget, Outcome, PyPIFacts, ReleaseFact

BASE = "https://index.test"
URL = f"{BASE}/pypi/my-project/json"
STATUS = f"{BASE}/simple/my-project/"
TODAY = date(2026, 11, 23)
KNOWN = FetchTarget(7, pypi_name="my-project", validators={})
Json = dict[str, Any]


@pytest.fixture
def wire() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as wire:
        yield wire


@pytest.fixture
def host() -> Host:
    pace = Pace(PaceState(), lambda: datetime.now(UTC))
    return Host("pypi", BASE, pace, "package-grids/test", sleep=lambda _: None)


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
    status=None,
)


def read(host: Host, known: FetchTarget = KNOWN, *, with_status: bool = False) -> Fetched[PyPIFacts]:
    return pypi.read(host, known, today=TODAY, with_status=with_status)


def facts_of(wire: responses.RequestsMock, host: Host, document: Json) -> PyPIFacts:
    wire.get(URL, json=document)
    facts = read(host).facts
    assert facts is not None
    return facts


def test_a_project(wire: responses.RequestsMock, host: Host) -> None:
    wire.get(URL, json=project(), headers={"ETag": '"abc"'})
    assert read(host) == Fetched(FACTS, {"etag": '"abc"', "serial": "42"})
    assert len(wire.calls) == 1


def test_a_project_with_its_status(wire: responses.RequestsMock, host: Host) -> None:
    wire.get(URL, json=project(), headers={"ETag": '"abc"'})
    marker = {"name": "my-project", "project-status": {"status": "archived", "reason": "done"}}
    wire.get(STATUS, json=marker, headers={"ETag": '"s"'})
    fetched = read(host, with_status=True)
    assert fetched.facts == replace(FACTS, status="archived")
    assert fetched.validators == {
        "etag": '"abc"',
        "serial": "42",
        "status": "archived",
        "status_etag": '"s"',
        "status_day": "2026-11-23",
    }
    assert wire.calls[1].request.headers["Accept"] == "application/vnd.pypi.simple.v1+json"


def test_a_project_without_a_marker_is_active(wire: responses.RequestsMock, host: Host) -> None:
    wire.get(URL, json=project())
    wire.get(STATUS, json={"name": "my-project", "files": []})
    assert read(host, with_status=True).validators["status"] == "active"


def test_nothing_new(wire: responses.RequestsMock, host: Host) -> None:
    notes = {"etag": '"abc"', "serial": "42", "status": "active", "status_etag": '"s"', "status_day": "2026-01-01"}
    known = replace(KNOWN, validators=notes)
    wire.get(URL, status=304)
    assert read(host, known) == Fetched(None, notes)
    assert wire.calls[0].request.headers["If-None-Match"] == '"abc"'
    wire.get(STATUS, status=304)
    assert read(host, known, with_status=True) == Fetched(None, notes | {"status_day": "2026-11-23"})


def test_a_new_status_of_an_unchanged_project(wire: responses.RequestsMock, host: Host) -> None:
    """Archiving writes no journal entry: the serial stays, and so does the project's own document."""
    known = replace(KNOWN, validators={"etag": '"abc"', "serial": "42", "status": "active", "status_etag": '"s"'})
    wire.get(URL, status=304)
    wire.get(STATUS, json={"project-status": {"status": "archived"}})
    wire.get(URL, json=project())
    fetched = read(host, known, with_status=True)
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
def test_the_latest_version(wire: responses.RequestsMock, host: Host, releases: Json, version: str) -> None:
    assert facts_of(wire, host, project(releases=releases)).version == version


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
def test_the_licence(wire: responses.RequestsMock, host: Host, info: Json, licence: str) -> None:
    assert facts_of(wire, host, project(info)).licence == licence


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
def test_the_documentation(wire: responses.RequestsMock, host: Host, urls: Any, link: str) -> None:
    assert facts_of(wire, host, project({"project_urls": urls})).documentation_url == link


def test_versions_that_cannot_be_stored_are_left_out(wire: responses.RequestsMock, host: Host) -> None:
    releases = {"1.0": [file()], "1\0": [file()], "x" * 101: [file()], "": [file()]}
    assert [release.version for release in facts_of(wire, host, project(releases=releases)).releases] == ["1.0"]


def test_no_more_releases_than_can_be_borne(wire: responses.RequestsMock, host: Host) -> None:
    releases = {f"1.{minor}": [file()] for minor in range(3_200)}
    assert len(facts_of(wire, host, project(releases=releases)).releases) == 3_000


BODY = json.dumps(project())
FAULTS: dict[str, tuple[Json, Outcome]] = {
    "404": ({"status": 404, "json": {"message": "Not Found"}}, Outcome.NOT_FOUND),
    "401": ({"status": 401}, Outcome.PRIVATE),
    "403": ({"status": 403}, Outcome.PRIVATE),
    "429": ({"status": 429}, Outcome.RATE_LIMITED),
    "429 with Retry-After": ({"status": 429, "headers": {"Retry-After": "30"}}, Outcome.RATE_LIMITED),
    "410": ({"status": 410}, Outcome.GONE),
    "451": ({"status": 451}, Outcome.BLOCKED),
    "500": ({"status": 500}, Outcome.SERVER_ERROR),
    "502 HTML": ({"status": 502, "body": "<html>"}, Outcome.SERVER_ERROR),
    "503 Retry-After": ({"status": 503, "headers": {"Retry-After": "30"}}, Outcome.SERVER_ERROR),
    "418": ({"status": 418}, Outcome.INVALID),
    "304 unasked": ({"status": 304}, Outcome.INVALID),
    "redirect loop": ({"status": 301, "headers": {"Location": URL}}, Outcome.INVALID),
    "redirect elsewhere": ({"status": 301, "headers": {"Location": "https://evil.test/"}}, Outcome.INVALID),
    "redirect to nonsense": ({"status": 302, "headers": {"Location": "https://[::1"}}, Outcome.INVALID),
    "timeout": ({"body": requests.ReadTimeout("slow")}, Outcome.TIMEOUT),
    "reset": ({"body": requests.ConnectionError("reset")}, Outcome.SERVER_ERROR),
    "HTML": ({"body": "<html>"}, Outcome.INVALID),
    "truncated JSON": ({"body": BODY[:-9]}, Outcome.INVALID),
    "deep JSON": ({"body": "[" * 100_000}, Outcome.INVALID),
    "a long number": ({"body": "9" * 5_000}, Outcome.INVALID),
    "not UTF-8": ({"body": b'{"info": "\xff"}'}, Outcome.INVALID),
    "huge": ({"body": b" " * 5_300_000}, Outcome.INVALID),
    "zip bomb": (
        {"body": gzip.compress(b" " * 9_000_000), "headers": {"Content-Encoding": "gzip"}},
        Outcome.INVALID,
    ),
    "a list": ({"json": []}, Outcome.INVALID),
    "null": ({"json": None}, Outcome.INVALID),
    "empty object": ({"json": {}}, Outcome.INVALID),
    "another project": ({"json": project({"name": "other"})}, Outcome.INVALID),
    "no name": ({"json": project({"name": None})}, Outcome.INVALID),
    "serial of text": ({"json": project(last_serial="42")}, Outcome.INVALID),
    "negative serial": ({"json": project(last_serial=-1)}, Outcome.INVALID),
    "NaN serial": ({"json": project(last_serial=float("nan"))}, Outcome.INVALID),
    "absurd serial": ({"json": project(last_serial=10**30)}, Outcome.INVALID),
    "NUL in the version": ({"json": project({"version": "1\0"}, releases={})}, Outcome.INVALID),
    "lone surrogate": ({"json": project({"requires_python": "\ud800"})}, Outcome.INVALID),
    "classifiers of numbers": ({"json": project({"classifiers": [5]})}, Outcome.INVALID),
    "releases of a list": ({"json": project(releases=[1])}, Outcome.INVALID),
    "files of text": ({"json": project(releases={"1.0": "x"})}, Outcome.INVALID),
    "a file of null": ({"json": project(releases={"1.0": [None]})}, Outcome.INVALID),
    "a file without a time": ({"json": project(releases={"1.0": [file(upload_time_iso_8601=None)]})}, Outcome.INVALID),
    "yanked of text": ({"json": project(releases={"1.0": [file(yanked="yes")]})}, Outcome.INVALID),
}


@pytest.mark.parametrize(("answer", "outcome"), FAULTS.values(), ids=FAULTS)
def test_faults(wire: responses.RequestsMock, host: Host, answer: Json, outcome: Outcome) -> None:
    wire.get(URL, **answer)
    with pytest.raises(FetchError) as failed:
        read(host)
    assert failed.value.outcome is outcome
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"status": 404}, Outcome.NOT_FOUND),
        ({"status": 500}, Outcome.SERVER_ERROR),
        ({"json": []}, Outcome.INVALID),
        ({"json": {"project-status": {"status": 5}}}, Outcome.INVALID),
        ({"json": {"project-status": "archived"}}, Outcome.INVALID),
    ],
)
def test_a_status_that_cannot_be_had_fails_the_whole(
    wire: responses.RequestsMock, host: Host, answer: Json, outcome: Outcome
) -> None:
    wire.get(URL, json=project())
    wire.get(STATUS, **answer)
    with pytest.raises(FetchError) as failed:
        read(host, with_status=True)
    assert failed.value.outcome is outcome


def test_a_redirect_to_the_normalised_name_is_followed(wire: responses.RequestsMock, host: Host) -> None:
    wire.get(URL, status=301, headers={"Location": "/pypi/my-project/json/"})
    wire.get(f"{URL}/", json=project())
    assert read(host).facts == FACTS


# The index of serials


def index(*projects: Json, **changes: Any) -> Json:
    return {"meta": {"_last-serial": 99, "api-version": "1.4"}, "projects": list(projects)} | changes


def serials(wire: responses.RequestsMock, host: Host, body: str) -> dict[str, int]:
    wire.get(f"{BASE}/simple/", body=body)
    return pypi.read_serials(host, {"my-project", "other"})


@pytest.mark.parametrize("indent", [None, 1])
def test_the_serials_of_those_wanted(wire: responses.RequestsMock, host: Host, indent: int | None) -> None:
    document = index(
        {"_last-serial": 42, "name": "My_Project"},
        {"name": "other", "_last-serial": 7, "more": "of the same"},
        {"_last-serial": 1, "name": "unwanted"},
    )
    assert serials(wire, host, json.dumps(document, indent=indent)) == {"my-project": 42, "other": 7}
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
def test_what_is_no_index_is_refused(wire: responses.RequestsMock, host: Host, body: str) -> None:
    with pytest.raises(FetchError) as failed:
        serials(wire, host, body)
    assert failed.value.outcome is Outcome.INVALID


def test_the_index_may_be_larger_than_other_answers(wire: responses.RequestsMock, host: Host) -> None:
    many = [{"_last-serial": number, "name": f"project-{number}"} for number in range(150_000)]
    body = json.dumps(index(*many, {"_last-serial": 5, "name": "other"}))
    assert len(body) > 6_000_000
    assert serials(wire, host, body) == {"other": 5}


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.sampled_from(["-", "_", ".", "-_."])
)
def test_names_are_normalised(part: str, between: str) -> None:
    assert pypi.normalised(f"{part}{between}{part}") == f"{part.lower()}-{part.lower()}"
