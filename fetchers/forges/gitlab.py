"""GitLab, gitlab.com or any other: a project and its commits, through version 4 of the REST API.

Sources: doc/api/projects.md, commits.md and repositories.md of gitlab-org/gitlab, and lib/api/entities there: without
a token a project comes as BasicProjectDetails, which has neither `archived` nor `empty_repo`; and `default_branch` is
left out for users who may not read the code.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, TypeVar

from fetchers.forges import commits
from fetchers.forges.commits import Commit, MaybeCommit, MissingPartError, Notes, Page
from fetchers.network.http import Upstream, parsing
from fetchers.network.parts import attempt
from packages import facts
from packages.facts import UNKNOWN, Fetched, FetchTarget, InvalidFactError, Odd, RepositoryFacts, Unknown, known

READER = "1"  # another one when documents are read otherwise, so that they are read again
COMMIT_PAGES = 30  # of 100: a project with more in a year gets no weekly counts
CONTRIBUTOR_PAGES = 5  # of 100: no more than 500 are stored

T = TypeVar("T")


@parsing()
def read(upstream: Upstream, target: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """Return the facts of the project at target.path (group/name, groups may nest).

    Two requests if nothing was committed since the last success, one if that was today and the project is unchanged.
    Raises FetchError.
    """
    # The project's ETag does not change with commits: a 304 suffices only where the weeks cannot have moved either.
    etag = target.notes.get("etag", "") if target.has_counts and target.weeks_end == today else ""
    # The whole path is one segment of the URL.
    path = "%2F".join(commits.escaped_segments(target.path))
    response = upstream.get(f"projects/{path}", etag=etag)
    if etag and response.status == 304:
        return Fetched(None, dict(target.notes))
    project = facts.mapping(response.document(), "project")
    odd = Odd()
    overview = _overview(project, target, today, odd)
    overview, notes = _with_commits(
        upstream, f"{commits.base_url(response)}/repository", project, overview, target, odd
    )
    # What may be had by asking again must be asked for.
    return Fetched(overview, notes | ({} if odd else commits.etag_note(response)), odd=tuple(odd))


def _overview(project: Mapping[str, Any], target: FetchTarget, today: date, odd: Odd) -> RepositoryFacts:
    """Return the facts of the project itself, as if its repository were empty."""
    return RepositoryFacts(
        repo_id=facts.identifier(project.get("id"), "id"),
        url=odd.read(project, "web_url", partial(facts.repository_link, host=target.host)),
        description=odd.read(project, "description", facts.prose),
        watchers=odd.read(project, "star_count", facts.count),
        forks=odd.read(project, "forks_count", facts.count),
        archived=odd.read(project, "archived", facts.flag),
        last_updated=None,
        participants=(),
        commits_over_52=commits.NO_WEEKS,
        weeks_end=today,
        last_human_commit=None,
    )


def _with_commits(
    upstream: Upstream,
    repository: str,
    project: Mapping[str, Any],
    overview: RepositoryFacts,
    target: FetchTarget,
    odd: Odd,
) -> tuple[RepositoryFacts, Notes]:
    """Return the overview with what commits and contributors tell, and notes."""
    if "default_branch" not in project:
        odd.note(f"{target.host}/{target.path} shows its code to members only")
        return commits.without_commits(overview), {}
    if project["default_branch"] is None or odd.read(project, "empty_repo", facts.flag) is True:
        return overview, {}
    may_be_empty, before = _may_be_empty(project, target), len(odd)
    listed = attempt(odd, "the newest commit", lambda: _newest(upstream, repository, odd, may_be_empty=may_be_empty))
    if listed is UNKNOWN:
        return commits.without_commits(overview), {}
    if not listed:
        return overview, {}
    overview, notes = _with_newest(upstream, repository, overview, target, listed[0], odd)
    return overview, notes | commits.odd_note(odd[before:]) if notes else {}


def _with_newest(
    upstream: Upstream,
    repository: str,
    overview: RepositoryFacts,
    target: FetchTarget,
    newest: MaybeCommit,
    odd: Odd,
) -> tuple[RepositoryFacts, Notes]:
    if shifted := commits.with_shifted_counts(overview, target, newest, odd):
        return shifted
    whole = _with_lists(upstream, repository, commits.with_newest(overview, newest), newest, odd)
    # Where a list could not be had, the head is not noted, so that no older counts are shifted on its account.
    lists_known = whole.commits_over_52 is not UNKNOWN and whole.participants is not UNKNOWN
    return whole, commits.head_note(newest) if newest is not UNKNOWN and lists_known else {}


def _may_be_empty(project: Mapping[str, Any], target: FetchTarget) -> bool:
    """Return whether the project may turn out empty: it does not say that it is not, and never had commits."""
    return "empty_repo" not in project and not target.notes.get("head") and not any(target.commits_over_52)


def _newest(upstream: Upstream, repository: str, odd: Odd, *, may_be_empty: bool) -> list[MaybeCommit]:
    """Return the newest commit of the default branch as a list; an empty one if there is none.

    An empty repository's commits are an empty list or "404 Repository Not Found" (MeltanoLabs/tap-gitlab#48): the
    latter is believed only if `may_be_empty`.
    """
    try:
        response = commits.get_part(upstream, f"{repository}/commits?per_page=1")
    except MissingPartError:
        if may_be_empty:
            return []
        raise
    listed = facts.items(response.document(), "commits")
    return [odd.attempt(partial(_commit, item, odd)) for item in listed[:1]]


def _with_lists(
    upstream: Upstream, repository: str, overview: RepositoryFacts, newest: MaybeCommit, odd: Odd
) -> RepositoryFacts:
    """Return the overview with the weekly counts and the contributors, each for itself."""
    today = overview.weeks_end
    return replace(
        overview,
        commits_over_52=attempt(odd, "weekly commits", lambda: _weeks(upstream, repository, newest, today, odd)),
        participants=attempt(odd, "contributors", lambda: _participants(upstream, repository, odd)),
    )


def _weeks(
    upstream: Upstream, repository: str, newest: MaybeCommit, today: date, odd: Odd
) -> tuple[int, ...] | Unknown:
    """Return the weekly counts without merges; UNKNOWN if there are too many commits to count."""
    start = commits.window_start(today)
    if newest is not UNKNOWN and newest.at < start:
        return commits.NO_WEEKS
    url = f"{repository}/commits?since={start:%Y-%m-%dT%H:%M:%SZ}"
    pages = _pages(upstream, url, lambda item: odd.attempt(lambda: _commit(item, odd)))
    listed, complete = commits.commits_since(pages, start, COMMIT_PAGES)
    return commits.weekly_counts(listed, today) if complete else UNKNOWN


def _participants(upstream: Upstream, repository: str, odd: Odd) -> tuple[str, ...] | Unknown:
    """Return the contributors, most commits first. A person who used several e-mail addresses has several entries.

    UNKNOWN if all entries are odd.
    """
    url = f"{repository}/contributors?order_by=commits&sort=desc"
    pages = _pages(upstream, url, lambda item: odd.attempt(lambda: _contributor(item, odd)))
    listed, _ = commits.read_pages(pages, CONTRIBUTOR_PAGES)
    sound = [entry for entry in listed if entry is not UNKNOWN]
    totals: Counter[str] = Counter()
    for name, number in sound:
        totals[name] += number
    names = facts.people((name for name, _ in totals.most_common()), "contributors")
    return names if sound or not listed else UNKNOWN


def _pages(upstream: Upstream, url: str, parse: Callable[[object], T]) -> Iterator[Page[T]]:
    """The pages of the list at `url`.

    They end where x-next-page is empty: x-total is not always sent, and Link's rel="last" is false for commits.
    """
    number = "1"
    while number:
        response = commits.get_part(upstream, f"{url}&per_page=100&page={number}")
        listed = [parse(item) for item in facts.items(response.document(), "list")]
        number = response.headers.get("x-next-page", "").strip()
        if number and not re.fullmatch("[0-9]{1,6}", number):
            raise InvalidFactError("x-next-page is not a number")
        yield Page(listed, bool(number))


def _commit(item: object, odd: Odd) -> Commit:
    commit = facts.mapping(item, "a commit")
    return Commit(
        facts.identifier(commit.get("id"), "a commit's id"),
        facts.parse_datetime(commit.get("committed_date"), "a commit's date"),
        odd.read(commit, "parent_ids", commits.is_merge),
        odd.read(commit, "author_name", facts.prose),
    )


def _contributor(item: object, odd: Odd) -> tuple[str, int]:
    contributor = facts.mapping(item, "a contributor")
    name = contributor.get("name")
    if not isinstance(name, str):
        raise InvalidFactError("a contributor has no name")
    return facts.prose(name, "a contributor's name").strip(), known(odd.read(contributor, "commits", facts.count), 0)
