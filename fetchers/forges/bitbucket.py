"""Bitbucket Cloud: a repository, its commits and its counts, through version 2.0 of the REST API.

Sources: developer.atlassian.com/cloud/bitbucket/rest (repositories, commits; "Pagination": `next` is opaque; "Partial
responses": `fields`). It has no flag for archived repositories and no weekly counts. Anonymous use is limited to 60
requests an hour in all: so watchers and forks are requested every 28 days, and commits in the largest pages.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from itertools import chain
from typing import Any
from urllib.parse import quote

from fetchers.forges import commits
from fetchers.forges.commits import Commit, MaybeCommit, Notes, Page
from fetchers.network.http import Upstream, parsing
from fetchers.network.parts import attempt
from packages import facts
from packages.facts import UNKNOWN, Fetched, FetchTarget, InvalidFactError, Odd, RepositoryFacts

READER = "1"  # another one when documents are read otherwise, so that they are read again
MAX_PAGES = 20  # of 100 commits: a repository with more in a year gets no weekly counts
COUNTS_LAST = timedelta(days=28)
COUNTS = ("watchers", "forks")
COMMIT_FIELDS = (
    "next,values.hash,values.date,values.parents.hash,"
    "values.author.raw,values.author.user.nickname,values.author.user.display_name"
)


@parsing()
def read(upstream: Upstream, target: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """Return the facts of the repository at target.path (workspace/slug); participants are the authors of 52 weeks.

    Two requests if nothing was committed since the last success, and two more every 28 days. Raises FetchError.
    """
    response = upstream.get(f"repositories/{commits.owner_and_name(target)}")
    repository = facts.mapping(response.document(), "repository")
    odd = Odd()
    overview = _overview(repository, target, today, odd)
    branch = odd.read(repository, "mainbranch", _branch)
    base = commits.base_url(response)
    head: Notes = {}
    if branch is UNKNOWN:
        overview = commits.without_commits(overview)
    elif branch:
        url = f"{base}/commits/{quote(branch, safe='', errors='replace')}"
        of_commits = Odd()
        overview, head = _with_commits(upstream, url, overview, target, of_commits)
        odd.extend(of_commits)
    counts = _stored_counts(target, overview.repo_id, today) or _requested_counts(upstream, base, today, odd)
    watchers, forks = (int(counts[name]) if name in counts else UNKNOWN for name in COUNTS)
    return Fetched(replace(overview, watchers=watchers, forks=forks), _complete(counts) | head, odd=tuple(odd))


def _overview(repository: Mapping[str, Any], target: FetchTarget, today: date, odd: Odd) -> RepositoryFacts:
    """Return the facts of the repository itself, as if it were empty, and without its counts."""
    return RepositoryFacts(
        repo_id=facts.identifier(repository.get("uuid"), "uuid"),
        url=odd.read(repository, "links.html.href", partial(facts.repository_link, host=target.host)),
        description=odd.read(repository, "description", facts.prose),
        watchers=UNKNOWN,
        forks=UNKNOWN,
        archived=UNKNOWN,
        last_updated=None,
        participants=(),
        commits_over_52=commits.NO_WEEKS,
        weeks_end=today,
        last_human_commit=None,
    )


def _branch(value: object, what: str) -> str:
    """Return the main branch's name, "" in an empty repository: without one, commits would be those of all branches."""
    if value is None:
        return ""
    name = facts.line(facts.mapping(value, what).get("name"), what, 255)
    if not name:
        raise InvalidFactError("mainbranch has no name")
    return name


def _with_commits(
    upstream: Upstream, url: str, overview: RepositoryFacts, target: FetchTarget, odd: Odd
) -> tuple[RepositoryFacts, Notes]:
    """Return the overview with what the commits tell, and the head to note."""
    pages = _pages(upstream, f"{url}?pagelen=100&fields={COMMIT_FIELDS}", odd)
    first = attempt(odd, "commits", lambda: next(pages))
    if first is UNKNOWN:
        return commits.without_commits(overview), {}
    if first.items and (shifted := commits.with_shifted_counts(overview, target, first.items[0], odd)):
        return shifted
    return commits.with_counts(overview, chain([first], pages), MAX_PAGES, odd)


def _pages(upstream: Upstream, url: str, odd: Odd) -> Iterator[Page[MaybeCommit]]:
    """The pages of commits from the one at `url` on, newest first."""
    while url:
        page = facts.mapping(commits.get_part(upstream, url).document(), "page of commits")
        listed = [odd.attempt(partial(_commit, item, odd)) for item in facts.items(page.get("values"), "values")]
        url = _next_url(upstream, page.get("next"))
        yield Page(listed, bool(listed and url))


def _next_url(upstream: Upstream, value: object) -> str:
    """Return the URL of the next page, "" after the last. It must be within the same API."""
    if value is None:
        return ""
    url = facts.link(value, "next", 2_000)
    if not url.startswith(f"{upstream.base_url}/"):
        raise InvalidFactError("next is not within the same API")
    return url


def _commit(item: object, odd: Odd) -> Commit:
    commit = facts.mapping(item, "a commit")
    return Commit(
        facts.identifier(commit.get("hash"), "a commit's hash"),
        facts.parse_datetime(commit.get("date"), "a commit's date"),
        odd.read(commit, "parents", commits.is_merge),
        odd.read(commit, "author", _author),
    )


def _author(value: object, what: str) -> str:
    """Return the nickname or name of an author with an account, else the name in "Name <address>"."""
    author = facts.mapping(value, what)
    user = {} if author.get("user") is None else facts.mapping(author["user"], "user")
    if name := facts.prose(user.get("nickname") or user.get("display_name"), "user's name").strip():
        return name
    name, bracket, _ = facts.prose(author.get("raw"), "author").partition("<")
    # Text without brackets but with an "@" is an e-mail address, even one at "localhost".
    return name.strip() if bracket or "@" not in name else ""


def _stored_counts(target: FetchTarget, repo_id: str, today: date) -> Notes | None:
    """Return the counts noted for this very repository in the last 28 days; None if they must be requested."""
    notes = target.notes
    try:
        age = today - date.fromisoformat(notes.get("counted", ""))
        sizes = {name: str(facts.count(int(notes.get(name, "")), name)) for name in COUNTS}
    except ValueError:
        return None
    fresh = timedelta() <= age < COUNTS_LAST and target.repo_id == repo_id
    return {"counted": notes["counted"], **sizes} if fresh else None


def _requested_counts(upstream: Upstream, base: str, today: date, odd: Odd) -> Notes:
    """Request watchers and forks, and return those that came as notes: two requests."""
    notes = {"counted": today.isoformat()}
    for name in COUNTS:
        number = attempt(odd, name, partial(_size, upstream, base, name))
        if number is not UNKNOWN:
            notes[name] = str(number)
    return notes


def _size(upstream: Upstream, base: str, name: str) -> int:
    page = facts.mapping(commits.get_part(upstream, f"{base}/{name}?pagelen=1&fields=size").document(), name)
    # Bitbucket leaves the size out where it costs too much to compute.
    return facts.count(page.get("size"), "size")


def _complete(counts: Notes) -> Notes:
    """Return the counts if there are both: else they are requested again."""
    return counts if set(COUNTS) <= counts.keys() else {}
