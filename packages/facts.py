"""The facts about a package that upstreams provide, as validated values.

Upstream modules build them from untrusted responses with the readers below, which raise InvalidFactError for values
that no upstream should send; from there on, every value is valid. A fact that a response does not tell, or tells oddly,
is UNKNOWN: the stored one stays. Only an identity (an id, a name, a uuid) that is missing or odd refuses a document.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, StrEnum
from functools import partial
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import unquote

SAMPLE = "sample data, not fetched"  # what the fetch states of the sample catalogue say in place of an error
MAX_COUNT = 2**31 - 1
MAX_DOWNLOADS = 2**63 - 1
MAX_DESCRIPTION = 2_000
MAX_PARTICIPANTS = 500
WEEKS = 52

Source = Literal["repo", "pypi", "downloads"]
# What is read as a whole, and not for each package
Feed = Literal["advisories"]
FEEDS: tuple[Feed, ...] = ("advisories",)
SOURCES: tuple[Source, ...] = ("repo", "pypi", "downloads")
STATUSES = ("active", "archived", "quarantined", "deprecated")  # of a project on PyPI: PEP 792


class Outcome(StrEnum):
    """The outcome of an attempt to fetch. OK, UNCHANGED, RENAMED and PARTIAL are successes, all others failures.

    PARTIAL: a part of the response was odd, and its old value stays; the error names it.
    """

    OK = "ok"
    UNCHANGED = "unchanged"
    RENAMED = "renamed"
    PARTIAL = "partial"
    NOT_FOUND = "not_found"
    GONE = "gone"
    PRIVATE = "private"
    BLOCKED = "blocked"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    TIMEOUT = "timeout"
    INVALID = "invalid"


SUCCESSES = frozenset({Outcome.OK, Outcome.UNCHANGED, Outcome.RENAMED, Outcome.PARTIAL})
MISSING = frozenset({Outcome.NOT_FOUND, Outcome.GONE})


class Unknown(Enum):
    """The type of UNKNOWN, which stands for a fact that a source does not tell: the stored one stays."""

    UNKNOWN = "unknown"


UNKNOWN: Final = Unknown.UNKNOWN


class InvalidFactError(ValueError):
    """An upstream sent an impossible value; the message says which, in one line."""


@dataclass(frozen=True, slots=True)
class FetchTarget:
    """The package that an upstream module is to fetch: its identities, and what the last success stored.

    `path` is the repository's path on its host as it is spelled (case preserved); `pypi_name` the PEP 503 name.
    `validators` are the module's own notes of the last success (ETags, head commit, serial): text to text.
    `previously_found`: an earlier fetch found it, and no "not found" has counted against it since. `healthy`: the last
    try succeeded. `told`: the names of facts that earlier fetches have told.
    """

    package: int
    host: str = ""
    path: str = ""
    repo_id: str = ""
    pypi_name: str = ""
    commits_over_52: tuple[int, ...] = ()
    weeks_end: date | None = None
    has_participants: bool = False
    validators: Mapping[str, str] | None = None
    previously_found: bool = False
    healthy: bool = False
    told: frozenset[str] = frozenset()

    @property
    def notes(self) -> Mapping[str, str]:
        """The validators, which may be none."""
        return self.validators or {}

    @property
    def has_counts(self) -> bool:
        """True if both lists, participants and weekly counts, are stored."""
        return self.has_participants and len(self.commits_over_52) == WEEKS


@dataclass(frozen=True, slots=True)
class RepositoryFacts:
    """All facts of a repository.

    `participants` and `commits_over_52` are UNKNOWN also while the provider computes them, and where there are too
    many. `weeks_end` is the day at whose 00:00 UTC the last of the 52 weeks ends. `last_updated` is None for an empty
    repository. `last_human_commit` is UNKNOWN where the newest commit is a bot's, or its author is not told. `repo_id`
    is "" for facts that no provider told, as those of the sample catalogue are.
    """

    repo_id: str
    url: str | Unknown
    description: str | Unknown
    watchers: int | Unknown
    forks: int | Unknown
    archived: bool | Unknown
    last_updated: datetime | Unknown | None
    participants: tuple[str, ...] | Unknown
    commits_over_52: tuple[int, ...] | Unknown
    weeks_end: date
    last_human_commit: datetime | Unknown | None = UNKNOWN


@dataclass(frozen=True, slots=True)
class ReleaseFact:
    version: str
    uploaded_at: datetime | Unknown | None
    yanked: bool | Unknown
    requires_python: str | Unknown


@dataclass(frozen=True, slots=True)
class PyPIFacts:
    """A project on PyPI.

    `licence_if_none` counts where no licence is known yet: the document lacks a part that could tell another one.
    `requires_django` is None if Django is not required, and "" if any version will do. `repo_url` is the repository
    that the project names. `status` is one of STATUSES; it and its reason are UNKNOWN if they were not requested.
    """

    version: str | Unknown | None = UNKNOWN
    requires_python: str | Unknown = UNKNOWN
    requires_django: str | Unknown | None = UNKNOWN
    classifiers: tuple[str, ...] | Unknown = UNKNOWN
    licence: str | Unknown = UNKNOWN
    licence_if_none: str = ""
    documentation_url: str | Unknown = UNKNOWN
    repo_url: str | Unknown = UNKNOWN
    releases: tuple[ReleaseFact, ...] | Unknown = UNKNOWN
    status: str | Unknown = UNKNOWN
    status_reason: str | Unknown = UNKNOWN


@dataclass(frozen=True, slots=True)
class DownloadFacts:
    """Downloads of the last 30 days, without mirrors."""

    last_month: int


F = TypeVar("F")
D = TypeVar("D")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fetched(Generic[F]):
    """A success. `facts` is None if nothing has changed since the last one (UNCHANGED).

    `validators` replace all the old ones. `incomplete`: a list is still being computed, so fetch again soon. `odd`
    names what is odd in the response, each part in one line that is shown to everybody: if there is any, the outcome is
    PARTIAL. If nothing has changed, what was odd is odd still: the validators tell it, or do not prevent asking again.
    """

    facts: F | None
    validators: Mapping[str, str]
    incomplete: bool = False
    odd: tuple[str, ...] = ()


class Odd(list[str]):
    """The odd parts of a response: what is wrong with each, in one line."""

    def note(self, message: object) -> None:
        """Add a part, once."""
        if str(message) not in self:
            self.append(str(message))

    def read(self, document: Mapping[str, Any], key: str, parse: Callable[[object, str], F]) -> F | Unknown:
        """Return the value of a key, "outer.inner" for one in an object, as `parse` reads it.

        UNKNOWN if the key is absent, or the value odd.
        """
        *outer, last = key.split(".")
        for each in outer:
            inner = self.read(document, each, mapping)
            if inner is UNKNOWN:
                return UNKNOWN
            document = inner
        return self.attempt(lambda: parse(document[last], key)) if last in document else UNKNOWN

    def attempt(self, read: Callable[[], F]) -> F | Unknown:
        """Return what `read` returns; UNKNOWN, and a note, if it raises InvalidFactError."""
        try:
            return read()
        except InvalidFactError as error:
            self.note(error)
            return UNKNOWN

    def sound(self, values: Iterable[object], parse: Callable[[object], F]) -> list[F]:
        """Return those values of a list that `parse` can read."""
        parsed = (self.attempt(partial(parse, value)) for value in values)
        return [each for each in parsed if not isinstance(each, Unknown)]


def known(fact: F | Unknown, default: D) -> F | D:
    """Return the fact, or `default` if it is UNKNOWN."""
    return default if isinstance(fact, Unknown) else fact


def mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidFactError(f"{what} is not an object")
    return value


def items(value: object, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidFactError(f"{what} is not a list")
    return value


def count(value: object, what: str, most: int = MAX_COUNT) -> int:
    """Return a whole number from 0 to `most`; a bool or a float is refused."""
    if type(value) is not int or not 0 <= value <= most:
        raise InvalidFactError(f"{what} is not a count")
    return value


def flag(value: object, what: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidFactError(f"{what} is neither true nor false")
    return value


def identifier(value: object, what: str) -> str:
    """Return a provider's id, a number or a text, as a text of 1 to 100 printable characters."""
    text = str(value) if type(value) is int and value > 0 else value
    if not isinstance(text, str) or not 0 < len(text) <= 100 or not text.isprintable():
        raise InvalidFactError(f"{what} is not an id")
    return text


