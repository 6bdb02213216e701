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
from typing import Any, TypeVar

from fetchers.forges import commits
from fetchers.forges.commits import Commit, MissingPartError, Page
from fetchers.network.http import FetchError, Upstream, parsing
from packages import facts
from packages.facts import UNKNOWN, Fetched, FetchTarget, InvalidFactError, Outcome, RepositoryFacts, Unknown

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
    response = upstream.get(f"projects/{path}?license=true", etag=etag)
    if etag and response.status == 304:
        return Fetched(None, dict(target.notes))
    project = facts.mapping(response.document(), "project")
    overview = _overview(project, target, today)
    notes = commits.etag_note(response)
    if _is_empty(project):
        return Fetched(overview, notes)
    repository = f"{commits.base_url(response)}/repository"
    newest = _newest(upstream, repository, may_be_empty=_may_be_empty(project, target))
    if newest is None:
        return Fetched(overview, notes)
    overview = replace(overview, last_updated=newest.at)
    whole = commits.with_shifted_counts(overview, target, newest) or _with_lists(upstream, repository, overview, newest)
    # Where the weeks could not be counted, the head is not noted, so that no older counts are shifted on its account.
    return Fetched(whole, notes if whole.commits_over_52 is UNKNOWN else notes | commits.head_note(newest))


def _overview(project: Mapping[str, Any], target: FetchTarget, today: date) -> RepositoryFacts:
    """Return the facts of the project itself, as if its repository were empty. Hidden code is a PRIVATE FetchError."""
    if "default_branch" not in project:
        raise FetchError(f"{target.host}/{target.path} shows its code to members only", Outcome.PRIVATE)
    return RepositoryFacts(
        repo_id=facts.identifier(project.get("id"), "id"),
        url=facts.repository_link(project.get("web_url"), "web_url", target.host),
        description=facts.prose(project.get("description"), "description"),
        watchers=facts.count(project.get("star_count"), "star_count"),
        forks=facts.count(project.get("forks_count"), "forks_count"),
        archived=facts.flag(project["archived"], "archived") if "archived" in project else UNKNOWN,
        last_updated=None,
        participants=(),
        commits_over_52=commits.NO_WEEKS,
        weeks_end=today,
    )


def _is_empty(project: Mapping[str, Any]) -> bool:
    return project["default_branch"] is None or facts.flag(project.get("empty_repo", False), "empty_repo")


def _may_be_empty(project: Mapping[str, Any], target: FetchTarget) -> bool:
    """Return whether the project may turn out empty: it does not say that it is not, and never had commits."""
    return "empty_repo" not in project and not target.notes.get("head") and not any(target.commits_over_52)


def _newest(upstream: Upstream, repository: str, *, may_be_empty: bool) -> Commit | None:
    """Return the newest commit of the default branch; None if there is none.

    An empty repository's commits are an empty list or "404 Repository Not Found" (MeltanoLabs/tap-gitlab#48): the
    latter is believed only if `may_be_empty`.
    """
    try:
        response = commits.get_part(upstream, f"{repository}/commits?per_page=1")
    except MissingPartError:
        if may_be_empty:
            return None
        raise
    listed = facts.items(response.document(), "commits")
    return _commit(listed[0]) if listed else None


def _with_lists(upstream: Upstream, repository: str, overview: RepositoryFacts, newest: Commit) -> RepositoryFacts:
    weeks = _weeks(upstream, repository, newest, overview.weeks_end)
    return replace(overview, participants=_participants(upstream, repository), commits_over_52=weeks)


def _weeks(upstream: Upstream, repository: str, newest: Commit, today: date) -> tuple[int, ...] | Unknown:
    """Return the weekly counts without merges; UNKNOWN if there are too many commits to count."""
    start = commits.window_start(today)
    if newest.at < start:
        return commits.NO_WEEKS
    pages = _pages(upstream, f"{repository}/commits?since={start:%Y-%m-%dT%H:%M:%SZ}", _commit)
    listed, complete = commits.commits_since(pages, start, COMMIT_PAGES)
    return commits.weekly_counts(listed, today) if complete else UNKNOWN


def _participants(upstream: Upstream, repository: str) -> tuple[str, ...]:
    """Return the contributors, most commits first. A person who used several e-mail addresses has several entries."""
    pages = _pages(upstream, f"{repository}/contributors?order_by=commits&sort=desc", _contributor)
    listed, _ = commits.read_pages(pages, CONTRIBUTOR_PAGES)
    totals: Counter[str] = Counter()
    for name, number in listed:
        totals[name] += number
    return facts.people((name for name, _ in totals.most_common()), "contributors")


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


def _commit(item: object) -> Commit:
    commit = facts.mapping(item, "commit")
    return Commit(
        facts.identifier(commit.get("id"), "commit id"),
        facts.parse_datetime(commit.get("committed_date"), "committed_date"),
        len(facts.items(commit.get("parent_ids"), "parent_ids")) > 1,
    )


def _contributor(item: object) -> tuple[str, int]:
    contributor = facts.mapping(item, "contributor")
    name = facts.prose(contributor.get("name"), "contributor's name").strip()
    return name, facts.count(contributor.get("commits"), "contributor's commits")
