"""GitHub: many repositories in one query through GraphQL, and through REST what GraphQL lacks.

GraphQL has no contributors and no weekly commits; they are requested through REST where the default branch has moved.
Without a token there is no GraphQL, and read() uses REST alone. Sources: docs.github.com, GraphQL ("Rate limits and
query limits") and REST ("Repositories", "Metrics / Statistics", "Rate limits for the REST API").
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from fetchers.forges import commits
from fetchers.forges.commits import NO_WEEKS, Notes, etag_note
from fetchers.network.http import FetchError, NotAskedError, Response, Upstream, parsing
from packages.facts import (
    MISSING,
    UNKNOWN,
    WEEKS,
    Fetched,
    FetchTarget,
    InvalidFactError,
    Outcome,
    RepositoryFacts,
    Unknown,
    count,
    flag,
    identifier,
    items,
    line,
    link,
    mapping,
    parse_datetime,
    people,
    prose,
    shifted,
    weeks,
)

QUERY_SIZE = 50  # repositories in one query: one point, and well within the 10 s that GitHub gives it
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
PAGE = 100  # contributors on one page
MAX_PAGES = 5
OUTAGE = 10  # queries in a row without any result, after which GraphQL is suspended for this run
PAUSE = 60.0  # seconds after a rate limit that does not say how long it lasts

_LIMITED = frozenset({"RATE_LIMITED", "RATE_LIMIT"})
_TOO_MUCH = frozenset({"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED"})
_UNFINISHED = frozenset({Outcome.SERVER_ERROR, Outcome.TIMEOUT})
_TIME = "the time of the newest commit"
_FIELDS = """fragment fields on Repository {
  databaseId url description stargazerCount forkCount isArchived
  defaultBranchRef { target { ... on Commit { oid committedDate } } }
}"""


class AskRestError(FetchError):
    """The repository is to be requested through REST, without a token.

    Its owner refuses tokens of our kind (for public repositories too), or GraphQL withholds it without a reason.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, Outcome.PRIVATE)


