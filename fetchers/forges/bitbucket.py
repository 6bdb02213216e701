"""Bitbucket Cloud: a repository, its commits and its counts, through version 2.0 of the REST API.

Sources: developer.atlassian.com/cloud/bitbucket/rest (repositories, commits; "Pagination": `next` is opaque; "Partial
responses": `fields`). It has no flag for archived repositories and no weekly counts. Anonymous use is 60 requests an
hour over everything, so that none is made twice: counts are asked every 28 days, commits in the largest pages.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from fetchers.network.http import FetchError, Host, parsing
from packages import facts
from packages.facts import Fetched, FetchTarget, InvalidFactError, Outcome, RepositoryFacts

PAGES = 20  # of 100 commits: who commits more in a year gets no weekly counts
COUNTS_LAST = timedelta(days=28)
COMMIT_FIELDS = "next,values.hash,values.date,values.parents.hash,values.author"
NO_WEEKS = (0,) * facts.WEEKS


@dataclass(frozen=True, slots=True)
class _Commit:
    id: str
    at: datetime
    merge: bool
    author: str


def read(host: Host, known: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """The repository at known.path (workspace/slug); participants are the authors of the last 52 weeks.

    Two requests if nothing was committed since the last time, and two more every 28 days. Raises FetchError.
    """
    with parsing():
        return _read(host, known, today)


def _read(host: Host, known: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    answer = host.get(f"repositories/{_path(known)}")
    repository = facts.mapping(answer.document(), "repository")
    overview = _overview(repository, known, today)
    branch = _branch(repository)
    # The address that answered: a rename costs one redirect, and no part is another repository's.
    base = answer.url.partition("?")[0].rstrip("/")
    head: dict[str, str] = {}
    if branch:
        commits = f"{base}/commits/{quote(branch, safe='', errors='replace')}"
        overview, head = _with_commits(host, commits, overview, known)
    counts = _carried(known, overview.repo_id, today) or _counted(host, base, today)
    found = replace(overview, watchers=int(counts["watchers"]), forks=int(counts["forks"]))
    return Fetched(found, counts | head)


def _overview(repository: Mapping[str, Any], known: FetchTarget, today: date) -> RepositoryFacts:
    """The facts of the repository itself, as if it were empty and its counts 0."""
    links = facts.mapping(repository.get("links"), "links")
    html = facts.mapping(links.get("html"), "links.html")
    return RepositoryFacts(
        repo_id=facts.identifier(repository.get("uuid"), "uuid"),
        url=facts.repository_link(html.get("href"), "links.html.href", known.host),
        description=facts.prose(repository.get("description"), "description"),
        watchers=0,
        forks=0,
        archived=None,
        last_updated=None,
        participants=(),
        commits_over_52=NO_WEEKS,
        weeks_end=today,
    )


def _branch(repository: Mapping[str, Any]) -> str:
    """The main branch's name, "" in an empty repository: commits without one would be those of all branches."""
    if "mainbranch" not in repository:
        raise InvalidFactError("mainbranch is missing")
    if repository["mainbranch"] is None:
        return ""
    name = facts.line(facts.mapping(repository["mainbranch"], "mainbranch").get("name"), "mainbranch", 255)
    if not name:
        raise InvalidFactError("mainbranch has no name")
    return name


def _with_commits(
    host: Host, commits: str, overview: RepositoryFacts, known: FetchTarget
) -> tuple[RepositoryFacts, dict[str, str]]:
    """The facts with what the commits say, and the newest commit's hash, to be remembered."""
    today = overview.weeks_end
    listed, following = _page(host, f"{commits}?pagelen=100&fields={COMMIT_FIELDS}")
    if not listed:
        return overview, {}
    newest = listed[0]
    head = {"head": newest.id}
    overview = replace(overview, last_updated=newest.at)
    if moved := facts.moved_on(known, newest.id, newest.at, today):
        weeks, end = moved
        return replace(overview, participants=None, commits_over_52=weeks, weeks_end=end), head
    start = facts.midnight(today) - timedelta(weeks=facts.WEEKS)
    listed, whole = _continued(host, listed, following, start)
    if not whole:
        # A head whose weeks could not be counted is no reason to move older ones on.
        return replace(overview, participants=None, commits_over_52=None), {}
    weeks = facts.weekly((commit.at for commit in listed if not commit.merge), today)
    return replace(overview, participants=_participants(listed, start), commits_over_52=weeks), head


