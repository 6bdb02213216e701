"""GitHub through REST: a whole repository, or what GraphQL lacks of it.

GraphQL has no contributors and no weekly commits; they are requested through REST where the default branch has moved.
Without a token there is no GraphQL, and read() uses REST alone. Sources: docs.github.com, REST ("Repositories",
"Metrics / Statistics", "Rate limits for the REST API").
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from fetchers.forges import commits
from fetchers.forges.commits import NO_WEEKS, Notes, etag_note
from fetchers.forges.github_overview import (
    EMPTY,
    UNKNOWN_HEAD,
    Head,
    Keys,
    Overview,
    api_path,
    read_author,
    read_overview,
    url_path,
)
from fetchers.network.http import FetchError, Response, Upstream, parsing
from fetchers.network.parts import attempt
from packages.facts import (
    UNKNOWN,
    WEEKS,
    Fetched,
    FetchTarget,
    InvalidFactError,
    Odd,
    Outcome,
    RepositoryFacts,
    Unknown,
    identifier,
    items,
    line,
    mapping,
    parse_datetime,
    people,
    shifted,
    weeks,
)

READER = "1"  # another one when documents are read otherwise, so that they are read again
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
PAGE = 100  # contributors on one page
MAX_PAGES = 5
PAUSE = 60.0  # seconds after a rate limit that does not say how long it lasts

_KEYS = Keys(id="id", url="html_url", watchers="stargazers_count", forks="forks_count", archived="archived")


class AskRestError(FetchError):
    """The repository is to be requested through REST, without a token.

    Its owner refuses tokens of our kind (for public repositories too), or GraphQL withholds it without a reason.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, Outcome.PRIVATE)


class TooManyContributorsError(FetchError):
    """The repository has too many contributors for GitHub to list."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Outcome.PRIVATE)


def complete(rest: Upstream, target: FetchTarget, overview: Overview, today: date) -> Fetched[RepositoryFacts]:
    """Return all facts of a repository: its overview, and the contributors and weekly commits through REST.

    A list is requested only if it is missing, odd or still being computed, or if the default branch has moved.
    Validators: `head`, the commit that the lists belong to; `contributors_etag` and `participation_etag`; `people`,
    "none" if GitHub lists nobody or "computing"; `computing` if the weekly counts are; `odd_people` and `odd_weeks` if
    a list must be requested again; `odd_logins`, what is wrong with single contributors.
    """
    if overview.head is UNKNOWN:
        notes = {key: value for key, value in target.notes.items() if key != "etag"}
        return Fetched(_facts(overview, UNKNOWN, UNKNOWN, today), notes, odd=overview.odd)
    if not overview.head:
        return Fetched(_facts(overview, (), NO_WEEKS, today), {}, odd=overview.odd)
    odd = Odd(overview.odd)
    path = api_path(target.path if overview.url is UNKNOWN else url_path(overview.url))
    listed = attempt(odd, "contributors", lambda: _contributors(rest, path, target, overview, odd), AskRestError)
    participants, of_people = (UNKNOWN, {"odd_people": "1"}) if listed is UNKNOWN else listed
    counted = attempt(odd, "weekly commits", lambda: _participation(rest, path, target, overview, today), AskRestError)
    weekly, end, of_weeks = (UNKNOWN, today, {"odd_weeks": "1"}) if counted is UNKNOWN else counted
    incomplete = of_people.get("people") == "computing" or "computing" in of_weeks
    validators = {"head": overview.head, **of_people, **of_weeks}
    return Fetched(_facts(overview, participants, weekly, end), validators, incomplete, tuple(odd))


def read(rest: Upstream, target: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """Return all facts of a repository through REST alone: two requests, and those of complete().

    The request is conditional (validator `etag`) only if nothing else needs to be written: after a 304 the numbers of
    stars and forks are missing, and facts are written all together.
    """
    with parsing():
        etag = target.notes.get("etag", "") if _is_settled(target, today) else ""
        response = rest.get(api_path(target.path), etag=etag)
        if response.status == 304 and etag:
            return Fetched(None, dict(target.notes))
        overview = _rest_overview(rest, target, mapping(response.document(), "the repository"))
    fetched = complete(rest, target, overview, today)
    # What may be had by asking again must be asked for.
    return fetched if fetched.odd else replace(fetched, validators={**fetched.validators, **etag_note(response)})


def forbidden(response: Response) -> FetchError:
    """Return the error of a 403: a rate limit, a block, too many contributors, a refused token, or private code."""
    try:
        body = response.json()
    except FetchError:
        body = None
    body = body if isinstance(body, dict) else {}
    message = str(body.get("message", "")).lower()
    text = f"{response.url} answers 403"
    if _is_spent(response) or "Retry-After" in response.headers or "rate limit" in message:
        return FetchError(f"{text}: a rate limit", Outcome.RATE_LIMITED, wait=pause(response), upstream_wide=True)
    if "block" in body or "reason" in body or "access blocked" in message:
        return FetchError(f"{text}: blocked {_block_reason(body)}".rstrip(), Outcome.BLOCKED)
    if "too large" in message:
        return TooManyContributorsError(f"{text}: too many contributors to list")
    if ("forbids access via" in message and "token" in message) or "saml" in message:
        return AskRestError(f"{text}: its owner refuses tokens of our kind")
    return FetchError(text, Outcome.PRIVATE)


def _rest_overview(rest: Upstream, target: FetchTarget, document: Mapping[str, Any]) -> Overview:
    def read_head(odd: Odd, path: str) -> Head:
        branch = odd.read(document, "default_branch", _branch)
        if branch is UNKNOWN:
            return UNKNOWN_HEAD
        head = attempt(odd, "the newest commit", lambda: _newest_commit(rest, path, branch, odd), AskRestError)
        return UNKNOWN_HEAD if head is UNKNOWN else head

    return read_overview(target, document, _KEYS, read_head)


def _branch(value: object, what: str) -> str:
    name = line(value, what, 255)
    if not name:
        raise InvalidFactError(f"{what} has no name")
    return name


def _newest_commit(rest: Upstream, path: str, branch: str, odd: Odd) -> Head:
    """Return a branch's newest commit; EMPTY if the repository is empty (409)."""
    response = _part(rest, f"{path}/commits?per_page=1&sha={quote(branch, safe='')}")
    if response.status == 409:
        return EMPTY
    listed = items(response.document(), "the list of commits")
    if not listed:
        raise InvalidFactError("the list of commits is empty")
    newest = mapping(listed[0], "the newest commit")
    return Head(
        odd.read(newest, "sha", identifier),
        odd.read(newest, "commit.committer.date", parse_datetime),
        read_author(odd, newest, "author", "commit.author.name"),
    )


