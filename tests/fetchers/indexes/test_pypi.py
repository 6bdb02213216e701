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
from fetchers.network.http import MAX_BYTES, FetchError, Upstream
from packages.facts import (
    MISSING,
    UNKNOWN,
    Fetched,
    FetchTarget,
    Outcome,
    PyPIFacts,
    ReleaseFact,
    known,
)
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
        "requires_dist": ["Django>=4.2", "psycopg; extra == 'pg'"],
        "classifiers": ["Framework :: Django :: 5.2", "License :: OSI Approved :: MIT License"],
        "license_expression": None,
        "license": None,
        "project_urls": {
            "Homepage": "https://a.test/",
            "Documentation": "https://docs.a.test/",
            "Source": "https://github.com/a/My-Project/",
        },
    }
    releases = {"1.0": [file(1)], "2.0": [file(9, requires_python=">=3.11"), file(8)]}
    return {"info": told | (info or {}), "last_serial": 42, "releases": releases} | changes


FACTS = PyPIFacts(
    version="2.0",
    requires_python=">=3.11",
    requires_django=">=4.2",
    classifiers=("Framework :: Django :: 5.2", "License :: OSI Approved :: MIT License"),
    licence="MIT",
    documentation_url="https://docs.a.test/",
    repo_url="https://github.com/a/My-Project",
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
    assert fetched.facts == replace(FACTS, status="archived", status_reason="done")
    assert fetched.validators == {
        "etag": '"abc"',
        "serial": "42",
        "status": "archived",
        "status_etag": '"s"',
        "status_day": "2026-11-23",
    }
    assert wire.calls[1].request.headers["Accept"] == "application/vnd.pypi.simple.v1+json"


@pytest.mark.parametrize(
    ("marker", "status", "reason"),
    [
        ({}, UNKNOWN, UNKNOWN),
        ({"project-status": None}, "", ""),
        ({"project-status": {}}, UNKNOWN, UNKNOWN),
        ({"project-status": {"status": None, "reason": None}}, "", ""),
        ({"project-status": {"status": "active"}}, "active", ""),
        # The reason of the status that was told before stays, as long as that does.
        ({"project-status": {"status": "archived"}}, "archived", UNKNOWN),
        ({"project-status": {"status": "deprecated", "reason": "use x"}}, "deprecated", "use x"),
        ({"project-status": {"status": "deprecated", "reason": "x" * 400}}, "deprecated", "x" * 299 + "…"),
    ],
)
def test_the_status(wire: responses.RequestsMock, upstream: Upstream, marker: Json, status: Any, reason: Any) -> None:
    wire.get(URL, json=project())
    wire.get(STATUS, json=without(page(), "project-status") | marker)
    target = replace(TARGET, validators={"status": "archived"})
    fetched = read(upstream, target, with_status=True)
    assert fetched.facts == replace(FACTS, status=status, status_reason=reason)
    assert fetched.validators["status"] == ("archived" if status is UNKNOWN else status)
    assert fetched.odd == ()


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
    notes = {"etag": '"abc"', "serial": "42", "status": "active", "status_etag": '"s"'}
    wire.get(URL, status=304)
    wire.get(STATUS, json=page(**{"project-status": {"status": "archived", "reason": "done"}}))
    fetched = read(upstream, replace(TARGET, validators=notes), with_status=True)
    assert fetched.facts == PyPIFacts(status="archived", status_reason="done")
    assert fetched.validators == notes | {"status": "archived", "status_etag": "", "status_day": "2026-11-23"}


def test_a_status_that_cannot_be_read_costs_itself_alone(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """And is requested again next time."""
    notes = {"status": "active", "status_etag": '"s"', "status_day": "2026-01-01"}
    wire.get(URL, json=project())
    wire.get(STATUS, status=500)
    fetched = read(upstream, replace(TARGET, validators=notes), with_status=True)
    assert fetched.facts == FACTS
    assert fetched.odd == ("its page of the index: server_error",)
    assert fetched.validators == notes | {"etag": "", "serial": "42"}


def test_a_failure_of_the_status_passes(wire: responses.RequestsMock, upstream: Upstream) -> None:
    notes = {"etag": '"abc"', "serial": "42", "status": "active", "status_etag": '"s"', "status_day": "2026-01-01"}
    wire.get(URL, status=304)
    wire.get(STATUS, status=500)
    fetched = read(upstream, replace(TARGET, validators=notes), with_status=True)
    assert fetched == Fetched(None, notes, odd=("its page of the index: server_error",))
    wire.upsert("GET", STATUS, status=304)
    later = read(upstream, replace(TARGET, validators=fetched.validators), with_status=True)
    assert later == Fetched(None, notes | {"status_day": "2026-11-23"})


ODD_STATUS = "the project's status is not one of active, archived, quarantined, deprecated"


def test_what_is_odd_stays_odd_until_it_is_another(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """The document and the status each for itself, whatever fails in the meantime."""
    wire.get(URL, json=project({"classifiers": 5}), headers={"ETag": '"abc"'})
    wire.get(STATUS, json=page(**{"project-status": {"status": "frozen"}}), headers={"ETag": '"s"'})
    fetched = read(upstream, with_status=True)
    odd = ("classifiers is not a list", ODD_STATUS)
    assert fetched.odd == odd
    target = replace(TARGET, validators=fetched.validators)
    assert pypi.unchanged(target) == Fetched(None, fetched.validators, odd=odd)
    wire.upsert("GET", URL, status=304)
    assert read(upstream, target) == Fetched(None, fetched.validators, odd=odd)
    wire.upsert("GET", STATUS, status=500)
    assert read(upstream, target, with_status=True).odd == (*odd, "its page of the index: server_error")
    wire.upsert("GET", STATUS, json=page())
    active = read(upstream, target, with_status=True)
    assert active.odd == ("classifiers is not a list",)
    wire.upsert("GET", URL, json=project(), headers={"ETag": '"def"'})
    sound = read(upstream, replace(TARGET, validators=active.validators))
    assert sound.odd == ()
    assert not {"odd_project", "odd_status"} & set(sound.validators)


def test_what_is_odd_about_a_large_project_stays_odd(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(STATUS, json=page(files=[*page()["files"], 5]), headers={"ETag": '"q"'})
    wire.get(VERSION, json=without(project({"classifiers": 5}), "releases"))
    odd = ("a file of the index is not an object", "classifiers is not a list")
    fetched = read(upstream, replace(TARGET, validators=LARGE_NOTES))
    assert fetched.odd == odd
    wire.upsert("GET", STATUS, status=304)
    again = read(upstream, replace(TARGET, validators=fetched.validators))
    assert (again.facts, again.odd) == (None, ("; ".join(odd),))
    wire.upsert("GET", STATUS, json=page(), headers={"ETag": '"p"'})
    wire.upsert("GET", VERSION, json=without(project(), "releases"))
    assert read(upstream, replace(TARGET, validators=again.validators)).validators == LARGE_NOTES


# A project in quarantine


def quarantined(wire: responses.RequestsMock) -> None:
    wire.get(URL, status=404)
    wire.get(STATUS, json=page(**{"project-status": {"status": "quarantined", "reason": "malware"}}))


def test_a_project_in_quarantine_is_not_missing(wire: responses.RequestsMock, upstream: Upstream) -> None:
    quarantined(wire)
    fetched = read(upstream, replace(TARGET, validators={"etag": '"abc"', "serial": "42", "status": "active"}))
    assert fetched.facts == PyPIFacts(status="quarantined", status_reason="malware")
    assert fetched.validators == {"status": "quarantined", "status_day": "2026-11-23"}


def test_a_project_out_of_quarantine_is_asked_for_its_status(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, json=project())
    wire.get(STATUS, json=page(**{"project-status": {"status": "active", "reason": None}}))
    fetched = read(upstream, replace(TARGET, validators={"status": "quarantined", "status_day": "2026-11-22"}))
    assert fetched.facts == replace(FACTS, status="active", status_reason="")


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        ({"status": 404}, Outcome.NOT_FOUND),
        ({"json": {"name": "my-project", "project-status": {"status": "active"}}}, Outcome.NOT_FOUND),
        ({"json": {"name": "my-project"}}, Outcome.NOT_FOUND),
        ({"status": 500}, Outcome.SERVER_ERROR),
        ({"status": 429}, Outcome.RATE_LIMITED),
        ({"json": {"name": "other", "project-status": {"status": "quarantined"}}}, Outcome.INVALID),
    ],
)
def test_a_project_that_is_missing(
    wire: responses.RequestsMock, upstream: Upstream, response: Json, outcome: Outcome
) -> None:
    """Only a page that says so tells of a quarantine; what cannot be asked is not known."""
    wire.get(URL, status=404)
    wire.get(STATUS, **response)
    with pytest.raises(FetchError) as failed:
        read(upstream, replace(TARGET, validators={"status": "active"}))
    assert failed.value.outcome is outcome


# Releases from the Index API


def page(**changes: Any) -> Json:
    """The same releases as those of project()."""
    names = ("my_project-1.0.tar.gz", "my_project-2.0-py3-none-any.whl", "My.Project-2.0.tar.gz")
    told = zip(names, project()["releases"]["1.0"] + project()["releases"]["2.0"], strict=True)
    return {
        "meta": {"_last-serial": 42, "api-version": "1.4"},
        "name": "my-project",
        "project-status": {"status": "active"},
        "versions": ["1.0", "2.0"],
        "files": [
            {
                "filename": name,
                "upload-time": each["upload_time_iso_8601"],
                "yanked": each["yanked"],
                "requires-python": each["requires_python"],
                "url": f"https://files.test/{name}",
                "hashes": {"sha256": "0" * 64},
            }
            for name, each in told
        ],
    } | changes


def without(document: Json, *keys: str) -> Json:
    return {key: value for key, value in document.items() if key not in keys}


@pytest.mark.parametrize("document", [without(project(), "releases"), project(releases=None)])
def test_releases_that_the_project_lacks(wire: responses.RequestsMock, upstream: Upstream, document: Json) -> None:
    wire.get(URL, json=document, headers={"ETag": '"abc"'})
    wire.get(STATUS, json=page())
    assert read(upstream) == Fetched(FACTS, {"etag": '"abc"', "serial": "42"})


def test_releases_and_status_come_in_one_request(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, json=without(project(), "releases"))
    wire.get(STATUS, json=page())
    assert read(upstream, with_status=True).facts == replace(FACTS, status="active", status_reason="")
    assert len(wire.calls) == 2


def test_releases_that_cannot_be_read_stay(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """Nothing is noted that would keep the next run from asking again."""
    wire.get(URL, json=without(project(), "releases"), headers={"ETag": '"abc"'})
    wire.get(STATUS, status=500)
    fetched = read(upstream, replace(TARGET, validators={"serial": "41"}))
    assert fetched == Fetched(
        replace(FACTS, releases=UNKNOWN), {"etag": ""}, odd=("its page of the index: server_error",)
    )


# A project whose document is too large

VERSION = f"{BASE}/pypi/my-project/2.0/json"
HUGE = {"body": b" " * (MAX_BYTES + 1)}
LARGE_NOTES = {"page_etag": '"p"', "serial": "42", "status": "active", "status_day": "2026-11-23"}


def test_a_large_project(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, **HUGE)
    wire.get(STATUS, json=page(), headers={"ETag": '"p"'})
    wire.get(VERSION, json=without(project(), "releases"))
    facts = replace(FACTS, status="active", status_reason="")
    assert read(upstream, replace(TARGET, validators={"etag": '"abc"'})) == Fetched(facts, LARGE_NOTES)


def test_a_large_project_is_read_the_other_way_from_then_on(wire: responses.RequestsMock, upstream: Upstream) -> None:
    target = replace(TARGET, validators=LARGE_NOTES)
    wire.get(STATUS, status=304)
    assert read(upstream, target, with_status=True) == Fetched(None, LARGE_NOTES)
    assert wire.calls[0].request.headers["If-None-Match"] == '"p"'
    wire.get(STATUS, json=page(), headers={"ETag": '"q"'})
    wire.get(VERSION, json=without(project(last_serial=43), "releases"))
    assert read(upstream, target).validators == LARGE_NOTES | {"page_etag": '"q"', "serial": "43"}
    assert len(wire.calls) == 3


def test_a_page_of_the_index_may_be_larger_than_a_document(wire: responses.RequestsMock, upstream: Upstream) -> None:
    more = [{"filename": f"my-project-1.0-{build}.whl", "url": "x" * 500} for build in range(12_000)]
    large = page(files=[*page()["files"], *more])
    assert len(json.dumps(large)) > MAX_BYTES
    wire.get(URL, **HUGE)
    wire.get(STATUS, json=large)
    wire.get(VERSION, json=without(project(), "releases"))
    fetched = read(upstream)
    assert fetched.facts == replace(FACTS, status="active", status_reason="")
    assert fetched.odd == ()


def test_a_large_project_in_quarantine_keeps_its_releases(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """Its page is served without files."""
    marker = {"project-status": {"status": "quarantined"}}
    wire.get(STATUS, json=page(versions=[], files=[], **marker))
    fetched = read(upstream, replace(TARGET, validators=LARGE_NOTES))
    assert fetched.facts == PyPIFacts(status="quarantined", status_reason="")
    assert fetched.validators == without(LARGE_NOTES, "serial") | {"status": "quarantined"}


@pytest.mark.parametrize(
    "document",
    [without(page(), "versions"), without(page(), "files"), page(files=[], versions=[]), page(name=None), []],
)
def test_a_page_without_releases_refuses_a_large_project(
    wire: responses.RequestsMock, upstream: Upstream, document: Any
) -> None:
    wire.get(URL, **HUGE)
    wire.get(STATUS, json=document)
    faults.check(Fault({}), lambda: read(upstream))


@pytest.mark.parametrize(
    ("response", "odd"),
    [
        ({"status": 404}, "not_found"),
        ({"status": 500}, "server_error"),
        ({"json": project({"name": "other"})}, "the project has another name"),
        ({"json": without(project(), "info")}, "info is not an object"),
    ],
)
def test_a_version_whose_document_fails_costs_its_metadata_alone(
    wire: responses.RequestsMock, upstream: Upstream, response: Json, odd: str
) -> None:
    """A new version may be in the index before it has a document. All is read again the next time."""
    wire.get(STATUS, json=page(), headers={"ETag": '"q"'})
    wire.get(VERSION, **response)
    fetched = read(upstream, replace(TARGET, validators=LARGE_NOTES | {"serial": "41"}))
    assert fetched == Fetched(
        PyPIFacts(version="2.0", releases=FACTS.releases, status="active"),
        without(LARGE_NOTES, "serial") | {"page_etag": ""},
        odd=(f"the document of its latest version: {odd}",),
    )
    wire.upsert("GET", VERSION, json=without(project(), "releases"))
    again = read(upstream, replace(TARGET, validators=fetched.validators))
    assert again == Fetched(replace(FACTS, status="active"), LARGE_NOTES | {"page_etag": '"q"'})
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


def test_versions_that_cannot_be_stored_are_left_out(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(URL, json=project(releases={"1.0": [file()], "1\0": [file()], "x" * 101: [file()], "": [file()]}))
    fetched = read(upstream)
    assert fetched.facts
    assert [release.version for release in known(fetched.facts.releases, ())] == ["1.0"]
    assert fetched.odd == ("'1\\x00' is not a version", f"'{'x' * 50}' is not a version", "'' is not a version")


def test_no_more_releases_than_can_be_borne(wire: responses.RequestsMock, upstream: Upstream) -> None:
    releases = {f"1.{minor}": [file()] for minor in range(3_200)}
    assert len(known(facts_of(wire, upstream, project(releases=releases)).releases, ())) == 3_000


INVALID_PROJECTS: dict[str, Json] = {
    "another project": project({"name": "other"}),
    "no name": project({"name": None}),
    "no info": without(project(), "info"),
    "info of text": project() | {"info": "x"},
}


# A document that is too large is read another way, above.
LARGE = {("project", "huge"), ("project", "zip bomb")}


@faults.at_each_step(
    ["project"],
    table=FAULTS | {"cut short at its end": Fault({"body": json.dumps(project())[:-9]})},
    authenticated=False,
    accepted=LARGE,
)
def test_faults(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    wire.get(URL, **fault.response)
    if fault.outcome in MISSING:
        wire.get(STATUS, status=404)
    faults.check(fault, lambda: read(upstream, with_status=True))
    assert len(wire.calls) == fault.requests + (fault.outcome in MISSING)


@faults.at_each_step(["status"], authenticated=False, accepted={("status", "empty object")})
def test_faults_of_the_status(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    """They cost the status alone, but for those that are the whole upstream's."""
    wire.get(URL, json=project())
    wire.get(STATUS, **fault.response)
    if fault.upstream_wide:
        faults.check(fault, lambda: read(upstream, with_status=True))
        return
    fetched = read(upstream, with_status=True)
    assert fetched.facts == FACTS
    assert "status_day" not in fetched.validators
    [odd] = fetched.odd
    assert "\n" not in odd


@faults.at_each_step(["page", "version"], authenticated=False, parts=True)
def test_faults_of_a_large_project(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    wire.get(URL, **HUGE)
    if step == "version":
        wire.get(STATUS, json=page())
    wire.get(STATUS if step == "page" else VERSION, **fault.response)
    faults.check(fault, lambda: read(upstream))


@faults.at_each_step(["index"], authenticated=False)
def test_faults_of_the_index(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    wire.get(f"{BASE}/simple/", **fault.response)
    faults.check(fault, lambda: pypi.read_serials(upstream, {"my-project"}))


@pytest.mark.parametrize("document", INVALID_PROJECTS.values(), ids=INVALID_PROJECTS)
def test_invalid_projects(wire: responses.RequestsMock, upstream: Upstream, document: Json) -> None:
    wire.get(URL, json=document)
    faults.check(Fault({}), lambda: read(upstream))


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
