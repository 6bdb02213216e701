"""Shared parts of the forge modules: commits, facts counted from commits, and requests for parts of a repository.

Bitbucket and Forgejo list neither contributors nor weekly counts, and GitLab no weekly counts: these are counted from
the commits of the last 52 weeks. Where the newest commit is the one of the last success, the stored counts are shifted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Generic, TypeVar
from urllib.parse import quote

from fetchers.network.http import FetchError, Response, Upstream
from fetchers.network.parts import attempt
from packages import facts
from packages.bots import is_bot
from packages.facts import (
    MISSING,
    UNKNOWN,
    FetchTarget,
    InvalidFactError,
    Odd,
    Outcome,
    RepositoryFacts,
    Unknown,
    known,
)

NO_WEEKS = (0,) * facts.WEEKS

T = TypeVar("T")
Notes = dict[str, str]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, with its committer's time and its author's name: "" if it has none, UNKNOWN if that is not told."""

    id: str
    at: datetime
    is_merge: bool | Unknown = False
    author: str | Unknown = UNKNOWN


MaybeCommit = Commit | Unknown  # UNKNOWN where a commit has no id or no possible time


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


def until_odd(odd: Odd, pages: Iterable[Page[T]]) -> Iterator[Page[T]]:
    """The pages up to one that is odd, or whose request fails for itself alone: a list that is not complete."""
    rest = iter(pages)
    while (page := attempt(odd, "commits", lambda: next(rest, None))) is not None and page is not UNKNOWN:
        yield page


def commits_since(
    pages: Iterable[Page[MaybeCommit]], start: datetime, max_pages: int
) -> tuple[list[MaybeCommit], bool]:
    """Return the commits of the pages, newest first, up to the page that ends before `start`; and whether it came."""
    listed, complete = read_pages(pages, max_pages, lambda commit: commit is not UNKNOWN and commit.at < start)
    commits: dict[object, MaybeCommit] = {}
    for place, commit in enumerate(listed):
        # A push between two requests moves commits from one page to the next.
        commits.setdefault(place if commit is UNKNOWN else commit.id, commit)
    return list(commits.values()), complete


def is_merge(parents: object, what: str) -> bool:
    """Return whether a commit with this list of parents is a merge."""
    return len(facts.items(parents, what)) > 1


def weekly_counts(commits: Sequence[MaybeCommit], today: date) -> tuple[int, ...] | Unknown:
    """Return the 52 weekly counts, without merges; UNKNOWN if no commit tells its time, or one not if it is a merge."""
    if all(commit is UNKNOWN for commit in commits):
        return UNKNOWN
    counted = [commit for commit in commits if commit is not UNKNOWN and commit.is_merge is not True]
    if any(commit.is_merge is UNKNOWN and commit.at >= window_start(today) for commit in counted):
        return UNKNOWN
    return facts.weekly((commit.at for commit in counted), today)


def participants(commits: Iterable[MaybeCommit], start: datetime) -> tuple[str, ...] | Unknown:
    """Return the authors since `start`, most commits first, without merges; of equals, the last active one first.

    UNKNOWN if there are none: that nobody has committed is no news about who did before.
    """
    recent = (commit for commit in commits if commit is not UNKNOWN and commit.at >= start)
    authors = Counter(known(commit.author, "") for commit in recent if commit.is_merge is not True)
    return facts.people((name for name, _ in authors.most_common()), "authors") or UNKNOWN


def last_human_commit(commits: Iterable[MaybeCommit]) -> datetime | Unknown:
    """Return the time of the newest commit that a person wrote; UNKNOWN if there is none among these, or if a newer
    one does not tell who wrote it."""
    for commit in commits:
        if commit is UNKNOWN or commit.author is UNKNOWN:
            return UNKNOWN
        if commit.author and not is_bot(commit.author):
            return commit.at
    return UNKNOWN


def with_newest(overview: RepositoryFacts, newest: MaybeCommit) -> RepositoryFacts:
    """Return the overview with the time of the newest commit, which may be UNKNOWN, as of a person if it is one's."""
    at = UNKNOWN if newest is UNKNOWN else newest.at
    return replace(overview, last_updated=at, last_human_commit=last_human_commit([newest]))


def with_counts(
    overview: RepositoryFacts, pages: Iterable[Page[MaybeCommit]], max_pages: int, odd: Odd
) -> tuple[RepositoryFacts, Notes]:
    """Return the overview with what the commits of the last 52 weeks tell, and the head to note.

    `odd` has what is odd about these commits, and nothing else.
    """
    today = overview.weeks_end
    start = window_start(today)
    commits, complete = commits_since(until_odd(odd, pages), start, max_pages)
    if not commits:
        return (overview if complete else without_commits(overview)), {}
    newest = commits[0]
    overview = replace(with_newest(overview, newest), last_human_commit=last_human_commit(commits))
    if not complete:
        # The head is not noted, so that the next run does not shift older counts on its account.
        return without_lists(overview), {}
    authors, weeks = participants(commits, start), weekly_counts(commits, today)
    notes = {} if newest is UNKNOWN or weeks is UNKNOWN else head_note(newest)
    return replace(overview, participants=authors, commits_over_52=weeks), notes | odd_note(odd)


def without_lists(overview: RepositoryFacts) -> RepositoryFacts:
    return replace(overview, participants=UNKNOWN, commits_over_52=UNKNOWN)


def without_commits(overview: RepositoryFacts) -> RepositoryFacts:
    """Return the overview without anything that commits tell."""
    return replace(without_lists(overview), last_updated=UNKNOWN, last_human_commit=UNKNOWN)


def head_note(newest: Commit) -> Notes:
    return {"head": newest.id}


def odd_note(messages: Iterable[str]) -> Notes:
    """Return a note of what was odd about commits, which is so until there are others."""
    text = "; ".join(messages)[:300]
    return {"odd_commits": text} if text else {}


def with_shifted_counts(
    overview: RepositoryFacts, target: FetchTarget, newest: MaybeCommit, odd: Odd
) -> tuple[RepositoryFacts, Notes] | None:
    """Return the overview with the stored counts shifted to today, and the notes to keep; None if there are commits
    that they do not hold."""
    end, notes = target.weeks_end, target.notes
    if newest is UNKNOWN or end is None or not target.has_counts or notes.get("head") != newest.id:
        return None
    # Commits of the day on which the weeks were counted lie after their end, and are not in them.
    if newest.at >= facts.midnight(end):
        return None
    weeks, end = facts.shifted(target.commits_over_52, end, overview.weeks_end)
    shifted = replace(with_newest(overview, newest), participants=UNKNOWN, commits_over_52=weeks, weeks_end=end)
    if message := notes.get("odd_commits"):
        odd.note(message)
    return shifted, head_note(newest) | odd_note(filter(None, [message]))
