"""Documents of API v4 from another catalogue: parsed at the edge into frozen models, or rejected with the reason.

The rules are those that hold in both databases. SQLite's own are weaker: it stores a text longer than its column, a NUL
character or a number over 2^31 without an error.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit

from django.core.validators import slug_re
from django.db import models
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    create_model,
)

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core.documents import Columns, Relation
from core.kinds import Kind
from core.models import MAX_ID
from grids.documents import GRID_COLUMNS
from grids.models import MOST_FEATURES, Grid
from packages.addresses import HTTP_PREFIXES, REPO_URL_PREFIXES
from packages.documents import PACKAGE_COLUMNS
from packages.models import Package

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


def _time(value: Any, info: ValidationInfo) -> datetime:
    """Parse an ISO 8601 time; return it in UTC. Without an offset it is in the time zone of the source, the context."""
    if not isinstance(value, str):
        raise ValueError("must be an ISO 8601 time")  # noqa: TRY004 (pydantic reports ValueErrors)
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be an ISO 8601 time") from None
    if not 1900 <= time.year < 3000:  # a date near the limits of datetime overflows in some time zones
        raise ValueError("must be between 1900 and 3000")
    return (time if time.tzinfo else time.replace(tzinfo=info.context)).astimezone(UTC)


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
Time = Annotated[datetime, BeforeValidator(_time)]


class CellDocument(BaseModel):
    """A cell in a file of our own export."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    package: Id
    text: Annotated[str, Strict(), Field(max_length=1000), AfterValidator(_without_nul)]
    created: Time
    modified: Time


def _one_cell_each(cells: list[CellDocument]) -> list[CellDocument]:
    _no_repeats([cell.package for cell in cells])
    return cells


class FeatureDocument(BaseModel):
    """A feature of a grid, in a file of our own export."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    title: Annotated[str, Strict(), Field(min_length=1, max_length=100), AfterValidator(_without_nul)]
    description: Text
    position: Count
    created: Time
    modified: Time
    cells: Annotated[list[CellDocument], Field(max_length=MAX_LINKS), AfterValidator(_one_cell_each)]


def _one_feature_each(features: list[FeatureDocument]) -> list[FeatureDocument]:
    _no_repeats([feature.id for feature in features])
    return features


# The types of columns whose fields do not tell them, and the rules of texts that say more than a length
_TYPES: dict[str, Any] = {
    "commits_over_52": Annotated[list[Count], AfterValidator(_weeks)],
    "participants": Annotated[list[Line255], Field(max_length=MAX_PEOPLE)],
}
_RULES = {
    "repo_url": _prefixed(REPO_URL_PREFIXES),
    "pypi_url": _prefixed(HTTP_PREFIXES),
    "documentation_url": AfterValidator(_http),
}


class Document(BaseModel):
    """The keys of every kind. Unknown keys are ignored: a newer source may have more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    title: Annotated[str, Strict(), Field(min_length=1, max_length=100), AfterValidator(_without_nul)]
    slug: Annotated[Line100, AfterValidator(_slug)]
    created: Time
    modified: Time


D = TypeVar("D", bound=Document)


def _completed(columns: Columns, model: type[models.Model]) -> Callable[[type[D]], type[D]]:
    """Add a field for each key of v4 that a class of documents lacks, by the column of the model."""

    def complete(document: type[D]) -> type[D]:
        fields: dict[str, Any] = {
            name: (_link(columns.relations[name]) if name in columns.relations else _value(model, name), ...)
            for name in columns.v4
            if name not in document.model_fields
        }
        return create_model(
            document.__name__, __base__=document, __module__=__name__, __doc__=document.__doc__, **fields
        )

    return complete


def _link(relation: Relation) -> Any:
    link = Annotated[int, _link_to(relation.kind), Field(le=MAX_ID)]
    if relation.many:
        return Annotated[list[link], Field(max_length=MAX_LINKS), AfterValidator(_no_repeats)]
    return link | None if relation.null else link


def _value(model: type[models.Model], name: str) -> Any:
    column: Any = model._meta.get_field(name)
    plain = _plain(column)
    checked = Annotated[plain, _RULES[name]] if name in _RULES else plain
    return checked | None if column.null else checked


def _plain(column: Any) -> Any:
    """The type of the values that a column of the database can hold."""
    match column:
        case models.CharField():
            length = Field(min_length=0 if column.blank else 1, max_length=column.max_length)
            return Annotated[str, Strict(), length, AfterValidator(_without_nul)]
        case models.TextField():
            return Text
        case models.PositiveIntegerField():
            return Count
        case models.BooleanField():
            return Flag
        case models.DateTimeField():
            return Time
    if column.name not in _TYPES:
        raise TypeError(f"No type of values is known for the column {column.name}: name one in _TYPES")
    return _TYPES[column.name]


# The attributes named in these classes are those that the import itself reads.
@_completed(CATEGORY_COLUMNS, Category)
class CategoryDocument(Document):
    pass


@_completed(GRID_COLUMNS, Grid)
class GridDocument(Document):
    # In our own exports; where it is absent, the features that are there stay.
    features: (
        Annotated[list[FeatureDocument], Field(max_length=MOST_FEATURES), AfterValidator(_one_feature_each)] | None
    ) = None

    if TYPE_CHECKING:
        packages: list[int]


@_completed(PACKAGE_COLUMNS, Package)
class PackageDocument(Document):
    if TYPE_CHECKING:
        category: int
        grids: list[int]
        last_fetched: datetime | None
        commits_over_52: list[int]
        repo_url: str
        pypi_url: str
        documentation_url: str | None


DOCUMENTS: dict[Kind, type[Document]] = {
    Kind.CATEGORY: CategoryDocument,
    Kind.GRID: GridDocument,
    Kind.PACKAGE: PackageDocument,
}


class InvalidDocumentError(ValueError):
    """A document that breaks a rule. The message names the rules in one line."""


def parse(kind: Kind, raw: object, zone: tzinfo = UTC) -> Document:
    """Return the typed document, whose times are in `zone` where they have no offset. Raises InvalidDocumentError with
    the first five rules that `raw` breaks."""
    try:
        return DOCUMENTS[kind].model_validate(raw, context=zone)
    except ValidationError as error:
        raise _invalid(error, "document") from None


def has_rule(kind: Kind, key: str) -> bool:
    return key in DOCUMENTS[kind].model_fields


def check(kind: Kind, key: str, value: object) -> None:
    """Raise InvalidDocumentError with the rules that a value breaks as that of a key of a document."""
    try:
        _rule(kind, key).validate_python(value)
    except ValidationError as error:
        raise _invalid(error, key) from None


@cache
def _rule(kind: Kind, key: str) -> TypeAdapter[Any]:
    field = DOCUMENTS[kind].model_fields[key]
    rule: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return TypeAdapter(rule)


def _invalid(error: ValidationError, what: str) -> InvalidDocumentError:
    reasons = [
        f"{'.'.join(map(str, mistake['loc'])) or what}: {mistake['msg'].removeprefix('Value error, ')}"
        for mistake in error.errors(include_url=False, include_input=False, include_context=False)[:5]
    ]
    return InvalidDocumentError(_printable("; ".join(reasons)))


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
