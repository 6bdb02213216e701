"""GitHub's GraphQL: the overviews of many repositories in one query. It needs a token.

Source: docs.github.com, GraphQL ("Rate limits and query limits").
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fetchers.forges.github import AskRestError, pause
from fetchers.forges.github_overview import (
    EMPTY,
    UNKNOWN_HEAD,
    Head,
    Keys,
    Overview,
    owner_and_name,
    read_author,
    read_overview,
)
from fetchers.network.http import FetchError, NotAskedError, Response, Upstream, parsing
from packages.facts import (
    MISSING,
    UNKNOWN,
    FetchTarget,
    InvalidFactError,
    Odd,
    Outcome,
    count,
    identifier,
    items,
    known,
    mapping,
    parse_datetime,
)

QUERY_SIZE = 50  # repositories in one query: one point, and well within the 10 s that GitHub gives it
MAX_FRUITLESS = 10  # queries in a row without any result, after which no more is hoped for
TRIED_ALONE = 3  # repositories that were good before, which are tried alone before that

_KEYS = Keys(id="databaseId", url="url", watchers="stargazerCount", forks="forkCount", archived="isArchived")
_LIMITED = frozenset({"RATE_LIMITED", "RATE_LIMIT"})
_TOO_MUCH = frozenset({"RESOURCE_LIMITS_EXCEEDED", "MAX_NODE_LIMIT_EXCEEDED"})
_UNFINISHED = frozenset({Outcome.SERVER_ERROR, Outcome.TIMEOUT})
_FIELDS = """fragment fields on Repository {
  databaseId url description stargazerCount forkCount isArchived
  defaultBranchRef { target { ... on Commit { oid committedDate author { name user { login } } } } }
}"""


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
    refused, parts = _split(batch)
    waiting = deque(parts)
    overviews: Overviews = {}
    failed: FetchError | None = None
    fruitless, patience = 0, MAX_FRUITLESS
    while waiting and fruitless < patience:
        part = waiting.popleft()
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
        if fruitless == MAX_FRUITLESS:
            waiting = _probes_first(waiting)
            patience = MAX_FRUITLESS + sum(len(each) == 1 and each[0].healthy for each in list(waiting)[:TRIED_ALONE])
    return refused | dict.fromkeys(_packages(*waiting), failed or _unfinished()) | overviews


def _probes_first(waiting: Iterable[list[FetchTarget]]) -> deque[list[FetchTarget]]:
    """Return the parts, but first some repositories that were good before, each alone: they tell if GraphQL is down."""
    healthy = [target for part in waiting for target in part if target.healthy][:TRIED_ALONE]
    rest = ([target for target in part if target not in healthy] for part in waiting)
    return deque([[target] for target in healthy] + [part for part in rest if part])


def _split(batch: Iterable[FetchTarget]) -> tuple[Overviews, list[list[FetchTarget]]]:
    """Split the batch: packages with an invalid path (and the error), and the rest to query, as one part."""
    refused: Overviews = {}
    part = []
    for target in batch:
        try:
            owner_and_name(target.path)
            part.append(target)
        except InvalidFactError as error:
            refused[target.package] = FetchError(str(error))
    return refused, [part] if part else []


def _halves(part: list[FetchTarget]) -> list[list[FetchTarget]]:
    middle = len(part) // 2
    return [half for half in (part[:middle], part[middle:]) if half]


def _packages(*parts: Iterable[FetchTarget]) -> list[int]:
    return [target.package for part in parts for target in part]


def _fruitless(received: Overviews) -> bool:
    """True if a query failed for all its repositories."""
    return all(isinstance(each, FetchError) and each.outcome in _UNFINISHED for each in received.values())


def _query(graphql: Upstream, part: list[FetchTarget]) -> tuple[Overviews, FetchError | None]:
    """Send one query. Return its overviews, and why the others are missing: a repository queried alone never is."""
    try:
        overviews, why = graphql.patiently(lambda: _sent(graphql, part))
    except FetchError as error:
        overviews, why = {}, _error_of_part(graphql, error)
    if len(part) == 1 and why and not overviews:
        overviews = {part[0].package: why}
    return overviews, why


def _sent(graphql: Upstream, part: list[FetchTarget]) -> tuple[Overviews, FetchError | None]:
    response = graphql.post(graphql.base_url, _payload(part))
    with parsing():
        return _parsed(graphql, part, response)


def _payload(part: Sequence[FetchTarget]) -> dict[str, object]:
    """Return the query. Names are passed as variables, so that no package's text gets into the query's own."""
    names: dict[str, str] = {}
    aliases = []
    for place, target in enumerate(part):
        names[f"o{place}"], names[f"n{place}"] = owner_and_name(target.path)
        aliases.append(f"  r{place}: repository(owner: $o{place}, name: $n{place}) {{ ...fields }}")
    declared = ", ".join(f"${name}: String!" for name in names)
    lines = [f"query ({declared}) {{", "  rateLimit { limit remaining resetAt }", *aliases, "}", _FIELDS]
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
    return _unfinished()


def _unfinished() -> FetchError:
    return FetchError("GitHub did not finish the query", Outcome.SERVER_ERROR, retryable=True)


def _stop_if_limited(
    graphql: Upstream, response: Response, document: Mapping[str, Any], errors: Iterable[_QueryError]
) -> None:
    """Raise RATE_LIMITED if the response says so, and pause GraphQL for as long as it demands.

    A message counts only if it is about the query: one about a repository contains its name, which anybody can choose.
    """
    texts = [document.get("message"), *(error.message for error in errors if not error.alias and not error.type)]
    if any(error.type in _LIMITED for error in errors) or any("rate limit" in str(text).lower() for text in texts):
        wait = pause(response)
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
    return read_overview(target, node, _KEYS, lambda odd, _: _head(odd, node))


def _head(odd: Odd, node: Mapping[str, Any]) -> Head:
    if "defaultBranchRef" not in node:
        return UNKNOWN_HEAD
    if node["defaultBranchRef"] is None:
        return EMPTY
    commit = odd.read(node, "defaultBranchRef.target", mapping)
    if commit is UNKNOWN:
        return UNKNOWN_HEAD
    author = {} if commit.get("author") is None else known(odd.read(commit, "author", mapping), {})
    return Head(
        odd.read(commit, "oid", identifier),
        odd.read(commit, "committedDate", parse_datetime),
        read_author(odd, author, "user", "name"),
    )
