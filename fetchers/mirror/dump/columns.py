"""Every column of every table of the database, declared as public or as private: dumps have the public ones alone.

A column is public if API v4 serves it, or filters by it; or if a column of a dump is made of it, as `verdict` is made
of the rank that is stored. A test refuses a column that is not declared here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from django.db.models import Model

from categories.models import Category
from grids.cells import sign
from grids.models import Cell, Feature, Grid, GridPackage
from packages.compatibility import django_versions, has_python3, python_versions
from packages.health.verdicts import LEVELS, ranked
from packages.models import Package, PackageAdvisory, PackageHealth, Pin, Release, Snapshot
from packages.pins.columns import day_of, in_short
from packages.replies import stands
from packages.score import score

Kind = Literal["integer", "text", "boolean", "time", "day", "json"]
_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("BigAutoField", "ForeignKey", "IntegerField"), "integer"),
    **dict.fromkeys(("BigIntegerField", "PositiveBigIntegerField", "PositiveIntegerField"), "integer"),
    **dict.fromkeys(("CharField", "SlugField", "TextField"), "text"),
    "BooleanField": "boolean",
    "DateField": "day",
    "DateTimeField": "time",
    "JSONField": "json",
}


@dataclass(frozen=True)
class Column:
    """A column of a dump. Its value is that of its one source, or what `compute` makes of the values of all sources,
    with the time of the dump after them."""

    name: str
    kind: Kind
    sources: tuple[str, ...]
    compute: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Table:
    """A table of a dump, with its columns; `key` are those that no two rows share. Rows are ordered by `order`."""

    name: str
    model: type[Model]
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)
    order: tuple[str, ...] = ("pk",)

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the database that its columns are made of."""
        return tuple(dict.fromkeys(source for column in self.columns for source in column.sources))


def _stored(model: type[Model], *names: str) -> tuple[Column, ...]:
    """Return columns as they are stored; a foreign key by the name of its column."""
    by_column = {field.attname: field for field in model._meta.concrete_fields}
    kinds = {name: _KINDS[by_column[name].get_internal_type()] for name in names}
    return tuple(Column(name, kind, (name,)) for name, kind in kinds.items())


def _computed(name: str, kind: Kind, compute: Callable[..., Any], *sources: str) -> Column:
    return Column(name, kind, sources, compute)


def _score(watchers: int, last_updated: datetime | None, classifiers: Any, requires_python: str, now: datetime) -> int:
    return score(watchers, last_updated, has_python3(classifiers, requires_python), now)


def _while_it_holds(value: Any, until: date | None, now: datetime) -> Any:
    return value if stands(until, now) else None


_REPLY: Mapping[str, Kind] = {"reply_kind": "text", "reply_note": "text", "reply_since": "day", "reply_until": "day"}

PACKAGES = Table(
    "packages",
    Package,
    (
        *_stored(Package, "id", "title", "slug", "category_id", "repo_url", "repo_host", "repo_key", "pypi_url"),
        *_stored(Package, "pypi_name", "documentation_url", "deprecated", "replaced_by_id"),
        *(_computed(column, kind, _while_it_holds, column, "reply_until") for column, kind in _REPLY.items()),
        *_stored(Package, "repo_description", "repo_watchers", "repo_forks", "commits_over_52", "weeks_end"),
        *_stored(Package, "participants", "last_updated", "archived", "pypi_version", "released", "requires_python"),
        *_stored(Package, "requires_django"),
        _computed("python_versions", "json", lambda a, b, _: python_versions(a, b), "classifiers", "requires_python"),
        _computed("django_versions", "json", lambda a, _: django_versions(a), "classifiers"),
        *_stored(Package, "classifiers", "licence", "pypi_downloads", "pypi_status", "pypi_status_reason"),
        *_stored(Package, "stars_30d", "stars_90d", "downloads_30d"),
        _computed("score", "integer", _score, "repo_watchers", "last_updated", "classifiers", "requires_python"),
        _computed("gone", "boolean", lambda since, _: since is not None, "gone_since"),
        _computed("verdict", "text", lambda rank, _: ranked(rank), "verdict_rank"),
        _computed("level", "text", lambda rank, _: LEVELS[ranked(rank)], "verdict_rank"),
        Column("verdict_since", "time", ("health__since",)),
        _computed("verdict_before", "text", lambda before, _: before or None, "health__before"),
        _computed("verdict_reasons", "json", lambda reasons, _: reasons or [], "health__reasons"),
        _computed("warnings", "json", lambda warnings, _: warnings or [], "health__warnings"),
        Column("verdict_valid_until", "time", ("health__valid_until",)),
        *_stored(Package, "vulnerable"),
        *_stored(Package, "last_fetched", "created", "modified"),
    ),
)
TABLES = (
    Table(
        "categories",
        Category,
        _stored(Category, "id", "title", "slug", "description", "title_plural", "show_pypi", "created", "modified"),
    ),
    PACKAGES,
    Table(
        "pins",
        Pin,
        (
            *_stored(Pin, "package_id", "column", "reason"),
            _computed("since", "day", lambda since, _: day_of(since), "since"),
            _computed("upstream", "text", lambda column, upstream, _: in_short(column, upstream), "column", "upstream"),
        ),
        key=("package_id", "column"),
        order=("package_id", "column"),
    ),
    Table(
        "advisories",
        PackageAdvisory,
        (
            *_stored(PackageAdvisory, "package_id"),
            Column("id", "text", ("osv_id",)),
            *_stored(PackageAdvisory, "aliases", "summary", "severity", "fixed", "affects_latest"),
            *_stored(PackageAdvisory, "published", "modified"),
        ),
        key=("package_id", "id"),
        order=("package_id", "osv_id"),
    ),
    Table(
        "grids", Grid, _stored(Grid, "id", "title", "slug", "description", "is_locked", "header", "created", "modified")
    ),
    Table("memberships", GridPackage, _stored(GridPackage, "id", "grid_id", "package_id", "position")),
    Table(
        "features",
        Feature,
        _stored(Feature, "id", "grid_id", "title", "description", "position", "created", "modified"),
    ),
    Table(
        "cells",
        Cell,
        (
            *_stored(Cell, "feature_id", "membership_id"),
            Column("package_id", "integer", ("membership__package_id",)),
            *_stored(Cell, "text"),
            _computed("sign", "integer", lambda text, _: sign(text), "text"),
        ),
        key=("feature_id", "membership_id"),
        order=("feature_id", "membership_id"),
    ),
    Table(
        "releases",
        Release,
        _stored(Release, "id", "package_id", "version", "uploaded_at", "yanked", "requires_python"),
    ),
)
# In files of a month. As the API has it, it is that of present addresses: a former one, with what was counted there, is
# private.
HISTORY = Table(
    "history",
    Snapshot,
    (
        *_stored(Snapshot, "package_id", "day"),
        *(Column(name, "integer", (f"present_{name}",)) for name in ("stars", "forks", "downloads")),
    ),
    key=("package_id", "day"),
    order=("day", "package_id"),
)

