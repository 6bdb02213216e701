"""Bitbucket, on a faked wire: the requests, the facts from valid responses, and the errors from others."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from fetchers.forges import bitbucket, commits
from fetchers.network.http import FetchError, Upstream
from packages.facts import UNKNOWN, Fetched, FetchTarget, Outcome, RepositoryFacts
from tests.fetchers import faults
from tests.fetchers.faults import Fault
from tests.fetchers.upstreams import JSON, has, make_upstream

TODAY = date(2024, 1, 15)
API = "https://api.bitbucket.test/2.0"
REPOSITORY = f"{API}/repositories/ada/thing"
COMMITS = f"{REPOSITORY}/commits/main"
FIELDS = bitbucket.COMMIT_FIELDS
UUID = "{fa7b9059-8ffd-401f-934f-afe495719186}"
HEAD = "a" * 40
NEW = FetchTarget(package=1, host="bitbucket.test", path="ada/thing")
DOCUMENT: dict[str, Any] = {
    "uuid": UUID,
    "full_name": "ada/thing",
    "links": {"html": {"href": "https://bitbucket.test/ada/thing"}},
    "description": "A thing",
    "is_private": False,
    "mainbranch": {"type": "branch", "name": "main"},
}
WEEKS = (1, *[0] * 49, 1, 3)
FACTS = RepositoryFacts(
    repo_id=UUID,
    url="https://bitbucket.test/ada/thing",
    description="A thing",
    watchers=16,
    forks=37,
    archived=UNKNOWN,
    last_updated=datetime(2024, 1, 14, 12, tzinfo=UTC),
    participants=("zoe", "Bob B.", "Ada Žák", "first"),
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    last_human_commit=datetime(2024, 1, 14, 12, tzinfo=UTC),
)
COUNTS = {"counted": "2024-01-15", "watchers": "16", "forks": "37"}
EMPTY = replace(FACTS, last_updated=None, last_human_commit=None, participants=(), commits_over_52=(0,) * 52)
TARGET = replace(
    NEW,
    repo_id=UUID,
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    has_participants=True,
    validators={**COUNTS, "head": HEAD},
)
MOVED_TARGET = replace(TARGET, validators={**COUNTS, "head": "f" * 40})


def commit(id_: str, at: str, raw: str, parents: int = 1, **user: str) -> dict[str, Any]:
    author = {"type": "author", "raw": raw, **({"user": user} if user else {})}
    return {"hash": id_, "date": at, "author": author, "parents": [{"hash": "0" * 40}] * parents}


NEWEST = commit(HEAD, "2024-01-14T13:00:00+01:00", "Robert <bob@example.org>", display_name="Bob B.")
LISTED = [
    NEWEST,
    commit("b" * 40, "2024-01-12T00:00:00+00:00", "Ada Žák <ada@example.org>"),
    commit("c" * 40, "2024-01-12T00:00:00+00:00", "Merger <m@example.org>", parents=2),
    commit("d" * 40, "2024-01-12T00:00:00+00:00", "Zoë <z@example.org>", nickname="zoe", display_name="Zoë"),
    commit("e" * 40, "2024-01-07T23:59:59+00:00", "zoe <zz@example.org>"),
    commit("f" * 40, "2023-01-16T00:00:00+00:00", "first <f@example.org>"),
    commit("1" * 40, "2023-01-15T23:59:59+00:00", "Bob <bob@example.org>", parents=0),
    commit("2" * 40, "2023-01-15T23:59:58+00:00", "Bob <bob@example.org>", parents=0),
]


@pytest.fixture
def upstream() -> Upstream:
    return make_upstream("bitbucket.test", API, headers={"Authorization": "Bearer x"})


STEPS = ["repository", "commits", "watchers", "forks"]


def serve(wire: responses.RequestsMock, **changes: Any) -> None:
    """Serve a whole repository; `changes` are made to its document."""
    serve_steps(wire, {0: {"json": {**DOCUMENT, **changes}}})


def serve_steps(wire: responses.RequestsMock, replaced: dict[int, Mapping[str, Any]]) -> None:
    """Serve the four requests of a whole repository, some of them with other responses."""
    good: list[tuple[str, Any, dict[str, str]]] = [
        (REPOSITORY, DOCUMENT, {}),
        (COMMITS, {"values": LISTED}, {"pagelen": "100", "fields": FIELDS}),
        (f"{REPOSITORY}/watchers", {"size": 16}, {"pagelen": "1", "fields": "size"}),
        (f"{REPOSITORY}/forks", {"size": 37}, {"pagelen": "1", "fields": "size"}),
    ]
    for step, (url, body, query) in enumerate(good):
        wire.get(url, match=[has(**query)], **replaced.get(step, {"json": body}))


def fail(upstream: Upstream, target: FetchTarget = NEW) -> FetchError:
    with pytest.raises(FetchError) as failed:
        bitbucket.read(upstream, target, TODAY)
    assert "\n" not in str(failed.value)
    return failed.value


def test_a_repository(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire)
    assert bitbucket.read(upstream, NEW, TODAY) == Fetched(FACTS, {**COUNTS, "head": HEAD})
    assert [call.request.url for call in wire.calls] == [
        REPOSITORY,
        f"{COMMITS}?pagelen=100&fields={FIELDS}",
        f"{REPOSITORY}/watchers?pagelen=1&fields=size",
        f"{REPOSITORY}/forks?pagelen=1&fields=size",
    ]


def test_an_unchanged_head_moves_the_weeks_on(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire, description="Another thing")
    fetched = bitbucket.read(upstream, TARGET, TODAY + timedelta(days=15))
    moved = replace(
        FACTS,
        description="Another thing",
        participants=UNKNOWN,
        commits_over_52=(*[0] * 48, 1, 3, 0, 0),
        weeks_end=TODAY + timedelta(days=14),
    )
    assert fetched == Fetched(moved, {**COUNTS, "head": HEAD})
    assert len(wire.calls) == 2


@pytest.mark.parametrize(
    "target",
    [
        replace(TARGET, validators={**COUNTS, "head": "f" * 40}),
        replace(TARGET, validators=COUNTS),
        replace(TARGET, has_participants=False),
        replace(TARGET, commits_over_52=()),
        replace(TARGET, weeks_end=None),
        # The head is of the day after which the weeks ended: it is in none of them yet.
        replace(TARGET, weeks_end=date(2024, 1, 14)),
    ],
)
def test_missing_lists_cost_nothing_more(wire: responses.RequestsMock, upstream: Upstream, target: FetchTarget) -> None:
    serve(wire)
    assert bitbucket.read(upstream, target, TODAY) == Fetched(FACTS, {**COUNTS, "head": HEAD})
    assert len(wire.calls) == 2


def test_a_head_of_the_weeks_very_end_is_in_none_of_them(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_steps(wire, {1: {"json": {"values": [commit(HEAD, "2024-01-15T00:00:00+00:00", "Bob")]}}})
    fetched = bitbucket.read(upstream, TARGET, TODAY + timedelta(days=7)).facts
    assert fetched is not None
    assert fetched.commits_over_52 == (*[0] * 51, 1)
    assert fetched.weeks_end == TODAY + timedelta(days=7)


@pytest.mark.parametrize(
    ("notes", "asked"),
    [
        ({}, True),
        ({"counted": "2023-12-19"}, False),
        ({"counted": "2023-12-18"}, True),
        ({"counted": "2024-01-16"}, True),
        ({"counted": "yesterday"}, True),
        ({"watchers": "-1"}, True),
        ({"watchers": "many"}, True),
        ({"forks": str(2**31)}, True),
        ({"forks": ""}, True),
    ],
)
def test_counts_are_requested_every_28_days(
    wire: responses.RequestsMock, upstream: Upstream, notes: dict[str, str], *, asked: bool
) -> None:
    serve(wire)
    remembered = {**COUNTS, "watchers": "99", **notes} if notes else {}
    fetched = bitbucket.read(upstream, replace(TARGET, validators=remembered), TODAY)
    assert fetched.facts == replace(FACTS, watchers=16 if asked else 99)
    assert fetched.validators == {**(COUNTS if asked else remembered), "head": HEAD}
    assert len(wire.calls) == (4 if asked else 2)


def test_counts_of_another_repository_are_not_carried_over(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire)
    target = replace(TARGET, repo_id="", validators={**COUNTS, "watchers": "99"})
    assert bitbucket.read(upstream, target, TODAY).facts == FACTS
    assert len(wire.calls) == 4


def test_no_commit_in_the_window(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_steps(wire, {1: {"json": {"values": LISTED[6:], "next": f"{COMMITS}?page=2"}}})
    last = datetime(2023, 1, 15, 23, 59, 59, tzinfo=UTC)
    expected = replace(EMPTY, last_updated=last, last_human_commit=last, participants=UNKNOWN)
    assert bitbucket.read(upstream, NEW, TODAY) == Fetched(expected, {**COUNTS, "head": "1" * 40})
    assert len(wire.calls) == 4


@pytest.mark.parametrize(("target", "requests_made"), [(NEW, 3), (TARGET, 1)])
def test_an_empty_repository(
    wire: responses.RequestsMock, upstream: Upstream, target: FetchTarget, requests_made: int
) -> None:
    serve(wire, mainbranch=None)
    assert bitbucket.read(upstream, target, TODAY) == Fetched(EMPTY, COUNTS)
    assert len(wire.calls) == requests_made


def test_a_branch_without_commits(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_steps(wire, {1: {"json": {"values": []}}})
    assert bitbucket.read(upstream, NEW, TODAY) == Fetched(EMPTY, COUNTS)


def test_pages_go_on_at_next_until_the_window_ends(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """At any URL; and a push between two requests may repeat a commit."""
    second, third = f"{API}/opaque?ctx=1&page=%3D", f"{COMMITS}?ctx=2"
    serve_steps(wire, {1: {"json": {"values": LISTED[:2], "next": second}}})
    wire.get(second, json={"values": LISTED[1:4], "next": third})
    wire.get(third, json={"values": LISTED[4:], "next": f"{COMMITS}?ctx=3"}, match=[has(ctx="2")])
    assert bitbucket.read(upstream, MOVED_TARGET, TODAY).facts == FACTS
    assert [call.request.url for call in wire.calls][2:] == [second, third]


@pytest.mark.parametrize("last", [{"values": LISTED[4:6]}, {"values": LISTED[4:6], "next": None}])
def test_pages_end_with_the_history(wire: responses.RequestsMock, upstream: Upstream, last: dict[str, Any]) -> None:
    serve_steps(wire, {1: {"json": {"values": LISTED[:4], "next": f"{COMMITS}?page=2"}}})
    wire.get(COMMITS, json=last, match=[has(page="2")])
    assert bitbucket.read(upstream, MOVED_TARGET, TODAY).facts == FACTS
    assert len(wire.calls) == 3


def test_too_many_commits_have_no_lists(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_steps(wire, {1: {"json": {"values": LISTED[:5], "next": f"{COMMITS}?page=2"}}})
    wire.get(COMMITS, json={"values": LISTED[:5], "next": f"{COMMITS}?page=2"}, match=[has(page="2")])
    expected = replace(FACTS, commits_over_52=UNKNOWN, participants=UNKNOWN)
    assert bitbucket.read(upstream, MOVED_TARGET, TODAY) == Fetched(expected, COUNTS)
    assert len(wire.calls) == 1 + 20


@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.test/2.0/repositories/ada/thing/commits",
        "https://api.bitbucket.test.evil.test/2.0/x",
        "https://api.bitbucket.test@evil.test/2.0/x",
        "http://api.bitbucket.test/2.0/x",
        "/2.0/x",
        "",
        1,
        ["x"],
        f"{API}/x y",
        f"{API}/{'x' * 2_000}",
    ],
)
def test_next_pages_elsewhere_are_not_requested(
    wire: responses.RequestsMock, upstream: Upstream, following: object
) -> None:
    serve_steps(wire, {1: {"json": {"values": LISTED[:5], "next": following}}})
    fetched = bitbucket.read(upstream, NEW, TODAY)
    assert fetched.facts == commits.without_commits(FACTS)
    assert (fetched.validators, len(fetched.odd)) == (COUNTS, 1)
    assert [str(call.request.url).partition("?")[0] for call in wire.calls[2:]] == [
        f"{REPOSITORY}/watchers",
        f"{REPOSITORY}/forks",
    ]


@pytest.mark.parametrize("status", [301, 307])
def test_a_renamed_repository(wire: responses.RequestsMock, upstream: Upstream, status: int) -> None:
    """The redirect costs one request, and the parts are requested at the new URL."""
    there = f"{API}/repositories/eve/thing2"
    wire.get(REPOSITORY, status=status, headers={"Location": there})
    href = "https://bitbucket.test/eve/thing2"
    wire.get(there, json={**DOCUMENT, "links": {"html": {"href": href}}})
    wire.get(f"{there}/commits/main", json={"values": LISTED})
    wire.get(f"{there}/watchers", json={"size": 16})
    wire.get(f"{there}/forks", json={"size": 37})
    assert bitbucket.read(upstream, NEW, TODAY).facts == replace(FACTS, url=href)
    assert len(wire.calls) == 5


@pytest.mark.parametrize(
    "target",
    [
        REPOSITORY,
        "https://elsewhere.test/2.0/repositories/a/b",
        "http://api.bitbucket.test/2.0/repositories/a/b",
        "//elsewhere.test/",
    ],
)
def test_redirects_that_are_not_followed(wire: responses.RequestsMock, upstream: Upstream, target: str) -> None:
    wire.get(REPOSITORY, status=301, headers={"Location": target})
    assert fail(upstream).outcome is Outcome.INVALID
    assert all(str(call.request.url).startswith(API) for call in wire.calls)


@faults.at_each_step(
    STEPS,
    parts=True,
)
def test_faults(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    """No facts, or all but those of a part: one that is missing does not make the repository missing."""
    serve_steps(wire, {STEPS.index(step): fault.response})
    faults.check(fault, lambda: bitbucket.read(upstream, NEW, TODAY))
    if not fault.part:
        assert len(wire.calls) == STEPS.index(step) + fault.requests


@pytest.mark.parametrize("identity", [None, "", True, "{4\0}", "\ud800"])
def test_a_repository_without_identity(wire: responses.RequestsMock, upstream: Upstream, identity: object) -> None:
    wire.get(REPOSITORY, body=json.dumps({**DOCUMENT, "uuid": identity}))
    assert fail(upstream).outcome is Outcome.INVALID
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"description": 1}, replace(FACTS, description=UNKNOWN)),
        ({"links": None}, replace(FACTS, url=UNKNOWN)),
        ({"links": {"html": "https://bitbucket.test/ada/thing"}}, replace(FACTS, url=UNKNOWN)),
        ({"links": {"html": {"href": None}}}, replace(FACTS, url=UNKNOWN)),
        ({"links": {"html": {"href": "javascript:alert(1)"}}}, replace(FACTS, url=UNKNOWN)),
        ({"links": {"html": {"href": "http://bitbucket.test/ada/thing"}}}, replace(FACTS, url=UNKNOWN)),
        ({"links": {"html": {"href": "https://bitbucket.test/ada"}}}, replace(FACTS, url=UNKNOWN)),
        ({"links": {"html": {"href": "https://bitbucket.test@evil.test/ada/thing"}}}, replace(FACTS, url=UNKNOWN)),
        ({"links": {"html": {"href": "https://evil.test/ada/thing"}}}, replace(FACTS, url=UNKNOWN)),
        ({"mainbranch": "main"}, commits.without_commits(FACTS)),
        ({"mainbranch": {}}, commits.without_commits(FACTS)),
        ({"mainbranch": {"name": ""}}, commits.without_commits(FACTS)),
        ({"mainbranch": {"name": 1}}, commits.without_commits(FACTS)),
        ({"mainbranch": {"name": "a\0"}}, commits.without_commits(FACTS)),
        ({"mainbranch": {"name": "x" * 300}}, commits.without_commits(FACTS)),
    ],
)
def test_nonsense_in_a_repository(
    wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any], facts: RepositoryFacts
) -> None:
    serve_steps(wire, {0: {"body": json.dumps({**DOCUMENT, **changes})}})
    fetched = bitbucket.read(upstream, NEW, TODAY)
    assert fetched.facts == facts
    assert len(fetched.odd) == 1


def test_a_repository_that_does_not_tell_its_branch(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_steps(wire, {0: {"json": {key: DOCUMENT[key] for key in DOCUMENT if key != "mainbranch"}}})
    assert bitbucket.read(upstream, NEW, TODAY) == Fetched(commits.without_commits(FACTS), COUNTS)


@pytest.mark.parametrize(("step", "field"), [(2, "watchers"), (3, "forks")])
@pytest.mark.parametrize("size", [-1, 2**31, 10**400, True, 3.0, "3", None, float("nan"), float("inf"), "absent"])
def test_nonsense_in_a_count(
    wire: responses.RequestsMock, upstream: Upstream, size: object, step: int, field: str
) -> None:
    """It costs that count alone, and is requested again the next time."""
    serve_steps(wire, {step: {"body": json.dumps({} if size == "absent" else {"size": size})}})
    fetched = bitbucket.read(upstream, NEW, TODAY)
    unknown: dict[str, Any] = {field: UNKNOWN}
    assert fetched == Fetched(replace(FACTS, **unknown), {"head": HEAD}, odd=(f"{field}: size is not a count",))


OLDER = replace(
    FACTS,
    last_updated=UNKNOWN,
    commits_over_52=(1, *[0] * 49, 1, 2),
    participants=("zoe", "Ada Žák", "first"),
    last_human_commit=UNKNOWN,
)
ANONYMOUS = replace(FACTS, participants=("zoe", "Ada Žák", "first"), last_human_commit=UNKNOWN)


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"hash": None}, OLDER),
        ({"hash": "a\0"}, OLDER),
        ({"date": None}, OLDER),
        ({"date": "yesterday"}, OLDER),
        ({"date": "1969-12-31T23:59:59+00:00"}, OLDER),
        ({"date": "2024-01-14T12:00:00"}, OLDER),
        ({"date": 1705000000}, OLDER),
        ({"author": None}, ANONYMOUS),
        ({"author": "Ada <ada@example.org>"}, ANONYMOUS),
        ({"author": {"raw": 1}}, ANONYMOUS),
        ({"author": {"raw": "Ada", "user": "ada"}}, ANONYMOUS),
        ({"author": {"raw": "Ada", "user": {"nickname": ["ada"]}}}, ANONYMOUS),
        ({"parents": None}, replace(FACTS, commits_over_52=UNKNOWN)),
        ({"parents": "0"}, replace(FACTS, commits_over_52=UNKNOWN)),
    ],
)
def test_nonsense_in_a_commit(
    wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any], facts: RepositoryFacts
) -> None:
    """It is left out, or what it does not tell; it stays odd until there are others."""
    serve_steps(wire, {1: {"json": {"values": [{**NEWEST, **changes}, *LISTED[1:]]}}})
    fetched = bitbucket.read(upstream, NEW, TODAY)
    assert fetched.facts == facts
    [odd] = fetched.odd
    if facts is ANONYMOUS:
        assert fetched.validators == {**COUNTS, "head": HEAD, "odd_commits": odd}
        assert bitbucket.read(upstream, replace(TARGET, validators=fetched.validators), TODAY).odd == fetched.odd
    else:
        assert "head" not in fetched.validators


def test_nothing_but_odd_commits(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_steps(wire, {1: {"json": {"values": [{}, {"hash": "b" * 40}]}}})
    facts = bitbucket.read(upstream, NEW, TODAY).facts
    assert facts == commits.without_commits(FACTS)


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ({"raw": "Ada Žák <ada@example.org>"}, "Ada Žák"),
        ({"raw": "  Ada  "}, "Ada"),
        ({"raw": "J@ne <jane@example.org>"}, "J@ne"),
        ({"raw": "ada@example.org <ada@example.org>"}, None),
        ({"raw": "ada@example.org"}, None),
        ({"raw": "root@localhost"}, None),
        ({"raw": "<root@localhost>"}, None),
        ({"raw": ""}, None),
        ({"raw": None}, None),
        ({}, None),
        ({"raw": "A <a@b.c>", "user": None}, "A"),
        ({"raw": "A <a@b.c>", "user": {}}, "A"),
        ({"raw": "A <a@b.c>", "user": {"nickname": "ada", "display_name": "Ada Žák"}}, "ada"),
        ({"raw": "A <a@b.c>", "user": {"nickname": "", "display_name": "Ada Žák"}}, "Ada Žák"),
        ({"raw": "A <a@b.c>", "user": {"nickname": "ada@example.org"}}, None),
        ({"raw": "A\0\udfffda <a@b.c>"}, "A\ufffd\ufffdda"),
    ],
)
def test_names_of_authors(
    wire: responses.RequestsMock, upstream: Upstream, author: dict[str, Any], name: str | None
) -> None:
    serve_steps(wire, {1: {"body": json.dumps({"values": [{**NEWEST, "author": author}]})}})
    fetched = bitbucket.read(upstream, NEW, TODAY).facts
    assert fetched is not None
    assert fetched.participants == ((name,) if name else UNKNOWN)


def test_a_description_that_cannot_be_stored_is_mended(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_steps(wire, {0: {"body": json.dumps({**DOCUMENT, "description": "a\0b\ud800c" + "x" * 3_000})}})
    assert bitbucket.read(upstream, NEW, TODAY).facts == replace(
        FACTS, description="a\ufffdb\ufffdc" + "x" * 1_994 + "…"
    )


@pytest.mark.parametrize(
    ("path", "escaped"),
    [
        ("Ada/Thing", "Ada/Thing"),
        ("ada/my thing?#", "ada/my%20thing%3F%23"),
        ("ada/größe", "ada/gr%C3%B6%C3%9Fe"),
        ("ada/gr%C3%B6%C3%9Fe", "ada/gr%C3%B6%C3%9Fe"),
        ("ada/\ud800", "ada/%3F"),
    ],
)
def test_paths_and_branches_are_escaped(
    wire: responses.RequestsMock, upstream: Upstream, path: str, escaped: str
) -> None:
    there = f"{API}/repositories/{escaped}"
    wire.get(there, json={**DOCUMENT, "mainbranch": {"name": "größe/v1?"}})
    wire.get(f"{there}/commits/gr%C3%B6%C3%9Fe%2Fv1%3F", json={"values": LISTED})
    wire.get(f"{there}/watchers", json={"size": 16})
    wire.get(f"{there}/forks", json={"size": 37})
    assert bitbucket.read(upstream, replace(NEW, path=path), TODAY).facts == FACTS
    assert wire.calls[0].request.url == there
    assert str(wire.calls[1].request.url).startswith(f"{there}/commits/gr%C3%B6%C3%9Fe%2Fv1%3F?")


@pytest.mark.parametrize("path", ["", "ada", "/", "ada/", "ada/thing/src", "ada/..", "./thing", "ada/%2e%2e"])
def test_invalid_paths(wire: responses.RequestsMock, upstream: Upstream, path: str) -> None:
    assert fail(upstream, replace(NEW, path=path)).outcome is Outcome.INVALID
    assert not wire.calls


@given(key=st.sampled_from(["hash", "date", "author", "parents"]), value=JSON, inside=st.booleans())
def test_any_commit(key: str, value: Any, *, inside: bool) -> None:
    """Any JSON gives facts or a FetchError."""
    changed = {"author": {"raw": value, "user": {"nickname": value}}} if inside else {key: value}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        serve_steps(wire, {1: {"body": json.dumps({"values": [{**NEWEST, **changed}]})}})
        try:
            fetched = bitbucket.read(make_upstream("bitbucket.test", API), NEW, TODAY)
        except FetchError as error:
            assert error.outcome is Outcome.INVALID
        else:
            assert fetched.facts is not None
