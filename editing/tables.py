"""The tables that are recorded, in an order in which each row can be stored after those that it refers to.

A table that editors write as well needs a line here, and `migrate` or `install_triggers`: its history and undoing it
follow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Field, Model

from categories.models import Category
from changes.models import OldSlug
from core.models import Document
from editing.models import Dismissal
from grids.models import Cell, Feature, Grid, GridPackage
from packages.documents import PACKAGE_COLUMNS
from packages.models import FetchState, Package, PackageHealth, Pin, Release, RepositoryAlias, Snapshot

EVERY_EVENT = ("insert", "update", "delete")


@dataclass(frozen=True)
class RecordedTable:
    """A table of which these `events` are recorded.

    `grid` and `package` are SQL for the ids of those that a row belongs to, `{row}` being the row. `named_by` are the
    columns that stand in every entry, and `unrecorded` those that no entry has. A table that is not `edited` has what
    fetches write: it comes back with its package, and nobody is asked about it.
    """

    model: type[Model]
    events: tuple[str, ...] = EVERY_EVENT
    grid: str = "NULL"
    package: str = "NULL"
    named_by: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    edited: bool = True
    fetched: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.model._meta.db_table

    @property
    def key(self) -> str:
        """The column of the primary key."""
        return str(self.model._meta.pk.column)

    @property
    def is_document(self) -> bool:
        return issubclass(self.model, Document)

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """The model's fields by the names of their columns."""
        fields: list[Field[Any, Any]] = list(self.model._meta.concrete_fields)
        return {str(field.column): field for field in fields}

    def compared(self, column: str) -> bool:
        """Tell whether a difference in this column is an editor's."""
        return column not in {"modified", self.key, *self.fetched, *self.unrecorded} and column in self.fields


_DERIVED = ("repo_host", "repo_key", "pypi_name")

TABLES = (
    RecordedTable(Category, named_by=("title",)),
    RecordedTable(Grid, grid="{row}.id", named_by=("title",)),
    RecordedTable(
        Package,
        package="{row}.id",
        named_by=("title",),
        unrecorded=("verdict_rank", "vulnerable"),  # they are settled anew
        fetched=(*PACKAGE_COLUMNS.fetched, *_DERIVED),
    ),
    RecordedTable(
        Pin,
        package="{row}.package_id",
        named_by=("package_id", "column"),
        fetched=("upstream", "is_elsewhere"),
    ),
    RecordedTable(GridPackage, grid="{row}.grid_id", package="{row}.package_id", named_by=("grid_id", "package_id")),
    RecordedTable(Feature, grid="{row}.grid_id", named_by=("title", "grid_id")),
    RecordedTable(
        Cell,
        grid="(SELECT grid_id FROM grids_feature WHERE id = {row}.feature_id)",
        package="(SELECT package_id FROM grids_gridpackage WHERE id = {row}.membership_id)",
        named_by=("feature_id", "membership_id"),
    ),
    RecordedTable(
        Dismissal,
        grid="{row}.grid_id",
        package="{row}.package_id",
        named_by=("kind", "package_id", "grid_id"),
        rights=("packages.change_package", "grids.change_grid"),
    ),
    RecordedTable(Release, named_by=("package_id",), edited=False),
    RecordedTable(RepositoryAlias, named_by=("package_id",), edited=False),
    RecordedTable(FetchState, named_by=("package_id",), edited=False),
    RecordedTable(Snapshot, named_by=("package_id",), edited=False),
    # Settling writes them too, whatever else is written.
    RecordedTable(PackageHealth, events=("delete",), edited=False),
    RecordedTable(OldSlug, events=("update", "delete"), named_by=("kind",), edited=False),
)
BY_NAME = {table.name: table for table in TABLES}
EDITED = tuple(table for table in TABLES if table.edited)
FOLLOWING = tuple(table for table in TABLES if not table.edited)
