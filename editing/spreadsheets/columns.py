"""The columns of the CSV of documents: those that editors write, and read-only ones that an import ignores."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import orjson
from django.core.exceptions import ValidationError
from django.db.models import BooleanField, CharField, DateField, Field, ForeignKey, OuterRef, QuerySet, TextField

from core.admin.forms import form_fields
from core.database.functions import RowCount
from core.documents import Columns
from core.kinds import Kind
from core.models import Document
from fetchers.mirror.documents import InvalidDocumentError, check, has_rule
from grids.documents import GRID_COLUMNS
from grids.models import Feature, Grid, GridPackage
from packages import hooks
from packages.addresses import ADDRESSES, clean
from packages.documents import PACKAGE_COLUMNS
from packages.health.verdicts import ranked
from packages.models import Package

_TRUTH = {
    **dict.fromkeys(("true", "yes", "1", "wahr", "ja", "vrai", "oui"), True),
    **dict.fromkeys(("false", "no", "0", "", "falsch", "nein", "faux", "non"), False),
}


class InvalidCellError(ValueError):
    """A text that is no value of its column; the message says why."""


@dataclass(frozen=True)
class SheetColumn:
    """A column that editors write. A reference is written as the slug of what it refers to."""

    kind: Kind
    field: Any

    @property
    def title(self) -> str:
        return str(self.field.name)

    @property
    def attname(self) -> str:
        return str(self.field.attname)

    @property
    def source(self) -> str:
        """The name of its value in a query."""
        return f"{self.field.name}__slug" if self.is_reference else self.title

    @property
    def is_reference(self) -> bool:
        return isinstance(self.field, ForeignKey)

    @property
    def is_text(self) -> bool:
        return isinstance(self.field, CharField | TextField)

    def value(self, text: str) -> Any:
        """Return the value that a text of the file is, if it is no reference. InvalidCellError if it is none."""
        if not isinstance(self.field, TextField):
            text = text.strip()
        if self.title in ADDRESSES:
            text = clean(text).address
        value: Any = text
        if isinstance(self.field, BooleanField):
            if text.lower() not in _TRUTH:
                raise InvalidCellError(f"{self.title}: must be true or false")
            value = _TRUTH[text.lower()]
        elif not text and not self.is_text:
            value = None
        self._check(value)
        return self.field.to_python(value)

    def _check(self, value: Any) -> None:
        """Refuse what the import of catalogues refuses; of a column that these have not, what a form does."""
        try:
            if "\0" in str(value):
                raise InvalidCellError(f"{self.title}: contains a NUL character")
            if has_rule(self.kind, self.title):
                check(self.kind, self.title, value)
            else:
                self.field.clean(value, None)
        except InvalidDocumentError as error:
            raise InvalidCellError(str(error)) from None
        except ValidationError as error:
            hint = " Write it like 2027-01-31." if isinstance(self.field, DateField) else ""
            raise InvalidCellError(f"{self.title}: {' '.join(error.messages)}{hint}") from None


class ReadOnly(NamedTuple):
    """A column that an import ignores: its value is computed from that of a column of the rows."""

    source: str
    compute: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True)
class DocumentSheet:
    """The CSV of a kind of document: the columns that editors write, `first` ones first, and those of `rows` that are
    to be read alone."""

    kind: Kind
    model: type[Document]
    columns: Columns
    first: tuple[str, ...]
    rows: Callable[[], QuerySet[Any]]
    read_only: Mapping[str, ReadOnly]

    @cached_property
    def written(self) -> dict[str, SheetColumn]:
        """The columns that editors write, by their titles, in order."""
        fields: dict[str, Field[Any, Any]] = {
            name: self.model._meta.get_field(name)  # type: ignore[misc]
            for name in form_fields(self.columns, self.model)
        }
        order = [*self.first, *(name for name in fields if name not in self.first)]
        return {name: SheetColumn(self.kind, fields[name]) for name in order}

    @property
    def titles(self) -> list[str]:
        return ["id", *self.written, *self.read_only]

    @property
    def ignored(self) -> Collection[str]:
        """The titles of columns that a file may have, and that an import leaves alone."""
        known = {*self.columns.by_name, *self.read_only, *(field.name for field in self.model._meta.concrete_fields)}
        return known - {"id", *self.written}


def _packages() -> QuerySet[Any]:
    return Package.objects.annotate(slugs_of_grids=hooks.grids.slugs_of_a_package())


def _grids() -> QuerySet[Any]:
    members, features = (
        RowCount(model._default_manager.filter(grid=OuterRef("pk")).order_by().values("pk"))
        for model in (GridPackage, Feature)
    )
    return Grid.objects.annotate(package_count=members, feature_count=features)


def _as_stored(*names: str) -> dict[str, ReadOnly]:
    return {name: ReadOnly(name) for name in names}


PACKAGES = DocumentSheet(
    Kind.PACKAGE,
    Package,
    PACKAGE_COLUMNS,
    ("slug", "title", "category", "repo_url", "pypi_url", "documentation_url", "deprecated", "replaced_by"),
    _packages,
    {
        "grid_slugs": ReadOnly("slugs_of_grids", lambda slugs: list(orjson.loads(slugs or "{}").values())),
        "verdict": ReadOnly("verdict_rank", ranked),
        **_as_stored("repo_watchers", "pypi_downloads", "pypi_version", "last_updated", "modified"),
    },
)
GRIDS = DocumentSheet(
    Kind.GRID,
    Grid,
    GRID_COLUMNS,
    ("slug", "title", "description", "header", "is_locked"),
    _grids,
    _as_stored("package_count", "feature_count", "modified"),
)
SHEETS: Mapping[type[Document], DocumentSheet] = {sheet.model: sheet for sheet in (PACKAGES, GRIDS)}
