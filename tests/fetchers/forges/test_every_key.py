"""Every key of every document of a forge: absent, null and odd in turn, each with the facts that it costs.

What is absent keeps what is known, and so does what is odd, which is named; but without its identity a document is
refused. A null that means something (no description, no branch) has its own line.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from fetchers.forges import bitbucket, commits, forgejo, github, github_graphql, gitlab
from fetchers.forges.github_overview import Overview
from fetchers.network.http import FetchError, Upstream
from packages.facts import UNKNOWN, Fetched, FetchTarget, Outcome, RepositoryFacts
from tests.fetchers.upstreams import NOW, make_upstream

TODAY = NOW.date()
API = "https://api.test"
AT = datetime(2024, 1, 14, 12, tzinfo=UTC)
WEEKS = (*[0] * 51, 1)
ODD = -1.5
REFUSED = ("refused",)
LISTS = ("participants", "commits_over_52")
NEWEST = ("last_updated", "last_human_commit")
COMMITS = (*NEWEST, *LISTS)
FACTS = RepositoryFacts(
    repo_id="7",
    url="https://forge.test/ada/thing",
    description="A thing",
    watchers=5,
    forks=4,
    archived=False,
    last_updated=AT,
    participants=("ada",),
    commits_over_52=WEEKS,
    weeks_end=TODAY,
    last_human_commit=AT,
)
EMPTY = {"last_updated": None, "last_human_commit": None, "participants": (), "commits_over_52": commits.NO_WEEKS}

Documents = dict[str, Any]
Costs = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Forge:
    """The documents of a repository by path in the API, and what each key costs.

    `odds` are the keys for which an odd value costs something else than absence does, `values` the facts that a null
    means. Keys that are nowhere cost nothing.
    """

    documents: Documents
    read: Callable[[Upstream, FetchTarget], Fetched[RepositoryFacts]]
    costs: Costs
    odds: Costs
    values: Mapping[str, Mapping[str, Any]]
    facts: RepositoryFacts = FACTS


def _graphql(upstream: Upstream, target: FetchTarget) -> Fetched[RepositoryFacts]:
    graphql = make_upstream("graphql", f"{API}/graphql", headers={"Authorization": "Bearer x"})
    [overview] = github_graphql.read_overviews(graphql, [target]).values()
    if not isinstance(overview, Overview):
        raise overview
    return github.complete(upstream, target, overview, TODAY)


PEOPLE = [{"login": "ada", "type": "User", "contributions": 3}]
PARTICIPATION = {"all": list(WEEKS), "owner": [0] * 52}
GITHUB_URL = "https://github.com/ada/thing"
NODE = {
    "databaseId": 7,
    "url": GITHUB_URL,
    "description": "A thing",
    "stargazerCount": 5,
    "forkCount": 4,
    "isArchived": False,
    "defaultBranchRef": {
        "target": {
            "oid": "a" * 40,
            "committedDate": "2024-01-14T12:00:00Z",
            "author": {"name": "ada", "user": {"login": "ada"}},
        }
    },
}
REPO = "repos/ada/thing"
FORGES = {
    "github": Forge(
        documents={
            "graphql": {"data": {"r0": NODE}},
            f"{REPO}/contributors": PEOPLE,
            f"{REPO}/stats/participation": PARTICIPATION,
        },
        read=_graphql,
        costs={
            "graphql data": REFUSED,
            "graphql data r0": REFUSED,
            "graphql data r0 databaseId": REFUSED,
            "graphql data r0 url": ("url",),
            "graphql data r0 description": ("description",),
            "graphql data r0 stargazerCount": ("watchers",),
            "graphql data r0 forkCount": ("forks",),
            "graphql data r0 isArchived": ("archived",),
            "graphql data r0 defaultBranchRef": COMMITS,
            "graphql data r0 defaultBranchRef target": COMMITS,
            "graphql data r0 defaultBranchRef target oid": LISTS,
            "graphql data r0 defaultBranchRef target committedDate": NEWEST,
            "graphql data r0 defaultBranchRef target author": ("last_human_commit",),
            f"{REPO}/contributors 0 login": ("participants",),
            f"{REPO}/stats/participation all": ("commits_over_52",),
        },
        odds={},
        values={"graphql data r0 description": {"description": ""}, "graphql data r0 defaultBranchRef": EMPTY},
        facts=replace(FACTS, url=GITHUB_URL),
    ),
    "github without a token": Forge(
        documents={
            REPO: {
                "id": 7,
                "full_name": "ada/thing",
                "html_url": GITHUB_URL,
                "description": "A thing",
                "stargazers_count": 5,
                "forks_count": 4,
                "archived": False,
                "default_branch": "main",
            },
            f"{REPO}/commits": [
                {
                    "sha": "a" * 40,
                    "author": {"login": "ada"},
                    "commit": {"author": {"name": "ada"}, "committer": {"date": "2024-01-14T12:00:00Z"}},
                }
            ],
            f"{REPO}/contributors": PEOPLE,
            f"{REPO}/stats/participation": PARTICIPATION,
        },
        read=lambda upstream, target: github.read(upstream, target, TODAY),
        costs={
            f"{REPO} id": REFUSED,
            f"{REPO} html_url": ("url",),
            f"{REPO} description": ("description",),
            f"{REPO} stargazers_count": ("watchers",),
            f"{REPO} forks_count": ("forks",),
            f"{REPO} archived": ("archived",),
            f"{REPO} default_branch": COMMITS,
            f"{REPO}/commits 0 sha": LISTS,
            f"{REPO}/commits 0 commit": NEWEST,
            f"{REPO}/commits 0 commit committer": NEWEST,
            f"{REPO}/commits 0 commit committer date": NEWEST,
            f"{REPO}/contributors 0 login": ("participants",),
            f"{REPO}/stats/participation all": ("commits_over_52",),
        },
        odds={},
        values={f"{REPO} description": {"description": ""}},
        facts=replace(FACTS, url=GITHUB_URL),
    ),
    "gitlab": Forge(
        documents={
            "projects/ada%2Fthing": {
                "id": 7,
                "path_with_namespace": "ada/thing",
                "web_url": FACTS.url,
                "description": "A thing",
                "star_count": 5,
                "forks_count": 4,
                "archived": False,
                "empty_repo": False,
                "default_branch": "main",
            },
            "projects/ada%2Fthing/repository/commits?per_page=1": [
                {"id": "a" * 40, "committed_date": "2024-01-14T12:00:00Z", "parent_ids": [], "author_name": "ada"}
            ],
            "projects/ada%2Fthing/repository/commits?since=2023-01-16T00:00:00Z&per_page=100&page=1": [
                {"id": "a" * 40, "committed_date": "2024-01-14T12:00:00Z", "parent_ids": [], "author_name": "ada"}
            ],
            "projects/ada%2Fthing/repository/contributors": [{"name": "ada", "email": "a@b.test", "commits": 3}],
        },
        read=lambda upstream, target: gitlab.read(upstream, target, TODAY),
        costs={
            "projects/ada%2Fthing id": REFUSED,
            "projects/ada%2Fthing web_url": ("url",),
            "projects/ada%2Fthing description": ("description",),
            "projects/ada%2Fthing star_count": ("watchers",),
            "projects/ada%2Fthing forks_count": ("forks",),
            "projects/ada%2Fthing archived": ("archived",),
            "projects/ada%2Fthing default_branch": COMMITS,
            "projects/ada%2Fthing/repository/commits?per_page=1 0 id": NEWEST,
            "projects/ada%2Fthing/repository/commits?per_page=1 0 committed_date": NEWEST,
            "projects/ada%2Fthing/repository/commits?per_page=1 0 author_name": ("last_human_commit",),
            **dict.fromkeys(
                [
                    f"projects/ada%2Fthing/repository/commits?since=2023-01-16T00:00:00Z&per_page=100&page=1 0 {key}"
                    for key in ("id", "committed_date", "parent_ids")
                ],
                ("commits_over_52",),
            ),
            "projects/ada%2Fthing/repository/contributors 0 name": ("participants",),
        },
        odds={"projects/ada%2Fthing default_branch": ()},  # only whether there is one is read
        values={
            "projects/ada%2Fthing description": {"description": ""},
            "projects/ada%2Fthing default_branch": EMPTY,
        },
    ),
    "bitbucket": Forge(
        documents={
            "repositories/ada/thing": {
                "uuid": "{7}",
                "full_name": "ada/thing",
                "links": {"html": {"href": FACTS.url}},
                "description": "A thing",
                "mainbranch": {"name": "main"},
            },
            "repositories/ada/thing/commits/main": {
                "values": [
                    {
                        "hash": "a" * 40,
                        "date": "2024-01-14T12:00:00+00:00",
                        "parents": [],
                        "author": {
                            "raw": "ada <a@b.test>",
                            "user": {"nickname": "ada", "display_name": "ada"},
                        },
                    }
                ],
                "next": None,
            },
            "repositories/ada/thing/watchers": {"size": 5},
            "repositories/ada/thing/forks": {"size": 4},
        },
        read=lambda upstream, target: bitbucket.read(upstream, target, TODAY),
        costs={
            "repositories/ada/thing uuid": REFUSED,
            "repositories/ada/thing links": ("url",),
            "repositories/ada/thing links html": ("url",),
            "repositories/ada/thing links html href": ("url",),
            "repositories/ada/thing description": ("description",),
            "repositories/ada/thing mainbranch": COMMITS,
            "repositories/ada/thing mainbranch name": COMMITS,
            "repositories/ada/thing/commits/main values": COMMITS,
            "repositories/ada/thing/commits/main values 0 hash": COMMITS,
            "repositories/ada/thing/commits/main values 0 date": COMMITS,
            "repositories/ada/thing/commits/main values 0 parents": ("commits_over_52",),
            "repositories/ada/thing/commits/main values 0 author": ("participants", "last_human_commit"),
            "repositories/ada/thing/watchers size": ("watchers",),
            "repositories/ada/thing/forks size": ("forks",),
        },
        odds={
            "repositories/ada/thing/commits/main next": COMMITS,
            "repositories/ada/thing/commits/main values 0 author user": ("participants", "last_human_commit"),
            "repositories/ada/thing/commits/main values 0 author user nickname": ("participants", "last_human_commit"),
        },
        values={
            "repositories/ada/thing description": {"description": ""},
            "repositories/ada/thing mainbranch": EMPTY,
        },
        facts=replace(FACTS, repo_id="{7}", archived=UNKNOWN),
    ),
    "forgejo": Forge(
        documents={
            REPO: {
                "id": 7,
                "full_name": "ada/thing",
                "html_url": FACTS.url,
                "description": "A thing",
                "stars_count": 5,
                "forks_count": 4,
                "archived": False,
                "empty": False,
            },
            f"{REPO}/commits": [
                {
                    "sha": "a" * 40,
                    "author": {"login": "ada"},
                    "commit": {"author": {"name": "ada"}, "committer": {"date": "2024-01-14T12:00:00Z"}},
                    "parents": [],
                }
            ],
        },
        read=lambda upstream, target: forgejo.read(upstream, target, TODAY),
        costs={
            f"{REPO} id": REFUSED,
            f"{REPO} html_url": ("url",),
            f"{REPO} description": ("description",),
            f"{REPO} stars_count": ("watchers",),
            f"{REPO} forks_count": ("forks",),
            f"{REPO} archived": ("archived",),
            f"{REPO}/commits 0 sha": COMMITS,
            f"{REPO}/commits 0 commit": COMMITS,
            f"{REPO}/commits 0 commit committer": COMMITS,
            f"{REPO}/commits 0 commit committer date": COMMITS,
            f"{REPO}/commits 0 parents": ("commits_over_52",),
        },
        odds={},
        values={f"{REPO} description": {"description": ""}},
    ),
}


def keys(document: object, *above: Any) -> Iterator[tuple[Any, ...]]:
    """The paths of all keys in a document."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield (*above, key)
            yield from keys(value, *above, key)
    elif isinstance(document, list) and document and isinstance(document[0], dict):
        yield from keys(document[0], *above, 0)


