"""GitHub: many repositories at once through GraphQL, and through REST what GraphQL lacks.

GraphQL has no contributors and no weekly commits; REST is asked for them where the default branch has moved. Without
a token there is no GraphQL, and read() does with REST alone. Sources: docs.github.com, GraphQL ("Rate limits and
query limits") and REST ("Repositories", "Metrics / Statistics", "Rate limits for the REST API").
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from fetchers.network.http import Answer, FetchError, Host, NotAskedError, parsing, retry_after
from packages.facts import (
    WEEKS,
    Fetched,
    FetchTarget,
    InvalidFactError,
    Outcome,
    RepositoryFacts,
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
OUTAGE = 10  # queries in a row that bring nothing, after which GraphQL is left for this run
PAUSE = 60.0  # seconds that a limit costs which does not say how long it lasts
NO_COMMITS = (0,) * WEEKS

_LIMITED = frozenset({"RATE_LIMITED", "RATE_LIMIT"})
_TOO_MUCH = frozenset({"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED"})
_UNFINISHED = frozenset({Outcome.SERVER_ERROR, Outcome.TIMEOUT})
_TIME = "the time of the newest commit"
_FIELDS = """fragment fields on Repository {
  databaseId url description stargazerCount forkCount isArchived
  defaultBranchRef { target { ... on Commit { oid committedDate } } }
}"""


class AskRestError(FetchError):
    """It is not this token's to decide: let REST be asked without one. The owner refuses tokens of our kind (which
    hits public repositories too), or GraphQL gives no reason for its silence.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, Outcome.PRIVATE)


class TooLargeError(FetchError):
    """The repository has too many contributors for GitHub to list."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Outcome.PRIVATE)


@dataclass(frozen=True, slots=True)
class Overview:
    """What one look at a repository tells. `head` is the newest commit of the default branch and `last_updated` its
    committer's time; "" and None if the repository is empty.
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
class _Fault:
    """An error within a GraphQL answer: the alias that it is about ("" if it is about the query) and its type."""

    alias: str
    type: str
    message: str


Overviews = dict[int, Overview | FetchError]


def read_overviews(graphql: Host, batch: Sequence[FetchTarget]) -> Overviews:
    """What GraphQL knows of these repositories, or why it says nothing of one, by package.

    A query that GitHub cannot finish is asked again in halves, down to one repository. Raises FetchError for what has
    to do with none of them: our token, our quota, GitHub itself.
    """
    refused, waiting = _askable(batch)
    found: Overviews = {}
    failed: FetchError | None = None
    fruitless = 0
    while waiting:
        part = waiting.pop()
        try:
            answered, why = _query(graphql, part)
        except FetchError as error:
            # What was put off in halves, and now is not asked any more, failed as the whole did.
            reason = failed if failed and isinstance(error, NotAskedError) else error
            if not found:
                raise reason from None
            return refused | dict.fromkeys(_packages(part, *waiting), reason) | found
        found |= answered
        waiting += _halves([known for known in part if known.package not in answered])
        failed = why or failed
        fruitless = fruitless + 1 if why and _fruitless(answered) else 0
        if fruitless >= OUTAGE:
            # The host's own count of failures takes whatever has status 200 for a success.
            graphql.pace.close(f"it failed {OUTAGE} times in a row")
    return refused | found


def complete(rest: Host, known: FetchTarget, overview: Overview, today: date) -> Fetched[RepositoryFacts]:
    """The whole of a repository: its overview, and what REST says of contributors and weekly commits.

    REST is asked only for a list that is missing or still being computed, or if the default branch has moved.
    Validators: `head`, the commit that the lists belong to; `contributors_etag` and `participation_etag`; `people`,
    "none" if GitHub lists nobody or "computing"; `computing` if the weekly counts are.
    """
    with parsing():
        if not overview.head:
            return Fetched(_facts(overview, (), NO_COMMITS, today), {})
        path = _path(_url_path(overview.url))
        participants, of_people = _contributors(rest, path, known, overview)
        commits, end, of_weeks = _participation(rest, path, known, overview, today)
    incomplete = of_people.get("people") == "computing" or "computing" in of_weeks
    validators = {"head": overview.head, **of_people, **of_weeks}
    return Fetched(_facts(overview, participants, commits, end), validators, incomplete)


