"""Forgejo, on a faked wire: the requests, the facts from valid responses, and the errors from others."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from fetchers.forges import forgejo
from fetchers.network.http import FetchError, Upstream
from packages.facts import UNKNOWN, Fetched, FetchTarget, Outcome, RepositoryFacts
from tests.fetchers import faults
from tests.fetchers.faults import Fault
from tests.fetchers.upstreams import JSON, has, make_upstream

TODAY = date(2024, 1, 15)
API = "https://forge.test/api/v1"
REPOSITORY = f"{API}/repos/ada/thing"
COMMITS = f"{REPOSITORY}/commits"
LIGHT = {"stat": "false", "verification": "false", "files": "false"}
HEAD = "a" * 40
NEW = FetchTarget(package=1, host="forge.test", path="ada/thing")
DOCUMENT: dict[str, Any] = {
    "id": 7,
    "html_url": "https://forge.test/ada/thing",
    "full_name": "ada/thing",
    "description": "A thing",
    "stars_count": 33,
    "forks_count": 25,
    "archived": True,
    "empty": False,
    "default_branch": "main",
}
WEEKS = (1, *[0] * 49, 1, 3)
FACTS = RepositoryFacts(
    repo_id="7",
    url="https://forge.test/ada/thing",
    description="A thing",
    watchers=33,
    forks=25,
    archived=True,
    last_updated=datetime(2024, 1, 14, 12, tzinfo=UTC),
    participants=("zoe", "bob", "Ada Žák", "first"),
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    last_human_commit=datetime(2024, 1, 14, 12, tzinfo=UTC),
)
EMPTY = replace(FACTS, last_updated=None, last_human_commit=None, participants=(), commits_over_52=(0,) * 52)
TARGET = replace(
    NEW,
    repo_id="7",
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    has_participants=True,
    validators={"head": HEAD},
)


def commit(id_: str, at: str, login: str | None, name: str = "", parents: int = 1) -> dict[str, Any]:
    return {
        "sha": id_,
        "author": None if login is None else {"login": login, "email": "someone@example.org"},
        "commit": {
            "author": {"name": name, "email": "someone@example.org", "date": "2001-01-01T00:00:00Z"},
            "committer": {"name": "web", "email": "web@example.org", "date": at},
        },
        "parents": [{"sha": "0" * 40}] * parents,
    }


NEWEST = commit(HEAD, "2024-01-14T13:00:00+01:00", "bob")
LISTED = [
    NEWEST,
    commit("b" * 40, "2024-01-12T00:00:00Z", None, "Ada Žák"),
    commit("c" * 40, "2024-01-12T00:00:00Z", "merger", parents=2),
    commit("d" * 40, "2024-01-12T00:00:00Z", "zoe", "Zoë"),
    commit("e" * 40, "2024-01-07T23:59:59Z", "zoe", "Z."),
    commit("f" * 40, "2023-01-16T00:00:00Z", "first"),
    commit("1" * 40, "2023-01-15T23:59:59Z", "bob", parents=0),
    commit("2" * 40, "2023-01-15T23:59:58Z", "bob", parents=0),
]


@pytest.fixture
def upstream() -> Upstream:
    return make_upstream("forge.test", API, headers={"Authorization": "Bearer x"})


STEPS = ["repository", "newest", "commits"]


def serve(wire: responses.RequestsMock, **changes: Any) -> None:
    """Serve a whole repository; `changes` are made to its document."""
    serve_steps(wire, {0: {"json": {**DOCUMENT, **changes}}})


def serve_steps(wire: responses.RequestsMock, replaced: dict[int, Mapping[str, Any]]) -> None:
    """Serve the three requests where the head has changed, some of them with other responses."""
    good: list[tuple[str, Any, dict[str, str]]] = [
        (REPOSITORY, DOCUMENT, {}),
        (COMMITS, [NEWEST], {"limit": "1", "page": "1", **LIGHT}),
        (COMMITS, LISTED, {"limit": "50", "page": "1", **LIGHT}),
    ]
    for step, (url, body, query) in enumerate(good):
        wire.get(url, match=[has(**query)], **replaced.get(step, {"json": body}))


def fail(upstream: Upstream, target: FetchTarget = NEW) -> FetchError:
    with pytest.raises(FetchError) as failed:
        forgejo.read(upstream, target, TODAY)
    assert "\n" not in str(failed.value)
    return failed.value


def test_a_repository(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire)
    assert forgejo.read(upstream, NEW, TODAY) == Fetched(FACTS, {"head": HEAD})
    assert [call.request.url for call in wire.calls] == [
        REPOSITORY,
        f"{COMMITS}?limit=50&page=1&stat=false&verification=false&files=false",
    ]


def test_an_unchanged_head_moves_the_weeks_on(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire, stars_count=34)
    later = TODAY + timedelta(days=15)
    fetched = forgejo.read(upstream, TARGET, later)
    moved = replace(
        FACTS,
        watchers=34,
        participants=UNKNOWN,
        commits_over_52=(*[0] * 48, 1, 3, 0, 0),
        weeks_end=TODAY + timedelta(days=14),
    )
    assert fetched == Fetched(moved, {"head": HEAD})
    assert [call.request.url for call in wire.calls] == [
        REPOSITORY,
        f"{COMMITS}?limit=1&page=1&stat=false&verification=false&files=false",
    ]


@pytest.mark.parametrize(
    ("target", "requests_made"),
    [
        (replace(TARGET, validators={"head": "f" * 40}), 3),
        (replace(TARGET, validators={}), 2),
        (replace(TARGET, validators=None), 2),
        (replace(TARGET, has_participants=False), 2),
        (replace(TARGET, commits_over_52=()), 2),
        (replace(TARGET, weeks_end=None), 3),
        # The head is of the day after which the weeks ended: it is in none of them yet.
        (replace(TARGET, weeks_end=date(2024, 1, 14)), 3),
    ],
)
def test_missing_lists_are_requested(
    wire: responses.RequestsMock, upstream: Upstream, target: FetchTarget, requests_made: int
) -> None:
    serve(wire)
    assert forgejo.read(upstream, target, TODAY).facts == FACTS
    assert len(wire.calls) == requests_made


def test_a_head_of_the_weeks_very_end_is_in_none_of_them(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(REPOSITORY, json=DOCUMENT)
    wire.get(COMMITS, json=[commit(HEAD, "2024-01-15T00:00:00Z", "bob")], headers={"X-HasMore": "false"})
    fetched = forgejo.read(upstream, TARGET, TODAY + timedelta(days=7)).facts
    assert fetched is not None
    assert fetched.commits_over_52 == (*[0] * 51, 1)
    assert fetched.weeks_end == TODAY + timedelta(days=7)


def test_no_commit_in_the_window(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(REPOSITORY, json=DOCUMENT)
    wire.get(COMMITS, json=LISTED[6:], headers={"X-HasMore": "true"})
    last = datetime(2023, 1, 15, 23, 59, 59, tzinfo=UTC)
    expected = replace(EMPTY, last_updated=last, last_human_commit=last, participants=UNKNOWN)
    assert forgejo.read(upstream, NEW, TODAY) == Fetched(expected, {"head": "1" * 40})
    assert len(wire.calls) == 2


def test_an_empty_repository(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire, empty=True)
    assert forgejo.read(upstream, TARGET, TODAY) == Fetched(EMPTY, {})
    assert len(wire.calls) == 1


@pytest.mark.parametrize("target", [NEW, TARGET])
@pytest.mark.parametrize("response", [{"status": 409, "json": {"message": "Git Repository is empty."}}, {"json": []}])
def test_a_repository_that_turns_out_empty(
    wire: responses.RequestsMock, upstream: Upstream, response: dict[str, Any], target: FetchTarget
) -> None:
    wire.get(REPOSITORY, json=DOCUMENT)
    wire.get(COMMITS, **response)
    assert forgejo.read(upstream, target, TODAY) == Fetched(EMPTY, {})


def serve_pages(wire: responses.RequestsMock, *pages: list[dict[str, Any]], headers: list[dict[str, str]]) -> None:
    wire.get(REPOSITORY, json=DOCUMENT)
    for number, (page, told) in enumerate(zip(pages, headers, strict=True), 1):
        wire.get(COMMITS, json=page, headers=told, match=[has(limit="50", page=str(number), **LIGHT)])


@pytest.mark.parametrize(
    ("headers", "requests_made"),
    [
        ([{"X-HasMore": "true"}, {"X-HasMore": "true"}, {"X-HasMore": "false"}, {}], 4),
        ([{"X-Total-Count": "7"}, {"X-Total-Count": "7"}, {"X-Total-Count": "7"}, {}], 4),
        # What the headers have to say comes first to last; with none, an empty page ends the list.
        ([{"X-HasMore": "true", "X-Total-Count": "1"}, {}, {"X-HasMore": "false", "X-Total-Count": "99"}, {}], 4),
        ([{}, {"X-Total-Count": "many"}, {}, {}], 5),
    ],
)
def test_pages_go_on(
    wire: responses.RequestsMock, upstream: Upstream, headers: list[dict[str, str]], requests_made: int
) -> None:
    """A push between two pages makes the last commit of the first come again."""
    serve_pages(wire, LISTED[:2], LISTED[1:4], LISTED[4:6], [], headers=headers)
    assert forgejo.read(upstream, NEW, TODAY).facts == FACTS
    assert len(wire.calls) == requests_made


def test_pages_end_with_the_window(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_pages(wire, LISTED[:5], LISTED[5:], headers=[{"X-HasMore": "true"}] * 2)
    assert forgejo.read(upstream, NEW, TODAY).facts == FACTS
    assert len(wire.calls) == 3


def test_too_many_commits_have_no_lists(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(REPOSITORY, json=DOCUMENT)
    wire.get(COMMITS, json=LISTED[:5], headers={"X-HasMore": "true"})
    expected = replace(FACTS, commits_over_52=UNKNOWN, participants=UNKNOWN)
    assert forgejo.read(upstream, NEW, TODAY) == Fetched(expected, {})
    assert len(wire.calls) == 1 + 40


@pytest.mark.parametrize("status", [301, 307])
def test_a_renamed_repository(wire: responses.RequestsMock, upstream: Upstream, status: int) -> None:
    """The redirect costs one request, and commits are requested at the new URL."""
    wire.get(REPOSITORY, status=status, headers={"Location": "/api/v1/repos/Eve/Thing2"})
    wire.get(f"{API}/repos/Eve/Thing2", json={**DOCUMENT, "html_url": "https://forge.test/Eve/Thing2"})
    wire.get(f"{API}/repos/Eve/Thing2/commits", json=LISTED)
    assert forgejo.read(upstream, NEW, TODAY).facts == replace(FACTS, url="https://forge.test/Eve/Thing2")
    assert len(wire.calls) == 3


@pytest.mark.parametrize(
    "target",
    [
        REPOSITORY,
        "https://elsewhere.test/api/v1/repos/a/b",
        "http://forge.test/api/v1/repos/a/b",
        "//elsewhere.test/",
    ],
)
def test_redirects_that_are_not_followed(wire: responses.RequestsMock, upstream: Upstream, target: str) -> None:
    wire.get(REPOSITORY, status=301, headers={"Location": target})
    assert fail(upstream).outcome is Outcome.INVALID
    assert all(str(call.request.url).startswith(API) for call in wire.calls)


@faults.at_each_step(
    STEPS,
    accepted={(step, name) for step in ("newest", "commits") for name in ("409", "a list")},
    parts=True,
)
def test_faults(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    """No facts, or all but those of a part: one that is missing does not make the repository missing."""
    serve_steps(wire, {STEPS.index(step): fault.response})
    faults.check(fault, lambda: forgejo.read(upstream, replace(TARGET, validators={"head": "f" * 40}), TODAY))
    if not fault.part:
        assert len(wire.calls) == STEPS.index(step) + fault.requests


@pytest.mark.parametrize("status", [304, 409])
def test_statuses_that_are_not_a_repository(wire: responses.RequestsMock, upstream: Upstream, status: int) -> None:
    wire.get(REPOSITORY, status=status)
    assert fail(upstream).outcome is Outcome.INVALID


@pytest.mark.parametrize("identity", [None, -1, True, 1.5, "4\0"])
def test_a_repository_without_identity(wire: responses.RequestsMock, upstream: Upstream, identity: object) -> None:
    wire.get(REPOSITORY, json={**DOCUMENT, "id": identity})
    assert fail(upstream).outcome is Outcome.INVALID
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"stars_count": -1}, "watchers"),
        ({"stars_count": 2**31}, "watchers"),
        ({"stars_count": 10**400}, "watchers"),
        ({"stars_count": True}, "watchers"),
        ({"stars_count": "3"}, "watchers"),
        ({"stars_count": None}, "watchers"),
        ({"stars_count": float("nan")}, "watchers"),
        ({"forks_count": float("inf")}, "forks"),
        ({"forks_count": -5}, "forks"),
        ({"archived": None}, "archived"),
        ({"empty": "false"}, ""),
        ({"empty": None}, ""),
        ({"description": 1}, "description"),
        ({"html_url": None}, "url"),
        ({"html_url": "javascript:alert(1)"}, "url"),
        ({"html_url": "http://forge.test/ada/thing"}, "url"),
        ({"html_url": "https://forge.test/ada"}, "url"),
        ({"html_url": "https://forge.test@evil.test/ada/thing"}, "url"),
        ({"html_url": "https://evil.test/ada/thing"}, "url"),
        ({"html_url": "https://forge.test/ada/thing\0"}, "url"),
    ],
)
def test_nonsense_in_a_repository(
    wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any], field: str
) -> None:
    wire.get(REPOSITORY, body=json.dumps({**DOCUMENT, **changes}))
    wire.get(COMMITS, json=LISTED)
    fetched = forgejo.read(upstream, NEW, TODAY)
    unknown: dict[str, Any] = {field: UNKNOWN} if field else {}
    assert fetched.facts == replace(FACTS, **unknown)
    assert [odd.split()[0] for odd in fetched.odd] == list(changes)


OLDER = replace(
    FACTS,
    last_updated=UNKNOWN,
    commits_over_52=(1, *[0] * 49, 1, 2),
    participants=("zoe", "Ada Žák", "first"),
    last_human_commit=UNKNOWN,
)
ANONYMOUS = replace(FACTS, participants=("zoe", "Ada Žák", "first"), last_human_commit=UNKNOWN)
COMMITTER = NEWEST["commit"]["committer"]


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"sha": None}, OLDER),
        ({"sha": "a\0"}, OLDER),
        ({"commit": None}, OLDER),
        ({"commit": {"author": {"name": "Ada"}}}, OLDER),
        ({"commit": {"author": {"name": "Ada"}, "committer": {"date": "yesterday"}}}, OLDER),
        ({"commit": {"author": {"name": "Ada"}, "committer": {"date": "1969-12-31T23:59:59Z"}}}, OLDER),
        ({"commit": {"author": {"name": "Ada"}, "committer": {"date": "2024-01-14T12:00:00"}}}, OLDER),
        ({"commit": {"author": {"name": "Ada"}, "committer": {"date": 1705000000}}}, OLDER),
        ({"author": None, "commit": {"author": None, "committer": COMMITTER}}, ANONYMOUS),
        ({"author": None, "commit": {"author": {"name": {}}, "committer": COMMITTER}}, ANONYMOUS),
        ({"parents": None}, replace(FACTS, commits_over_52=UNKNOWN)),
        ({"parents": {}}, replace(FACTS, commits_over_52=UNKNOWN)),
    ],
)
def test_nonsense_in_a_commit(
    wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any], facts: RepositoryFacts
) -> None:
    wire.get(REPOSITORY, json=DOCUMENT)
    wire.get(COMMITS, json=[{**NEWEST, **changes}, *LISTED[1:]])
    fetched = forgejo.read(upstream, NEW, TODAY)
    assert fetched.facts == facts
    assert len(fetched.odd) == 1
    assert ("head" in fetched.validators) is (facts is ANONYMOUS)


def test_an_odd_account_leaves_the_name_in_the_commit(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(REPOSITORY, json=DOCUMENT)
    named = commit(HEAD, "2024-01-14T13:00:00+01:00", None, "bob")
    wire.get(COMMITS, json=[{**named, "author": {"login": ["bob"]}}, *LISTED[1:]])
    fetched = forgejo.read(upstream, NEW, TODAY)
    assert (fetched.facts, len(fetched.odd)) == (FACTS, 1)


def test_a_bots_commit_is_not_a_persons(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(REPOSITORY, json=DOCUMENT)
    wire.get(COMMITS, json=[commit(HEAD, "2024-01-14T13:00:00+01:00", "renovate-bot"), *LISTED[1:]])
    facts = forgejo.read(upstream, NEW, TODAY).facts
    assert facts is not None
    assert facts.last_updated == datetime(2024, 1, 14, 12, tzinfo=UTC)
    assert facts.last_human_commit == datetime(2024, 1, 12, tzinfo=UTC)


def test_texts_that_cannot_be_stored_are_mended(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(REPOSITORY, body=json.dumps({**DOCUMENT, "description": "a\0b\ud800c" + "x" * 3_000}))
    listed = [
        commit("a" * 40, "2024-01-14T12:00:00Z", "", "A\0\udfffda"),
        commit("b" * 40, "2024-01-14T11:00:00Z", None, "root@example.org"),
    ]
    wire.get(COMMITS, body=json.dumps(listed), headers={"X-HasMore": "false"})
    fetched = forgejo.read(upstream, NEW, TODAY).facts
    assert fetched is not None
    assert fetched.description == "a\ufffdb\ufffdc" + "x" * 1_994 + "…"
    assert fetched.participants == ("A\ufffd\ufffdda",)


@pytest.mark.parametrize(
    ("path", "escaped"),
    [
        ("Ada/Thing", "Ada/Thing"),
        ("ada/my thing?#", "ada/my%20thing%3F%23"),
        ("ada/größe", "ada/gr%C3%B6%C3%9Fe"),
        ("ada/gr%C3%B6%C3%9Fe", "ada/gr%C3%B6%C3%9Fe"),
        ("ada/a%2fb", "ada/a%2Fb"),
        ("ada/\ud800", "ada/%3F"),
    ],
)
def test_paths_are_escaped(wire: responses.RequestsMock, upstream: Upstream, path: str, escaped: str) -> None:
    wire.get(f"{API}/repos/{escaped}", json=DOCUMENT)
    wire.get(f"{API}/repos/{escaped}/commits", json=LISTED)
    assert forgejo.read(upstream, replace(NEW, path=path), TODAY).facts == FACTS
    assert wire.calls[0].request.url == f"{API}/repos/{escaped}"


@pytest.mark.parametrize("path", ["", "ada", "/", "ada/", "ada/thing/src", "ada/..", "./thing", "ada/%2e%2e"])
def test_invalid_paths(wire: responses.RequestsMock, upstream: Upstream, path: str) -> None:
    assert fail(upstream, replace(NEW, path=path)).outcome is Outcome.INVALID
    assert not wire.calls


@given(key=st.sampled_from(sorted(NEWEST)), value=JSON)
def test_any_commit(key: str, value: Any) -> None:
    """Any JSON gives facts or a FetchError."""
    with responses.RequestsMock() as wire:
        wire.get(REPOSITORY, json=DOCUMENT)
        wire.get(COMMITS, body=json.dumps([{**NEWEST, key: value}]), headers={"X-HasMore": "false"})
        try:
            fetched = forgejo.read(make_upstream("forge.test", API), NEW, TODAY)
        except FetchError as error:
            assert error.outcome is Outcome.INVALID
        else:
            assert fetched.facts is not None