def line(value: object, what: str, limit: int) -> str:
    """Return a text of one line within `limit`, unchanged; null is empty, anything else is refused."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit or not _storable(value) or re.search("[\r\n]", value):
        raise InvalidFactError(f"{what} is not a line of at most {limit} characters")
    return value


def prose(value: object, what: str, limit: int = MAX_DESCRIPTION) -> str:
    """Return a text for people: characters that cannot be stored are replaced, a long text is cut, null is empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidFactError(f"{what} is not a text")
    clean = re.sub("[\0\ud800-\udfff]", "\ufffd", value)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def parse_datetime(value: object, what: str) -> datetime:
    """Return an ISO 8601 time with its offset, in UTC, from 1970 on. A committer's clock may be ahead of ours."""
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None or not _EPOCH <= parsed < _FAR:
        raise InvalidFactError(f"{what} is not a time with its offset")
    return parsed.astimezone(UTC)


def link(value: object, what: str, limit: int = 500) -> str:
    """Return an http(s) URL without blanks or control characters."""
    text = value if isinstance(value, str) else ""
    if len(text) > limit or not text.isprintable() or not re.fullmatch(r"https?://\S+", text, re.IGNORECASE):
        raise InvalidFactError(f"{what} is not an http(s) link")
    return text


def people(names: Iterable[object], what: str) -> tuple[str, ...]:
    """Return names in their order, each once, 500 at most; blank ones and e-mail addresses are left out."""
    distinct: dict[str, None] = {}
    for name in names:
        if not isinstance(name, str):
            raise InvalidFactError(f"{what} holds something that is not a name")
        clean = prose(name, what, 255).strip()
        if clean and not re.search(r"\S@\S+\.\S", name):
            distinct[clean] = None
        if len(distinct) == MAX_PARTICIPANTS:
            break
    return tuple(distinct)