def _continued(host: Host, listed: list[_Commit], following: str, start: datetime) -> tuple[list[_Commit], bool]:
    """The first page and those after it, until one ends before `start`; False if that took too long."""
    found = {commit.id: commit for commit in listed}
    for _ in range(PAGES - 1):
        if not listed or listed[-1].at < start or not following:
            break
        listed, following = _page(host, following)
        for commit in listed:
            # A push between two pages may move commits from one to the next.
            found.setdefault(commit.id, commit)
    whole = not listed or listed[-1].at < start or not following
    return list(found.values()), whole


def _page(host: Host, url: str) -> tuple[list[_Commit], str]:
    """A page of commits, newest first, and the address of the next one, "" after the last."""
    page = facts.mapping(_part(host, url), "page of commits")
    commits = [_commit(item) for item in facts.items(page.get("values"), "values")]
    following = page.get("next")
    if following is None:
        return commits, ""
    following = facts.link(following, "next", 2_000)
    if not following.startswith(f"{host.base_url}/"):
        raise InvalidFactError(f"next {following} is not below {host.base_url}")
    return commits, following


def _participants(commits: Sequence[_Commit], start: datetime) -> tuple[str, ...]:
    """Authors since `start`, most commits first, merges apart; of equals, the one who was active last."""
    authors = Counter(commit.author for commit in commits if commit.at >= start and not commit.merge)
    return facts.people((name for name, _ in authors.most_common()), "authors")


def _commit(item: object) -> _Commit:
    commit = facts.mapping(item, "commit")
    return _Commit(
        facts.identifier(commit.get("hash"), "hash"),
        facts.parse_datetime(commit.get("date"), "date"),
        len(facts.items(commit.get("parents"), "parents")) > 1,
        _author(facts.mapping(commit.get("author"), "author")),
    )


def _author(author: Mapping[str, Any]) -> str:
    """The nickname or name of an author with an account, else the name out of "Name <address>"."""
    user = {} if author.get("user") is None else facts.mapping(author["user"], "user")
    if name := facts.prose(user.get("nickname") or user.get("display_name"), "user's name").strip():
        return name
    name, bracket, _ = facts.prose(author.get("raw"), "author").partition("<")
    # Without brackets, what has an "@" is an address, be its domain "localhost".
    return name.strip() if bracket or "@" not in name else ""


def _carried(known: FetchTarget, repo_id: str, today: date) -> dict[str, str] | None:
    """The counts noted in the last 28 days of this very repository; None if they must be asked for."""
    notes = known.validators or {}
    try:
        age = today - date.fromisoformat(notes.get("counted", ""))
        sizes = {name: str(facts.count(int(notes.get(name, "")), name)) for name in ("watchers", "forks")}
    except ValueError:
        return None
    fresh = timedelta() <= age < COUNTS_LAST and known.repo_id == repo_id
    return {"counted": notes["counted"], **sizes} if fresh else None


def _counted(host: Host, base: str, today: date) -> dict[str, str]:
    """The counts as notes: two requests."""
    notes = {"counted": today.isoformat()}
    for name in ("watchers", "forks"):
        page = facts.mapping(_part(host, f"{base}/{name}?pagelen=1&fields=size"), name)
        notes[name] = str(facts.count(page.get("size"), name))
    return notes


def _part(host: Host, url: str) -> Any:
    """The document at `url`. That a part is missing does not make a repository missing that is there."""
    try:
        return host.get(url).document()
    except FetchError as error:
        if error.outcome in {Outcome.NOT_FOUND, Outcome.GONE}:
            raise FetchError(str(error)) from error
        raise


def _path(known: FetchTarget) -> str:
    """workspace/slug with each segment escaped, whatever escapes it was typed with."""
    parts = facts.segments(known.path)
    if len(parts) != 2:
        raise InvalidFactError(f"{known.path!r} is not workspace/slug")
    return "/".join(quote(part, safe="", errors="replace") for part in parts)
