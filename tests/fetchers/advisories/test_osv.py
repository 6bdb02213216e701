"""fetchers.advisories.osv: the list and the documents of OSV's feed, and what is refused."""

from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from fetchers.advisories import osv
from fetchers.network.http import FetchError, Upstream
from packages.advisories.facts import SEVERITIES, AdvisoryFact
from packages.facts import InvalidFactError
from tests.fetchers import faults
from tests.fetchers.advisories.feed import START, document
from tests.fetchers.faults import Fault
from tests.fetchers.upstreams import JSON, make_upstream

ROOT = "https://osv.test"
LIST = f"{ROOT}/PyPI/modified_id.csv"
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


@pytest.fixture
def upstream() -> Upstream:
    return make_upstream("osv", ROOT)


def listing(upstream: Upstream) -> osv.Listing | None:
    return osv.read_list(upstream, etag="", last_modified="")


def parsed(**changes: Any) -> tuple[AdvisoryFact, ...]:
    return osv.document(document("GHSA-1", **changes), "GHSA-1").facts


def affected(name: object = "shelf", ecosystem: object = "PyPI", **changes: Any) -> dict[str, Any]:
    return {"package": {"ecosystem": ecosystem, "name": name}, "versions": ["1.0"]} | changes


# The list


def test_the_list(wire: responses.RequestsMock, upstream: Upstream) -> None:
    body = "2026-11-02T01:02:03.123456789Z,GHSA-aaaa-bbbb-cccc\r\n2026-11-01T00:00:00Z,PYSEC-2026-1\n"
    wire.get(LIST, body=body, headers={"ETag": '"x"', "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"})
    found = listing(upstream)
    assert found == osv.Listing(
        {"GHSA-aaaa-bbbb-cccc": datetime(2026, 11, 2, 1, 2, 3, 123456, UTC), "PYSEC-2026-1": START},
        0,
        '"x"',
        "Sun, 01 Nov 2026 00:00:00 GMT",
    )


def test_the_same_list(wire: responses.RequestsMock, upstream: Upstream) -> None:
    conditions = {"If-None-Match": '"x"', "If-Modified-Since": "then"}
    wire.get(LIST, status=304, match=[responses.matchers.header_matcher(conditions)])
    assert osv.read_list(upstream, etag='"x"', last_modified="then") is None


def test_a_few_odd_lines_are_left_out(wire: responses.RequestsMock, upstream: Upstream) -> None:
    lines = [f"2026-11-01T00:00:00Z,X-{number}" for number in range(40)]
    wire.get(LIST, body="\n".join([*lines, "modified,id", "2026-11-01T00:00:00Z,../../x", ""]))
    found = listing(upstream)
    assert found is not None
    assert len(found.modified) == 40


@pytest.mark.parametrize(
    "body",
    [
        *("", "\n\n", "<html>", "X-1,2026-11-01T00:00:00Z", "yesterday,X-1", "2026-11-01T00:00:00,X-1"),
        *("2026-11-01T00:00:00Z,", "2026-11-01T00:00:00Z,../x", "2026-11-01T00:00:00Z,X-1\nno"),
    ],
)
def test_no_list(wire: responses.RequestsMock, upstream: Upstream, body: str) -> None:
    wire.get(LIST, body=body)
    with pytest.raises(FetchError):
        listing(upstream)


def test_bounds_of_the_list(wire: responses.RequestsMock, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.get(LIST, body="2026-11-01T00:00:00Z,X-1\n2026-11-01T00:00:00Z,X-2\n")
    monkeypatch.setattr(osv, "MAX_LINES", 1)
    with pytest.raises(FetchError, match="more than 1 lines"):
        listing(upstream)
    monkeypatch.setattr(osv, "MAX_LIST_BYTES", 10)
    with pytest.raises(FetchError, match="more than 10 bytes"):
        listing(upstream)


@faults.at_each_step(["document"], authenticated=False)
def test_faults(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    wire.get(f"{ROOT}/PyPI/X-1.json", **fault.response)
    faults.check(fault, lambda: osv.read(upstream, "X-1"))
    assert len(wire.calls) == fault.requests


# A document


def test_a_document(wire: responses.RequestsMock, upstream: Upstream) -> None:
    told = document("GHSA-1", "My.Shelf", aliases=["CVE-2026-1", "GHSA-1", 7, "a b"])
    wire.get(f"{ROOT}/PyPI/GHSA-1.json", json=told)
    found = osv.read(upstream, "GHSA-1")
    assert (found.osv_id, found.modified) == ("GHSA-1", START)
    [fact] = found.facts
    assert fact == AdvisoryFact(
        osv_id="GHSA-1",
        pypi_name="my-shelf",
        aliases=("CVE-2026-1",),
        summary="Shelves fall.",
        severity="high",
        published=datetime(2026, 10, 1, tzinfo=UTC),
        ranges=((("introduced", "0"), ("fixed", "2.0")),),
        versions=(),  # all of them are in the range
    )


def test_versions_beside_the_ranges_are_kept() -> None:
    [fact] = parsed(affected=[affected(versions=["1.0", "3.0", "3.0", "odd"], ranges=[ranges("0", "2.0")])])
    assert fact.versions == ("3.0", "odd")


def ranges(introduced: str, fixed: str, kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"type": kind, "events": [{"introduced": introduced}, {"fixed": fixed}]}


def test_ranges_of_commits_say_nothing() -> None:
    [fact] = parsed(affected=[affected(ranges=[ranges("0", "abc123", "GIT") | {"repo": "https://x.test/"}])])
    assert (fact.ranges, fact.versions) == ((), ("1.0",))


def test_other_ecosystems_and_several_entries() -> None:
    found = parsed(
        affected=[
            affected("shelf", versions=["1.0"]),
            affected("shelf", "npm"),
            affected("Shelf", versions=["2.0"], ranges=[ranges("3", "4")]),
            affected("board"),
            {"ranges": []},
        ]
    )
    assert [(each.pypi_name, each.versions) for each in found] == [("shelf", ("1.0", "2.0")), ("board", ("1.0",))]


def test_what_was_withdrawn_says_nothing() -> None:
    assert parsed(withdrawn="2026-11-02T00:00:00Z") == ()
    assert len(parsed(withdrawn=None)) == 1


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({}, "high"),
        ({"database_specific": {"severity": "MODERATE"}}, "moderate"),
        ({"database_specific": {"severity": "NONE"}}, "unknown"),
        ({"database_specific": None}, "unknown"),
        ({"database_specific": {}, "severity": [{"type": "CVSS_V3", "score": VECTOR}]}, "critical"),
        ({"database_specific": {"severity": "LOW"}, "severity": [{"type": "CVSS_V3", "score": VECTOR}]}, "low"),
        ({"database_specific": {}, "severity": "high"}, "unknown"),
        ({"database_specific": {}, "severity": [7, {"score": 9.8}]}, "unknown"),
        ({"database_specific": {}, "affected": [affected(severity=[{"score": VECTOR}])]}, "critical"),
    ],
)
def test_severity(changes: dict[str, Any], severity: str) -> None:
    [fact] = parsed(**changes)
    assert fact.severity == severity