def read(rest: Host, known: FetchTarget, today: date) -> Fetched[RepositoryFacts]:
    """A repository through REST alone: two requests, and those of complete().

    Conditional (validator `etag`) where nothing else is wanted: after a 304 the counts of stars are not at hand, so
    that neither a list nor moved weeks could be written.
    """
    with parsing():
        etag = _notes(known).get("etag", "") if _settled(known, today) else ""
        answer = rest.get(_path(known.path), etag=etag)
        if answer.status == 304 and etag:
            return Fetched(None, _notes(known))
        overview = _seen_by_rest(rest, known, mapping(answer.document(), "the repository"))
    fetched = complete(rest, known, overview, today)
    return replace(fetched, validators={**fetched.validators, **_etag("etag", answer)})


def forbidden(answer: Answer) -> FetchError:
    """What a 403 of GitHub means: a limit, a block, a list that is too long, an owner's rule for tokens, or private."""
    try:
        body = answer.json()
    except FetchError:
        body = None
    body = body if isinstance(body, dict) else {}
    message = str(body.get("message", "")).lower()
    said = f"{answer.url} answers 403"
    if _spent(answer) or "Retry-After" in answer.headers or "rate limit" in message:
        return FetchError(f"{said}: a rate limit", Outcome.RATE_LIMITED, wait=_pause(answer), host_wide=True)
    if "block" in body or "reason" in body or "access blocked" in message:
        return FetchError(f"{said}: blocked {_block_reason(body)}".rstrip(), Outcome.BLOCKED)
    if "too large" in message:
        return TooLargeError(f"{said}: too many contributors to list")
    if ("forbids access via" in message and "token" in message) or "saml" in message:
        return AskRestError(f"{said}: its owner refuses tokens of our kind")
    return FetchError(said, Outcome.PRIVATE)


# GraphQL


def _askable(batch: Iterable[FetchTarget]) -> tuple[Overviews, list[list[FetchTarget]]]:
    """Those whose paths are none, with the reason, and the others as a first part, if any."""
    refused: Overviews = {}
    part = []
    for known in batch:
        try:
            _segments(known.path)
            part.append(known)
        except InvalidFactError as error:
            refused[known.package] = FetchError(str(error))
    return refused, [part] if part else []


def _halves(part: list[FetchTarget]) -> list[list[FetchTarget]]:
    middle = len(part) // 2
    return [half for half in (part[middle:], part[:middle]) if half]


def _packages(*parts: Iterable[FetchTarget]) -> list[int]:
    return [known.package for part in parts for known in part]


def _fruitless(answered: Overviews) -> bool:
    """Whether nothing came of a query but that it failed."""
    return all(isinstance(each, FetchError) and each.outcome in _UNFINISHED for each in answered.values())


def _query(graphql: Host, part: list[FetchTarget]) -> tuple[Overviews, FetchError | None]:
    """One query: what it tells, and why it tells nothing of those that are missing. One asked alone never is."""
    try:
        answer = graphql.post(graphql.base_url, _payload(part))
        with parsing():
            found, why = _understood(graphql, part, answer)
    except FetchError as error:
        found, why = {}, _bearable(graphql, error)
    if len(part) == 1 and why and not found:
        found = {part[0].package: why}
    return found, why


def _payload(part: Sequence[FetchTarget]) -> dict[str, object]:
    """Names go as variables: nothing of a package gets into the query's own text."""
    names: dict[str, str] = {}
    aliases = []
    for place, known in enumerate(part):
        names[f"o{place}"], names[f"n{place}"] = _segments(known.path)
        aliases.append(f"  r{place}: repository(owner: $o{place}, name: $n{place}) {{ ...fields }}")
    declared = ", ".join(f"${name}: String!" for name in names)
    lines = [f"query ({declared}) {{", "  rateLimit { cost limit remaining resetAt }", *aliases, "}", _FIELDS]
    return {"query": "\n".join(lines), "variables": names}


