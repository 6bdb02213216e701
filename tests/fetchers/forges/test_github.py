"""GitHub, on a faked wire: GraphQL and REST requests, the facts from valid responses, and the errors from others."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import ANY
from urllib.parse import quote

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from fetchers.forges import github, github_graphql
from fetchers.forges.github import AskRestError
from fetchers.forges.github_overview import Overview
from fetchers.network.http import FetchError, NotAskedError, Response, Upstream
from packages.facts import UNKNOWN, Fetched, FetchTarget, Outcome, RepositoryFacts, Unknown
from tests.fetchers import faults
from tests.fetchers.faults import FAULTS, NESTED, Fault
from tests.fetchers.upstreams import NOW, make_upstream

TODAY = NOW.date()
API = "https://api.github.test"
GRAPHQL = f"{API}/graphql"
REPO = f"{API}/repos/Owner/Thing"
COMMITS = f"{REPO}/commits?per_page=1&sha=main"
CONTRIBUTORS = f"{REPO}/contributors?per_page=100"
PARTICIPATION = f"{REPO}/stats/participation"
HEAD = "a" * 40
ZEROS = (0,) * 52
WEEKS = (*[0] * 50, 3, 4)
COMMITTED = datetime(2024, 1, 14, 12, tzinfo=UTC)
NEW = FetchTarget(package=1, host="github.com", path="owner/thing")
OVERVIEW = Overview(
    repo_id="7",
    url="https://github.com/Owner/Thing",
    description="Does things.",
    watchers=30,
    forks=4,
    archived=False,
    head=HEAD,
    last_updated=COMMITTED,
    last_human_commit=COMMITTED,
)
EMPTY = replace(OVERVIEW, head="", last_updated=None, last_human_commit=None)
FACTS = RepositoryFacts(
    repo_id="7",
    url="https://github.com/Owner/Thing",
    description="Does things.",
    watchers=30,
    forks=4,
    archived=False,
    last_updated=COMMITTED,
    participants=("ada", "dependabot[bot]"),
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    last_human_commit=COMMITTED,
)
VALIDATORS = {"head": HEAD, "contributors_etag": 'W/"c1"', "participation_etag": 'W/"p1"'}
TARGET = replace(
    NEW,
    repo_id="7",
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    has_participants=True,
    validators=VALIDATORS,
    previously_found=True,
)
ODD_PEOPLE = {"head": HEAD, "odd_people": "1", "participation_etag": 'W/"p1"'}
ODD_WEEKS = {"head": HEAD, "contributors_etag": 'W/"c1"', "odd_weeks": "1"}
MOVED = replace(TARGET, validators={**VALIDATORS, "head": "b" * 40})
AUTHOR: dict[str, Any] = {"name": "Ada", "user": {"login": "ada"}}
NODE: dict[str, Any] = {
    "databaseId": 7,
    "url": "https://github.com/Owner/Thing",
    "description": "Does things.",
    "stargazerCount": 30,
    "forkCount": 4,
    "isArchived": False,
    "defaultBranchRef": {"target": {"oid": HEAD, "committedDate": "2024-01-14T13:00:00+01:00", "author": AUTHOR}},
}
DOCUMENT: dict[str, Any] = {
    "id": 7,
    "html_url": "https://github.com/Owner/Thing",
    "description": "Does things.",
    "stargazers_count": 30,
    "forks_count": 4,
    "archived": False,
    "default_branch": "main",
}
COMMIT: dict[str, Any] = {
    "sha": HEAD,
    "author": {"login": "ada"},
    "commit": {
        "author": {"name": "Ada", "email": "ada@example.org"},
        "committer": {"date": "2024-01-14T12:00:00Z", "email": "ada@example.org"},
    },
}
PEOPLE: list[dict[str, Any]] = [
    {"login": "ada", "type": "User", "contributions": 9},
    {"type": "Anonymous", "name": "Zoë", "email": "zoe@example.org", "contributions": 5},
    {"login": "dependabot[bot]", "type": "Bot", "contributions": 1},
]
POLICY = "The 'nix' organization forbids access via a fine-grained personal access tokens if it is too old."
TOO_LARGE = "The history or contributor list is too large to list contributors for this repository via the API."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
SPENT = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "4102444800"}


@pytest.fixture
def rest() -> Upstream:
    return upstream(API)


@pytest.fixture
def graphql() -> Upstream:
    return upstream(GRAPHQL)


def upstream(url: str, headers: dict[str, str] | None = None) -> Upstream:
    headers = {**github.HEADERS, **({"Authorization": "Bearer token"} if headers is None else headers)}
    return make_upstream("github", url, headers=headers, forbidden=github.forbidden)


def many(number: int) -> list[FetchTarget]:
    return [replace(NEW, package=place, path=f"owner/thing{place}") for place in range(number)]


def wanted(request: requests.PreparedRequest) -> dict[str, str]:
    """The repositories that a query is about, by alias."""
    payload = json.loads(request.body or b"")
    found = re.findall(r"(r\d+): repository\(owner: \$(\w+), name: \$(\w+)\)", payload["query"])
    variables = payload["variables"]
    return {alias: f"{variables[owner]}/{variables[name]}" for alias, owner, name in found}


Respond = Callable[[dict[str, str]], tuple[int, dict[str, str], str]]


def serve_queries(wire: responses.RequestsMock, respond: Respond) -> None:
    """Serve GraphQL, with a response that depends on the repositories in the query."""
    wire.add_callback("POST", GRAPHQL, callback=lambda request: respond(wanted(request)))


def serve_graphql(wire: responses.RequestsMock, *errors: dict[str, Any], **data: Any) -> None:
    wire.post(GRAPHQL, json={"data": data, **({"errors": list(errors)} if errors else {})})


def serve_rest(wire: responses.RequestsMock, **replaced: Mapping[str, Any]) -> None:
    """Serve the four responses of a whole repository, some of them replaced."""
    good: dict[str, tuple[str, Any, str]] = {
        "repo": (f"{API}/repos/owner/thing", DOCUMENT, 'W/"r1"'),
        "commits": (COMMITS, [COMMIT], ""),
        "contributors": (CONTRIBUTORS, PEOPLE, 'W/"c1"'),
        "participation": (PARTICIPATION, {"all": list(WEEKS), "owner": [0] * 52}, 'W/"p1"'),
    }
    for name, (url, body, etag) in good.items():
        wire.get(url, **replaced.get(name, {"json": body, "headers": {"ETag": etag}}))


def requested(wire: responses.RequestsMock) -> list[str]:
    return [str(call.request.url).removeprefix(API) for call in wire.calls]


def only(found: github_graphql.Overviews) -> Overview | FetchError:
    (one,) = found.values()
    return one


def refusal(result: object) -> FetchError:
    assert isinstance(result, FetchError)
    return result


# GraphQL


def test_overviews_in_one_query(wire: responses.RequestsMock, graphql: Upstream) -> None:
    quota = {"cost": 1, "limit": 5000, "remaining": 4990, "resetAt": "2024-01-15T10:00:00Z"}
    empty = {**NODE, "databaseId": 8, "description": None, "isArchived": True, "defaultBranchRef": None}
    serve_graphql(wire, rateLimit=quota, r0=NODE, r1=empty, r2=NODE)
    batch = [NEW, replace(NEW, package=2, path="owner/empty"), replace(NEW, package=3, path="Owner/Thing")]

    found = github_graphql.read_overviews(graphql, batch)

    archived = replace(EMPTY, repo_id="8", description="", archived=True)
    assert found == {1: OVERVIEW, 2: archived, 3: OVERVIEW}
    (call,) = wire.calls
    assert json.loads(call.request.body or b"") == {
        "query": (
            "query ($o0: String!, $n0: String!, $o1: String!, $n1: String!, $o2: String!, $n2: String!) {\n"
            "  rateLimit { limit remaining resetAt }\n"
            "  r0: repository(owner: $o0, name: $n0) { ...fields }\n"
            "  r1: repository(owner: $o1, name: $n1) { ...fields }\n"
            "  r2: repository(owner: $o2, name: $n2) { ...fields }\n"
            "}\n"
            "fragment fields on Repository {\n"
            "  databaseId url description stargazerCount forkCount isArchived\n"
            "  defaultBranchRef { target { ... on Commit { oid committedDate author { name user { login } } } } }\n"
            "}"
        ),
        "variables": {"o0": "owner", "n0": "thing", "o1": "owner", "n1": "empty", "o2": "Owner", "n2": "Thing"},
    }
    assert call.request.headers["X-GitHub-Api-Version"] == "2022-11-28"
    state = graphql.rate_limit.state
    assert (state.limit, state.remaining, state.resets_at) == (5000, 4990, datetime(2024, 1, 15, 10, tzinfo=UTC))


def test_nothing_to_query(wire: responses.RequestsMock, graphql: Upstream) -> None:
    assert github_graphql.read_overviews(graphql, []) == {}
    refused = github_graphql.read_overviews(
        graphql, [replace(NEW, path=path) for path in ("", "owner", "../thing", "a/..")]
    )
    assert refusal(only(refused)).outcome is Outcome.INVALID
    assert len(wire.calls) == 0


def test_a_name_cannot_get_into_the_query(wire: responses.RequestsMock, graphql: Upstream) -> None:
    serve_graphql(wire, r0=NODE)
    github_graphql.read_overviews(graphql, [replace(NEW, path='ünï/th"ing) { id }')])
    payload = json.loads(wire.calls[0].request.body or b"")
    assert payload["variables"] == {"o0": "ünï", "n0": 'th"ing) { id }'}
    assert "thing" not in payload["query"]


@pytest.mark.parametrize("quota", [None, 5, {}, {"limit": 1, "remaining": -1, "resetAt": "2024-01-15T10:00:00Z"}])
def test_a_quota_that_makes_no_sense_costs_nothing(
    wire: responses.RequestsMock, graphql: Upstream, quota: object
) -> None:
    serve_graphql(wire, rateLimit=quota, r0=NODE)
    assert github_graphql.read_overviews(graphql, [NEW]) == {1: OVERVIEW}
    assert graphql.rate_limit.state.remaining is None


NOT_FOUND = {"type": "NOT_FOUND", "path": ["r0"], "message": "Could not resolve to 'a/secondary rate limit'"}
SAML = {"type": "FORBIDDEN", "path": ["r0"], "extensions": {"saml_failure": True}, "message": "…"}
STRANGE = {"type": "DMCA", "path": ["r0"], "message": "…"}
LIMITS = {"type": "RESOURCE_LIMITS_EXCEEDED", "message": "Resource limits for this query exceeded."}
UNFINISHED = {"message": "Something went wrong while executing your query."}
BRANCH: dict[str, Any] = NODE["defaultBranchRef"]["target"]


@pytest.mark.parametrize(
    ("node", "error", "outcome", "ask_rest"),
    [
        (None, NOT_FOUND, Outcome.NOT_FOUND, False),
        (None, SAML, Outcome.PRIVATE, True),
        (NODE, SAML, Outcome.PRIVATE, True),
        (None, None, Outcome.PRIVATE, True),
        ({**NODE, "databaseId": None}, None, Outcome.INVALID, False),
        ({**NODE, "databaseId": True}, None, Outcome.INVALID, False),
        ({**NODE, "databaseId": -7}, None, Outcome.INVALID, False),
        ({**NODE, "databaseId": "7\0"}, None, Outcome.INVALID, False),
        ([], None, Outcome.INVALID, False),
        ("thing", None, Outcome.INVALID, False),
    ],
)
def test_one_bad_alias_fails_alone(
    wire: responses.RequestsMock,
    graphql: Upstream,
    node: object,
    error: dict[str, Any] | None,
    outcome: Outcome,
    ask_rest: bool,
) -> None:
    response = {"data": {"r0": node, "r1": NODE}, **({"errors": [error]} if error else {})}
    wire.post(GRAPHQL, body=json.dumps(response))
    found = github_graphql.read_overviews(graphql, [NEW, replace(NEW, package=2)])
    failed = refusal(found[1])
    assert (failed.outcome, isinstance(failed, AskRestError), found[2]) == (outcome, ask_rest, OVERVIEW)
    assert len(wire.calls) == 1


UNKNOWN_HEAD = {"head": UNKNOWN, "last_updated": UNKNOWN, "last_human_commit": UNKNOWN}
UNKNOWN_TIME = {"last_updated": UNKNOWN, "last_human_commit": UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"stargazerCount": -1}, {"watchers": UNKNOWN}),
        ({"stargazerCount": 2**31}, {"watchers": UNKNOWN}),
        ({"stargazerCount": float("nan")}, {"watchers": UNKNOWN}),
        ({"stargazerCount": "30"}, {"watchers": UNKNOWN}),
        ({"forkCount": True}, {"forks": UNKNOWN}),
        ({"isArchived": None}, {"archived": UNKNOWN}),
        ({"description": 5}, {"description": UNKNOWN}),
        ({"url": "https://github.com.evil.test/Owner/Thing"}, {"url": UNKNOWN}),
        ({"url": "http://github.com/Owner/Thing"}, {"url": UNKNOWN}),
        ({"url": "https://github.com/Owner"}, {"url": UNKNOWN}),
        ({"url": "https://github.com/Owner/.."}, {"url": UNKNOWN}),
        ({"url": "https://[github.com/Owner/Thing"}, {"url": UNKNOWN}),
        ({"url": "https://me@github.com/Owner/Thing"}, {"url": UNKNOWN}),
        ({"defaultBranchRef": []}, UNKNOWN_HEAD),
        ({"defaultBranchRef": {"target": None}}, UNKNOWN_HEAD),
        ({"defaultBranchRef": {"target": {**BRANCH, "oid": "a\0"}}}, {"head": UNKNOWN}),
        ({"defaultBranchRef": {"target": {**BRANCH, "committedDate": None}}}, UNKNOWN_TIME),
        ({"defaultBranchRef": {"target": {**BRANCH, "committedDate": "1969-12-31T23:59:59Z"}}}, UNKNOWN_TIME),
        ({"defaultBranchRef": {"target": {**BRANCH, "author": 5}}}, {"last_human_commit": UNKNOWN}),
    ],
)
def test_an_odd_part_costs_itself_alone(
    wire: responses.RequestsMock, graphql: Upstream, changes: dict[str, Any], unknown: dict[str, Any]
) -> None:
    wire.post(GRAPHQL, body=json.dumps({"data": {"r0": {**NODE, **changes}}}))
    overview = only(github_graphql.read_overviews(graphql, [NEW]))
    assert isinstance(overview, Overview)
    assert replace(overview, odd=()) == replace(OVERVIEW, **unknown)
    assert len(overview.odd) == 1


@pytest.mark.parametrize(
    ("author", "human"),
    [
        ({"name": "Ada", "user": {"login": "ada"}}, True),
        ({"name": "Ada", "user": None}, True),
        ({"name": "dependabot[bot]", "user": None}, False),
        ({"name": "Ada", "user": {"login": "pyup-bot"}}, False),
        ({"name": "Renovate Bot", "user": None}, False),
        ({"name": "", "user": None}, False),
        ({"name": None}, False),
        (None, False),
    ],
)
def test_the_newest_commit_of_a_person(
    wire: responses.RequestsMock, graphql: Upstream, author: object, *, human: bool
) -> None:
    branch = {"target": {**BRANCH, "author": author}}
    serve_graphql(wire, r0={**NODE, "defaultBranchRef": branch})
    expected = replace(OVERVIEW, last_human_commit=COMMITTED if human else UNKNOWN)
    assert github_graphql.read_overviews(graphql, [NEW]) == {1: expected}


def test_nul_and_lone_surrogates_in_a_description(wire: responses.RequestsMock, graphql: Upstream) -> None:
    serve_graphql(wire, r0={**NODE, "description": "a\0b\ud800c"})
    assert github_graphql.read_overviews(graphql, [NEW]) == {1: replace(OVERVIEW, description="a�b�c")}


@pytest.mark.parametrize(
    "fault",
    [
        (502, {}, "<html>Bad gateway</html>"),
        (504, {}, ""),
        (200, {}, json.dumps({"data": None, "errors": [UNFINISHED]})),
        (200, {}, json.dumps({"errors": [{**UNFINISHED, "path": []}]})),
        (403, {}, json.dumps({"message": POLICY})),
    ],
)
def test_a_query_that_is_too_large_is_halved(
    wire: responses.RequestsMock, graphql: Upstream, fault: tuple[int, dict[str, str], str]
) -> None:
    """Down to the one repository that it fails on."""

    def respond(names: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if "owner/thing5" in names.values():
            return fault
        return 200, {}, json.dumps({"data": dict.fromkeys(names, NODE)})

    serve_queries(wire, respond)
    found = github_graphql.read_overviews(graphql, many(8))
    failed = refusal(found.pop(5))
    expected = Outcome.PRIVATE if fault[0] == 403 else Outcome.SERVER_ERROR
    assert (failed.outcome, isinstance(failed, AskRestError)) == (expected, fault[0] == 403)
    assert found == {place: OVERVIEW for place in range(8) if place != 5}
    assert [len(wanted(call.request)) for call in wire.calls] == [8, 4, 4, 2, 2, 1, 1]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (requests.ReadTimeout("slow"), Outcome.TIMEOUT),
        (requests.ConnectionError("reset"), Outcome.SERVER_ERROR),
    ],
)
def test_a_query_without_a_response_is_halved(
    wire: responses.RequestsMock, graphql: Upstream, error: Exception, outcome: Outcome
) -> None:
    wire.post(GRAPHQL, body=error)
    found = github_graphql.read_overviews(graphql, many(2))
    assert [refusal(each).outcome for each in found.values()] == [outcome] * 2
    assert len(wire.calls) == 3


def test_results_within_the_limits_count(wire: responses.RequestsMock, graphql: Upstream) -> None:
    """A branch that is null beside such an error does not mean an empty repository."""

    def respond(names: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if len(names) <= 2:
            return 200, {}, json.dumps({"data": dict.fromkeys(names, NODE)})
        data = {"r0": NODE, "r1": {**NODE, "defaultBranchRef": None}, "r2": None, "r3": NODE, "r4": NODE}
        own = {"type": "RESOURCE_LIMITS_EXCEEDED", "path": ["r3", "defaultBranchRef"], "message": "…"}
        return 200, {}, json.dumps({"data": data, "errors": [LIMITS, own]})

    serve_queries(wire, respond)
    assert github_graphql.read_overviews(graphql, many(5)) == dict.fromkeys(range(5), OVERVIEW)
    assert [sorted(wanted(call.request).values()) for call in wire.calls[1:]] == [
        ["owner/thing1"],
        ["owner/thing2", "owner/thing3"],
    ]


@pytest.mark.parametrize(("error", "ask_rest"), [(STRANGE, True), (LIMITS, False), (UNFINISHED, False)])
def test_one_that_fails_alone(
    wire: responses.RequestsMock, graphql: Upstream, error: dict[str, Any], ask_rest: bool
) -> None:
    serve_graphql(wire, error, r0=None)
    failed = refusal(only(github_graphql.read_overviews(graphql, [NEW])))
    assert isinstance(failed, AskRestError) is ask_rest
    assert failed.outcome is (Outcome.PRIVATE if ask_rest else Outcome.SERVER_ERROR)
    assert len(wire.calls) == 1


@pytest.mark.parametrize("status", [200, 502])
def test_an_outage_costs_ten_queries(wire: responses.RequestsMock, graphql: Upstream, status: int) -> None:
    wire.post(GRAPHQL, json={"data": None, "errors": [UNFINISHED]}, status=status)
    found = github_graphql.read_overviews(graphql, many(50))
    assert {refusal(each).outcome for each in found.values()} == {Outcome.SERVER_ERROR}
    assert (len(found), len(wire.calls)) == (50, 10)


@pytest.mark.parametrize("healthy", [True, False])
def test_graphql_is_not_given_up_before_what_was_good_is_tried(
    wire: responses.RequestsMock, graphql: Upstream, *, healthy: bool
) -> None:
    """Every second repository fails each query that it is in; the others were good before."""

    def respond(names: dict[str, str]) -> tuple[int, dict[str, str], str]:
        bad = [name for name in names.values() if int(name.removeprefix("owner/thing")) % 2]
        return (502, {}, "") if bad else (200, {}, json.dumps({"data": dict.fromkeys(names, NODE)}))

    serve_queries(wire, respond)
    batch = [replace(target, healthy=healthy and not target.package % 2) for target in many(50)]
    found = github_graphql.read_overviews(graphql, batch)
    good = sorted(package for package, each in found.items() if each == OVERVIEW)
    assert good == (list(range(0, 50, 2)) if healthy else [])
    assert len(wire.calls) < (100 if healthy else 11)


@pytest.mark.parametrize(
    ("body", "headers", "status", "pause"),
    [
        ({"data": None, "errors": [{"type": "RATE_LIMITED", "message": "…"}]}, {}, 200, 60),
        ({"data": {"r0": None}, "errors": [{"type": "RATE_LIMIT", "path": ["r0"], "message": "…"}]}, {}, 200, 60),
        ({"errors": [{"message": "API rate limit exceeded for user ID 1."}]}, {}, 200, 60),
        ({"message": SECONDARY}, {"Retry-After": "30"}, 200, 30),
        ({"message": SECONDARY}, {"Retry-After": "30"}, 403, 30),
        ({"message": SECONDARY}, {}, 403, 60),
        ({"message": "Slow down"}, {"Retry-After": "90"}, 429, 90),
        ({"data": None, "errors": [{"type": "RATE_LIMITED"}]}, SPENT, 200, 86_400),
        ({"message": "API rate limit exceeded"}, SPENT, 403, 86_400),
    ],
)
def test_graphql_limits(
    wire: responses.RequestsMock, graphql: Upstream, body: object, headers: dict[str, str], status: int, pause: int
) -> None:
    wire.post(GRAPHQL, json=body, headers=headers, status=status)
    with pytest.raises(FetchError) as failed:
        github_graphql.read_overviews(graphql, many(3))
    assert (failed.value.outcome, failed.value.upstream_wide) == (Outcome.RATE_LIMITED, True)
    assert len(wire.calls) == (3 if pause <= 120 else 1), "a short pause is waited out"
    assert graphql.rate_limit.state.paused_until == NOW + timedelta(seconds=pause * len(wire.calls))


def test_a_limit_between_halves_keeps_their_results(wire: responses.RequestsMock, graphql: Upstream) -> None:
    def respond(names: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if len(names) == 4:
            return 502, {}, ""
        if "owner/thing0" in names.values():
            return 200, {}, json.dumps({"data": dict.fromkeys(names, NODE)})
        return 429, {"Retry-After": "60"}, ""

    serve_queries(wire, respond)
    found = github_graphql.read_overviews(graphql, many(4))
    assert (found[0], found[1]) == (OVERVIEW, OVERVIEW)
    assert [refusal(found[place]).outcome for place in (2, 3)] == [Outcome.RATE_LIMITED] * 2
    assert len(wire.calls) == 2 + 3


@pytest.mark.parametrize(
    ("response", "outcome", "closed"),
    [
        ({"status": 401, "json": {"message": "Bad credentials"}}, Outcome.UNAUTHORIZED, True),
        ({"status": 403, "json": {"message": "Resource not accessible"}}, Outcome.UNAUTHORIZED, True),
        ({"status": 403, "json": {"message": "Sorry", "block": {"reason": "tos"}}}, Outcome.UNAUTHORIZED, True),
        ({"status": 404, "json": {"message": "Not Found"}}, Outcome.SERVER_ERROR, False),
        ({"status": 410}, Outcome.SERVER_ERROR, False),
        ({"status": 451}, Outcome.UNAUTHORIZED, True),
        ({"status": 503, "headers": {"Retry-After": "30"}}, Outcome.SERVER_ERROR, False),
        ({"status": 301, "headers": {"Location": GRAPHQL}}, Outcome.INVALID, False),
        ({"status": 200, "body": '{"data": {"r0"'}, Outcome.INVALID, False),
        ({"status": 200, "body": "<html>"}, Outcome.INVALID, False),
        ({"status": 200, "body": NESTED}, Outcome.INVALID, False),
        ({"status": 200, "body": b"\xff"}, Outcome.INVALID, False),
        ({"status": 200, "body": b" " * (5 * 1024 * 1024 + 1)}, Outcome.INVALID, False),
        ({"status": 200, "json": []}, Outcome.INVALID, False),
        ({"status": 200, "json": {}}, Outcome.INVALID, False),
        ({"status": 200, "json": {"data": []}}, Outcome.INVALID, False),
        ({"status": 200, "json": {"data": None}}, Outcome.INVALID, False),
        ({"status": 200, "json": {"data": {}, "errors": {"r0": "no"}}}, Outcome.INVALID, False),
        ({"status": 200, "json": {"data": {}, "errors": ["no"]}}, Outcome.INVALID, False),
    ],
)
def test_graphql_faults_of_the_upstream(
    wire: responses.RequestsMock, graphql: Upstream, response: dict[str, Any], outcome: Outcome, closed: bool
) -> None:
    """None of them means that a repository is missing."""
    wire.post(GRAPHQL, **response)
    with pytest.raises(FetchError) as failed:
        github_graphql.read_overviews(graphql, many(2))
    assert (failed.value.outcome, len(wire.calls)) == (outcome, 1 if failed.value.wait is None else 3)
    if closed:
        with pytest.raises(NotAskedError):
            github_graphql.read_overviews(graphql, [NEW])


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from([7, HEAD, "r0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NODE, "target", "oid"]), inner),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional={key: JSON | st.just(value) for key, value in NODE.items()}) | JSON)
def test_any_node_gives_an_overview_or_an_error(node: object) -> None:
    with responses.RequestsMock() as wire:
        wire.post(GRAPHQL, body=json.dumps({"data": {"r0": node}}))
        one = only(github_graphql.read_overviews(upstream(GRAPHQL), [NEW]))
    if isinstance(one, Overview):
        assert one.watchers is UNKNOWN or one.watchers >= 0
        assert one.url in {UNKNOWN, OVERVIEW.url}
        assert (one.head == "") is (one.last_updated is None)
    else:
        assert one.outcome in {Outcome.INVALID, Outcome.PRIVATE}


@given(st.fixed_dictionaries({}, optional={"data": JSON, "errors": JSON, "message": JSON}) | JSON)
def test_any_response_gives_a_result_or_an_error(document: object) -> None:
    with responses.RequestsMock() as wire:
        wire.post(GRAPHQL, body=json.dumps(document))
        try:
            assert set(github_graphql.read_overviews(upstream(GRAPHQL), [NEW])) == {1}
        except FetchError as error:
            assert error.outcome in {Outcome.INVALID, Outcome.RATE_LIMITED}


@given(st.integers(1, 50), st.sets(st.integers(0, 49), max_size=2))
def test_halving_finds_all_but_those_that_fail(number: int, bad: set[int]) -> None:
    poison = {f"owner/thing{place}" for place in bad}

    def respond(names: dict[str, str]) -> tuple[int, dict[str, str], str]:
        if poison & set(names.values()):
            return 502, {}, ""
        return 200, {}, json.dumps({"data": dict.fromkeys(names, NODE)})

    with responses.RequestsMock() as wire:
        serve_queries(wire, respond)
        found = github_graphql.read_overviews(upstream(GRAPHQL), many(number))
        assert len(wire.calls) <= 1 + 4 * 6
    assert set(found) == set(range(number))
    assert {place for place, one in found.items() if isinstance(one, FetchError)} == bad & set(range(number))


# REST, after GraphQL


def test_complete_first_time(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire)
    assert github.complete(rest, NEW, OVERVIEW, TODAY) == Fetched(FACTS, VALIDATORS)
    # The path is that of the overview: a redirect from the old name would cost a request each.
    assert requested(wire) == ["/repos/Owner/Thing/contributors?per_page=100", "/repos/Owner/Thing/stats/participation"]
    assert [call.request.headers.get("If-None-Match") for call in wire.calls] == [None, None]


def test_complete_requests_nothing_if_nothing_changed(wire: responses.RequestsMock, rest: Upstream) -> None:
    later = TODAY + timedelta(days=15)
    starred = replace(OVERVIEW, watchers=31)
    moved_on = (*WEEKS[2:], 0, 0)
    assert github.complete(rest, TARGET, starred, later) == Fetched(
        replace(
            FACTS, watchers=31, participants=UNKNOWN, commits_over_52=moved_on, weeks_end=TODAY + timedelta(days=14)
        ),
        VALIDATORS,
    )
    assert len(wire.calls) == 0


def test_complete_is_conditional_if_the_branch_moved(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire, contributors={"status": 304}, participation={"status": 304})
    later = TODAY + timedelta(days=8)
    facts = replace(FACTS, participants=UNKNOWN, commits_over_52=(*WEEKS[1:], 0), weeks_end=TODAY + timedelta(days=7))
    assert github.complete(rest, MOVED, OVERVIEW, later) == Fetched(facts, VALIDATORS)
    assert [call.request.headers.get("If-None-Match") for call in wire.calls] == ['W/"c1"', 'W/"p1"']


def test_complete_with_new_lists(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire)
    assert github.complete(rest, MOVED, OVERVIEW, TODAY) == Fetched(FACTS, VALIDATORS)
    assert len(wire.calls) == 2


@pytest.mark.parametrize(
    ("target", "requests_made"),
    [
        (replace(TARGET, has_participants=False), ["contributors?per_page=100"]),
        (replace(TARGET, commits_over_52=()), ["stats/participation"]),
        (replace(TARGET, weeks_end=None), ["stats/participation"]),
        (replace(TARGET, validators={**VALIDATORS, "computing": "1"}), ["stats/participation"]),
        (replace(TARGET, validators={**VALIDATORS, "people": "computing"}), ["contributors?per_page=100"]),
        (replace(TARGET, validators=None), ["contributors?per_page=100", "stats/participation"]),
        (replace(TARGET, has_participants=False, validators={**VALIDATORS, "people": "none"}), []),
    ],
)
def test_complete_requests_what_is_missing(
    wire: responses.RequestsMock, rest: Upstream, target: FetchTarget, requests_made: list[str]
) -> None:
    serve_rest(wire)
    fetched = github.complete(rest, target, OVERVIEW, TODAY)
    assert fetched.facts is not None
    assert fetched.facts.commits_over_52 == WEEKS
    assert fetched.validators["head"] == HEAD
    assert "computing" not in fetched.validators
    assert requested(wire) == [f"/repos/Owner/Thing/{path}" for path in requests_made]


def test_complete_while_github_computes(wire: responses.RequestsMock, rest: Upstream) -> None:
    """The old counts stay; the next run requests only new ones, without the ETag of the old."""
    serve_rest(wire, participation={"status": 202, "json": {}, "headers": {"ETag": 'W/"p1"'}})
    first = github.complete(rest, MOVED, OVERVIEW, TODAY)
    validators = {"head": HEAD, "contributors_etag": 'W/"c1"', "computing": "1"}
    assert first == Fetched(replace(FACTS, commits_over_52=UNKNOWN), validators, incomplete=True)

    wire.replace("GET", PARTICIPATION, json={"all": list(WEEKS)})
    second = github.complete(rest, replace(MOVED, validators=first.validators), OVERVIEW, TODAY)
    assert second == Fetched(replace(FACTS, participants=UNKNOWN), {"head": HEAD, "contributors_etag": 'W/"c1"'})
    assert "If-None-Match" not in wire.calls[-1].request.headers
    assert len(wire.calls) == 3


def test_complete_while_github_computes_contributors(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire, contributors={"status": 202, "json": {}})
    fetched = github.complete(rest, MOVED, OVERVIEW, TODAY)
    validators = {"head": HEAD, "people": "computing", "participation_etag": 'W/"p1"'}
    assert fetched == Fetched(replace(FACTS, participants=UNKNOWN), validators, incomplete=True)


@pytest.mark.parametrize(
    ("response", "participants"),
    [
        ({"status": 204}, ()),
        ({"json": [{"type": "Anonymous", "email": "a@example.org", "name": "A"}]}, ()),
        ({"status": 403, "json": {"message": TOO_LARGE}}, UNKNOWN),
    ],
)
def test_complete_without_contributors(
    wire: responses.RequestsMock, rest: Upstream, response: dict[str, Any], participants: tuple[str, ...] | Unknown
) -> None:
    """An empty list is noted, so that it is not requested again until the branch moves."""
    serve_rest(wire, contributors=response)
    fetched = github.complete(rest, NEW, OVERVIEW, TODAY)
    validators = {"head": HEAD, "people": "none", "participation_etag": 'W/"p1"'}
    assert fetched == Fetched(replace(FACTS, participants=participants), validators)


def test_complete_of_an_empty_repository(wire: responses.RequestsMock, rest: Upstream) -> None:
    facts = replace(FACTS, participants=(), commits_over_52=ZEROS, last_updated=None, last_human_commit=None)
    assert github.complete(rest, TARGET, EMPTY, TODAY) == Fetched(facts, {})
    assert len(wire.calls) == 0


@pytest.mark.parametrize(
    ("last", "number"), [(datetime(2023, 1, 15, 23, 59, 59, tzinfo=UTC), 1), (datetime(2023, 1, 16, tzinfo=UTC), 2)]
)
def test_complete_of_what_lies_idle(wire: responses.RequestsMock, rest: Upstream, last: datetime, number: int) -> None:
    """After 52 weeks without a commit the counts are zeros without a request."""
    serve_rest(wire, participation={"status": 204})
    fetched = github.complete(rest, NEW, replace(OVERVIEW, last_updated=last, last_human_commit=last), TODAY)
    facts = replace(FACTS, last_updated=last, last_human_commit=last, commits_over_52=ZEROS)
    assert fetched == Fetched(facts, {"head": HEAD, "contributors_etag": 'W/"c1"'})
    assert len(wire.calls) == number


def page(number: int, size: int = 100) -> list[dict[str, Any]]:
    return [{"login": f"user{number}-{place}", "type": "User"} for place in range(size)]


def test_contributors_of_five_pages(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire, contributors={"json": page(1), "headers": {"Link": f'<{REPO}?page=2>; rel="next"'}})
    for number in range(2, 8):
        # The link's URL does not matter: only its presence does, and it is never followed.
        headers = {"Link": '<https://evil.test/>; rel="next", <https://evil.test/9>; rel="last"'}
        wire.get(f"{CONTRIBUTORS}&page={number}", json=page(number), headers=headers)
    fetched = github.complete(rest, NEW, OVERVIEW, TODAY)
    assert fetched.facts is not None
    assert fetched.facts.participants == tuple(str(one["login"]) for number in range(1, 6) for one in page(number))
    assert len(wire.calls) == 5 + 1


@pytest.mark.parametrize(
    ("size", "link", "number"),
    [
        (100, "", 1),
        (99, '<x>; rel="next"', 1),
        (100, '<x>; rel="prev", <y>; rel="next"', 2),
        (100, '<x>; rel="last"', 1),
    ],
)
def test_another_page_is_requested_only_if_there_is_one(
    wire: responses.RequestsMock, rest: Upstream, size: int, link: str, number: int
) -> None:
    serve_rest(wire, contributors={"json": page(1, size), "headers": {"Link": link}})
    wire.get(f"{CONTRIBUTORS}&page=2", json=PEOPLE)
    github.complete(rest, NEW, OVERVIEW, TODAY)
    assert len(wire.calls) == number + 1


def test_an_etag_that_cannot_be_stored_is_forgotten(wire: responses.RequestsMock, rest: Upstream) -> None:
    bad = {"ETag": '"a\0b"'}
    serve_rest(
        wire,
        contributors={"json": PEOPLE, "headers": bad},
        participation={"json": {"all": list(WEEKS)}, "headers": {"ETag": f'"{"x" * 300}"'}},
    )
    assert github.complete(rest, NEW, OVERVIEW, TODAY) == Fetched(FACTS, {"head": HEAD})


# REST alone


def test_read(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire)
    assert github.read(rest, NEW, TODAY) == Fetched(FACTS, {**VALIDATORS, "etag": 'W/"r1"'})
    assert requested(wire) == [
        "/repos/owner/thing",
        "/repos/Owner/Thing/commits?per_page=1&sha=main",
        "/repos/Owner/Thing/contributors?per_page=100",
        "/repos/Owner/Thing/stats/participation",
    ]
    assert wire.calls[0].request.headers["Accept"] == "application/vnd.github+json"


READ = replace(TARGET, validators={**VALIDATORS, "etag": 'W/"r1"'})


def test_read_unchanged(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire, repo={"status": 304})
    assert github.read(rest, READ, TODAY + timedelta(days=6)) == Fetched(None, {**VALIDATORS, "etag": 'W/"r1"'})
    (call,) = wire.calls
    assert call.request.headers["If-None-Match"] == 'W/"r1"'


@pytest.mark.parametrize(
    ("target", "today"),
    [
        (READ, TODAY + timedelta(days=7)),
        (replace(READ, has_participants=False), TODAY),
        (replace(READ, commits_over_52=()), TODAY),
        (replace(READ, weeks_end=None), TODAY),
        (replace(READ, validators={**VALIDATORS, "etag": 'W/"r1"', "computing": "1"}), TODAY),
        (replace(READ, validators={**VALIDATORS, "etag": 'W/"r1"', "people": "computing"}), TODAY),
        (replace(READ, validators={"etag": 'W/"r1"'}), TODAY),
        (replace(READ, validators={}), TODAY),
    ],
)
def test_read_is_unconditional_if_something_is_to_be_written(
    wire: responses.RequestsMock, rest: Upstream, target: FetchTarget, today: date
) -> None:
    serve_rest(wire)
    fetched = github.read(rest, target, today)
    assert fetched.facts is not None
    assert fetched.validators["etag"] == 'W/"r1"'
    assert "If-None-Match" not in wire.calls[0].request.headers


def test_an_overview_ends_the_validity_of_rests_etag(wire: responses.RequestsMock, rest: Upstream) -> None:
    """An overview from GraphQL may be newer than the document of that ETag."""
    assert "etag" not in github.complete(rest, READ, OVERVIEW, TODAY).validators


def test_read_changed_without_a_commit(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire, repo={"json": {**DOCUMENT, "stargazers_count": 31}})
    fetched = github.read(rest, READ, TODAY)
    assert fetched == Fetched(replace(FACTS, watchers=31, participants=UNKNOWN), VALIDATORS)
    assert len(wire.calls) == 2


def test_read_empty(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire, commits={"status": 409, "json": {"message": "Git Repository is empty."}})
    facts = replace(FACTS, participants=(), commits_over_52=ZEROS, last_updated=None, last_human_commit=None)
    assert github.read(rest, NEW, TODAY) == Fetched(facts, {"etag": 'W/"r1"'})
    assert len(wire.calls) == 2


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_read_renamed(wire: responses.RequestsMock, rest: Upstream, status: int) -> None:
    """The new URL and the id are returned; packages.results decides whether to trust them."""
    serve_rest(wire, repo={"status": status, "headers": {"Location": f"{API}/repositories/7"}})
    wire.get(f"{API}/repositories/7", json=DOCUMENT)
    assert github.read(rest, NEW, TODAY) == Fetched(FACTS, VALIDATORS)
    assert len(wire.calls) == 5


@pytest.mark.parametrize("path", ["ünï/cödé", "a b/c#d", "a/b?c=d&e", "a%2Fb/c"])
def test_names_are_escaped(wire: responses.RequestsMock, rest: Upstream, path: str) -> None:
    quoted = "/".join(quote(segment, safe="") for segment in path.split("/"))
    base = f"/repos/{quoted}"
    url = f"https://github.com/{quoted}" if "%2F" not in path else DOCUMENT["html_url"]
    wire.get(f"{API}{base}", json={**DOCUMENT, "html_url": url, "default_branch": "füx/a&b#c"})
    wire.get(re.compile(f"{API}/repos/.*/commits"), json=[COMMIT])
    wire.get(re.compile(f"{API}/repos/.*/contributors"), json=PEOPLE)
    wire.get(re.compile(f"{API}/repos/.*/participation"), json={"all": list(WEEKS)})
    fetched = github.read(rest, replace(NEW, path=path), TODAY)
    assert fetched.facts == replace(FACTS, url=url)
    below = base if "%2F" not in path else "/repos/Owner/Thing"
    assert requested(wire) == [
        base,
        f"{below}/commits?per_page=1&sha=f%C3%BCx%2Fa%26b%23c",
        f"{below}/contributors?per_page=100",
        f"{below}/stats/participation",
    ]


@pytest.mark.parametrize("path", ["", "owner", "owner/", "../thing", "owner/.."])
def test_an_invalid_path_is_not_requested(wire: responses.RequestsMock, rest: Upstream, path: str) -> None:
    with pytest.raises(FetchError) as failed:
        github.read(rest, replace(NEW, path=path), TODAY)
    assert failed.value.outcome is Outcome.INVALID
    assert len(wire.calls) == 0


def test_a_description_is_cleaned(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire, repo={"body": json.dumps({**DOCUMENT, "description": "a\0b\ud800" + "c" * 3_000})})
    facts = github.read(rest, NEW, TODAY).facts
    assert facts is not None
    assert facts.description == "a�b�" + "c" * 1_995 + "…"


# The fault table: whatever REST answers at one step, the whole fails, and with which outcome

STEPS = ["repo", "commits", "contributors", "participation"]
OWN_FAULTS = {
    "403 policy": Fault({"status": 403, "json": {"message": POLICY}}, Outcome.PRIVATE, whole=True),
    "403 spent": Fault(
        {"status": 403, "json": {"message": "API rate limit exceeded"}, "headers": SPENT},
        Outcome.RATE_LIMITED,
        wait=ANY,
    ),
    "429 spent": Fault({"status": 429, "headers": SPENT}, Outcome.RATE_LIMITED, wait=ANY),
    "403 secondary": Fault({"status": 403, "json": {"message": SECONDARY}}, Outcome.RATE_LIMITED, wait=60, requests=3),
    "403 block": Fault(
        {"status": 403, "json": {"message": "Blocked", "block": {"reason": "unavailable"}}}, Outcome.BLOCKED
    ),
    "451 block": Fault({"status": 451, "json": {"message": "Blocked", "block": {"reason": "dmca"}}}, Outcome.BLOCKED),
}


@faults.at_each_step(
    STEPS,
    table=FAULTS | OWN_FAULTS,
    accepted={
        ("commits", "409"),
        ("commits", "list of empty objects"),
        *(("contributors", name) for name in ("202", "204", "a list")),
        *(("participation", name) for name in ("202", "204", "empty object", "nonsense")),
    },
    parts=True,
)
def test_faults(wire: responses.RequestsMock, rest: Upstream, step: str, fault: Fault) -> None:
    """A part that is not found is no reason to write zeros: the repository was just found."""
    serve_rest(wire, **{step: fault.response})
    faults.check(fault, lambda: github.read(rest, NEW, TODAY))
    if not fault.part:
        assert len(wire.calls) == STEPS.index(step) + fault.requests


def test_without_a_token_401_is_about_the_repository(wire: responses.RequestsMock) -> None:
    serve_rest(wire, repo={"status": 401})
    with pytest.raises(FetchError) as failed:
        github.read(upstream(API, {}), NEW, TODAY)
    assert (failed.value.outcome, failed.value.upstream_wide) == (Outcome.PRIVATE, False)


@pytest.mark.parametrize("headers", [{"Location": f"{API}/repos/owner/thing"}, {}])
def test_a_redirect_loop(wire: responses.RequestsMock, rest: Upstream, headers: dict[str, str]) -> None:
    serve_rest(wire, repo={"status": 301, "headers": headers})
    with pytest.raises(FetchError, match="too often") as failed:
        github.read(rest, NEW, TODAY)
    assert (failed.value.outcome, len(wire.calls)) == (Outcome.INVALID, 4)


@pytest.mark.parametrize(
    "identity",
    [None, "7\0", False, -7, ""],
)
def test_a_repository_without_identity(wire: responses.RequestsMock, rest: Upstream, identity: object) -> None:
    serve_rest(wire, repo={"json": {**DOCUMENT, "id": identity}})
    with pytest.raises(FetchError) as failed:
        github.read(rest, NEW, TODAY)
    assert failed.value.outcome is Outcome.INVALID


NO_HEAD: dict[str, Any] = {**UNKNOWN_TIME, "participants": UNKNOWN, "commits_over_52": UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "unknown"),
    [
        ({"stargazers_count": -1}, {"watchers": UNKNOWN}),
        ({"stargazers_count": 2**31}, {"watchers": UNKNOWN}),
        ({"stargazers_count": 1.0}, {"watchers": UNKNOWN}),
        ({"forks_count": float("nan")}, {"forks": UNKNOWN}),
        ({"archived": "no"}, {"archived": UNKNOWN}),
        ({"description": ["a"]}, {"description": UNKNOWN}),
        ({"html_url": None}, {"url": UNKNOWN}),
        ({"html_url": "https://gitlab.com/Owner/Thing"}, {"url": UNKNOWN}),
        ({"html_url": "https://github.com/Owner/Thing/tree/main"}, {"url": UNKNOWN}),
        ({"html_url": "https://github.com/Owner%2FThing/a"}, {"url": UNKNOWN}),
        ({"html_url": "https://github.com/Owner/Thing?a"}, {"url": UNKNOWN}),
        ({"html_url": "javascript:alert(1)"}, {"url": UNKNOWN}),
        ({"default_branch": None}, NO_HEAD),
        ({"default_branch": 5}, NO_HEAD),
        ({"default_branch": "ma\ud800in"}, NO_HEAD),
    ],
)
def test_nonsense_in_the_repository(
    wire: responses.RequestsMock, rest: Upstream, changes: dict[str, object], unknown: dict[str, Any]
) -> None:
    """Without a URL of its own, the repository's parts are requested at the package's."""
    serve_rest(wire, repo={"body": json.dumps({**DOCUMENT, **changes}), "headers": {"ETag": 'W/"r1"'}})
    target = replace(NEW, path="Owner/Thing")
    wire.get(f"{API}/repos/Owner/Thing", body=json.dumps({**DOCUMENT, **changes}), headers={"ETag": 'W/"r1"'})
    fetched = github.read(rest, target, TODAY)
    assert fetched.facts == replace(FACTS, **unknown)
    assert len(fetched.odd) == 1
    assert "etag" not in fetched.validators


@pytest.mark.parametrize(
    ("step", "body", "unknown", "notes"),
    [
        ("commits", [], NO_HEAD, {}),
        ("commits", [5], NO_HEAD, {}),
        ("commits", [{**COMMIT, "sha": 5.0}], {"participants": UNKNOWN, "commits_over_52": UNKNOWN}, {}),
        ("commits", [{**COMMIT, "sha": "\0"}], {"participants": UNKNOWN, "commits_over_52": UNKNOWN}, {}),
        ("commits", [{**COMMIT, "commit": {"committer": None}}], UNKNOWN_TIME, VALIDATORS),
        ("commits", [{**COMMIT, "commit": {"committer": {"date": "yesterday"}}}], UNKNOWN_TIME, VALIDATORS),
        ("commits", [{**COMMIT, "commit": {"committer": {"date": "2024-01-14T12:00:00"}}}], UNKNOWN_TIME, VALIDATORS),
        ("commits", [{**COMMIT, "commit": {"committer": {"date": "1969-12-31T23:59:59Z"}}}], UNKNOWN_TIME, VALIDATORS),
        ("contributors", [{"login": None, "type": "User"}], {"participants": UNKNOWN}, ODD_PEOPLE),
        ("contributors", [{"type": "User", "contributions": 3}], {"participants": UNKNOWN}, ODD_PEOPLE),
        ("contributors", ["ada"], {"participants": UNKNOWN}, ODD_PEOPLE),
        ("contributors", {"message": "?"}, {"participants": UNKNOWN}, ODD_PEOPLE),
        ("participation", {"all": []}, {"commits_over_52": UNKNOWN}, ODD_WEEKS),
        ("participation", {"all": [0] * 51}, {"commits_over_52": UNKNOWN}, ODD_WEEKS),
        ("participation", {"all": [0] * 51 + [-1]}, {"commits_over_52": UNKNOWN}, ODD_WEEKS),
        ("participation", {"all": [0] * 51 + [2**31]}, {"commits_over_52": UNKNOWN}, ODD_WEEKS),
        ("participation", {"all": [0] * 51 + [True]}, {"commits_over_52": UNKNOWN}, ODD_WEEKS),
        ("participation", {"all": [0] * 51 + [float("nan")]}, {"commits_over_52": UNKNOWN}, ODD_WEEKS),
        ("participation", {"all": None}, {"commits_over_52": UNKNOWN}, ODD_WEEKS),
    ],
)
def test_nonsense_in_the_lists(
    wire: responses.RequestsMock,
    rest: Upstream,
    step: str,
    body: object,
    unknown: dict[str, Any],
    notes: dict[str, str],
) -> None:
    """It costs its list alone, which is requested again the next time."""
    serve_rest(wire, **{step: {"body": json.dumps(body)}})
    fetched = github.read(rest, NEW, TODAY)
    assert fetched.facts == replace(FACTS, **unknown)
    assert fetched.validators == notes
    assert len(fetched.odd) >= 1


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 404}, {"status": 409, "json": {}}])
@pytest.mark.parametrize(("step", "unknown"), [("contributors", "participants"), ("participation", "commits_over_52")])
def test_a_list_that_fails_is_requested_again(
    wire: responses.RequestsMock, rest: Upstream, step: str, unknown: str, fault: dict[str, Any]
) -> None:
    serve_rest(wire, **{step: fault})
    fetched = github.complete(rest, MOVED, OVERVIEW, TODAY)
    missing: dict[str, Any] = {unknown: UNKNOWN}
    assert fetched.facts == replace(FACTS, **missing)
    what = {"contributors": "contributors", "participation": "weekly commits"}[step]
    assert fetched.odd == (f"{what}: {'invalid' if fault['status'] == 409 else 'server_error'}",)
    again = github.complete(rest, replace(MOVED, validators=fetched.validators), OVERVIEW, TODAY)
    assert [str(call.request.url).partition("?")[0].rpartition("/")[2] for call in wire.calls][2:] == [step]
    assert again.odd == fetched.odd


def test_a_contributor_without_a_login_is_left_out(wire: responses.RequestsMock, rest: Upstream) -> None:
    """And stays odd until the list is another."""
    serve_rest(wire, contributors={"json": [PEOPLE[0], {"type": "User", "contributions": 2}, PEOPLE[2]]})
    fetched = github.complete(rest, NEW, OVERVIEW, TODAY)
    assert fetched.facts == FACTS
    assert fetched.odd == ("a contributor has no login",)
    target = replace(TARGET, validators=fetched.validators)
    again = github.complete(rest, target, OVERVIEW, TODAY)
    assert (again.odd, again.validators) == (fetched.odd, fetched.validators)
    assert len(wire.calls) == 2


def test_participation_without_counts_is_no_news(wire: responses.RequestsMock, rest: Upstream) -> None:
    serve_rest(wire, participation={"json": {}})
    fetched = github.complete(rest, MOVED, OVERVIEW, TODAY)
    assert fetched.facts == replace(FACTS, commits_over_52=UNKNOWN)
    assert fetched.odd == ()


# What a 403 means


def test_a_spent_quota_pauses_until_its_reset(wire: responses.RequestsMock, rest: Upstream) -> None:
    reset = int(datetime.now(UTC).timestamp()) + 1_800
    headers = {**SPENT, "X-RateLimit-Reset": str(reset)}
    serve_rest(wire, repo={"status": 403, "headers": headers, "json": {"message": "API rate limit exceeded"}})
    with pytest.raises(FetchError) as failed:
        github.read(rest, NEW, TODAY)
    assert failed.value.upstream_wide
    assert failed.value.wait == pytest.approx(1_800, abs=60)
    with pytest.raises(NotAskedError):
        github.read(rest, NEW, TODAY)
    assert len(wire.calls) == 1


@pytest.mark.parametrize(
    ("message", "headers", "wait"),
    [
        (SECONDARY, {}, 60),
        (SECONDARY, {"Retry-After": "17"}, 17),
        ("", {"Retry-After": "0"}, 0),
        ("", {"X-RateLimit-Remaining": "0"}, 60),
        ("", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, 60),
        ("", {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "5"}, 0),
    ],
)
def test_how_long_a_limit_holds(message: str, headers: dict[str, str], wait: float) -> None:
    said = requests.structures.CaseInsensitiveDict({key.lower(): value for key, value in headers.items()})
    error = github.forbidden(Response(REPO, 403, said, json.dumps({"message": message}).encode()))
    assert (error.outcome, error.wait, error.upstream_wide) == (Outcome.RATE_LIMITED, wait, True)


@pytest.mark.parametrize(
    ("body", "kind", "outcome", "text"),
    [
        ({"message": POLICY}, AskRestError, Outcome.PRIVATE, "refuses tokens of our kind"),
        ({"message": "Resource protected by organization SAML enforcement."}, AskRestError, Outcome.PRIVATE, "tokens"),
        ({"message": TOO_LARGE}, github.TooManyContributorsError, Outcome.PRIVATE, "too many contributors"),
        ({"message": "Repository access blocked", "block": {"reason": "tos"}}, FetchError, Outcome.BLOCKED, "tos"),
        ({"reason": "a\0b"}, FetchError, Outcome.BLOCKED, "blocked"),
        ({"block": None}, FetchError, Outcome.BLOCKED, "blocked"),
        ({"message": "Must have admin rights"}, FetchError, Outcome.PRIVATE, "403"),
        ({"message": None}, FetchError, Outcome.PRIVATE, "403"),
        (["forbids"], FetchError, Outcome.PRIVATE, "403"),
    ],
)
def test_other_meanings_of_forbidden(body: object, kind: type[FetchError], outcome: Outcome, text: str) -> None:
    error = github.forbidden(Response(REPO, 403, {}, json.dumps(body).encode()))
    assert (type(error), error.outcome, error.upstream_wide, error.wait) == (kind, outcome, False, None)
    assert text in str(error)
    assert "\0" not in str(error)


@given(JSON)
def test_any_403_means_something(body: object) -> None:
    error = github.forbidden(Response(REPO, 403, {}, json.dumps(body).encode()))
    assert error.outcome in {Outcome.PRIVATE, Outcome.BLOCKED, Outcome.RATE_LIMITED}