def changed(documents: Documents, path: tuple[Any, ...], how: str) -> Documents:
    """Return the documents with one key absent, null or odd."""
    copy: Documents = json.loads(json.dumps(documents))
    *outer, last = path
    inner: Any = copy
    for key in outer:
        inner = inner[key]
    if how == "absent":
        del inner[last]
    else:
        inner[last] = None if how == "null" else ODD
    return copy


def read(forge: Forge, documents: Documents) -> Fetched[RepositoryFacts]:
    host = "github.com" if forge.facts.url == GITHUB_URL else "forge.test"
    target = FetchTarget(package=1, host=host, path="ada/thing")
    with responses.RequestsMock(assert_all_requests_are_fired=False) as wire:
        wire.post(f"{API}/graphql", json=documents.get("graphql"))
        for path, document in documents.items():
            if path != "graphql":
                url, _, query = path.partition("?")
                strict = [responses.matchers.query_string_matcher(query)] if query else []
                wire.get(f"{API}/{url}", json=document, match=strict, headers={"X-HasMore": "false"})
        return forge.read(make_upstream("forge.test", API, headers={"Authorization": "Bearer x"}), target)


CASES = [
    pytest.param(forge, path, how, id=f"{name}-{' '.join(map(str, path))}-{how}")
    for name, forge in FORGES.items()
    for document in forge.documents
    for path in keys(forge.documents[document], document)
    for how in ("absent", "null", "odd")
]


