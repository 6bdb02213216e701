"""The triggers that write the log, the old slugs and the revisions, so that no way of writing is missed.

They call nothing that only Django's connection knows: any client may write.

A revision never has a number twice, since responses are cached under it: it moves to the microseconds since 1970, or
by one where the clock is behind. So it is new after a flush, and after a backup was restored. Only the number of the
log counts by ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import ModuleType

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from changes.triggers import postgresql, sqlite
from changes.triggers.watched import WATCHED, Watched
from core.database.introspection import columns_of
from core.database.triggers import Trigger, TriggerSet


class LogTriggers(TriggerSet):
    label = "changes"
    tables = ("changes_change", "changes_oldslug", "changes_revision")
    functions = postgresql.FUNCTIONS
    work_tables = postgresql.WORK_TABLES
    consequence = (
        "What is written without them is not in the log of changes, and responses that were cached before are served"
        " after it."
    )
    aftermath = "What was written without them is not in the log of changes: mirrors have to start afresh."

    def __init__(self, watched: Iterable[Watched] = WATCHED) -> None:
        self.watched = tuple(watched)

    def triggers(self, connection: BaseDatabaseWrapper) -> list[Trigger]:
        columns = columns_of(connection, [each.table for each in self.watched])
        watched = [_stored_part(each, columns[each.table]) for each in self.watched if each.table in columns]
        if connection.vendor == "postgresql":
            return list(postgresql.triggers(watched))
        return list(sqlite.triggers(watched, columns))

    def counted_on(self) -> Sequence[str]:
        return [*(each.table for each in self.watched if each.counted), "changes_revision"]

    def catch_up(self, connection: BaseDatabaseWrapper) -> None:
        """Raise all revisions, add those that are missing, and count the documents."""
        dialect = _dialect(connection)
        stored = columns_of(connection, [each.table for each in self.watched])
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE changes_revision SET number = {dialect.following('number')} WHERE kind <> 'changes'"
            )
            for each in (watched for watched in self.watched if watched.counted and watched.table in stored):
                count = f"(SELECT count(*) FROM {each.table})"
                cursor.execute(f"UPDATE changes_revision SET rows = {count} WHERE kind = '{each.counted}'")
                # The next move of a missing one would not know how many rows there are.
                cursor.execute(
                    "INSERT INTO changes_revision (kind, number, rows)"
                    f" SELECT '{each.counted}', {dialect.CLOCK}, {count}"
                    f" WHERE NOT EXISTS (SELECT 1 FROM changes_revision WHERE kind = '{each.counted}')"
                    f" AND EXISTS (SELECT 1 FROM {each.table})"
                )


def _stored_part(watched: Watched, columns: Sequence[str]) -> Watched:
    """Leave out the columns that later migrations add."""
    return replace(
        watched,
        columns=tuple(column for column in watched.columns if column in columns),
        columns_shown_in={column: kind for column, kind in watched.columns_shown_in.items() if column in columns},
    )


def _dialect(connection: BaseDatabaseWrapper) -> ModuleType:
    return postgresql if connection.vendor == "postgresql" else sqlite


LOG_TRIGGERS = LogTriggers()
uninstall = LOG_TRIGGERS.uninstall


def install(connection: BaseDatabaseWrapper) -> None:
    """Install all triggers and raise the revisions, since what was written without triggers did not move them."""
    with transaction.atomic(connection.alias):
        LOG_TRIGGERS.install(connection)
        LOG_TRIGGERS.catch_up(connection)


def seed(connection: BaseDatabaseWrapper) -> None:
    """Log all documents and memberships as created, each after those that it refers to."""
    dialect = _dialect(connection)
    stored = columns_of(connection, [each.table for each in WATCHED])
    present = [each for each in WATCHED if each.table in stored]
    with connection.cursor() as cursor:
        for watched in (each for each in present if each.kind):
            values = watched.part.values("each") if watched.part else "each.id, each.slug, '', NULL, NULL"
            cursor.execute(
                "INSERT INTO changes_change (number, at, kind, action, object_id, slug, old_slug, grid_id, package_id)"
                f" SELECT (SELECT count(*) FROM changes_change) + row_number() OVER (ORDER BY each.id), {dialect.NOW},"
                f" '{watched.kind}', 'created', {values} FROM {watched.table} AS each ORDER BY each.id"
            )
        _seed_revision(cursor, "changes", "changes_change", "count(*)", "0", "excluded.number")
        again = dialect.following("changes_revision.number")
        for watched in (each for each in present if each.counted):
            _seed_revision(cursor, watched.counted, watched.table, dialect.CLOCK, "count(*)", again)


def _seed_revision(cursor: CursorWrapper, kind: str, table: str, number: str, rows: str, again: str) -> None:
    cursor.execute(
        f"INSERT INTO changes_revision (kind, number, rows) SELECT '{kind}', {number}, {rows} FROM {table} WHERE true"
        f" ON CONFLICT (kind) DO UPDATE SET number = {again}, rows = excluded.rows"
    )