# The public columns, by table: those of the tables above, and what one of them shows of another table.
PUBLIC: Mapping[str, frozenset[str]] = {
    **{
        table.model._meta.db_table: frozenset(source for source in table.sources if "__" not in source)
        for table in TABLES
    },
    Snapshot._meta.db_table: frozenset(column.name for column in HISTORY.columns),
    PackageHealth._meta.db_table: frozenset(
        source.removeprefix("health__") for source in PACKAGES.sources if source.startswith("health__")
    ),
}

# All other columns, by table: none of them is ever in a dump.
_PRIVATE = {
    "auth_group": "id name",
    "auth_group_permissions": "id group_id permission_id",
    "auth_permission": "id content_type_id codename name",
    "auth_user": "id password last_login is_superuser username first_name last_name email is_staff is_active"
    " date_joined",
    "auth_user_groups": "id user_id group_id",
    "auth_user_user_permissions": "id user_id permission_id",
    "axes_accessattempt": "id user_agent ip_address username http_accept path_info attempt_time get_data post_data"
    " failures_since_start",
    "axes_accessattemptexpiration": "access_attempt_id expires_at",
    "axes_accessfailurelog": "id user_agent ip_address username http_accept path_info attempt_time locked_out",
    "axes_accesslog": "id user_agent ip_address username http_accept path_info attempt_time logout_time session_hash",
    "changes_change": "id number at kind action object_id slug old_slug grid_id package_id",
    "changes_oldslug": "id kind slug object_id",
    "changes_pending": "id kind delta last",
    "changes_revision": "kind number rows",  # the manifest has the number of the log
    "editing_dailycount": "id day source host fresh due failing gone",
    "editing_dismissal": "id kind package_id grid_id about until by",
    "editing_edit": "id batch_id table_name object_id grid_id package_id before after",
    "editing_editbatch": "id user_id user_name at words undoes_id tally",
    "editing_openbatch": "batch_id",
    "editing_weeklymail": "id monday claimed sent",
    "editing_upload": "id user_id at table_name name content shown",
    "django_admin_log": "id object_id object_repr action_flag change_message content_type_id user_id action_time",
    "django_content_type": "id app_label model",
    "django_migrations": "id app name applied",
    "django_session": "session_key session_data expire_date",
    "fetchers_batch": "id run_id source host state losses work result",
    "fetchers_hostpace": "id name paused_until limit remaining resets_at spent_until",
    "fetchers_run": "id started finished sources exit_code summary",
    "grids_cell": "id created modified",
    "packages_advisory": "id osv_id pypi_name aliases summary severity published modified ranges versions",
    "packages_advisoryfeed": "id asked_at archive_at etag last_modified unread",
    "packages_fetchstate": "id source last_success last_attempt outcome error failures next_due validators missing_days"
    " missing_on package_id subject",
    "packages_package": "gone_reason repo_id repo_facts_of pypi_facts_of last_human_commit"
    " pypi_repo_url stars_trend downloads_trend",
    "packages_packageadvisory": "id",
    "packages_packagehealth": "package_id",
    "packages_pin": "id pinned upstream_then is_elsewhere by",
    "packages_readinesscount": "id platform version says packages downloads as_of",
    "packages_repositoryalias": "id repo_url repo_key until package_id",
    "packages_settledrules": "id version",
    "packages_snapshot": "id repo_key pypi_name",
    "packages_unsettledpackage": "id package_id marked_by",
    "search_entry": "id kind object_id title_key slug_key pypi_key names body quality words",
    # The full text index of SQLite
    "search_trigrams": "names",
    "search_trigrams_config": "k v",
    "search_trigrams_data": "id block",
    "search_trigrams_docsize": "id sz",
    "search_trigrams_idx": "segid term pgno",
    "search_words": "names body",
    "search_words_config": "k v",
    "search_words_data": "id block",
    "search_words_docsize": "id sz",
    "search_words_idx": "segid term pgno",
}
PRIVATE: Mapping[str, frozenset[str]] = {table: frozenset(columns.split()) for table, columns in _PRIVATE.items()}