def _bearable(graphql: Host, error: FetchError) -> FetchError:
    """The error if fewer repositories in a query can help against it; else raises what it means for all of them."""
    if not error.host_wide and (error.outcome in _UNFINISHED or isinstance(error, AskRestError)):
        return error
    if error.outcome in {Outcome.PRIVATE, Outcome.BLOCKED}:
        graphql.pace.close("it refuses our token")
        raise FetchError(str(error), Outcome.UNAUTHORIZED, host_wide=True) from error
    if error.outcome in {Outcome.NOT_FOUND, Outcome.GONE}:
        # It is the address of GraphQL that is not found: of the packages it says nothing.
        raise FetchError(str(error), Outcome.SERVER_ERROR, host_wide=True) from error
    raise error


def _understood(graphql: Host, part: Sequence[FetchTarget], answer: Answer) -> tuple[Overviews, FetchError | None]:
    document = mapping(answer.json(), "GitHub's answer")
    faults = _faults(document)
    _stop_if_limited(graphql, answer, document, faults)
    data = document.get("data")
    if data is None and not faults:
        raise InvalidFactError("GitHub's answer has neither data nor errors")
    nodes = mapping({} if data is None else data, "GitHub's data")
    _note_quota(graphql, nodes)
    told = {known.package: _told(known, f"r{place}", nodes, faults) for place, known in enumerate(part)}
    found = {package: each for package, each in told.items() if each is not None}
    return found, _why(part, faults) if len(found) < len(told) else None


def _faults(document: Mapping[str, Any]) -> list[_Fault]:
    faults = []
    for error in items(document.get("errors") or [], "GitHub's errors"):
        fault = mapping(error, "GitHub's error")
        path = fault.get("path")
        about = path[0] if isinstance(path, list) and path else ""
        faults.append(_Fault(_text(about), _text(fault.get("type")), _text(fault.get("message"))))
    return faults


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _told(
    known: FetchTarget, alias: str, nodes: Mapping[str, Any], faults: Iterable[_Fault]
) -> Overview | FetchError | None:
    """What the answer says of one repository; None if it says nothing, so that it must be asked again."""
    node = nodes.get(alias)
    own = {fault.type for fault in faults if fault.alias == alias}
    if "FORBIDDEN" in own:
        return AskRestError("GitHub forbids it to our token")
    if node is None and own == {"NOT_FOUND"}:
        return FetchError("GitHub does not find it", Outcome.NOT_FOUND)
    unfinished = any(not fault.alias for fault in faults)
    # A branch that is null beside an error was not looked at: that repository is not empty.
    if own or (unfinished and (not isinstance(node, dict) or node.get("defaultBranchRef") is None)):
        return None
    if node is None and alias in nodes:
        return AskRestError("GitHub says nothing of it, and not why")
    try:
        return _overview(known, mapping(node, "the repository"))
    except InvalidFactError as error:
        return FetchError(str(error))


def _why(part: Sequence[FetchTarget], faults: Iterable[_Fault]) -> FetchError:
    """Why repositories are missing: a reason of its own, which we do not know, or that the query was too much."""
    strange = [fault for fault in faults if fault.alias and fault.type and fault.type not in _TOO_MUCH]
    if len(part) == 1 and strange:
        return AskRestError("GitHub withholds it, for a reason that it has not documented")
    return FetchError("GitHub did not finish the query", Outcome.SERVER_ERROR, retryable=True)


def _stop_if_limited(graphql: Host, answer: Answer, document: Mapping[str, Any], faults: Iterable[_Fault]) -> None:
    """Raise RATE_LIMITED if that is what the answer says, and leave GraphQL alone as long as it asks for.

    A message counts only where it is about the query: within one about a repository stands its name, which anyone
    can choose.
    """
    texts = [document.get("message"), *(fault.message for fault in faults if not fault.alias and not fault.type)]
    if any(fault.type in _LIMITED for fault in faults) or any("rate limit" in str(text).lower() for text in texts):
        wait = _pause(answer)
        graphql.pace.pause(wait)
        raise FetchError("GitHub's GraphQL: a rate limit", Outcome.RATE_LIMITED, wait=wait, host_wide=True)