def _contributors(
    rest: Upstream, path: str, target: FetchTarget, overview: Overview, odd: Odd
) -> tuple[tuple[str, ...] | Unknown, Notes]:
    """Return the contributors' logins, most active first, and notes. UNKNOWN if the stored ones are still valid, or no
    new ones can be had."""
    notes = target.notes
    if notes.get("head") == overview.head and _has_people(target):
        return UNKNOWN, _notes_of_people(notes, odd, "contributors_etag", "people")
    etag = notes.get("contributors_etag", "") if target.has_participants and "odd_people" not in notes else ""
    try:
        response = _part(rest, f"{path}/contributors?per_page={PAGE}", etag)
        if response.status == 304 and etag:
            return UNKNOWN, _notes_of_people(notes, odd, "contributors_etag")
        if response.status == 202:
            return UNKNOWN, {"people": "computing"}
        of_logins = Odd()
        logins = people(_logins(rest, path, response, of_logins), "the list of contributors")
    except TooManyContributorsError:
        return UNKNOWN, {"people": "none"}
    if of_logins and not logins:
        raise InvalidFactError("; ".join(of_logins))
    found = {**etag_note(response, "contributors_etag"), **({} if logins else {"people": "none"})}
    return logins, found | _notes_of_people({"odd_logins": "; ".join(of_logins)} if of_logins else {}, odd)


def _notes_of_people(notes: Mapping[str, str], odd: Odd, *keys: str) -> Notes:
    """Return these notes, and what was odd about single contributors, which is so until the list is another."""
    if message := notes.get("odd_logins"):
        odd.note(message)
    return {key: notes[key] for key in (*keys, "odd_logins") if key in notes}


def _logins(rest: Upstream, path: str, response: Response, odd: Odd) -> Iterator[str]:
    """The logins of all pages, 500 at most: GitHub provides no logins for more contributors."""
    for page in range(2, MAX_PAGES + 2):
        entries = [] if response.status == 204 else items(response.document(), "the list of contributors")
        for entry in entries:
            login = odd.attempt(partial(_login, entry))
            if login and login is not UNKNOWN:
                yield login
        if len(entries) < PAGE or page > MAX_PAGES or not re.search(r'rel="?next\b', response.headers.get("Link", "")):
            return
        response = _part(rest, f"{path}/contributors?per_page={PAGE}&page={page}")