class TooLargeError(FetchError):
    """The repository has too many contributors for GitHub to list."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Outcome.PRIVATE)


@dataclass(frozen=True, slots=True)
class Overview:
    """The facts of a repository without its lists.

    `head` is the newest commit of the default branch and `last_updated` its committer's time; "" and None if the
    repository is empty.
    """

    repo_id: str
    url: str
    description: str
    watchers: int
    forks: int
    archived: bool
    head: str
    last_updated: datetime | None


@dataclass(frozen=True, slots=True)
class _QueryError:
    """An error within a GraphQL response: the alias that it is about ("" if it is about the query) and its type."""

    alias: str
    type: str
    message: str


Overviews = dict[int, Overview | FetchError]


def read_overviews(graphql: Upstream, batch: Sequence[FetchTarget]) -> Overviews:
    """Query GraphQL for these repositories, and return the overview of each, or its error, by package.

    A query that GitHub cannot finish is repeated in halves, down to one repository. Raises FetchError for a failure
    that concerns none of them: of our token, our quota, GitHub itself.
    """
    refused, waiting = _split(batch)
    overviews: Overviews = {}
    failed: FetchError | None = None
    fruitless = 0
    while waiting:
        part = waiting.pop()
        try:
            received, why = _query(graphql, part)
        except FetchError as error:
            # Halves that were waiting, and now are not queried any more, failed for the reason of the whole.
            reason = failed if failed and isinstance(error, NotAskedError) else error
            if not overviews:
                raise reason from None
            return refused | dict.fromkeys(_packages(part, *waiting), reason) | overviews
        overviews |= received
        waiting += _halves([target for target in part if target.package not in received])
        failed = why or failed
        fruitless = fruitless + 1 if why and _fruitless(received) else 0
        if fruitless >= OUTAGE:
            # The rate limit counts every response with status 200 as a success.
            graphql.rate_limit.suspend(f"it failed {OUTAGE} times in a row")
    return refused | overviews


def complete(rest: Upstream, target: FetchTarget, overview: Overview, today: date) -> Fetched[RepositoryFacts]:
    """Return all facts of a repository: its overview, and the contributors and weekly commits through REST.

    A list is requested only if it is missing or still being computed, or if the default branch has moved.
    Validators: `head`, the commit that the lists belong to; `contributors_etag` and `participation_etag`; `people`,
    "none" if GitHub lists nobody or "computing"; `computing` if the weekly counts are.
    """
    with parsing():
        if not overview.head:
            return Fetched(_facts(overview, (), NO_WEEKS, today), {})
        path = _path(_url_path(overview.url))
        participants, of_people = _contributors(rest, path, target, overview)
        weekly, end, of_weeks = _participation(rest, path, target, overview, today)
    incomplete = of_people.get("people") == "computing" or "computing" in of_weeks
    validators = {"head": overview.head, **of_people, **of_weeks}
    return Fetched(_facts(overview, participants, weekly, end), validators, incomplete)


def read(rest: Upstream, target: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """Return all facts of a repository through REST alone: two requests, and those of complete().

    The request is conditional (validator `etag`) only if nothing else needs to be written: after a 304 the numbers of
    stars and forks are missing, and facts are written all together.
    """
    with parsing():
        etag = target.notes.get("etag", "") if _is_settled(target, today) else ""
        response = rest.get(_path(target.path), etag=etag)
        if response.status == 304 and etag:
            return Fetched(None, dict(target.notes))
        overview = _rest_overview(rest, target, mapping(response.document(), "the repository"))
    fetched = complete(rest, target, overview, today)
    return replace(fetched, validators={**fetched.validators, **etag_note(response)})


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
        return FetchError(f"{text}: a rate limit", Outcome.RATE_LIMITED, wait=_pause(response), upstream_wide=True)
    if "block" in body or "reason" in body or "access blocked" in message:
        return FetchError(f"{text}: blocked {_block_reason(body)}".rstrip(), Outcome.BLOCKED)
    if "too large" in message:
        return TooLargeError(f"{text}: too many contributors to list")
    if ("forbids access via" in message and "token" in message) or "saml" in message:
        return AskRestError(f"{text}: its owner refuses tokens of our kind")
    return FetchError(text, Outcome.PRIVATE)


# GraphQL


def _split(batch: Iterable[FetchTarget]) -> tuple[Overviews, list[list[FetchTarget]]]:
    """Split the batch: packages with an invalid path (and the error), and the rest to query, as one part."""
    refused: Overviews = {}
    part = []
    for target in batch:
        try:
            _segments(target.path)
            part.append(target)
        except InvalidFactError as error:
            refused[target.package] = FetchError(str(error))
    return refused, [part] if part else []


def _halves(part: list[FetchTarget]) -> list[list[FetchTarget]]:
    middle = len(part) // 2
    return [half for half in (part[middle:], part[:middle]) if half]


def _packages(*parts: Iterable[FetchTarget]) -> list[int]:
    return [target.package for part in parts for target in part]


def _fruitless(received: Overviews) -> bool:
    """True if a query failed for all its repositories."""
    return all(isinstance(each, FetchError) and each.outcome in _UNFINISHED for each in received.values())


def _query(graphql: Upstream, part: list[FetchTarget]) -> tuple[Overviews, FetchError | None]:
    """Send one query. Return its overviews, and why the others are missing: a repository queried alone never is."""
    try:
        response = graphql.post(graphql.base_url, _payload(part))
        with parsing():
            overviews, why = _parsed(graphql, part, response)
    except FetchError as error:
        overviews, why = {}, _error_of_part(graphql, error)
    if len(part) == 1 and why and not overviews:
        overviews = {part[0].package: why}
    return overviews, why


def _payload(part: Sequence[FetchTarget]) -> dict[str, object]:
    """Return the query. Names are passed as variables, so that no package's text gets into the query's own."""
    names: dict[str, str] = {}
    aliases = []
    for place, target in enumerate(part):
        names[f"o{place}"], names[f"n{place}"] = _segments(target.path)
        aliases.append(f"  r{place}: repository(owner: $o{place}, name: $n{place}) {{ ...fields }}")
    declared = ", ".join(f"${name}: String!" for name in names)
    lines = [f"query ({declared}) {{", "  rateLimit { cost limit remaining resetAt }", *aliases, "}", _FIELDS]
    return {"query": "\n".join(lines), "variables": names}


def _error_of_part(graphql: Upstream, error: FetchError) -> FetchError:
    """Return the error if a query for fewer repositories may succeed; else raise what it means for all of them."""
    if not error.upstream_wide and (error.outcome in _UNFINISHED or isinstance(error, AskRestError)):
        return error
    if error.outcome in {Outcome.PRIVATE, Outcome.BLOCKED}:
        graphql.rate_limit.suspend("it refuses our token")
        raise FetchError(str(error), Outcome.UNAUTHORIZED, upstream_wide=True) from error
    if error.outcome in MISSING:
        # The URL of GraphQL was not found, which means nothing about the packages.
        raise FetchError(str(error), Outcome.SERVER_ERROR, upstream_wide=True) from error
    raise error


def _parsed(graphql: Upstream, part: Sequence[FetchTarget], response: Response) -> tuple[Overviews, FetchError | None]:
    """Return the overviews of a response, and why some are missing."""
    document = mapping(response.json(), "GitHub's response")
    errors = _query_errors(document)
    _stop_if_limited(graphql, response, document, errors)
    data = document.get("data")
    if data is None and not errors:
        raise InvalidFactError("GitHub's response has neither data nor errors")
    nodes = mapping({} if data is None else data, "GitHub's data")
    _note_quota(graphql, nodes)
    results = {target.package: _result(target, f"r{place}", nodes, errors) for place, target in enumerate(part)}
    overviews = {package: result for package, result in results.items() if result is not None}
    return overviews, _why(part, errors) if len(overviews) < len(results) else None


def _query_errors(document: Mapping[str, Any]) -> list[_QueryError]:
    errors = []
    for item in items(document.get("errors") or [], "GitHub's errors"):
        error = mapping(item, "GitHub's error")
        path = error.get("path")
        alias = path[0] if isinstance(path, list) and path else ""
        errors.append(_QueryError(_text(alias), _text(error.get("type")), _text(error.get("message"))))
    return errors


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _result(
    target: FetchTarget, alias: str, nodes: Mapping[str, Any], errors: Iterable[_QueryError]
) -> Overview | FetchError | None:
    """Return the overview of one repository, or its error; None if it is missing and must be queried again."""
    node = nodes.get(alias)
    own = {error.type for error in errors if error.alias == alias}
    if "FORBIDDEN" in own:
        return AskRestError("GitHub forbids it to our token")
    if node is None and own == {"NOT_FOUND"}:
        return FetchError("GitHub does not find it", Outcome.NOT_FOUND)
    unfinished = any(not error.alias for error in errors)
    # A branch that is null beside an error was not resolved: the repository is not empty.
    if own or (unfinished and (not isinstance(node, dict) or node.get("defaultBranchRef") is None)):
        return None
    if node is None and alias in nodes:
        return AskRestError("GitHub withholds it, and gives no reason")
    try:
        return _overview(target, mapping(node, "the repository"))
    except InvalidFactError as error:
        return FetchError(str(error))


def _why(part: Sequence[FetchTarget], errors: Iterable[_QueryError]) -> FetchError:
    """Return why repositories are missing: for a reason that GitHub has not documented, or the query was too large."""
    unknown = [error for error in errors if error.alias and error.type and error.type not in _TOO_MUCH]
    if len(part) == 1 and unknown:
        return AskRestError("GitHub withholds it, for a reason that it has not documented")
    return FetchError("GitHub did not finish the query", Outcome.SERVER_ERROR, retryable=True)


def _stop_if_limited(
    graphql: Upstream, response: Response, document: Mapping[str, Any], errors: Iterable[_QueryError]
) -> None:
    """Raise RATE_LIMITED if the response says so, and pause GraphQL for as long as it demands.

    A message counts only if it is about the query: one about a repository contains its name, which anybody can choose.
    """
    texts = [document.get("message"), *(error.message for error in errors if not error.alias and not error.type)]
    if any(error.type in _LIMITED for error in errors) or any("rate limit" in str(text).lower() for text in texts):
        wait = _pause(response)
        graphql.rate_limit.pause(wait)
        raise FetchError("GitHub's GraphQL: a rate limit", Outcome.RATE_LIMITED, wait=wait, upstream_wide=True)


def _note_quota(graphql: Upstream, nodes: Mapping[str, Any]) -> None:
    """Note the remaining quota. An invalid one is ignored, because the repositories beside it are valid."""
    try:
        quota = mapping(nodes.get("rateLimit"), "the quota")
        limit, remaining = count(quota.get("limit"), "the limit"), count(quota.get("remaining"), "what remains")
        resets_at = parse_datetime(quota.get("resetAt"), "the reset")
    except InvalidFactError:
        return
    graphql.rate_limit.note_quota(limit, remaining, resets_at)


def _overview(target: FetchTarget, node: Mapping[str, Any]) -> Overview:
    head, committed = "", None
    if node.get("defaultBranchRef") is not None:
        branch = mapping(node["defaultBranchRef"], "the default branch")
        commit = mapping(branch.get("target"), "the newest commit")
        head = identifier(commit.get("oid"), "the newest commit")
        committed = parse_datetime(commit.get("committedDate"), _TIME)
    return Overview(
        repo_id=identifier(node.get("databaseId"), "the repository's id"),
        url=_repository_url(node.get("url"), target),
        description=prose(node.get("description"), "the description"),
        watchers=count(node.get("stargazerCount"), "the number of stars"),
        forks=count(node.get("forkCount"), "the number of forks"),
        archived=flag(node.get("isArchived"), "whether it is archived"),
        head=head,
        last_updated=committed,
    )


# REST


def _rest_overview(rest: Upstream, target: FetchTarget, document: Mapping[str, Any]) -> Overview:
    url = _repository_url(document.get("html_url"), target)
    branch = line(document.get("default_branch"), "the default branch", 255)
    head, committed = _newest_commit(rest, _path(_url_path(url)), branch)
    return Overview(
        repo_id=identifier(document.get("id"), "the repository's id"),
        url=url,
        description=prose(document.get("description"), "the description"),
        watchers=count(document.get("stargazers_count"), "the number of stars"),
        forks=count(document.get("forks_count"), "the number of forks"),
        archived=flag(document.get("archived"), "whether it is archived"),
        head=head,
        last_updated=committed,
    )


def _newest_commit(rest: Upstream, path: str, branch: str) -> tuple[str, datetime | None]:
    """Return id and committer's time of a branch's newest commit; "" and None if the repository is empty (409)."""
    response = _part(rest, f"{path}/commits?per_page=1&sha={quote(branch, safe='')}")
    if response.status == 409:
        return "", None
    listed = items(response.document(), "the list of commits")
    if not listed:
        raise InvalidFactError("the list of commits is empty")
    newest = mapping(listed[0], "the newest commit")
    committer = mapping(mapping(newest.get("commit"), "the newest commit").get("committer"), "its committer")
    return identifier(newest.get("sha"), "the newest commit"), parse_datetime(committer.get("date"), _TIME)


def _contributors(
    rest: Upstream, path: str, target: FetchTarget, overview: Overview
) -> tuple[tuple[str, ...] | Unknown, Notes]:
    """Return the contributors' logins, most active first, and notes. UNKNOWN if the stored ones are still valid, or no
    new ones can be had."""
    notes = target.notes
    if notes.get("head") == overview.head and _has_people(target):
        return UNKNOWN, {key: notes[key] for key in ("contributors_etag", "people") if key in notes}
    etag = notes.get("contributors_etag", "") if target.has_participants else ""
    try:
        response = _part(rest, f"{path}/contributors?per_page={PAGE}", etag)
        if response.status == 304 and etag:
            return UNKNOWN, {"contributors_etag": etag}
        if response.status == 202:
            return UNKNOWN, {"people": "computing"}
        logins = people(_logins(rest, path, response), "the list of contributors")
    except TooLargeError:
        return UNKNOWN, {"people": "none"}
    return logins, {**etag_note(response, "contributors_etag"), **({} if logins else {"people": "none"})}


def _logins(rest: Upstream, path: str, response: Response) -> Iterator[object]:
    """The logins of all pages, 500 at most: GitHub provides no logins for more contributors."""
    for page in range(2, MAX_PAGES + 2):
        entries = [] if response.status == 204 else items(response.document(), "the list of contributors")
        for entry in entries:
            contributor = mapping(entry, "a contributor")
            if contributor.get("type") != "Anonymous":
                yield contributor.get("login")
        if len(entries) < PAGE or page > MAX_PAGES or not re.search(r'rel="?next\b', response.headers.get("Link", "")):
            return
        response = _part(rest, f"{path}/contributors?per_page={PAGE}&page={page}")


def _participation(
    rest: Upstream, path: str, target: FetchTarget, overview: Overview, today: date
) -> tuple[tuple[int, ...] | Unknown, date, Notes]:
    """Return the 52 weekly counts, UNKNOWN while GitHub computes them, the day they end on, and notes."""
    notes, stored = target.notes, _stored_weeks(target)
    if overview.last_updated and overview.last_updated < commits.window_start(today):
        return NO_WEEKS, today, {}
    etag = notes.get("participation_etag", "") if stored else ""
    same_etag = {"participation_etag": etag} if etag else {}
    if stored and notes.get("head") == overview.head and "computing" not in notes:
        return *shifted(*stored, today), same_etag
    response = _part(rest, f"{path}/stats/participation", etag)
    if response.status == 202:
        return UNKNOWN, today, {"computing": "1"}
    if response.status == 204:
        return NO_WEEKS, today, {}
    if response.status == 304 and stored and etag:
        # GitHub's weeks move on daily, so that unchanged counts are of the weeks for which they were stored.
        return *shifted(*stored, today), same_etag
    document = mapping(response.document(), "the participation")
    return weeks(document.get("all"), "the participation"), today, etag_note(response, "participation_etag")


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
    )


# What is stored of a repository, and its path and URL


def _has_people(target: FetchTarget) -> bool:
    people_are = target.notes.get("people")
    return people_are != "computing" and (target.has_participants or people_are == "none")


def _stored_weeks(target: FetchTarget) -> tuple[tuple[int, ...], date] | None:
    if target.weeks_end is None or len(target.commits_over_52) != WEEKS:
        return None
    return target.commits_over_52, target.weeks_end


def _is_settled(target: FetchTarget, today: date) -> bool:
    """True if nothing needs to be written about a repository that has not changed."""
    notes, stored = target.notes, _stored_weeks(target)
    if stored is None or not _has_people(target) or "computing" in notes or "head" not in notes:
        return False
    return today - stored[1] < timedelta(weeks=1)


def _segments(path: str) -> tuple[str, str]:
    """Return owner and name from a path that is not escaped."""
    owner, name, *_ = [*path.strip("/").split("/"), ""]
    if not {owner, name}.isdisjoint({"", ".", ".."}):
        raise InvalidFactError("the path is not that of a repository")
    return owner, name


def _path(path: str) -> str:
    """Return the escaped path of a repository in the API."""
    return "/".join(["repos", *(quote(segment, safe="") for segment in _segments(path))])


def _url_path(url: str) -> str:
    return unquote(urlsplit(url).path)


def _repository_url(value: object, target: FetchTarget) -> str:
    """Return the https URL of a repository, and of nothing else, on the target's host."""
    url = link(value, "the repository's URL")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidFactError("the repository's URL is not valid") from error
    same_host = (parts.scheme, parts.netloc.lower(), parts.query, parts.fragment) == ("https", target.host, "", "")
    if not same_host or _url_path(url).count("/") != 2:
        raise InvalidFactError(f"the repository's URL is not one on {target.host}")
    _segments(_url_path(url))
    return url


def _is_spent(response: Response) -> bool:
    return response.headers.get("X-RateLimit-Remaining") == "0"


def _pause(response: Response) -> float:
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