def _note_quota(graphql: Host, nodes: Mapping[str, Any]) -> None:
    """Tell the pace what is left; a quota that makes no sense is not worth the repositories beside it."""
    try:
        told = mapping(nodes.get("rateLimit"), "the quota")
        limit, remaining = count(told.get("limit"), "the limit"), count(told.get("remaining"), "what remains")
        resets_at = parse_datetime(told.get("resetAt"), "the reset")
    except InvalidFactError:
        return
    graphql.pace.note_quota(limit, remaining, resets_at)


def _overview(known: FetchTarget, node: Mapping[str, Any]) -> Overview:
    head, committed = "", None
    if node.get("defaultBranchRef") is not None:
        branch = mapping(node["defaultBranchRef"], "the default branch")
        commit = mapping(branch.get("target"), "the newest commit")
        head, committed = (
            identifier(commit.get("oid"), "the newest commit"),
            parse_datetime(commit.get("committedDate"), _TIME),
        )
    return Overview(
        repo_id=identifier(node.get("databaseId"), "the repository's id"),
        url=_address(node.get("url"), known),
        description=prose(node.get("description"), "the description"),
        watchers=count(node.get("stargazerCount"), "the number of stars"),
        forks=count(node.get("forkCount"), "the number of forks"),
        archived=flag(node.get("isArchived"), "whether it is archived"),
        head=head,
        last_updated=committed,
    )


# REST


def _seen_by_rest(rest: Host, known: FetchTarget, document: Mapping[str, Any]) -> Overview:
    url = _address(document.get("html_url"), known)
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


def _newest_commit(rest: Host, path: str, branch: str) -> tuple[str, datetime | None]:
    """Id and committer's time of a branch's newest commit; "" and None if the repository is empty (409)."""
    answer = _part(rest, f"{path}/commits?per_page=1&sha={quote(branch, safe='')}")
    if answer.status == 409:
        return "", None
    commits = items(answer.document(), "the list of commits")
    if not commits:
        raise InvalidFactError("the list of commits has none")
    newest = mapping(commits[0], "the newest commit")
    committer = mapping(mapping(newest.get("commit"), "the newest commit").get("committer"), "its committer")
    return identifier(newest.get("sha"), "the newest commit"), parse_datetime(committer.get("date"), _TIME)


def _contributors(
    rest: Host, path: str, known: FetchTarget, overview: Overview
) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    """The contributors' logins, most active first, and validators. None if what we have holds, or must do."""
    notes = _notes(known)
    if notes.get("head") == overview.head and _has_people(known):
        return None, {key: notes[key] for key in ("contributors_etag", "people") if key in notes}
    etag = notes.get("contributors_etag", "") if known.has_participants else ""
    try:
        answer = _part(rest, f"{path}/contributors?per_page={PAGE}", etag)
        if answer.status == 304 and etag:
            return None, {"contributors_etag": etag}
        if answer.status == 202:
            return None, {"people": "computing"}
        found = people(_logins(rest, path, answer), "the list of contributors")
    except TooLargeError:
        return None, {"people": "none"}
    return found, {**_etag("contributors_etag", answer), **({} if found else {"people": "none"})}


def _logins(rest: Host, path: str, answer: Answer) -> Iterator[object]:
    """Page after page, 500 contributors at most: GitHub finds no logins for more."""
    for page in range(2, MAX_PAGES + 2):
        entries = [] if answer.status == 204 else items(answer.document(), "the list of contributors")
        for entry in entries:
            contributor = mapping(entry, "a contributor")
            if contributor.get("type") != "Anonymous":
                yield contributor.get("login")
        if len(entries) < PAGE or page > MAX_PAGES or not re.search(r'rel="?next\b', answer.headers.get("Link", "")):
            return
        answer = _part(rest, f"{path}/contributors?per_page={PAGE}&page={page}")


