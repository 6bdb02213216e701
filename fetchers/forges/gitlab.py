"""GitLab, gitlab.com or any other: a project and its commits, through version 4 of the REST API.

Sources: doc/api/projects.md, commits.md and repositories.md of gitlab-org/gitlab, and lib/api/entities there: without
a token a project comes as BasicProjectDetails, which has neither `archived` nor `empty_repo`, and who may not read the
code is not told `default_branch`.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from fetchers.network.http import Answer, FetchError, Host, parsing
from packages import facts
from packages.facts import Fetched, FetchTarget, InvalidFactError, Outcome, RepositoryFacts

COMMIT_PAGES = 30  # of 100: who commits more in a year gets no weekly counts
CONTRIBUTOR_PAGES = 5  # of 100: the first 500 are kept
NO_WEEKS = (0,) * facts.WEEKS

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Commit:
    id: str
    at: datetime
    merge: bool


def read(host: Host, known: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """The project at known.path (group/name, groups may nest); participants are the contributors' names.

    Two requests if nothing was committed since the last time, one if that was today and the project is unchanged.
    Raises FetchError.
    """
    with parsing():
        return _read(host, known, today)


def _read(host: Host, known: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    # Commits do not show in the project's ETag: it spares the rest only where the weeks cannot have moved either.
    etag = _note(known, "etag") if _has_lists(known) and known.weeks_end == today else ""
    answer = host.get(f"projects/{_path(known)}?license=true", etag=etag)
    if etag and answer.status == 304:
        return Fetched(None, dict(known.validators or {}))
    project = facts.mapping(answer.document(), "project")
    overview = _overview(project, known, today)
    notes = _etag(answer)
    if _is_empty(project):
        return Fetched(overview, notes)
    # The address that answered: a rename costs one redirect, and no part is another project's.
    repository = answer.url.partition("?")[0].rstrip("/") + "/repository"
    newest = _newest(host, repository, known, told="empty_repo" in project)
    if newest is None:
        return Fetched(overview, notes)
    found = _with_commits(host, repository, overview, known, newest)
    # A head whose weeks could not be counted is no reason to move older ones on.
    return Fetched(found, notes if found.commits_over_52 is None else notes | {"head": newest.id})


def _overview(project: Mapping[str, Any], known: FetchTarget, today: date) -> RepositoryFacts:
    """The facts of the project itself, as if its repository were empty. Raises FetchError (PRIVATE) for hidden code."""
    if "default_branch" not in project:
        raise FetchError(f"{known.host}/{known.path} shows its code to members only", Outcome.PRIVATE)
    return RepositoryFacts(
        repo_id=facts.identifier(project.get("id"), "id"),
        url=facts.repository_link(project.get("web_url"), "web_url", known.host),
        description=facts.prose(project.get("description"), "description"),
        watchers=facts.count(project.get("star_count"), "star_count"),
        forks=facts.count(project.get("forks_count"), "forks_count"),
        archived=facts.flag(project["archived"], "archived") if "archived" in project else None,
        last_updated=None,
        participants=(),
        commits_over_52=NO_WEEKS,
        weeks_end=today,
    )


def _is_empty(project: Mapping[str, Any]) -> bool:
    return project["default_branch"] is None or facts.flag(project.get("empty_repo", False), "empty_repo")


def _newest(host: Host, repository: str, known: FetchTarget, *, told: bool) -> _Commit | None:
    """The newest commit of the default branch; None if there is none. `told`: the project says that it is not empty.

    An empty repository's commits are an empty list or "404 Repository Not Found" (MeltanoLabs/tap-gitlab#48): the
    latter is believed only where nothing speaks against it.
    """
    url = f"{repository}/commits?per_page=1"
    answer = _part(host, url)
    if answer is None:
        if told or _note(known, "head") or any(known.commits_over_52):
            raise FetchError(f"{url} is not found")
        return None
    commits = facts.items(answer.document(), "commits")
    return _commit(commits[0]) if commits else None


def _with_commits(
    host: Host, repository: str, overview: RepositoryFacts, known: FetchTarget, newest: _Commit
) -> RepositoryFacts:
    today = overview.weeks_end
    if moved := facts.moved_on(known, newest.id, newest.at, today):
        weeks, end = moved
        return replace(overview, last_updated=newest.at, participants=None, commits_over_52=weeks, weeks_end=end)
    weekly = _weeks(host, repository, newest, today)
    people = _participants(host, repository)
    return replace(overview, last_updated=newest.at, participants=people, commits_over_52=weekly)


def _weeks(host: Host, repository: str, newest: _Commit, today: date) -> tuple[int, ...] | None:
    """The weekly counts without merges; None if there are too many commits to count."""
    start = facts.midnight(today) - timedelta(weeks=facts.WEEKS)
    if newest.at < start:
        return NO_WEEKS
    commits, whole = _listed(host, f"{repository}/commits?since={start:%Y-%m-%dT%H:%M:%SZ}", COMMIT_PAGES, _commit)
    # A push between two pages moves commits from one to the next.
    times = {commit.id: commit.at for commit in commits if not commit.merge}
    return facts.weekly(times.values(), today) if whole else None


def _participants(host: Host, repository: str) -> tuple[str, ...]:
    """Contributors, most commits first. One person has several entries if they used several addresses."""
    url = f"{repository}/contributors?order_by=commits&sort=desc"
    listed, _ = _listed(host, url, CONTRIBUTOR_PAGES, _contributor)
    commits: Counter[str] = Counter()
    for name, number in listed:
        commits[name] += number
    return facts.people((name for name, _ in commits.most_common()), "contributors")


def _listed(host: Host, url: str, pages: int, parse: Callable[[object], T]) -> tuple[list[T], bool]:
    """What is listed at `url` on at most that many pages, and whether that is all.

    Pages end where x-next-page is empty: x-total is not always sent, and Link's rel="last" is false for commits.
    """
    found: list[T] = []
    page = "1"
    for _ in range(pages):
        answer = _part(host, f"{url}&per_page=100&page={page}")
        if answer is None:
            raise FetchError(f"{url} is not found")
        found += [parse(item) for item in facts.items(answer.document(), "list")]
        page = answer.headers.get("x-next-page", "").strip()
        if not page:
            return found, True
        if not re.fullmatch("[0-9]{1,6}", page):
            raise InvalidFactError("x-next-page is not a number")
    return found, False


def _commit(item: object) -> _Commit:
    commit = facts.mapping(item, "commit")
    return _Commit(
        facts.identifier(commit.get("id"), "commit id"),
        facts.parse_datetime(commit.get("committed_date"), "committed_date"),
        len(facts.items(commit.get("parent_ids"), "parent_ids")) > 1,
    )


def _contributor(item: object) -> tuple[str, int]:
    contributor = facts.mapping(item, "contributor")
    name = facts.prose(contributor.get("name"), "contributor's name").strip()
    return name, facts.count(contributor.get("commits"), "contributor's commits")


def _path(known: FetchTarget) -> str:
    """The project's path as GitLab wants it: one segment, whatever escapes it was typed with."""
    return quote("/".join(facts.segments(known.path)), safe="", errors="replace")


def _part(host: Host, url: str) -> Answer | None:
    """The answer to `url`; None if it is missing, which does not make a project missing that is there."""
    try:
        return host.get(url)
    except FetchError as error:
        if error.outcome in {Outcome.NOT_FOUND, Outcome.GONE}:
            return None
        raise


def _etag(answer: Answer) -> dict[str, str]:
    return {"etag": answer.etag} if answer.etag else {}


def _note(known: FetchTarget, name: str) -> str:
    return (known.validators or {}).get(name, "")


def _has_lists(known: FetchTarget) -> bool:
    return known.has_participants and len(known.commits_over_52) == facts.WEEKS
