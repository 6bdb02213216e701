"""A repository on GitHub without its lists: what GraphQL and REST tell of it, in documents with different keys."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packages.bots import is_bot
from packages.facts import (
    UNKNOWN,
    FetchTarget,
    InvalidFactError,
    Odd,
    Unknown,
    count,
    flag,
    identifier,
    known,
    link,
    mapping,
    prose,
)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest commit of the default branch: its id, its committer's time, and its author's login or name.

    "" and None if the repository is empty; UNKNOWN where it is not told.
    """

    id: str | Unknown
    at: datetime | Unknown | None
    author: str | Unknown = UNKNOWN

    @property
    def human_at(self) -> datetime | Unknown | None:
        """The time, if a person is known to have written the commit."""
        author = known(self.author, "")
        return self.at if self.at is None or (author and not is_bot(author)) else UNKNOWN


EMPTY = Head("", None)
UNKNOWN_HEAD = Head(UNKNOWN, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Overview:
    """The facts of a repository without its lists, its head, and what was odd.

    `head` is the id of the newest commit of the default branch and `last_updated` its committer's time; "" and None if
    the repository is empty.
    """

    repo_id: str
    url: str | Unknown
    description: str | Unknown
    watchers: int | Unknown
    forks: int | Unknown
    archived: bool | Unknown
    head: str | Unknown
    last_updated: datetime | Unknown | None
    last_human_commit: datetime | Unknown | None = UNKNOWN
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a document."""

    id: str
    url: str
    watchers: str
    forks: str
    archived: str


def read_overview(
    target: FetchTarget, document: Mapping[str, Any], keys: Keys, read_head: Callable[[Odd, str], Head]
) -> Overview:
    """Return the overview in a document, whose head `read_head` returns, given the repository's path in the API."""
    odd = Odd()
    repo_id = identifier(document.get(keys.id), keys.id)
    url = odd.read(document, keys.url, partial(repository_url, target=target))
    head = read_head(odd, api_path(target.path if url is UNKNOWN else url_path(url)))
    return Overview(
        repo_id=repo_id,
        url=url,
        description=odd.read(document, "description", prose),
        watchers=odd.read(document, keys.watchers, count),
        forks=odd.read(document, keys.forks, count),
        archived=odd.read(document, keys.archived, flag),
        head=head.id,
        last_updated=head.at,
        last_human_commit=head.human_at,
        odd=tuple(odd),
    )


def read_author(odd: Odd, document: Mapping[str, Any], user_key: str, name_key: str) -> str | Unknown:
    """Return the login of an author who has an account, else the name in the commit."""
    return known(odd.read(document, user_key, _login), "") or odd.read(document, name_key, prose)


def _login(user: object, what: str) -> str:
    """Return a user's login, "" for null, which is no user."""
    return "" if user is None else prose(mapping(user, what).get("login"), f"{what}.login").strip()


def repository_url(value: object, what: str, target: FetchTarget) -> str:
    """Return the https URL of a repository, and of nothing else, on the target's host."""
    url = link(value, what)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidFactError(f"{what} is not a valid URL") from error
    same_host = (parts.scheme, parts.netloc.lower(), parts.query, parts.fragment) == ("https", target.host, "", "")
    if not same_host or url_path(url).count("/") != 2:
        raise InvalidFactError(f"{what} is not a repository on {target.host}")
    owner_and_name(url_path(url))
    return url


def owner_and_name(path: str) -> tuple[str, str]:
    """Return owner and name from a path that is not escaped."""
    owner, name, *_ = [*path.strip("/").split("/"), ""]
    if not {owner, name}.isdisjoint({"", ".", ".."}):
        raise InvalidFactError("the path is not that of a repository")
    return owner, name


def api_path(path: str) -> str:
    """Return the escaped path of a repository in the API."""
    return "/".join(["repos", *(quote(segment, safe="") for segment in owner_and_name(path))])


def url_path(url: str) -> str:
    return unquote(urlsplit(url).path)