def _participation(
    rest: Host, path: str, known: FetchTarget, overview: Overview, today: date
) -> tuple[tuple[int, ...] | None, date, dict[str, str]]:
    """The 52 weekly counts, the day they end on, and validators. None for the counts while GitHub computes them."""
    notes, old = _notes(known), _old_weeks(known)
    since = datetime.combine(today, time.min, UTC) - timedelta(weeks=WEEKS)
    if overview.last_updated and overview.last_updated < since:
        return NO_COMMITS, today, {}
    etag = notes.get("participation_etag", "") if old else ""
    kept = {"participation_etag": etag} if etag else {}
    if old and notes.get("head") == overview.head and "computing" not in notes:
        return *shifted(*old, today), kept
    answer = _part(rest, f"{path}/stats/participation", etag)
    if answer.status == 202:
        return None, today, {"computing": "1"}
    if answer.status == 204:
        return NO_COMMITS, today, {}
    if answer.status == 304 and old and etag:
        # The windows move on daily, so that equal counts are those of the weeks in which we got them.
        return *shifted(*old, today), kept
    document = mapping(answer.document(), "the participation")
    return weeks(document.get("all"), "the participation"), today, _etag("participation_etag", answer)


def _part(rest: Host, path: str, etag: str = "") -> Answer:
    """Something of a repository that was seen just now. If it is not found, the repository is there all the same."""
    try:
        return rest.get(path, etag=etag)
    except FetchError as error:
        if error.outcome not in {Outcome.NOT_FOUND, Outcome.GONE}:
            raise
        raise FetchError(f"{error}, yet its repository is there", Outcome.SERVER_ERROR, retryable=True) from error


def _facts(
    overview: Overview, participants: tuple[str, ...] | None, commits: tuple[int, ...] | None, end: date
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
        commits_over_52=commits,
        weeks_end=end,
    )


# What is known, and how things are named


def _notes(known: FetchTarget) -> dict[str, str]:
    return dict(known.validators or {})


def _has_people(known: FetchTarget) -> bool:
    people_are = _notes(known).get("people")
    return people_are != "computing" and (known.has_participants or people_are == "none")


def _old_weeks(known: FetchTarget) -> tuple[tuple[int, ...], date] | None:
    if known.weeks_end is None or len(known.commits_over_52) != WEEKS:
        return None
    return known.commits_over_52, known.weeks_end


def _settled(known: FetchTarget, today: date) -> bool:
    """Whether nothing is to be written of a repository that has not changed."""
    notes, old = _notes(known), _old_weeks(known)
    if old is None or not _has_people(known) or "computing" in notes or "head" not in notes:
        return False
    return today - old[1] < timedelta(weeks=1)


def _segments(path: str) -> tuple[str, str]:
    """Owner and name, out of a path that is not escaped."""
    owner, name, *_ = [*path.strip("/").split("/"), ""]
    if not {owner, name}.isdisjoint({"", ".", ".."}):
        raise InvalidFactError("the path is not that of a repository")
    return owner, name


def _path(path: str) -> str:
    """The path of a repository below the API, escaped."""
    return "/".join(["repos", *(quote(segment, safe="") for segment in _segments(path))])


def _url_path(url: str) -> str:
    return unquote(urlsplit(url).path)


def _address(value: object, known: FetchTarget) -> str:
    """The https address of a repository, and of nothing else, on the host that was asked."""
    url = link(value, "the repository's address")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidFactError("the repository's address is none") from error
    ours = (parts.scheme, parts.netloc.lower(), parts.query, parts.fragment) == ("https", known.host, "", "")
    if not ours or _url_path(url).count("/") != 2:
        raise InvalidFactError(f"the repository's address is not one on {known.host}")
    _segments(_url_path(url))
    return url


def _etag(name: str, answer: Answer) -> dict[str, str]:
    """The answer's ETag as a validator, if it has one."""
    return {name: answer.etag} if answer.etag else {}


def _spent(answer: Answer) -> bool:
    return answer.headers.get("X-RateLimit-Remaining") == "0"


def _pause(answer: Answer) -> float:
    """The seconds for which a limit holds: until the quota's reset if it is spent, else as asked for, else a minute."""
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if _spent(answer) and re.fullmatch(r"[0-9]{1,11}", reset, re.ASCII):
        return max(0.0, int(reset) - datetime.now(UTC).timestamp())
    asked = retry_after(answer)
    return PAUSE if asked is None else asked


def _block_reason(body: Mapping[str, Any]) -> str:
    """The reason in one word (tos, unavailable, dmca), if it is one."""
    block = body.get("block")
    reason = block.get("reason") if isinstance(block, dict) else body.get("reason")
    return reason if isinstance(reason, str) and re.fullmatch(r"\w{1,30}", reason, re.ASCII) else ""
