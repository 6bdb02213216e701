"""GitLab, on a faked wire: the requests, the facts from valid responses, and the errors from others."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from fetchers.forges import commits, gitlab
from fetchers.network.http import FetchError, Upstream
from packages.facts import UNKNOWN, Fetched, FetchTarget, Outcome, RepositoryFacts
from tests.fetchers import faults
from tests.fetchers.faults import Fault
from tests.fetchers.upstreams import JSON, has, make_upstream

TODAY = date(2024, 1, 15)
API = "https://gitlab.test/api/v4"
PROJECT = f"{API}/projects/group%2Fsub%2Fthing"
COMMITS = f"{PROJECT}/repository/commits"
CONTRIBUTORS = f"{PROJECT}/repository/contributors"
HEAD = "a" * 40
NEW = FetchTarget(package=1, host="gitlab.test", path="group/sub/thing")
DOCUMENT: dict[str, Any] = {
    "id": 46520,
    "web_url": "https://gitlab.test/group/sub/thing",
    "path_with_namespace": "group/sub/thing",
    "description": "A thing\r\nfor Django",
    "star_count": 33,
    "forks_count": 25,
    "archived": False,
    "empty_repo": False,
    "default_branch": "develop",
}
PEOPLE = [
    {"name": "Ada", "email": "ada@example.org", "commits": 5},
    {"name": "Zoë Žák", "email": "zoe@example.org", "commits": 4},
    {"name": "Bob", "email": "bob@example.org", "commits": 4},
    {"name": "Zoë Žák", "email": "z@example.org", "commits": 3},
    {"name": "root@example.org", "email": "root@example.org", "commits": 1},
]
WEEKS = (*[0] * 50, 1, 2)
FACTS = RepositoryFacts(
    repo_id="46520",
    url="https://gitlab.test/group/sub/thing",
    description="A thing\r\nfor Django",
    watchers=33,
    forks=25,
    archived=False,
    last_updated=datetime(2024, 1, 14, 12, tzinfo=UTC),
    participants=("Zoë Žák", "Ada", "Bob"),
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    last_human_commit=datetime(2024, 1, 14, 12, tzinfo=UTC),
)
EMPTY = replace(FACTS, last_updated=None, last_human_commit=None, participants=(), commits_over_52=(0,) * 52)
TARGET = replace(
    NEW,
    repo_id="46520",
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    has_participants=True,
    validators={"etag": 'W/"1"', "head": HEAD},
)


def commit(id_: str, at: str, parents: int = 1) -> dict[str, Any]:
    return {
        "id": id_,
        "committed_date": at,
        "parent_ids": ["0" * 40] * parents,
        "author_name": "Ada",
        "author_email": "ada@example.org",
    }


NEWEST = commit(HEAD, "2024-01-14T13:00:00.000+01:00")
LISTED = [
    NEWEST,
    commit("b" * 40, "2024-01-08T00:00:00.000+00:00", 0),
    commit("c" * 40, "2024-01-08T00:00:00.000+00:00", 2),
    commit("d" * 40, "2024-01-07T23:59:59.000Z"),
]


@pytest.fixture
def upstream() -> Upstream:
    return make_upstream("gitlab.test", API, headers={"Authorization": "Bearer x"})


STEPS = ["project", "newest", "commits", "contributors"]


def serve(wire: responses.RequestsMock, **changes: Any) -> None:
    """Serve a whole project; `changes` are made to its document."""
    serve_steps(wire, {0: {"json": {**DOCUMENT, **changes}, "headers": {"ETag": 'W/"1"'}}})


def serve_steps(wire: responses.RequestsMock, replaced: dict[int, Mapping[str, Any]]) -> None:
    """Serve the four requests of a whole project, some of them with other responses."""
    good: list[tuple[str, Any, dict[str, str]]] = [
        (PROJECT, DOCUMENT, {}),
        (COMMITS, [NEWEST], {"per_page": "1"}),
        (COMMITS, LISTED, {"since": "2023-01-16T00:00:00Z", "per_page": "100", "page": "1"}),
        (CONTRIBUTORS, PEOPLE, {"order_by": "commits", "sort": "desc", "per_page": "100", "page": "1"}),
    ]
    for step, (url, body, query) in enumerate(good):
        wire.get(url, match=[has(**query)], **replaced.get(step, {"json": body}))


def serve_newest(wire: responses.RequestsMock, *commits: dict[str, Any]) -> None:
    wire.get(COMMITS, json=list(commits), match=[has(per_page="1")])


def fail(upstream: Upstream, target: FetchTarget = NEW) -> FetchError:
    with pytest.raises(FetchError) as failed:
        gitlab.read(upstream, target, TODAY)
    assert "\n" not in str(failed.value)
    return failed.value


def test_a_project(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire)
    assert gitlab.read(upstream, NEW, TODAY) == Fetched(FACTS, {"etag": 'W/"1"', "head": HEAD})
    assert [call.request.url for call in wire.calls] == [
        PROJECT,
        f"{COMMITS}?per_page=1",
        f"{COMMITS}?since=2023-01-16T00:00:00Z&per_page=100&page=1",
        f"{CONTRIBUTORS}?order_by=commits&sort=desc&per_page=100&page=1",
    ]


def test_a_project_without_a_token_tells_less(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, json={key: DOCUMENT[key] for key in DOCUMENT if key not in {"archived", "empty_repo"}})
    serve(wire)
    assert gitlab.read(upstream, NEW, TODAY) == Fetched(replace(FACTS, archived=UNKNOWN), {"head": HEAD})


def test_an_unchanged_head_moves_the_weeks_on(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire, star_count=34)
    later = TODAY + timedelta(days=15)
    fetched = gitlab.read(upstream, TARGET, later)
    moved = replace(
        FACTS,
        watchers=34,
        participants=UNKNOWN,
        commits_over_52=(*[0] * 48, 1, 2, 0, 0),
        weeks_end=TODAY + timedelta(days=14),
    )
    assert fetched == Fetched(moved, {"etag": 'W/"1"', "head": HEAD})
    assert len(wire.calls) == 2
    assert "If-None-Match" not in wire.calls[0].request.headers


@pytest.mark.parametrize(
    "target",
    [
        replace(TARGET, validators={"head": "f" * 40}),
        replace(TARGET, validators=None),
        replace(TARGET, has_participants=False),
        replace(TARGET, commits_over_52=()),
        replace(TARGET, weeks_end=None),
        # The head is of the day after which the weeks ended: it is in none of them yet.
        replace(TARGET, weeks_end=date(2024, 1, 14)),
    ],
)
def test_missing_lists_are_requested(wire: responses.RequestsMock, upstream: Upstream, target: FetchTarget) -> None:
    serve(wire)
    assert gitlab.read(upstream, target, TODAY).facts == FACTS
    assert len(wire.calls) == 4


def test_a_head_of_the_weeks_very_end_is_in_none_of_them(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, json=DOCUMENT)
    wire.get(COMMITS, json=[commit(HEAD, "2024-01-15T00:00:00.000Z")])
    wire.get(CONTRIBUTORS, json=PEOPLE)
    fetched = gitlab.read(upstream, TARGET, TODAY + timedelta(days=7)).facts
    assert fetched is not None
    assert fetched.commits_over_52 == (*[0] * 51, 1)
    assert fetched.weeks_end == TODAY + timedelta(days=7)


def test_a_second_fetch_on_one_day(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, status=304, match=[responses.matchers.header_matcher({"If-None-Match": 'W/"1"'})])
    assert gitlab.read(upstream, TARGET, TODAY) == Fetched(None, {"etag": 'W/"1"', "head": HEAD})
    assert len(wire.calls) == 1


def test_an_unconditional_304(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, status=304)
    assert fail(upstream).outcome is Outcome.INVALID


def test_no_commit_in_the_window(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, json=DOCUMENT)
    serve_newest(wire, commit(HEAD, "2023-01-15T23:59:59.000+00:00"))
    wire.get(CONTRIBUTORS, json=PEOPLE)
    last = datetime(2023, 1, 15, 23, 59, 59, tzinfo=UTC)
    expected = replace(FACTS, last_updated=last, last_human_commit=last, commits_over_52=(0,) * 52)
    assert gitlab.read(upstream, NEW, TODAY) == Fetched(expected, {"head": HEAD})
    assert len(wire.calls) == 3


def test_a_commit_at_the_very_start_of_the_window(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, json=DOCUMENT)
    wire.get(COMMITS, json=[commit(HEAD, "2023-01-16T00:00:00.000+00:00")])
    wire.get(CONTRIBUTORS, json=PEOPLE)
    fetched = gitlab.read(upstream, NEW, TODAY).facts
    assert fetched is not None
    assert fetched.commits_over_52 == (1, *[0] * 51)


@pytest.mark.parametrize("changes", [{"empty_repo": True}, {"default_branch": None}])
def test_an_empty_repository(wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any]) -> None:
    serve(wire, **changes)
    assert gitlab.read(upstream, TARGET, TODAY) == Fetched(EMPTY, {"etag": 'W/"1"'})
    assert len(wire.calls) == 1


def test_an_empty_repository_without_a_token(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """It says "main" is the branch, and that there is no repository, or no commit."""
    told = {key: DOCUMENT[key] for key in DOCUMENT if key not in {"archived", "empty_repo"}}
    wire.get(PROJECT, json=told)
    wire.get(COMMITS, status=404, json={"message": "404 Repository Not Found"})
    assert gitlab.read(upstream, NEW, TODAY) == Fetched(replace(EMPTY, archived=UNKNOWN), {})
    unknown = commits.without_commits(replace(FACTS, archived=UNKNOWN))
    found = gitlab.read(upstream, TARGET, TODAY)
    assert (found.facts, len(found.odd)) == (unknown, 1), "it had commits before"
    wire.replace(responses.GET, COMMITS, json=[])
    assert gitlab.read(upstream, NEW, TODAY) == Fetched(replace(EMPTY, archived=UNKNOWN), {})


def test_code_for_members_only(wire: responses.RequestsMock, upstream: Upstream) -> None:
    hidden = {"default_branch", "forks_count", "empty_repo"}
    wire.get(PROJECT, json={key: DOCUMENT[key] for key in DOCUMENT if key not in hidden})
    fetched = gitlab.read(upstream, NEW, TODAY)
    assert fetched.facts == commits.without_commits(replace(FACTS, forks=UNKNOWN))
    assert fetched.odd == ("gitlab.test/group/sub/thing shows its code to members only",)


def test_pages_go_on_as_x_next_page_says(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, json=DOCUMENT)
    serve_newest(wire, NEWEST)
    link = {"Link": f'<{COMMITS}?page=2>; rel="last"'}
    query = {"since": "2023-01-16T00:00:00Z", "per_page": "100"}
    wire.get(COMMITS, json=LISTED[:2], match=[has(**query, page="1")], headers={**link, "x-next-page": "2"})
    # A push between the two pages: the last commit of the first comes again.
    wire.get(COMMITS, json=LISTED[1:3], match=[has(**query, page="2")], headers={**link, "x-next-page": "3"})
    wire.get(COMMITS, json=LISTED[3:], match=[has(**query, page="3")], headers={**link, "x-next-page": ""})
    first, last = {"x-next-page": "2"}, {"x-next-page": ""}
    ordered = {"order_by": "commits", "sort": "desc", "per_page": "100"}
    wire.get(CONTRIBUTORS, json=PEOPLE[:2], match=[has(**ordered, page="1")], headers=first)
    wire.get(CONTRIBUTORS, json=PEOPLE[2:], match=[has(**ordered, page="2")], headers=last)
    assert gitlab.read(upstream, NEW, TODAY).facts == FACTS
    assert len(wire.calls) == 7


def test_too_many_commits_have_no_weeks_and_people_end_at_500(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, json=DOCUMENT)
    serve_newest(wire, NEWEST)
    wire.get(COMMITS, json=LISTED, headers={"x-next-page": "2"})
    many = [{"name": f"{i}", "commits": 1} for i in range(600)]
    wire.get(CONTRIBUTORS, json=many, headers={"x-next-page": "2"})
    expected = replace(FACTS, commits_over_52=UNKNOWN, participants=tuple(f"{i}" for i in range(500)))
    assert gitlab.read(upstream, NEW, TODAY) == Fetched(expected, {})
    assert len(wire.calls) == 2 + 30 + 5


def test_a_page_number_that_is_none(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, json=DOCUMENT)
    serve_newest(wire, NEWEST)
    wire.get(COMMITS, json=LISTED)
    wire.get(CONTRIBUTORS, json=PEOPLE, headers={"x-next-page": "2&per_page=1"})
    fetched = gitlab.read(upstream, NEW, TODAY)
    assert (fetched.facts, fetched.odd) == (
        replace(FACTS, participants=UNKNOWN),
        ("contributors: x-next-page is not a number",),
    )


@pytest.mark.parametrize("status", [301, 307])
def test_a_renamed_project(wire: responses.RequestsMock, upstream: Upstream, status: int) -> None:
    """The redirect costs one request, and the parts are requested at the new URL."""
    there = f"{API}/projects/46520"
    wire.get(PROJECT, status=status, headers={"Location": there})
    wire.get(there, json={**DOCUMENT, "web_url": "https://gitlab.test/Other/thing"})
    wire.get(f"{there}/repository/commits", json=LISTED)
    wire.get(f"{there}/repository/contributors", json=PEOPLE)
    fetched = gitlab.read(upstream, NEW, TODAY)
    assert fetched.facts == replace(FACTS, url="https://gitlab.test/Other/thing")
    assert len(wire.calls) == 5


@pytest.mark.parametrize(
    "target",
    [
        PROJECT,
        "https://elsewhere.test/api/v4/projects/1",
        "http://gitlab.test/api/v4/projects/1",
        "//elsewhere.test/",
    ],
)
def test_redirects_that_are_not_followed(wire: responses.RequestsMock, upstream: Upstream, target: str) -> None:
    wire.get(PROJECT, status=301, headers={"Location": target})
    assert fail(upstream).outcome is Outcome.INVALID
    assert all(str(call.request.url).startswith(API) for call in wire.calls)


@faults.at_each_step(
    STEPS,
    accepted={(step, "a list") for step in ("newest", "commits", "contributors")},
    parts=True,
)
def test_faults(wire: responses.RequestsMock, upstream: Upstream, step: str, fault: Fault) -> None:
    """No facts, or all but those of a part: one that is missing does not make the repository missing."""
    serve_steps(wire, {STEPS.index(step): fault.response})
    faults.check(fault, lambda: gitlab.read(upstream, NEW, TODAY))
    if not fault.part:
        assert len(wire.calls) == STEPS.index(step) + fault.requests


@pytest.mark.parametrize("identity", [None, 0, -1, True, 1.5, "4\0", "4" * 101])
def test_a_project_without_identity(wire: responses.RequestsMock, upstream: Upstream, identity: object) -> None:
    wire.get(PROJECT, json={**DOCUMENT, "id": identity})
    assert fail(upstream).outcome is Outcome.INVALID
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"star_count": -1}, "watchers"),
        ({"star_count": 2**31}, "watchers"),
        ({"star_count": 10**400}, "watchers"),
        ({"star_count": True}, "watchers"),
        ({"star_count": 3.0}, "watchers"),
        ({"star_count": "3"}, "watchers"),
        ({"star_count": None}, "watchers"),
        ({"star_count": float("nan")}, "watchers"),
        ({"forks_count": float("inf")}, "forks"),
        ({"forks_count": -5}, "forks"),
        ({"archived": None}, "archived"),
        ({"archived": "false"}, "archived"),
        ({"empty_repo": 0}, ""),
        ({"description": 1}, "description"),
        ({"web_url": None}, "url"),
        ({"web_url": "javascript:alert(1)"}, "url"),
        ({"web_url": "http://gitlab.test/group/thing"}, "url"),
        ({"web_url": "https://gitlab.test"}, "url"),
        ({"web_url": "https://gitlab.test/group"}, "url"),
        ({"web_url": "https://gitlab.test.evil.test/group/thing"}, "url"),
        ({"web_url": "https://gitlab.test@evil.test/group/thing"}, "url"),
        ({"web_url": "https://evil.test/group/thing"}, "url"),
        ({"web_url": "https://gitlab.test/group/thing\0"}, "url"),
        ({"web_url": "https://gitlab.test/group/" + "x" * 500}, "url"),
    ],
)
def test_nonsense_in_a_project(
    wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any], field: str
) -> None:
    serve_steps(wire, {0: {"body": json.dumps({**DOCUMENT, **changes}), "headers": {"ETag": 'W/"1"'}}})
    fetched = gitlab.read(upstream, NEW, TODAY)
    unknown: dict[str, Any] = {field: UNKNOWN} if field else {}
    assert fetched.facts == replace(FACTS, **unknown)
    assert [odd.split()[0] for odd in fetched.odd] == list(changes)
    assert fetched.validators == {"head": HEAD}, "the ETag must not keep the part from being read again"


UNDATED: dict[str, Any] = {"last_updated": UNKNOWN, "last_human_commit": UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"id": None}, UNDATED),
        ({"id": "a\0"}, UNDATED),
        ({"committed_date": None}, UNDATED),
        ({"committed_date": 1705000000}, UNDATED),
        ({"committed_date": "yesterday"}, UNDATED),
        ({"committed_date": "1969-12-31T23:59:59Z"}, UNDATED),
        ({"committed_date": "2024-01-14T12:00:00"}, UNDATED),
        ({"committed_date": "99999-01-14T12:00:00Z"}, UNDATED),
        ({"parent_ids": None}, {}),
        ({"parent_ids": "ab"}, {}),
        ({"author_name": 5}, {"last_human_commit": UNKNOWN}),
    ],
)
def test_nonsense_in_the_newest_commit(
    wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any], unknown: dict[str, Any]
) -> None:
    serve_steps(wire, {1: {"json": [{**NEWEST, **changes}]}})
    fetched = gitlab.read(upstream, NEW, TODAY)
    assert fetched.facts == replace(FACTS, **unknown)
    assert len(fetched.odd) == 1


@pytest.mark.parametrize(
    ("changes", "weeks"),
    [
        ({"id": None}, (*[0] * 50, 1, 1)),
        ({"committed_date": "1969-12-31T23:59:59Z"}, (*[0] * 50, 1, 1)),
        ({"parent_ids": None}, UNKNOWN),
        ({"author_name": None}, WEEKS),
    ],
)
def test_an_odd_commit_among_others(
    wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any], weeks: Any
) -> None:
    """It is left out; unless it may be a merge: then the counts are unknown. It stays odd until there are others."""
    serve_steps(wire, {2: {"json": [LISTED[0], {**LISTED[1], **changes}, *LISTED[2:]]}})
    fetched = gitlab.read(upstream, NEW, TODAY)
    assert fetched.facts == replace(FACTS, commits_over_52=weeks)
    assert len(fetched.odd) == (0 if "author_name" in changes else 1)
    if weeks is not UNKNOWN:
        shifted = gitlab.read(upstream, replace(TARGET, validators=fetched.validators), TODAY)
        assert shifted.odd == fetched.odd
        assert shifted.validators == fetched.validators


@pytest.mark.parametrize(
    ("changes", "participants"),
    [
        ({"name": 1}, ("Zoë Žák", "Bob")),
        ({"name": None}, ("Zoë Žák", "Bob")),
        ({"name": ["Ada"]}, ("Zoë Žák", "Bob")),
        ({"commits": -1}, ("Zoë Žák", "Bob", "Ada")),
        ({"commits": True}, ("Zoë Žák", "Bob", "Ada")),
    ],
)
def test_nonsense_in_a_contributor(
    wire: responses.RequestsMock, upstream: Upstream, changes: dict[str, Any], participants: tuple[str, ...]
) -> None:
    serve_steps(wire, {3: {"json": [{**PEOPLE[0], **changes}, *PEOPLE[1:]]}})
    fetched = gitlab.read(upstream, NEW, TODAY)
    assert fetched.facts == replace(FACTS, participants=participants)
    assert len(fetched.odd) == 1


def test_contributors_without_any_name(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve_steps(wire, {3: {"json": [{"commits": 3}]}})
    assert gitlab.read(upstream, NEW, TODAY) == Fetched(
        replace(FACTS, participants=UNKNOWN), {}, odd=("a contributor has no name",)
    )


def test_contributors_that_are_not_found(wire: responses.RequestsMock, upstream: Upstream) -> None:
    """GitLab answers every failure in there so; the project was found just now."""
    serve_steps(wire, {3: {"status": 404, "json": {"message": "404 Not Found"}}})
    fetched = gitlab.read(upstream, NEW, TODAY)
    assert (fetched.facts, fetched.validators) == (replace(FACTS, participants=UNKNOWN), {})
    assert fetched.odd == ("contributors: invalid",)


def test_texts_that_cannot_be_stored_are_mended(wire: responses.RequestsMock, upstream: Upstream) -> None:
    wire.get(PROJECT, body=json.dumps({**DOCUMENT, "description": "a\0b\ud800c" + "x" * 3_000}))
    wire.get(COMMITS, json=LISTED)
    wire.get(CONTRIBUTORS, body=json.dumps([{"name": "A\0\udfffda", "commits": 1}, {"name": None, "commits": 1}]))
    fetched = gitlab.read(upstream, NEW, TODAY).facts
    assert fetched is not None
    assert fetched.description == "a\ufffdb\ufffdc" + "x" * 1_994 + "…"
    assert fetched.participants == ("A\ufffd\ufffdda",)


def test_a_description_that_is_null(wire: responses.RequestsMock, upstream: Upstream) -> None:
    serve(wire, description=None)
    assert gitlab.read(upstream, NEW, TODAY).facts == replace(FACTS, description="")


@pytest.mark.parametrize(
    ("path", "escaped"),
    [
        ("Group/Thing", "Group%2FThing"),
        ("jeff.t/my thing?#", "jeff.t%2Fmy%20thing%3F%23"),
        ("gruppe/größe", "gruppe%2Fgr%C3%B6%C3%9Fe"),
        ("gruppe/gr%C3%B6%C3%9Fe", "gruppe%2Fgr%C3%B6%C3%9Fe"),
        ("a/\ud800", "a%2F%3F"),
    ],
)
def test_paths_are_escaped(wire: responses.RequestsMock, upstream: Upstream, path: str, escaped: str) -> None:
    wire.get(f"{API}/projects/{escaped}", json=DOCUMENT)
    wire.get(f"{API}/projects/{escaped}/repository/commits", json=LISTED)
    wire.get(f"{API}/projects/{escaped}/repository/contributors", json=PEOPLE)
    assert gitlab.read(upstream, replace(NEW, path=path), TODAY).facts == FACTS
    assert wire.calls[0].request.url == f"{API}/projects/{escaped}"


@pytest.mark.parametrize("path", ["", "group", "/", "group/", "group//thing"])
def test_invalid_paths(wire: responses.RequestsMock, upstream: Upstream, path: str) -> None:
    assert fail(upstream, replace(NEW, path=path)).outcome is Outcome.INVALID
    assert not wire.calls


@given(key=st.sampled_from(sorted(DOCUMENT)), value=JSON)
def test_any_project(key: str, value: Any) -> None:
    """Any JSON gives facts or a FetchError."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        wire.get(PROJECT, body=json.dumps({**DOCUMENT, key: value}))
        wire.get(COMMITS, json=LISTED)
        wire.get(CONTRIBUTORS, json=PEOPLE)
        try:
            fetched = gitlab.read(make_upstream("gitlab.test", API), NEW, TODAY)
        except FetchError as error:
            assert error.outcome is Outcome.INVALID
        else:
            assert fetched.facts is not None
