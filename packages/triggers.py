"""The triggers that mark packages as unsettled when facts are written from which their verdicts follow.

Other packages of a repository are marked too when one comes, goes, or ceases to count: they may share it no more.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from core.database.triggers import Trigger, TriggerSet, row_trigger, statement_trigger
from packages.advisories.models import ADVISORY_COLUMNS, Advisory
from packages.models import ANOTHER_REPOSITORY, FetchState, Package, PackageHealth, Release, UnsettledPackage
from packages.settling.reading import (
    ENDED,
    PACKAGE_COLUMNS_READ,
    RELEASE_COLUMNS_READ,
    STATE_COLUMNS_READ,
)

PACKAGES, RELEASES, STATES, HEALTH, MARKS, ADVISORIES = (
    model._meta.db_table for model in (Package, Release, FetchState, PackageHealth, UnsettledPackage, Advisory)
)


class HealthTriggers(TriggerSet):
    label = "health"
    tables = (MARKS, HEALTH, ADVISORIES)
    consequence = "Verdicts do not follow what is written without them."
    aftermath = "Verdicts on all packages are settled again by the next manage.py update_health."

    def triggers(self, connection: BaseDatabaseWrapper) -> list[Trigger]:
        return list(_on_postgresql() if connection.vendor == "postgresql" else _on_sqlite())

    def counted_on(self) -> Sequence[str]:
        return (PACKAGES,)

    def catch_up(self, connection: BaseDatabaseWrapper) -> None:
        mark_all(connection)


HEALTH_TRIGGERS = HealthTriggers()


def mark_all(connection: BaseDatabaseWrapper) -> None:
    """Mark every package."""
    with connection.cursor() as cursor:
        for statement in _marking(connection.vendor, f"SELECT id FROM {PACKAGES}"):
            cursor.execute(statement)


def _marking(vendor: str, ids: str) -> list[str]:
    """Return the statements that mark the packages with these ids that exist.

    On PostgreSQL the marks of a transaction are its own, so that writers do not wait for each other. On SQLite a mark
    is made anew, with a later id.
    """
    into = f"INSERT INTO {MARKS} (package_id, marked_by)"
    if vendor == "postgresql":
        return [f"{into} SELECT id, txid_current() FROM {PACKAGES} WHERE id IN ({ids}) ON CONFLICT DO NOTHING"]
    forget = f"DELETE FROM {MARKS} WHERE package_id IN ({ids})"
    return [forget, f"{into} SELECT id, 0 FROM {PACKAGES} WHERE id IN ({ids})"]


def _columns(model: type[Model], attributes: Iterable[str]) -> list[str]:
    columns = {field.attname: str(field.column) for field in model._meta.concrete_fields}
    return [columns[attribute] for attribute in attributes]


@dataclass(frozen=True)
class _Facts:
    """Rows that belong to a package. `values` are SQL for what verdicts take from a row, of those rows that are
    `read`; `{row}` is the row."""

    table: str
    values: Sequence[str]
    read: str = "true"


_PACKAGE_COLUMNS = _columns(Package, PACKAGE_COLUMNS_READ)


def _facts(vendor: str) -> tuple[_Facts, ...]:
    note = "{row}.validators ->> '%s'" if vendor == "postgresql" else "json_extract({row}.validators, '$.%s')"
    columns = [f"{{row}}.{name}" for name in _columns(FetchState, STATE_COLUMNS_READ) if name != "validators"]
    return (
        _Facts(RELEASES, [f"{{row}}.{name}" for name in _columns(Release, RELEASE_COLUMNS_READ)]),
        _Facts(STATES, [*columns, note % ANOTHER_REPOSITORY], read="{row}.source <> 'downloads'"),
    )


# SQL for packages that make others share their repository, as ALIVE in packages.settling.reading
_STATUSES = ", ".join(f"'{status}'" for status in ENDED)
_ALIVE = (
    "(NOT {row}.deprecated AND {row}.replaced_by_id IS NULL AND {row}.gone_since IS NULL"
    f" AND {{row}}.pypi_status NOT IN ({_STATUSES}))"
)
_SHARING = ("{row}.repo_key", _ALIVE)


def _in_repositories(keys: str) -> str:
    return f"SELECT id FROM {PACKAGES} WHERE repo_key <> '' AND repo_key IN ({keys})"


# An advisory is on a project, which several packages may be, or none.
_ADVISORY_VALUES = [f"{{row}}.{name}" for name in _columns(Advisory, ("osv_id", "pypi_name", *ADVISORY_COLUMNS))]


def _of_projects(names: str) -> str:
    return f"SELECT id FROM {PACKAGES} WHERE pypi_name <> '' AND pypi_name IN ({names})"


def _on_postgresql() -> Iterator[Trigger]:
    both = "old_rows AS o FULL JOIN new_rows AS n USING (id)"
    left = f"SELECT unnest(ARRAY[o.repo_key, n.repo_key]) FROM {both} WHERE {_distinct(_SHARING)}"
    others = {
        "insert": _in_repositories(f"SELECT n.repo_key FROM new_rows AS n WHERE {_ALIVE.format(row='n')}"),
        "update": _in_repositories(left),
        "delete": _in_repositories(f"SELECT o.repo_key FROM old_rows AS o WHERE {_ALIVE.format(row='o')}"),
    }
    moved = _distinct([f"{{row}}.{column}" for column in _PACKAGE_COLUMNS])
    yield _marks(PACKAGES, "insert", f"SELECT id FROM new_rows UNION {others['insert']}")
    yield _marks(PACKAGES, "update", f"SELECT n.id FROM {both} WHERE {moved} UNION {others['update']}")
    forget = f"DELETE FROM {MARKS} WHERE package_id IN (SELECT id FROM old_rows);\n"
    yield _marks(PACKAGES, "delete", others["delete"], first=forget)
    yield statement_trigger("health", PACKAGES, "truncate", f"DELETE FROM {MARKS};")
    for facts in _facts("postgresql"):
        read = {row: facts.read.format(row=row) for row in ("o", "n")}
        yield _marks(facts.table, "insert", f"SELECT n.package_id FROM new_rows AS n WHERE {read['n']}")
        yield _marks(facts.table, "delete", f"SELECT o.package_id FROM old_rows AS o WHERE {read['o']}")
        moved = f"({read['o']} OR {read['n']}) AND {_distinct(facts.values)}"
        yield _marks(
            facts.table, "update", f"SELECT unnest(ARRAY[o.package_id, n.package_id]) FROM {both} WHERE {moved}"
        )
    yield _marks(ADVISORIES, "insert", _of_projects("SELECT n.pypi_name FROM new_rows AS n"))
    yield _marks(ADVISORIES, "delete", _of_projects("SELECT o.pypi_name FROM old_rows AS o"))
    of_both = f"SELECT unnest(ARRAY[o.pypi_name, n.pypi_name]) FROM {both} WHERE {_distinct(_ADVISORY_VALUES)}"
    yield _marks(ADVISORIES, "update", _of_projects(of_both))
    yield _marks(HEALTH, "delete", "SELECT package_id FROM old_rows")
    for table in (RELEASES, STATES, HEALTH):
        yield _marks(table, "truncate", f"SELECT package_id FROM {table}")
    yield _marks(ADVISORIES, "truncate", _of_projects(f"SELECT pypi_name FROM {ADVISORIES}"))


def _marks(table: str, event: str, ids: str, first: str = "") -> Trigger:
    (mark,) = _marking("postgresql", ids)
    return statement_trigger("health", table, event, f"{first}{mark};")


def _distinct(values: Iterable[str]) -> str:
    old, new = (", ".join(values).format(row=row) for row in ("o", "n"))
    return f"({old}) IS DISTINCT FROM ({new})"


def _on_sqlite() -> Iterator[Trigger]:
    old_alive, new_alive = (_ALIVE.format(row=row) for row in ("OLD", "NEW"))
    others = {"insert": ("NEW.repo_key", new_alive), "delete": ("OLD.repo_key", old_alive)}
    others["update"] = ("OLD.repo_key, NEW.repo_key", _differ(_SHARING))
    moved = _differ(f"{{row}}.{column}" for column in _PACKAGE_COLUMNS)
    forget = f"DELETE FROM {MARKS} WHERE package_id = OLD.id;"
    yield _marks_row(PACKAGES, "insert", "SELECT NEW.id")
    yield _marks_row(PACKAGES, "update", "SELECT NEW.id", when=moved)
    yield row_trigger(f"health_{PACKAGES}_delete", "AFTER DELETE", PACKAGES, forget)
    for event, (keys, when) in others.items():
        yield _marks_row(PACKAGES, event, _in_repositories(keys), when=when, suffix="_others")
    for facts in _facts("sqlite"):
        old, new = (facts.read.format(row=row) for row in ("OLD", "NEW"))
        moved = f"({old} OR {new}) AND ({_differ(facts.values)})"
        yield _marks_row(facts.table, "insert", "SELECT NEW.package_id", when=new)
        yield _marks_row(facts.table, "delete", "SELECT OLD.package_id", when=old)
        yield _marks_row(facts.table, "update", "SELECT OLD.package_id UNION SELECT NEW.package_id", when=moved)
    yield _marks_row(ADVISORIES, "insert", _of_projects("NEW.pypi_name"))
    yield _marks_row(ADVISORIES, "delete", _of_projects("OLD.pypi_name"))
    moved = _differ(_ADVISORY_VALUES)
    yield _marks_row(ADVISORIES, "update", _of_projects("OLD.pypi_name, NEW.pypi_name"), when=moved)
    yield _marks_row(HEALTH, "delete", "SELECT OLD.package_id")


def _marks_row(table: str, event: str, ids: str, when: str = "", suffix: str = "") -> Trigger:
    body = "".join(f"{statement};" for statement in _marking("sqlite", ids))
    return row_trigger(f"health_{table}_{event}{suffix}", f"AFTER {event.upper()}", table, body, when=when)


def _differ(values: Iterable[str]) -> str:
    return " OR ".join(f"{value.format(row='OLD')} IS NOT {value.format(row='NEW')}" for value in values)
