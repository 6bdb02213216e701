"""The tables that triggers watch, and their columns: which revisions a write moves, and which writes are logged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from categories.documents import CATEGORY_COLUMNS
from core.documents import Columns
from core.kinds import Kind
from grids.documents import FEATURE_COLUMNS, GRID_COLUMNS
from packages.documents import PACKAGE_COLUMNS

MEMBERSHIP_COLUMNS = ("grid_id", "package_id", "position")
CELL_COLUMNS = ("feature_id", "membership_id", "text")
PIN_COLUMNS = ("package_id", "column", "since", "reason", "upstream")
ADVISORY_COLUMNS = (
    *("package_id", "osv_id", "aliases", "summary", "severity", "fixed", "affects_latest", "published", "modified"),
)
RELEASE_COLUMNS = ("package_id", "version", "uploaded_at", "yanked", "requires_python")
# Columns that documents are made of as well, and why their changes are not logged.
FETCH_STATE_COLUMNS_NOT_LOGGED = dict.fromkeys(
    ("package_id", "source", "subject", "last_success", "last_attempt", "outcome", "error", "failures", "next_due"),
    "moves with every fetch; what was fetched is logged",
)
HEALTH_COLUMNS_NOT_LOGGED = dict.fromkeys(
    ("package_id", "since", "before", "reasons", "warnings", "valid_until"),
    "is settled with the verdict; a change of that one is logged, of its package",
)

REFUSAL = (
    "A revision only rises: responses are cached under every number that it had. To have all of them built again, raise"
    " it (manage.py install_triggers --all does so)."
)


@dataclass(frozen=True)
class Owner:
    """The document that shows a row. `id` is SQL for its id, `{row}` being the row."""

    kind: Kind
    id: str


@dataclass(frozen=True)
class ShownColumns:
    """Columns of a row that documents with a slug of another `kind` go by: these are logged as changed when one of the
    columns moves. `ids` is SQL that selects their ids, `{row}` being the row."""

    kind: Kind
    columns: tuple[str, ...]
    ids: str


@dataclass(frozen=True)
class Part:
    """The `id`, `grid` and `package` by which a row without a slug is logged, each as SQL, `{row}` being the row. If
    one of the columns `identity` changes, it is logged as deleted and created."""

    grid: str
    package: str
    id: str = "{row}.id"
    identity: tuple[str, ...] = ()

    def values(self, row: str) -> str:
        """Return SQL for object_id, slug, old_slug, grid_id and package_id of the log."""
        return f"{self.id}, '', '', {self.grid}, {self.package}".format(row=row)


@dataclass(frozen=True)
class Watched:
    """A table with rows that documents show.

    `shown_in` are the kinds of those documents, whose revisions move with every write; `columns_shown_in` has further
    kinds for single columns, and `counted_in` those whose documents tell the number of rows, so that a row which comes
    or goes moves them too. Rows of a `kind` are logged as themselves (by their slug, or as `part` says), others as a
    change of the document that `logs_as` names, or not at all. An update is logged if one of `columns` changes, and as
    a change of the documents of `also_logs` if one of theirs does. `not_logged` has the other columns that documents
    are made of, each with the reason.
    """

    table: str
    shown_in: tuple[Kind, ...]
    kind: Kind | None = None
    part: Part | None = None
    logs_as: Owner | None = None
    also_logs: tuple[ShownColumns, ...] = ()
    columns: tuple[str, ...] = ()
    not_logged: Mapping[str, str] = field(default_factory=dict)
    columns_shown_in: Mapping[str, Kind] = field(default_factory=dict)
    counted_in: tuple[Kind, ...] = ()

    @property
    def columns_by_kind(self) -> dict[Kind, list[str]]:
        """The columns of `columns_shown_in`, by the kind of the documents that show them."""
        by_kind: dict[Kind, list[str]] = {}
        for column, kind in self.columns_shown_in.items():
            by_kind.setdefault(kind, []).append(column)
        return by_kind

    @property
    def counted(self) -> str:
        """The revision that has the number of its rows, or ""."""
        return self.kind.plural if self.kind else ""


def _documents(
    columns: Columns,
    columns_shown_in: Mapping[str, Kind] | None = None,
    counted_in: tuple[Kind, ...] = (),
    part: Part | None = None,
    also_logs: tuple[ShownColumns, ...] = (),
) -> Watched:
    """Watch the table of a kind of document, whose list of columns says what is logged."""
    return Watched(
        columns.kind.table,
        (columns.kind,),
        kind=columns.kind,
        part=part,
        also_logs=also_logs,
        columns=columns.logged,
        not_logged=columns.not_logged,
        columns_shown_in=columns_shown_in or {},
        counted_in=counted_in,
    )


WATCHED = (
    _documents(CATEGORY_COLUMNS),
    _documents(
        PACKAGE_COLUMNS,
        # A grid lists its packages by title, and their slugs; a category has their number.
        columns_shown_in={"title": Kind.GRID, "slug": Kind.GRID, "category_id": Kind.CATEGORY},
        counted_in=(Kind.CATEGORY,),
        also_logs=(  # a grid lists its packages by title
            ShownColumns(
                Kind.GRID, ("title",), f"SELECT grid_id FROM {Kind.MEMBERSHIP.table} WHERE package_id = {{row}}.id"
            ),
        ),
    ),
    _documents(GRID_COLUMNS),
    Watched(
        Kind.MEMBERSHIP.table,
        (Kind.PACKAGE, Kind.GRID),
        kind=Kind.MEMBERSHIP,
        part=Part("{row}.grid_id", "{row}.package_id", identity=("grid_id", "package_id")),
        columns=MEMBERSHIP_COLUMNS,
    ),
    _documents(FEATURE_COLUMNS, part=Part("{row}.grid_id", "NULL")),
    Watched(
        Kind.CELL.table,
        (Kind.FEATURE,),
        kind=Kind.CELL,
        part=Part(
            f"(SELECT grid_id FROM {Kind.FEATURE.table} WHERE id = {{row}}.feature_id)",
            f"(SELECT package_id FROM {Kind.MEMBERSHIP.table} WHERE id = {{row}}.membership_id)",
            id="{row}.feature_id",
            identity=("feature_id", "membership_id"),
        ),
        columns=CELL_COLUMNS,
    ),
    Watched(
        "packages_release",
        (Kind.PACKAGE,),
        logs_as=Owner(Kind.PACKAGE, "{row}.package_id"),
        columns=RELEASE_COLUMNS,
    ),
    Watched(
        "packages_pin",
        (Kind.PACKAGE,),
        logs_as=Owner(Kind.PACKAGE, "{row}.package_id"),
        columns=PIN_COLUMNS,
    ),
    Watched(
        "packages_packageadvisory",
        (Kind.PACKAGE,),
        logs_as=Owner(Kind.PACKAGE, "{row}.package_id"),
        columns=ADVISORY_COLUMNS,
    ),
    Watched("packages_snapshot", (Kind.PACKAGE,)),
    Watched("packages_repositoryalias", (Kind.PACKAGE,)),
    Watched("packages_readinesscount", (Kind.PACKAGE,)),
    Watched("packages_fetchstate", (Kind.PACKAGE,), not_logged=FETCH_STATE_COLUMNS_NOT_LOGGED),
    Watched("packages_packagehealth", (Kind.PACKAGE,), not_logged=HEALTH_COLUMNS_NOT_LOGGED),
)
