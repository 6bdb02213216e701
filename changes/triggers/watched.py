"""The tables that triggers watch, and their columns: which revisions a write moves, and which writes are logged."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.kinds import Kind

# The columns whose changes are logged, a tuple for each table: those that documents are made of.
_DOCUMENT = ("title", "slug", "created", "modified")
CATEGORY_COLUMNS = (*_DOCUMENT, "description", "title_plural", "show_pypi")
PACKAGE_COLUMNS = (
    *_DOCUMENT,
    "category_id",
    "repo_url",
    "pypi_url",
    "documentation_url",
    "deprecated",
    "replaced_by_id",
    "repo_description",
    "repo_watchers",
    "repo_forks",
    "commits_over_52",
    "participants",
    "last_updated",
    "pypi_version",
    "archived",
    "requires_python",
    "classifiers",
    "licence",
    "released",
    "pypi_downloads",
    "gone_since",
)
GRID_COLUMNS = (*_DOCUMENT, "description", "is_locked", "header")
MEMBERSHIP_COLUMNS = ("grid_id", "package_id", "position")
# Columns that documents are made of as well, and why their changes are not logged.
FETCH_STATE_COLUMNS_NOT_LOGGED = dict.fromkeys(
    ("package_id", "source", "subject", "last_success", "last_attempt", "outcome", "failures", "next_due"),
    "moves with every fetch; what was fetched is logged",
)
PACKAGE_COLUMNS_NOT_LOGGED = {
    "last_fetched": "moves with every fetch, which is no change by itself",
    "repo_key": "follows from repo_url",
    "pypi_name": "follows from pypi_url",
}

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
class Watched:
    """A table with rows that documents show.

    `shown_in` are the kinds of those documents, whose revisions move with every write; `columns_shown_in` has further
    kinds for single columns. Rows of a `kind` are logged as themselves, others as a change of the document that
    `logs_as` names, or not at all. An update is logged if one of `columns` changes. `not_logged` has the other columns
    that documents are made of, each with the reason.
    """

    table: str
    shown_in: tuple[Kind, ...]
    kind: Kind | None = None
    logs_as: Owner | None = None
    columns: tuple[str, ...] = ()
    not_logged: Mapping[str, str] = field(default_factory=dict)
    columns_shown_in: Mapping[str, Kind] = field(default_factory=dict)

    @property
    def is_membership(self) -> bool:
        return self.kind == Kind.MEMBERSHIP

    @property
    def counted(self) -> str:
        """The revision that has the number of its rows, or ""."""
        return self.kind.plural if self.kind else ""


WATCHED = (
    Watched(Kind.CATEGORY.table, (Kind.CATEGORY,), kind=Kind.CATEGORY, columns=CATEGORY_COLUMNS),
    Watched(
        Kind.PACKAGE.table,
        (Kind.PACKAGE,),
        kind=Kind.PACKAGE,
        columns=PACKAGE_COLUMNS,
        not_logged=PACKAGE_COLUMNS_NOT_LOGGED,
        columns_shown_in={"title": Kind.GRID},  # a grid lists its packages by title
    ),
    Watched(Kind.GRID.table, (Kind.GRID,), kind=Kind.GRID, columns=GRID_COLUMNS),
    Watched(Kind.MEMBERSHIP.table, (Kind.PACKAGE, Kind.GRID), kind=Kind.MEMBERSHIP, columns=MEMBERSHIP_COLUMNS),
    Watched("packages_release", (Kind.PACKAGE,)),
    Watched("packages_snapshot", (Kind.PACKAGE,)),
    Watched("packages_fetchstate", (Kind.PACKAGE,), not_logged=FETCH_STATE_COLUMNS_NOT_LOGGED),
)