def _login(entry: object) -> str:
    """Return a contributor's login; "" for one without an account."""
    contributor = mapping(entry, "a contributor")
    if contributor.get("type") == "Anonymous":
        return ""
    login = contributor.get("login")
    if not isinstance(login, str):
        raise InvalidFactError("a contributor has no login")
    return login


def _participation(
    rest: Upstream, path: str, target: FetchTarget, overview: Overview, today: date
) -> tuple[tuple[int, ...] | Unknown, date, Notes]:
    """Return the 52 weekly counts, UNKNOWN while GitHub computes them, the day they end on, and notes."""
    notes, stored = target.notes, _stored_weeks(target)
    if isinstance(overview.last_updated, datetime) and overview.last_updated < commits.window_start(today):
        return NO_WEEKS, today, {}
    etag = notes.get("participation_etag", "") if stored else ""
    same_etag = {"participation_etag": etag} if etag else {}
    if stored and notes.get("head") == overview.head and {"computing", "odd_weeks"}.isdisjoint(notes):
        return *shifted(*stored, today), same_etag
    response = _part(rest, f"{path}/stats/participation", etag)
    if response.status == 304 and stored and etag:
        # GitHub's weeks move on daily, so that unchanged counts are of the weeks for which they were stored.
        return *shifted(*stored, today), same_etag
    weekly, of_weeks = _new_weeks(response)
    return weekly, today, of_weeks


def _new_weeks(response: Response) -> tuple[tuple[int, ...] | Unknown, Notes]:
    if response.status == 202:
        return UNKNOWN, {"computing": "1"}
    if response.status == 204:
        return NO_WEEKS, {}
    document = mapping(response.document(), "the participation")
    if "all" not in document:
        return UNKNOWN, {"odd_weeks": "1"}
    return weeks(document["all"], "the participation"), etag_note(response, "participation_etag")


# A missing part of a repository that was found just now is GitHub's own fault.
_part = partial(commits.get_part, outcome=Outcome.SERVER_ERROR)


def _facts(
    overview: Overview, participants: tuple[str, ...] | Unknown, weekly: tuple[int, ...] | Unknown, end: date
) -> RepositoryFacts:
    return RepositoryFacts(
        repo_id=overview.repo_id,
        url=overview.url,
        description=overview.description,
        watchers=overview.watchers,
        forks=overview.forks,
        archived=overview.archived,
        last_updated=overview.last_updated,
        participants=participants,
        commits_over_52=weekly,
        weeks_end=end,
        last_human_commit=overview.last_human_commit,
    )


# What is stored of a repository


def _has_people(target: FetchTarget) -> bool:
    people_are = target.notes.get("people")
    return (
        "odd_people" not in target.notes
        and people_are != "computing"
        and (target.has_participants or people_are == "none")
    )


def _stored_weeks(target: FetchTarget) -> tuple[tuple[int, ...], date] | None:
    if target.weeks_end is None or len(target.commits_over_52) != WEEKS:
        return None
    return target.commits_over_52, target.weeks_end


def _is_settled(target: FetchTarget, today: date) -> bool:
    """True if nothing needs to be written about a repository that has not changed."""
    notes, stored = target.notes, _stored_weeks(target)
    if stored is None or "head" not in notes or any(key.startswith(("odd", "computing")) for key in notes):
        return False
    if not _has_people(target):
        return False
    return today - stored[1] < timedelta(weeks=1)


def _is_spent(response: Response) -> bool:
    return response.headers.get("X-RateLimit-Remaining") == "0"


def pause(response: Response) -> float:
    """Return the seconds to pause: until the reset of a spent quota, else by Retry-After, else a minute."""
    reset = response.headers.get("X-RateLimit-Reset", "")
    if _is_spent(response) and re.fullmatch(r"[0-9]{1,11}", reset, re.ASCII):
        return max(0.0, int(reset) - datetime.now(UTC).timestamp())
    wait = response.retry_after()
    return PAUSE if wait is None else wait


def _block_reason(body: Mapping[str, Any]) -> str:
    """Return the reason of a block (tos, unavailable, dmca), if it is a single word."""
    block = body.get("block")
    reason = block.get("reason") if isinstance(block, dict) else body.get("reason")
    return reason if isinstance(reason, str) and re.fullmatch(r"\w{1,30}", reason, re.ASCII) else ""