@pytest.mark.parametrize("forge", FORGES.values(), ids=FORGES)
def test_the_whole(forge: Forge) -> None:
    fetched = read(forge, forge.documents)
    assert (fetched.facts, fetched.odd) == (forge.facts, ())
    paths = {" ".join(map(str, path)) for name in forge.documents for path in keys(forge.documents[name], name)}
    assert forge.costs.keys() | forge.odds.keys() | forge.values.keys() <= paths


@pytest.mark.parametrize(("forge", "path", "how"), CASES)
def test_every_key(forge: Forge, path: tuple[Any, ...], how: str) -> None:
    name = " ".join(map(str, path))
    costs = forge.costs.get(name, ())
    if how == "odd":
        costs = forge.odds.get(name, costs)
    documents = changed(forge.documents, path, how)
    if costs == REFUSED:
        with pytest.raises(FetchError) as failed:
            read(forge, documents)
        assert failed.value.outcome in {Outcome.INVALID, Outcome.PRIVATE}
        return
    fetched = read(forge, documents)
    means = forge.values.get(name) if how == "null" else None
    expected: Mapping[str, Any] = means or dict.fromkeys(costs, UNKNOWN)
    assert fetched.facts == replace(forge.facts, **expected)
    if how == "odd" and costs:
        assert fetched.odd, "the outcome is partial, and names the part"
    if means is not None or (how == "absent" and not costs):
        assert fetched.odd == ()
