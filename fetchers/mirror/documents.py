"""Documents of API v4 from another catalogue: parsed at the edge into frozen models, or rejected with the reason.

The rules are those that hold in both databases. SQLite's own are weaker: it stores a text longer than its column, a NUL
character or a number over 2^31 without an error.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from django.core.validators import slug_re
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, ValidationError

from core.kinds import Kind
from core.models import MAX_ID
from packages.models import HTTP_PREFIXES, REPO_URL_PREFIXES

MAX_COUNT = 2**31 - 1
MAX_TEXT = 100_000
MAX_PEOPLE = 5_000
MAX_LINKS = 10_000


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("contains a NUL character, which PostgreSQL cannot store")
    return text


def _slug(text: str) -> str:
    if not slug_re.match(text):
        raise ValueError("must consist of ASCII letters, digits, hyphens and underscores")
    return text


def _time(value: Any) -> datetime:
    """Parse an ISO 8601 time with its offset; return it in UTC."""
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 time")  # noqa: TRY004 (pydantic reports ValueErrors)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be an ISO 8601 time") from None
    if time.tzinfo is None:
        raise ValueError("must include its offset from UTC")
    if not 1900 <= time.year < 3000:  # a date near the limits of datetime overflows in some time zones
        raise ValueError("must be between 1900 and 3000")
    return time.astimezone(UTC)


def _prefixed(prefixes: tuple[str, ...]) -> AfterValidator:
    def check(url: str) -> str:
        if ":" in url and not url.lower().startswith(prefixes):
            raise ValueError(f"must begin with {' or '.join(prefixes)}")
        return url

    return AfterValidator(check)


def _http(url: str) -> str:
    if url and not url.lower().startswith(HTTP_PREFIXES):
        raise ValueError("must begin with http:// or https://")
    return url


def _link_to(kind: Kind) -> BeforeValidator:
    def read(link: Any) -> int:
        """Return the id at the end of the link's path; its host and its query do not matter."""
        try:
            path = urlsplit(link).path if isinstance(link, str) else ""
        except ValueError:
            path = ""
        match = re.search(rf"/{kind.plural}/([1-9][0-9]{{0,18}})/?\Z", path, re.ASCII)
        if not match:
            raise ValueError(f"must link to …/{kind.plural}/<id>/")
        return int(match[1])

    return BeforeValidator(read)


def _no_repeats(ids: list[int]) -> list[int]:
    if len(set(ids)) != len(ids):
        raise ValueError("lists the same document twice")
    return ids


def _weeks(counts: list[int]) -> list[int]:
    if len(counts) not in {0, 52}:
        raise ValueError(f"must be 52 weekly counts or none, not {len(counts)}")
    return counts


Id = Annotated[int, Strict(), Field(ge=1, le=MAX_ID)]
Count = Annotated[int, Strict(), Field(ge=0, le=MAX_COUNT)]
Flag = Annotated[bool, Strict()]
Text = Annotated[str, Strict(), Field(max_length=MAX_TEXT), AfterValidator(_without_nul)]
Line100 = Annotated[str, Strict(), Field(max_length=100), AfterValidator(_without_nul)]
Line255 = Annotated[str, Strict(), Field(max_length=255), AfterValidator(_without_nul)]
Line500 = Annotated[str, Strict(), Field(max_length=500), AfterValidator(_without_nul)]
Time = Annotated[datetime, BeforeValidator(_time)]
CategoryLink = Annotated[int, _link_to(Kind.CATEGORY), Field(le=MAX_ID)]
GridLink = Annotated[int, _link_to(Kind.GRID), Field(le=MAX_ID)]
PackageLink = Annotated[int, _link_to(Kind.PACKAGE), Field(le=MAX_ID)]


class Document(BaseModel):
    """What all kinds have. Keys that we do not know are left aside: a newer source may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    title: Annotated[str, Strict(), Field(min_length=1, max_length=100), AfterValidator(_without_nul)]
    slug: Annotated[Line100, AfterValidator(_slug)]
    created: Time
    modified: Time


class CategoryDocument(Document):
    description: Text
    title_plural: Line100
    show_pypi: Flag


class GridDocument(Document):
    description: Text
    is_locked: Flag
    packages: Annotated[list[PackageLink], Field(max_length=MAX_LINKS), AfterValidator(_no_repeats)]
    header: Flag


class PackageDocument(Document):
    category: CategoryLink
    grids: Annotated[list[GridLink], Field(max_length=MAX_LINKS), AfterValidator(_no_repeats)]
    last_updated: Time | None
    last_fetched: Time | None
    repo_url: Annotated[Line500, _prefixed(REPO_URL_PREFIXES)]
    pypi_version: Line100 | None
    repo_forks: Count
    repo_description: Text
    pypi_url: Annotated[Line255, _prefixed(HTTP_PREFIXES)]
    documentation_url: Annotated[Line500, AfterValidator(_http)] | None
    repo_watchers: Count
    commits_over_52: Annotated[list[Count], AfterValidator(_weeks)]
    participants: Annotated[list[Line255], Field(max_length=MAX_PEOPLE)]


DOCUMENTS: dict[Kind, type[Document]] = {
    Kind.CATEGORY: CategoryDocument,
    Kind.GRID: GridDocument,
    Kind.PACKAGE: PackageDocument,
}


class InvalidDocumentError(ValueError):
    """A document that breaks a rule. The message names the rules in one line."""


def parse(kind: Kind, raw: object) -> Document:
    """Return the typed document. Raises InvalidDocumentError with the first five rules that `raw` breaks."""
    try:
        return DOCUMENTS[kind].model_validate(raw)
    except ValidationError as error:
        reasons = [
            f"{'.'.join(map(str, mistake['loc'])) or 'document'}: {mistake['msg'].removeprefix('Value error, ')}"
            for mistake in error.errors(include_url=False, include_input=False, include_context=False)[:5]
        ]
        raise InvalidDocumentError(_printable("; ".join(reasons))) from None


def raw_id(raw: object) -> int | None:
    """Return the id of an invalid document, if it has one that a row can have."""
    pk = raw.get("id") if isinstance(raw, dict) else None
    return pk if type(pk) is int and 0 < pk <= MAX_ID else None


def label(kind: Kind, document: Document) -> str:
    """Return the kind, id and slug by which messages identify a document."""
    return f"{kind} {document.id} ({document.slug})"


def raw_label(kind: Kind, raw: object) -> str:
    """Return the label of an invalid document, with as much of its id and slug as can be read."""
    pk = raw_id(raw)
    slug = raw.get("slug") if isinstance(raw, dict) else None
    shown_id = "without an id" if pk is None else str(pk)
    shown_slug = f" ({slug[:100]})" if isinstance(slug, str) and slug_re.match(slug) else ""
    return f"{kind} {shown_id}{shown_slug}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
