"""The edits that the grid editor sends: changed cells, features and members, each with what it is based on."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from core.models import MAX_ID
from grids.models import MOST_CHARACTERS, MOST_FEATURES, Feature

MOST_CELLS = 10_000
MOST_MEMBERS = 1_000  # added or removed at once
MOST_OF_A_DESCRIPTION = 5_000
MOST_OF_A_TITLE: int = Feature._meta.get_field("title").max_length or 0
MOST_SHOWN = 50  # mistakes

Id = Annotated[int, Field(gt=0, le=MAX_ID)]
# A feature that the request adds
Key = Annotated[str, StringConstraints(pattern=r"^new-[1-9][0-9]{0,8}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CellEdit(_Part):
    feature: Id | Key
    package: Id
    text: str
    was: str


class FieldEdit(_Part):
    text: str
    was: str


class FeatureEdit(_Part):
    id: Id
    title: FieldEdit | None = None
    description: FieldEdit | None = None


class NewFeature(_Part):
    key: Key
    title: str
    description: str = ""


class Deletion(_Part):
    """A feature to be deleted, or a package to be removed, with the digest of what goes with it."""

    id: Id
    digest: str = Field(max_length=16)


class Order(_Part):
    """The features in their new order, and the one that it is based on."""

    to: list[Id | Key] = Field(max_length=2 * MOST_FEATURES)
    was: list[Id] = Field(max_length=2 * MOST_FEATURES)


class Edits(_Part):
    """All that one save writes. `user` is who opened the page."""

    user: int
    cells: list[CellEdit] = Field(default=[], max_length=MOST_CELLS)
    features: list[FeatureEdit] = Field(default=[], max_length=MOST_FEATURES)
    created: list[NewFeature] = Field(default=[], max_length=MOST_FEATURES)
    deleted: list[Deletion] = Field(default=[], max_length=MOST_FEATURES)
    order: Order | None = None
    added: list[Id] = Field(default=[], max_length=MOST_MEMBERS)
    removed: list[Deletion] = Field(default=[], max_length=MOST_MEMBERS)


class MistakeError(Exception):
    """Edits that cannot be saved; `places` says of each mistake where it is and how to mend it."""

    def __init__(self, message: str, places: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.places = places or []


def parse(data: bytes) -> Edits:
    """Return the edits in the body of a request; MistakeError if they are not what they should be."""
    try:
        edits = Edits.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        raise MistakeError(f"The request cannot be read: {place + ': ' if place else ''}{first['msg']}.") from error
    mistakes = list(_mistakes(edits))
    if mistakes:
        number = f"{len(mistakes):,} texts" if len(mistakes) > 1 else "a text"
        raise MistakeError(f"Nothing is saved: mend {number} first.", mistakes[:MOST_SHOWN])
    if what := next(_named_twice(edits), ""):
        raise MistakeError(f"The request names a {what} twice. Nothing is saved.")
    return edits


def _named_twice(edits: Edits) -> Iterator[str]:
    named: dict[str, list[Any]] = {
        "cell": [(each.feature, each.package) for each in edits.cells],
        "feature": [each.id for each in edits.features],
        "new feature": [each.key for each in edits.created],
        "deleted feature": [each.id for each in edits.deleted],
        "removed member": [each.id for each in edits.removed],
    }
    yield from (what for what, refs in named.items() if len(set(refs)) < len(refs))


def title_of(text: str) -> str:
    """Return a title as it is stored: without blanks around, in one line."""
    return " ".join(text.split())


def _mistakes(edits: Edits) -> Iterator[dict[str, Any]]:
    for cell in edits.cells:
        if why := mistake(cell.text, MOST_CHARACTERS):
            yield {"feature": cell.feature, "package": cell.package, "message": why}
    for ref, title, description in _features(edits):
        if title is not None and (why := mistake(title_of(title), MOST_OF_A_TITLE, may_be_empty=False)):
            yield {"feature": ref, "field": "title", "message": why}
        if description and (why := mistake(description, MOST_OF_A_DESCRIPTION)):
            yield {"feature": ref, "field": "description", "message": why}


def _features(edits: Edits) -> Iterator[tuple[int | str, str | None, str | None]]:
    """Yield features with the title and the description that they get."""
    for each in edits.features:
        yield each.id, each.title.text if each.title else None, each.description.text if each.description else None
    for new in edits.created:
        yield new.key, new.title, new.description


def mistake(text: str, longest: int, *, may_be_empty: bool = True) -> str:
    """Return what is wrong with a text, and how to mend it; "" if nothing is."""
    if not text and not may_be_empty:
        return "A feature needs a title."
    if len(text) > longest:
        return f"It has {len(text):,} characters: at most {longest:,}."
    if "\x00" in text:
        return "It holds a NUL: take it out."
    return ""