def test_malware_is_critical() -> None:
    [fact] = osv.document(document("MAL-2026-1", database_specific={}), "MAL-2026-1").facts
    assert fact.severity == "critical"


@pytest.mark.parametrize(
    ("changes", "summary"),
    [
        ({"summary": None, "details": "# It\n\nfalls."}, "# It falls."),
        ({"summary": "", "details": None}, ""),
        ({"summary": "a" * 999}, "a" * 299 + "…"),
        ({"summary": "a\0b\ud800"}, "a\ufffdb\ufffd"),
    ],
)
def test_summary(changes: dict[str, Any], summary: str) -> None:
    [fact] = parsed(**changes)
    assert fact.summary == summary


ODD: dict[str, dict[str, Any]] = {
    "another id": {"id": "GHSA-2"},
    "no id": {"id": None},
    "no time": {"modified": None},
    "an odd time": {"modified": "2026-11-01"},
    "affected": {"affected": {}},
    "an entry": {"affected": ["shelf"]},
    "a package": {"affected": [{"package": "shelf"}]},
    "no name": {"affected": [affected(None)]},
    "an odd name": {"affected": [affected("a b")]},
    "a long name": {"affected": [affected("a" * 300)]},
    "ranges": {"affected": [affected(ranges="all")]},
    "a range": {"affected": [affected(ranges=["all"])]},
    "events": {"affected": [affected(ranges=[{"type": "ECOSYSTEM", "events": 1}])]},
    "an event": {"affected": [affected(ranges=[{"type": "ECOSYSTEM", "events": ["0"]}])]},
    "a version of an event": {"affected": [affected(ranges=[{"type": "ECOSYSTEM", "events": [{"fixed": 1}]}])]},
    "many events": {"affected": [affected(ranges=[{"type": "ECOSYSTEM", "events": [{"fixed": "1"}] * 1_001}])]},
    "many ranges": {"affected": [affected(ranges=[{"type": "ECOSYSTEM", "events": [{"fixed": "1"}] * 11}] * 100)]},
    "versions": {"affected": [affected(versions="1.0")]},
    "a version": {"affected": [affected(versions=[1.0])]},
    "a long version": {"affected": [affected(versions=["1" * 101])]},
    "a version with a NUL": {"affected": [affected(versions=["1\0"])]},
    "many versions": {"affected": [affected(versions=[f"1.{each}" for each in range(20_001)])]},
    "many entries": {"affected": [affected(versions=[f"{n}.{each}" for each in range(6_001)]) for n in range(4)]},
    "aliases": {"aliases": "CVE-1"},
    "summary": {"summary": 7},
    "published": {"published": "now"},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_odd_documents(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidFactError):
        osv.document(document("GHSA-1", **changes), "GHSA-1")


@pytest.mark.parametrize("value", ["../x", "a/b", "X-..-1", "X", "", "X-" + "1" * 100, "X-1\n", "X-1?a", None, 7])
def test_no_id(value: object) -> None:
    with pytest.raises(InvalidFactError):
        osv.identity(value)


@given(st.sampled_from(sorted(document("X-1"))), JSON)
def test_any_value_of_any_key(key: str, value: object) -> None:
    try:
        found = osv.document(document("X-1") | {key: value}, "X-1")
    except InvalidFactError:
        return
    assert all(fact.severity in SEVERITIES and len(fact.summary) <= 300 for fact in found.facts)


@given(st.dictionaries(st.sampled_from(["package", "ranges", "versions", "severity"]), JSON))
def test_any_value_of_what_is_affected(entry: dict[str, object]) -> None:
    try:
        osv.document(document("X-1", affected=[affected() | entry]), "X-1")
    except InvalidFactError:
        return
