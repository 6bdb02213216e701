"""Shared parts of the forge modules: commits, facts counted from commits, and requests for parts of a repository.

Bitbucket and Forgejo list neither contributors nor weekly counts, and GitLab no weekly counts: these are counted from
the commits of the last 52 weeks. Where the newest commit is the one of the last success, the stored counts are shifted.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Generic, TypeVar
from urllib.parse import quote

from fetchers.network.http import FetchError, Response, Upstream
from packages import facts
from packages.facts import MISSING, UNKNOWN, FetchTarget, InvalidFactError, Outcome, RepositoryFacts

NO_WEEKS = (0,) * facts.WEEKS

T = TypeVar("T")
Notes = dict[str, str]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, with its committer's time and its author's name ("" where another list names the contributors)."""

    id: str
    at: datetime
    is_merge: bool
    author: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list."""

    items: list[T]
    has_next: bool


class MissingPartError(FetchError):
    """A part of a repository is not found, although the repository itself was, just now."""


def get_part(upstream: Upstream, url: str, etag: str = "", *, outcome: Outcome = Outcome.INVALID) -> Response:
    """Request a part of a repository that was found just now, such as its commits.

    A missing part does not make the repository missing: it raises MissingPartError with `outcome` instead of NOT_FOUND.
    """
    try:
        return upstream.get(url, etag=etag)
    except FetchError as error:
        if error.outcome not in MISSING:
            raise
        raise MissingPartError(f"{error}, yet its repository was found", outcome) from error


def base_url(response: Response) -> str:
    """Return the URL under which the parts of a repository are requested, given the response about itself.

    It is the one that responded, so that a rename costs one redirect, and no part is that of another repository.
    """
    return response.url.partition("?")[0].rstrip("/")


def etag_note(response: Response, name: str = "etag") -> Notes:
    """Return the response's ETag as a note under `name`; nothing if it has none."""
    return {name: response.etag} if response.etag else {}


def escaped_segments(path: str) -> list[str]:
    """Return the segments of a repository's path, each escaped once, however they were typed."""
    return [quote(segment, safe="", errors="replace") for segment in facts.segments(path)]


def owner_and_name(target: FetchTarget) -> str:
    """Return the target's path, which must have two segments, with each of them escaped."""
    segments = escaped_segments(target.path)
    if len(segments) != 2:
        raise InvalidFactError(f"{target.path!r} is not owner/name")
    return "/".join(segments)


def window_start(today: date) -> datetime:
    """Return the beginning of the 52 weeks that end with the beginning of `today`."""
    return facts.midnight(today) - timedelta(weeks=facts.WEEKS)


def read_pages(
    pages: Iterable[Page[T]], max_pages: int, is_past: Callable[[T], bool] = lambda _: False
) -> tuple[list[T], bool]:
    """Return the items of at most `max_pages` pages, and whether these are all.

    A page whose last item `is_past` what is wanted is the last.
    """
    items: list[T] = []
    for page in islice(pages, max_pages):
        items += page.items
        if not page.has_next or (page.items and is_past(page.items[-1])):
            return items, True
    return items, False


def commits_since(pages: Iterable[Page[Commit]], start: datetime, max_pages: int) -> tuple[list[Commit], bool]:
    """Return the commits of the pages, newest first, up to the page that ends before `start`; and whether it came."""
    listed, complete = read_pages(pages, max_pages, lambda commit: commit.at < start)
    commits: dict[str, Commit] = {}
    for commit in listed:
        # A push between two requests moves commits from one page to the next.
        commits.setdefault(commit.id, commit)
    return list(commits.values()), complete


def weekly_counts(commits: Iterable[Commit], today: date) -> tuple[int, ...]:
    """Return the 52 weekly counts, without merges."""
    return facts.weekly((commit.at for commit in commits if not commit.is_merge), today)


def participants(commits: Iterable[Commit], start: datetime) -> tuple[str, ...]:
    """Return the authors since `start`, most commits first, without merges; of equals, the last active one first."""
    authors = Counter(commit.author for commit in commits if commit.at >= start and not commit.is_merge)
    return facts.people((name for name, _ in authors.most_common()), "authors")


def with_counts(
    overview: RepositoryFacts, pages: Iterable[Page[Commit]], max_pages: int
) -> tuple[RepositoryFacts, Notes]:
    """Return the overview with what the commits of the last 52 weeks tell, and the head to note."""
    today = overview.weeks_end
    start = window_start(today)
    commits, complete = commits_since(pages, start, max_pages)
    if not commits:
        return overview, {}
    overview = replace(overview, last_updated=commits[0].at)
    if not complete:
        # The head is not noted, so that the next run does not shift older counts on its account.
        return replace(overview, participants=UNKNOWN, commits_over_52=UNKNOWN), {}
    authors, weeks = participants(commits, start), weekly_counts(commits, today)
    return replace(overview, participants=authors, commits_over_52=weeks), head_note(commits[0])


def head_note(newest: Commit) -> Notes:
    return {"head": newest.id}


def with_shifted_counts(overview: RepositoryFacts, target: FetchTarget, newest: Commit) -> RepositoryFacts | None:
    """Return the overview with the stored counts shifted to today; None if there are commits that they do not hold."""
    end = target.weeks_end
    if end is None or not target.has_counts or target.notes.get("head") != newest.id:
        return None
    # Commits of the day on which the weeks were counted lie after their end, and are not in them.
    if newest.at >= facts.midnight(end):
        return None
    weeks, end = facts.shifted(target.commits_over_52, end, overview.weeks_end)
    return replace(overview, last_updated=newest.at, participants=UNKNOWN, commits_over_52=weeks, weeks_end=end)
