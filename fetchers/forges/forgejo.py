"""Forgejo and Gitea, codeberg.org or any other: a repository and its commits, through version 1 of the REST API.

Sources: routers/api/v1/repo/commits.go and services/context/repo.go of Forgejo and Gitea.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import count
from typing import Any

from fetchers.forges import commits
from fetchers.forges.commits import Commit, Page
from fetchers.network.http import Upstream, parsing
from packages import facts
from packages.facts import Fetched, FetchTarget, RepositoryFacts

MAX_PAGES = 40  # of 50 commits: a repository with more in a year gets no weekly counts
PAGE_SIZE = 50  # the most that a server gives


@parsing()
def read(upstream: Upstream, target: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """Return the facts of the repository at target.path (owner/name); participants are the authors of 52 weeks.

    Two requests if nothing was committed since the last success. Raises FetchError.
    """
    response = upstream.get(f"repos/{commits.owner_and_name(target)}")
    repository = facts.mapping(response.document(), "repository")
    overview = _overview(repository, target, today)
    if facts.flag(repository.get("empty"), "empty"):
        return Fetched(overview, {})
    url = f"{commits.base_url(response)}/commits"
    newest = _newest(upstream, url) if target.has_counts and target.notes.get("head") else None
    if newest and (shifted := commits.with_shifted_counts(overview, target, newest)):
        return Fetched(shifted, commits.head_note(newest))
    return Fetched(*commits.with_counts(overview, _pages(upstream, url), MAX_PAGES))


def _overview(repository: Mapping[str, Any], target: FetchTarget, today: date) -> RepositoryFacts:
    """Return the facts of the repository itself, as if it were empty."""
    return RepositoryFacts(
        repo_id=facts.identifier(repository.get("id"), "id"),
        url=facts.repository_link(repository.get("html_url"), "html_url", target.host),
        description=facts.prose(repository.get("description"), "description"),
        watchers=facts.count(repository.get("stars_count"), "stars_count"),
        forks=facts.count(repository.get("forks_count"), "forks_count"),
        archived=facts.flag(repository.get("archived"), "archived"),
        last_updated=None,
        participants=(),
        commits_over_52=commits.NO_WEEKS,
        weeks_end=today,
    )


def _newest(upstream: Upstream, url: str) -> Commit | None:
    listed, _ = _page(upstream, url, 1, 1)
    return listed[0] if listed else None


def _pages(upstream: Upstream, url: str) -> Iterator[Page[Commit]]:
    """The pages of the default branch's commits, newest first."""
    total = 0
    for number in count(1):
        listed, headers = _page(upstream, url, PAGE_SIZE, number)
        total += len(listed)
        yield Page(listed, bool(listed) and _has_more(headers, total))


def _page(upstream: Upstream, url: str, size: int, number: int) -> tuple[list[Commit], Mapping[str, str]]:
    """Return a page of commits, and its headers. An empty repository, which is a 409, has none."""
    query = f"limit={size}&page={number}&stat=false&verification=false&files=false"
    response = commits.get_part(upstream, f"{url}?{query}")
    if response.status == 409:
        return [], {}
    return [_commit(item) for item in facts.items(response.document(), "commits")], response.headers


def _has_more(headers: Mapping[str, str], total: int) -> bool:
    """Return whether commits follow after `total` of them; True where neither header tells, until a page is empty."""
    stated = headers.get("X-Total-Count", "")
    if has_more := headers.get("X-HasMore", ""):
        return has_more.strip().lower() == "true"
    return total < int(stated) if re.fullmatch("[0-9]{1,12}", stated) else True


def _commit(item: object) -> Commit:
    outer = facts.mapping(item, "commit")
    commit = facts.mapping(outer.get("commit"), "commit")
    committer = facts.mapping(commit.get("committer"), "committer")
    return Commit(
        facts.identifier(outer.get("sha"), "sha"),
        facts.parse_datetime(committer.get("date"), "committer's date"),
        len(facts.items(outer.get("parents"), "parents")) > 1,
        _author(outer.get("author"), commit.get("author")),
    )


def _author(user: object, signature: object) -> str:
    """Return the login of an author who has an account there, else the name in the commit."""
    login = None if user is None else facts.mapping(user, "author").get("login")
    name = login or facts.mapping(signature, "author").get("name")
    return facts.prose(name, "author's name").strip()
