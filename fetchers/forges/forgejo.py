"""Forgejo and Gitea, codeberg.org or any other: a repository and its commits, through version 1 of the REST API.

Sources: routers/api/v1/repo/commits.go and services/context/repo.go of Forgejo and Gitea.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from itertools import count
from typing import Any

from fetchers.forges import commits
from fetchers.forges.commits import Commit, MaybeCommit, Notes, Page
from fetchers.network.http import Upstream, parsing
from fetchers.network.parts import attempt
from packages import facts
from packages.facts import UNKNOWN, Fetched, FetchTarget, Odd, RepositoryFacts, Unknown, known

READER = "1"  # another one when documents are read otherwise, so that they are read again
MAX_PAGES = 40  # of 50 commits: a repository with more in a year gets no weekly counts
PAGE_SIZE = 50  # the most that a server gives


@parsing()
def read(upstream: Upstream, target: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """Return the facts of the repository at target.path (owner/name); participants are the authors of 52 weeks.

    Two requests if nothing was committed since the last success. Raises FetchError.
    """
    response = upstream.get(f"repos/{commits.owner_and_name(target)}")
    repository = facts.mapping(response.document(), "repository")
    odd = Odd()
    overview = _overview(repository, target, today, odd)
    if odd.read(repository, "empty", facts.flag) is True:
        return Fetched(overview, {}, odd=tuple(odd))
    whole, notes = _with_commits(upstream, f"{commits.base_url(response)}/commits", overview, target, odd)
    return Fetched(whole, notes, odd=tuple(odd))


def _overview(repository: Mapping[str, Any], target: FetchTarget, today: date, odd: Odd) -> RepositoryFacts:
    """Return the facts of the repository itself, as if it were empty."""
    return RepositoryFacts(
        repo_id=facts.identifier(repository.get("id"), "id"),
        url=odd.read(repository, "html_url", partial(facts.repository_link, host=target.host)),
        description=odd.read(repository, "description", facts.prose),
        watchers=odd.read(repository, "stars_count", facts.count),
        forks=odd.read(repository, "forks_count", facts.count),
        archived=odd.read(repository, "archived", facts.flag),
        last_updated=None,
        participants=(),
        commits_over_52=commits.NO_WEEKS,
        weeks_end=today,
        last_human_commit=None,
    )


def _with_commits(
    upstream: Upstream, url: str, overview: RepositoryFacts, target: FetchTarget, odd: Odd
) -> tuple[RepositoryFacts, Notes]:
    """Return the overview with what the commits tell, and the notes. One request if they are those that are known."""
    if target.has_counts and target.notes.get("head"):
        newest = attempt(odd, "the newest commit", lambda: _newest(upstream, url, odd))
        if newest and (shifted := commits.with_shifted_counts(overview, target, newest, odd)):
            return shifted
    of_commits = Odd()
    whole, notes = commits.with_counts(overview, _pages(upstream, url, of_commits), MAX_PAGES, of_commits)
    odd.extend(of_commits)
    return whole, notes


def _newest(upstream: Upstream, url: str, odd: Odd) -> MaybeCommit | None:
    listed, _ = _page(upstream, url, 1, 1, odd)
    return listed[0] if listed else None


def _pages(upstream: Upstream, url: str, odd: Odd) -> Iterator[Page[MaybeCommit]]:
    """The pages of the default branch's commits, newest first."""
    total = 0
    for number in count(1):
        listed, headers = _page(upstream, url, PAGE_SIZE, number, odd)
        total += len(listed)
        yield Page(listed, bool(listed) and _has_more(headers, total))


def _page(
    upstream: Upstream, url: str, size: int, number: int, odd: Odd
) -> tuple[list[MaybeCommit], Mapping[str, str]]:
    """Return a page of commits, and its headers. An empty repository, which is a 409, has none."""
    query = f"limit={size}&page={number}&stat=false&verification=false&files=false"
    response = commits.get_part(upstream, f"{url}?{query}")
    if response.status == 409:
        return [], {}
    listed = facts.items(response.document(), "commits")
    return [odd.attempt(partial(_commit, item, odd)) for item in listed], response.headers


def _has_more(headers: Mapping[str, str], total: int) -> bool:
    """Return whether commits follow after `total` of them; True where neither header tells, until a page is empty."""
    stated = headers.get("X-Total-Count", "")
    if has_more := headers.get("X-HasMore", ""):
        return has_more.strip().lower() == "true"
    return total < int(stated) if re.fullmatch("[0-9]{1,12}", stated) else True


def _commit(item: object, odd: Odd) -> Commit:
    outer = facts.mapping(item, "a commit")
    commit = facts.mapping(outer.get("commit"), "a commit")
    committer = facts.mapping(commit.get("committer"), "a commit's committer")
    return Commit(
        facts.identifier(outer.get("sha"), "a commit's sha"),
        facts.parse_datetime(committer.get("date"), "a commit's date"),
        odd.read(outer, "parents", commits.is_merge),
        _author(outer, odd),
    )


def _author(outer: Mapping[str, Any], odd: Odd) -> str | Unknown:
    """Return the login of an author who has an account there, else the name in the commit."""
    login = odd.read(outer, "author.login", facts.prose) if outer.get("author") is not None else UNKNOWN
    name = known(login, "").strip() or odd.read(outer, "commit.author.name", facts.prose)
    return name if name is UNKNOWN else name.strip()