def weeks(values: object, what: str) -> tuple[int, ...]:
    """Return 52 weekly counts, oldest first."""
    counts = items(values, what)
    if len(counts) != WEEKS:
        raise InvalidFactError(f"{what} has {len(counts)} weeks instead of 52")
    return tuple(count(number, what) for number in counts)


def midnight(day: date) -> datetime:
    """Return the 00:00 UTC at which a day begins."""
    return datetime.combine(day, time.min, UTC)


def segments(path: str) -> list[str]:
    """Return the segments of a repository's path, unescaped; at least two."""
    parts = [unquote(part) for part in path.split("/")]
    # An escaped slash is one to some servers: what stands between them must be no way up either.
    if len(parts) < 2 or not {"", ".", ".."}.isdisjoint("/".join(parts).split("/")):
        raise InvalidFactError(f"{path!r} is not the path of a repository")
    return parts


def repository_link(value: object, what: str, host: str) -> str:
    """Return the https URL of a repository on that host."""
    url = link(value, what)
    if not re.fullmatch(rf"https://(?:www\.)?{re.escape(host)}(?::443)?/[^/?#]+/[^?#]+", url, re.IGNORECASE):
        raise InvalidFactError(f"{what} is not a repository on {host}")
    return url


def weekly(commits: Iterable[datetime], end: date) -> tuple[int, ...]:
    """Return the 52 weekly counts of `commits`, the last week ending at 00:00 UTC of day `end`."""
    close = midnight(end)
    counts = [0] * WEEKS
    for commit in commits:
        ago = (close - commit) // timedelta(weeks=1) if commit < close else -1
        # A commit at the very start of a week belongs to it.
        if commit < close and (close - commit) % timedelta(weeks=1) == timedelta():
            ago -= 1
        if 0 <= ago < WEEKS:
            counts[WEEKS - 1 - ago] += 1
    return tuple(counts)


def shifted(counts: tuple[int, ...], end: date, to: date) -> tuple[tuple[int, ...], date]:
    """Return `counts` shifted by the whole weeks from `end` to `to`, in which nothing was committed, and their new end.

    The weeks still end on the same day of the week, because a count cannot be split.
    """
    passed = max(0, (to - end).days // 7)
    moved = (*counts[min(passed, WEEKS) :], *([0] * min(passed, WEEKS)))
    return moved, end + timedelta(weeks=passed)


def _storable(text: str) -> bool:
    return not re.search("[\0\ud800-\udfff]", text)
