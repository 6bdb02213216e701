"""Forgejo and Gitea, codeberg.org or any other: a repository and its commits, through version 1 of the REST API.

Sources: routers/api/v1/repo/commits.go and services/context/repo.go of Forgejo and Gitea. Neither lists contributors
nor weekly counts: both are made of the commits of the last 52 weeks.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from fetchers.network.http import FetchError, Host, parsing
from packages import facts
from packages.facts import Fetched, FetchTarget, InvalidFactError, Outcome, RepositoryFacts

PAGES = 40  # of 50 commits: who commits more in a year gets no weekly counts
PAGE_SIZE = 50  # the most that is given
NO_WEEKS = (0,) * facts.WEEKS


@dataclass(frozen=True, slots=True)
class _Commit:
    id: str
    at: datetime
    merge: bool
    author: str


def read(host: Host, known: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """The repository at known.path (owner/name); participants are the authors of the last 52 weeks.

    Two requests if nothing was committed since the last time. Raises FetchError.
    """
    with parsing():
        return _read(host, known, today)


def _read(host: Host, known: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    answer = host.get(f"repos/{_path(known)}")
    repository = facts.mapping(answer.document(), "repository")
    overview = _overview(repository, known, today)
    if facts.flag(repository.get("empty"), "empty"):
        return Fetched(overview, {})
    # The address that answered: a rename costs one redirect, and no commit is another repository's.
    commits = answer.url.partition("?")[0].rstrip("/") + "/commits"
    newest = _newest(host, commits) if _could_move_on(known) else None
    if newest and (moved := facts.moved_on(known, newest.id, newest.at, today)):
        weeks, end = moved
        found = replace(overview, last_updated=newest.at, participants=None, commits_over_52=weeks, weeks_end=end)
        return Fetched(found, {"head": newest.id})
    return _with_commits(host, commits, overview)


def _with_commits(host: Host, commits: str, overview: RepositoryFacts) -> Fetched[RepositoryFacts]:
    """The facts with all that the commits of the last 52 weeks say."""
    today = overview.weeks_end
    start = facts.midnight(today) - timedelta(weeks=facts.WEEKS)
    listed, whole = _listed(host, commits, start)
    if not listed:
        return Fetched(overview, {})
    overview = replace(overview, last_updated=listed[0].at)
    if not whole:
        # A head whose weeks could not be counted is no reason to move older ones on.
        return Fetched(replace(overview, participants=None, commits_over_52=None), {})
    weeks = facts.weekly((commit.at for commit in listed if not commit.merge), today)
    found = replace(overview, participants=_participants(listed, start), commits_over_52=weeks)
    return Fetched(found, {"head": listed[0].id})


def _overview(repository: Mapping[str, Any], known: FetchTarget, today: date) -> RepositoryFacts:
    """The facts of the repository itself, as if it were empty."""
    return RepositoryFacts(
        repo_id=facts.identifier(repository.get("id"), "id"),
        url=facts.repository_link(repository.get("html_url"), "html_url", known.host),
        description=facts.prose(repository.get("description"), "description"),
        watchers=facts.count(repository.get("stars_count"), "stars_count"),
        forks=facts.count(repository.get("forks_count"), "forks_count"),
        archived=facts.flag(repository.get("archived"), "archived"),
        last_updated=None,
        participants=(),
        commits_over_52=NO_WEEKS,
        weeks_end=today,
    )


def _could_move_on(known: FetchTarget) -> bool:
    return bool(_head(known)) and known.has_participants and len(known.commits_over_52) == facts.WEEKS


def _newest(host: Host, commits: str) -> _Commit | None:
    found, _ = _page(host, commits, 1, 1)
    return found[0] if found else None


def _listed(host: Host, commits: str, start: datetime) -> tuple[list[_Commit], bool]:
    """The default branch's commits, newest first, until a page ends before `start`; False if that took too long."""
    found: dict[str, _Commit] = {}
    seen = 0
    for page in range(1, PAGES + 1):
        listed, headers = _page(host, commits, PAGE_SIZE, page)
        seen += len(listed)
        for commit in listed:
            # A push between two pages moves commits from one to the next.
            found.setdefault(commit.id, commit)
        if not listed or listed[-1].at < start or not _has_more(headers, seen):
            return list(found.values()), True
    return list(found.values()), False


def _page(host: Host, commits: str, size: int, page: int) -> tuple[list[_Commit], Mapping[str, str]]:
    """A page of commits, and its headers. An empty repository, which is a 409, has none."""
    try:
        answer = host.get(f"{commits}?limit={size}&page={page}&stat=false&verification=false&files=false")
    except FetchError as error:
        if error.outcome in {Outcome.NOT_FOUND, Outcome.GONE}:
            # That a part is missing does not make a repository missing that is there.
            raise FetchError(str(error)) from error
        raise
    if answer.status == 409:
        return [], {}
    return [_commit(item) for item in facts.items(answer.document(), "commits")], answer.headers


def _has_more(headers: Mapping[str, str], seen: int) -> bool:
    """Whether commits follow after those seen; where neither header tells, an empty page will."""
    total = headers.get("X-Total-Count", "")
    if more := headers.get("X-HasMore", ""):
        return more.strip().lower() == "true"
    return seen < int(total) if re.fullmatch("[0-9]{1,12}", total) else True


def _participants(commits: Sequence[_Commit], start: datetime) -> tuple[str, ...]:
    """Authors since `start`, most commits first, merges apart; of equals, the one who was active last."""
    authors = Counter(commit.author for commit in commits if commit.at >= start and not commit.merge)
    return facts.people((name for name, _ in authors.most_common()), "authors")


def _commit(item: object) -> _Commit:
    outer = facts.mapping(item, "commit")
    commit = facts.mapping(outer.get("commit"), "commit")
    committer = facts.mapping(commit.get("committer"), "committer")
    return _Commit(
        facts.identifier(outer.get("sha"), "sha"),
        facts.parse_datetime(committer.get("date"), "committer's date"),
        len(facts.items(outer.get("parents"), "parents")) > 1,
        _author(outer.get("author"), commit.get("author")),
    )


def _author(user: object, signature: object) -> str:
    """The login of an author who has an account there, else the name in the commit."""
    login = None if user is None else facts.mapping(user, "author").get("login")
    name = login or facts.mapping(signature, "author").get("name")
    return facts.prose(name, "author's name").strip()


def _path(known: FetchTarget) -> str:
    """owner/name with each segment escaped, whatever escapes it was typed with."""
    parts = facts.segments(known.path)
    if len(parts) != 2:
        raise InvalidFactError(f"{known.path!r} is not owner/name")
    return "/".join(quote(part, safe="", errors="replace") for part in parts)


def _head(known: FetchTarget) -> str:
    return (known.validators or {}).get("head", "")
