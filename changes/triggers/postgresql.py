"""The triggers that keep the log, the old slugs and the revisions: SQL for PostgreSQL and for SQLite.

On PostgreSQL a sequence's numbers do not follow the order of commits, and one counter that each writer moves at once
would make writers wait for each other's whole transactions. So a statement's changes go into the log without a
number, and a deferred constraint trigger numbers them while the transaction commits: only then is the counter's row
locked. Until then rows without a number are seen by nobody but their own transaction, so it knows them by that.

On SQLite, where there is one writer at a time, a row's trigger takes the next number.

A revision is never given twice, since answers are kept under it: it moves to the microseconds since 1970, or by one
where the clock is behind. So it is new after a flush and after a backup was restored as well. Microseconds, because
SQLite moves it with every row, which is faster than milliseconds pass. Only the log's own number counts by ones.

Nothing here calls a function that only Django's connection knows: any client may write.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

_EVENTS = ("insert", "update", "delete", "truncate")
_REFUSAL = (
    "A revision only rises: answers are kept under every number that it had. To have all answers made anew, raise it"
    " (manage.py install_triggers does so)."
)
COLUMNS_OF_DOCUMENTS = ("title", "slug", "created", "modified")


@dataclass(frozen=True)
class Watched:
    """A table, the kind of its rows in the log ("" if they are not in it), and the columns whose move is a change.

    `revisions` are the kinds of documents that show its rows; `revisions_of` further ones for single columns.
    """

    table: str
    revisions: tuple[str, ...]
    kind: str = ""
    columns: tuple[str, ...] = ()
    revisions_of: Mapping[str, str] = field(default_factory=dict)
    counted: str = ""

    @property
    def is_membership(self) -> bool:
        return self.kind == "membership"


WATCHED = (
    Watched(
        "categories_category",
        ("categories",),
        "category",
        (*COLUMNS_OF_DOCUMENTS, "description", "title_plural", "show_pypi"),
        counted="categories",
    ),
    Watched(
        "packages_package",
        ("packages",),
        "package",
        (
            *COLUMNS_OF_DOCUMENTS,
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
        ),
        revisions_of={"title": "grids"},  # a grid lists its packages by title
        counted="packages",
    ),
    Watched(
        "grids_grid",
        ("grids",),
        "grid",
        (*COLUMNS_OF_DOCUMENTS, "description", "is_locked", "header"),
        counted="grids",
    ),
    Watched("grids_gridpackage", ("packages", "grids"), "membership", ("grid_id", "package_id", "position")),
    Watched("packages_release", ("packages",)),
    Watched("packages_snapshot", ("packages",)),
    Watched("packages_fetchstate", ("packages",)),
)

# The microseconds since 1970.
_CLOCK = {
    "postgresql": "floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000",
}
_GREATEST = {"postgresql": "greatest", "sqlite": "max"}


def _next(vendor: str, number: str = "changes_revision.number") -> str:
    return f"{_GREATEST[vendor]}({number} + 1, {_CLOCK[vendor]})"


def _counted() -> list[tuple[str, str]]:
    return [(watched.table, watched.counted) for watched in WATCHED if watched.counted]


def install(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers, or make them anew. Whatever was written without them moved no revision: all move now."""
    with transaction.atomic(connection.alias), connection.cursor() as cursor:
        for statement in _postgresql() if connection.vendor == "postgresql" else _sqlite(connection):
            cursor.execute(statement)
        cursor.execute(f"UPDATE changes_revision SET number = {_next(connection.vendor)} WHERE kind <> 'changes'")
        for table, kind in _counted():
            count = f"(SELECT count(*) FROM {table})"
            cursor.execute(f"UPDATE changes_revision SET rows = {count} WHERE kind = '{kind}'")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The tables of which a trigger is missing, or disabled for some sessions (on SQLite: or is another than ours)."""
    return _postgresql_missing(connection) if connection.vendor == "postgresql" else _sqlite_missing(connection)


def uninstall(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for statement in _postgresql_away() if connection.vendor == "postgresql" else _sqlite_away(connection):
            cursor.execute(statement)


def seed(connection: BaseDatabaseWrapper) -> None:
    """Log what stands already as created, in the order in which a reader can build on it."""
    now = "clock_timestamp()" if connection.vendor == "postgresql" else _SQLITE_NOW
    with connection.cursor() as cursor:
        for watched in (each for each in WATCHED if each.kind):
            slug, pair = ("''", "grid_id, package_id") if watched.is_membership else ("slug", "NULL, NULL")
            cursor.execute(
                "INSERT INTO changes_change (number, at, kind, action, object_id, slug, old_slug, grid_id, package_id)"
                f" SELECT (SELECT count(*) FROM changes_change) + row_number() OVER (ORDER BY id), {now},"
                f" '{watched.kind}', 'created', id, {slug}, '', {pair} FROM {watched.table} ORDER BY id"
            )
        clock, again = _CLOCK[connection.vendor], _next(connection.vendor)
        _seed_revision(cursor, "changes", "count(*)", "0", "changes_change", "excluded.number")
        for table, kind in _counted():
            _seed_revision(cursor, kind, clock, "count(*)", table, again)


def _seed_revision(cursor: Any, kind: str, number: str, rows: str, table: str, again: str) -> None:
    cursor.execute(
        f"INSERT INTO changes_revision (kind, number, rows) SELECT '{kind}', {number}, {rows} FROM {table} WHERE true"
        f" ON CONFLICT (kind) DO UPDATE SET number = {again}, rows = excluded.rows"
    )


# PostgreSQL

# A flush leaves nothing, and no revision is needed of that; a restore can then copy its own ones.
_RENEWAL = "\n    ".join(
    "INSERT INTO changes_revision (kind, number, rows)"
    f" SELECT '{kind}', {_CLOCK['postgresql']}, count(*) FROM {table} HAVING count(*) > 0;"
    for table, kind in _counted()
)
_POSTGRESQL_REVISION = f"""
CREATE OR REPLACE FUNCTION changes_revision_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
END $$;
DROP TRIGGER IF EXISTS changes_update ON changes_revision;
CREATE TRIGGER changes_update BEFORE UPDATE ON changes_revision
    FOR EACH ROW WHEN (NEW.number < OLD.number OR NEW.kind <> OLD.kind) EXECUTE FUNCTION changes_revision_update();

CREATE OR REPLACE FUNCTION changes_revision_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes_revision (kind, number, rows) VALUES (OLD.kind, {_next("postgresql", "OLD.number")}, OLD.rows);
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS changes_delete ON changes_revision;
CREATE TRIGGER changes_delete AFTER DELETE ON changes_revision
    FOR EACH ROW WHEN (OLD.kind <> 'changes') EXECUTE FUNCTION changes_revision_delete();

CREATE OR REPLACE FUNCTION changes_revision_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_RENEWAL}
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS changes_truncate ON changes_revision;
CREATE TRIGGER changes_truncate AFTER TRUNCATE ON changes_revision
    FOR EACH STATEMENT EXECUTE FUNCTION changes_revision_truncate();
"""

_POSTGRESQL_COMMIT = f"""
CREATE UNLOGGED TABLE IF NOT EXISTS changes_pending (
    id bigserial PRIMARY KEY, kind varchar(10) NOT NULL, delta bigint NOT NULL, last boolean NOT NULL DEFAULT false
);

CREATE OR REPLACE FUNCTION changes_note(kinds text[], counted text, delta bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO changes_pending (kind, delta)
    SELECT each, CASE WHEN each = counted THEN delta ELSE 0 END FROM unnest(kinds) AS each
$$;

CREATE OR REPLACE FUNCTION changes_number() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
    final bigint;
BEGIN
    SELECT count(*) INTO found FROM changes_change WHERE number IS NULL;
    -- The row that every commit locks first, and holds for the rest of its commit alone.
    UPDATE changes_revision SET number = number + found WHERE kind = 'changes' RETURNING number INTO final;
    IF final IS NULL THEN  -- somebody has deleted it: it goes on where its log ends
        INSERT INTO changes_revision (kind, number, rows)
        VALUES ('changes', (SELECT coalesce(max(number), 0) FROM changes_change) + found, 0)
        ON CONFLICT (kind) DO UPDATE SET number = changes_revision.number + found
        RETURNING number INTO final;
    END IF;
    IF found > 0 THEN
        UPDATE changes_change SET number = final - found + ranked.place, at = clock_timestamp()
        FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM changes_change WHERE number IS NULL) AS ranked
        WHERE changes_change.id = ranked.id;
    END IF;
    WITH noted AS (DELETE FROM changes_pending RETURNING kind, delta, last)
    INSERT INTO changes_revision (kind, number, rows)
    SELECT kind, {_CLOCK["postgresql"]}, sum(delta) FROM noted WHERE NOT last GROUP BY kind ORDER BY kind
    ON CONFLICT (kind) DO UPDATE SET number = {_next("postgresql")},
        rows = changes_revision.rows + excluded.rows;
END $$;

CREATE OR REPLACE FUNCTION changes_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last THEN
        PERFORM changes_number();
    ELSIF EXISTS (SELECT 1 FROM changes_pending WHERE id = NEW.id)
        AND NOT EXISTS (SELECT 1 FROM changes_pending WHERE last) THEN
        -- Foreign keys are checked at commit too, and may wait for another writer: that must not be with the counter
        -- in our hands. An event that is queued now comes after all of them.
        INSERT INTO changes_pending (kind, delta, last) VALUES ('', 0, true);
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS changes_commit ON changes_pending;
CREATE CONSTRAINT TRIGGER changes_commit AFTER INSERT ON changes_pending
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION changes_commit();
"""


# What was in the log and is pruned, or altered by hand, changes what the log answers. Numbering names other columns.
_POSTGRESQL_PRUNED = f"""
CREATE OR REPLACE FUNCTION changes_pruned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO changes_revision (kind, number, rows) VALUES ('pruned', {_CLOCK["postgresql"]}, 0)
        ON CONFLICT (kind) DO UPDATE SET number = {_next("postgresql")};
    RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS changes_pruned ON changes_change;
CREATE TRIGGER changes_pruned
    AFTER DELETE OR TRUNCATE OR UPDATE OF kind, action, object_id, slug, old_slug, grid_id, package_id
    ON changes_change FOR EACH STATEMENT EXECUTE FUNCTION changes_pruned();
"""


def _postgresql() -> Iterator[str]:
    # In the order in which a writer takes its locks: what it writes first, then what its commit moves.
    for watched in WATCHED:
        for event, body in _postgresql_bodies(watched).items():
            name = f"{watched.table}_{event}"
            rows = {
                "insert": "REFERENCING NEW TABLE AS new_rows",
                "update": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
                "delete": "REFERENCING OLD TABLE AS old_rows",
                "truncate": "",
            }[event]
            yield (
                f"CREATE OR REPLACE FUNCTION changes_{name}() RETURNS trigger LANGUAGE plpgsql AS $$\n"
                f"BEGIN\n{body}\nRETURN NULL;\nEND $$"
            )
            yield f"DROP TRIGGER IF EXISTS changes_{event} ON {watched.table}"
            when = "BEFORE" if event == "truncate" else "AFTER"
            yield (
                f"CREATE TRIGGER changes_{event} {when} {event.upper()} ON {watched.table} {rows}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION changes_{name}()"
            )
    yield _POSTGRESQL_COMMIT
    yield _POSTGRESQL_PRUNED
    yield _POSTGRESQL_REVISION
    # Restores and replication switch triggers off in their sessions, and write all the same.
    for table, trigger in _postgresql_triggers():
        yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"


def _postgresql_triggers() -> list[tuple[str, str]]:
    """Each table with the name of each of its triggers."""
    own = [("changes_pending", "changes_commit"), ("changes_change", "changes_pruned")]
    own += [("changes_revision", f"changes_{event}") for event in ("update", "delete", "truncate")]
    return own + [(watched.table, f"changes_{event}") for watched in WATCHED for event in _EVENTS]


def _postgresql_missing(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE tgenabled = 'A' AND NOT tgisinternal AND pg_table_is_visible(tgrelid)"
        )
        there = set(cursor.fetchall())
    return list(dict.fromkeys(table for table, trigger in _postgresql_triggers() if (table, trigger) not in there))


def _postgresql_bodies(watched: Watched) -> dict[str, str]:
    kinds = _array(watched.revisions)
    everything = _array(sorted({*watched.revisions, *watched.revisions_of.values()}))
    note = "PERFORM changes_note({kinds}, '{counted}', {delta});"
    logs = _postgresql_logs(watched) if watched.kind else {"insert": "", "update": "", "delete": ""}
    moved = "\n".join(
        f"IF EXISTS (SELECT 1 FROM old_rows AS o JOIN new_rows AS n USING (id)"
        f" WHERE o.{column} IS DISTINCT FROM n.{column}) THEN"
        f" {note.format(kinds=_array([kind]), counted='', delta=0)} END IF;"
        for column, kind in watched.revisions_of.items()
    )

    def counted(rows: str, sign: str) -> str:
        delta = f"{sign}(SELECT count(*) FROM {rows})"
        return note.format(kinds=kinds, counted=watched.counted, delta=delta)

    return {
        "insert": f"IF EXISTS (SELECT 1 FROM new_rows) THEN {counted('new_rows', '')}\n{logs['insert']}END IF;",
        "delete": f"IF EXISTS (SELECT 1 FROM old_rows) THEN {counted('old_rows', '-')}\n{logs['delete']}END IF;",
        "update": (
            "IF EXISTS (SELECT * FROM new_rows EXCEPT SELECT * FROM old_rows) THEN"
            f" {note.format(kinds=kinds, counted='', delta=0)}\n{moved}\n{logs['update']}END IF;"
        ),
        # Whoever truncates has locked the whole table: the numbers are taken at once, since a deferred event could
        # not outlive a truncation of the log itself.
        "truncate": (
            f"{logs['delete'].replace('old_rows', watched.table)}"
            f"PERFORM changes_number();\n"
            f"UPDATE changes_revision SET number = {_next('postgresql')},"
            f" rows = CASE kind WHEN '{watched.counted}' THEN 0 ELSE rows END WHERE kind = ANY({everything});"
        ),
    }


def _array(words: Iterable[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{word}'" for word in words) + "]::text[]"


def _postgresql_logs(watched: Watched) -> dict[str, str]:
    into = "INSERT INTO changes_change (kind, action, object_id, slug, old_slug, grid_id, package_id)"
    if watched.is_membership:
        row = "id, '', '', grid_id, package_id"
        other_pair = "(o.grid_id, o.package_id) IS DISTINCT FROM (n.grid_id, n.package_id)"
        update = (
            f"{into} SELECT 'membership', 'deleted', o.id, '', '', o.grid_id, o.package_id"
            " FROM old_rows AS o LEFT JOIN new_rows AS n USING (id)"
            f" WHERE n.id IS NULL OR {other_pair} ORDER BY o.id;\n"
            f"{into} SELECT 'membership', CASE WHEN o.id IS NULL OR {other_pair} THEN 'created' ELSE 'changed' END,"
            f" n.id, '', '', n.grid_id, n.package_id FROM new_rows AS n LEFT JOIN old_rows AS o USING (id)"
            f" WHERE o.id IS NULL OR ({_named('o', watched.columns)}) IS DISTINCT FROM ({_named('n', watched.columns)})"
            " ORDER BY n.id;\n"
        )
        old_slugs = ""
    else:
        row = "id, slug, '', NULL::bigint, NULL::bigint"
        update = (
            f"{into} SELECT '{watched.kind}', 'deleted', o.id, o.slug, '', NULL, NULL"
            " FROM old_rows AS o LEFT JOIN new_rows AS n USING (id) WHERE n.id IS NULL ORDER BY o.id;\n"
            f"{into} SELECT '{watched.kind}',"
            " CASE WHEN o.id IS NULL THEN 'created' WHEN o.slug <> n.slug THEN 'renamed' ELSE 'changed' END,"
            " n.id, n.slug, CASE WHEN o.slug <> n.slug THEN o.slug ELSE '' END, NULL, NULL"
            " FROM new_rows AS n LEFT JOIN old_rows AS o USING (id)"
            f" WHERE o.id IS NULL OR ({_named('o', watched.columns)}) IS DISTINCT FROM ({_named('n', watched.columns)})"
            " ORDER BY n.id;\n"
            "INSERT INTO changes_oldslug (kind, slug, object_id)"
            f" SELECT '{watched.kind}', o.slug, o.id FROM old_rows AS o JOIN new_rows AS n USING (id)"
            " WHERE o.slug <> n.slug ORDER BY o.slug"
            " ON CONFLICT (kind, slug) DO UPDATE SET object_id = excluded.object_id;\n"
        )
        old_slugs = (
            f"DELETE FROM changes_oldslug WHERE kind = '{watched.kind}' AND object_id IN (SELECT id FROM old_rows);\n"
        )
    return {
        "insert": f"{into} SELECT '{watched.kind}', 'created', {row} FROM new_rows ORDER BY id;\n",
        "update": update,
        "delete": f"{into} SELECT '{watched.kind}', 'deleted', {row} FROM old_rows ORDER BY id;\n{old_slugs}",
    }


def _named(alias: str, columns: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{column}" for column in columns)


def _postgresql_away() -> Iterator[str]:
    for watched in WATCHED:
        for event in _EVENTS:
            yield f"DROP TRIGGER IF EXISTS changes_{event} ON {watched.table}"
            yield f"DROP FUNCTION IF EXISTS changes_{watched.table}_{event}()"
    for event in ("update", "delete", "truncate"):
        yield f"DROP TRIGGER IF EXISTS changes_{event} ON changes_revision"
        yield f"DROP FUNCTION IF EXISTS changes_revision_{event}()"
    yield "DROP TRIGGER IF EXISTS changes_pruned ON changes_change"
    yield "DROP FUNCTION IF EXISTS changes_pruned()"
    yield "DROP TABLE IF EXISTS changes_pending"
    yield "DROP FUNCTION IF EXISTS changes_commit()"
    yield "DROP FUNCTION IF EXISTS changes_number()"
    yield "DROP FUNCTION IF EXISTS changes_note(text[], text, bigint)"


# SQLite

_SQLITE_NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
_SQLITE_REVISION = (
    "CREATE TRIGGER changes_revision_update BEFORE UPDATE ON changes_revision"
    " WHEN NEW.number < OLD.number OR NEW.kind <> OLD.kind"
    f" BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    "CREATE TRIGGER changes_revision_delete AFTER DELETE ON changes_revision WHEN OLD.kind <> 'changes'"
    " BEGIN INSERT INTO changes_revision (kind, number, rows)"
    f" VALUES (OLD.kind, {_next('sqlite', 'OLD.number')}, OLD.rows); END",
)


def _sqlite(connection: BaseDatabaseWrapper) -> Iterator[str]:
    yield from _sqlite_away(connection)
    yield from _sqlite_creations(connection)


def _sqlite_creations(connection: BaseDatabaseWrapper) -> Iterator[str]:
    yield from _SQLITE_REVISION
    yield f"CREATE TRIGGER changes_pruned AFTER DELETE ON changes_change BEGIN {_sqlite_bump('pruned')} END"
    yield f"CREATE TRIGGER changes_altered AFTER UPDATE ON changes_change BEGIN {_sqlite_bump('pruned')} END"
    for watched in WATCHED:
        columns = _columns(connection, watched.table)
        bump = "".join(_sqlite_bump(kind) for kind in watched.revisions)
        count = _sqlite_count(watched)
        logged = watched.kind and [column for column in watched.columns if column in columns]
        for event, row, sign in (("insert", "NEW", "+"), ("delete", "OLD", "-")):
            action = "created" if event == "insert" else "deleted"
            log = _sqlite_log(watched, action, row) if logged else ""
            if logged and event == "delete" and not watched.is_membership:
                log += f"DELETE FROM changes_oldslug WHERE kind = '{watched.kind}' AND object_id = OLD.id;"
            yield _sqlite_trigger(watched, event, event, "", f"{count.format(sign)}{bump}{log}")
        yield _sqlite_trigger(watched, "update", "update", _moved(columns), bump)
        for column, kind in watched.revisions_of.items():
            yield _sqlite_trigger(watched, f"update_{column}", "update", _moved([column]), _sqlite_bump(kind))
        if logged:
            yield from _sqlite_update_logs(watched, logged)


def _sqlite_update_logs(watched: Watched, columns: list[str]) -> Iterator[str]:
    away = _moved(["id", "grid_id", "package_id"] if watched.is_membership else ["id"])
    renewed = _sqlite_log(watched, "deleted", "OLD") + _sqlite_log(watched, "created", "NEW")
    yield _sqlite_trigger(watched, "update_away", "update", away, renewed)
    stayed = f"NOT ({away}) AND ({_moved(columns)})"
    if watched.is_membership:
        yield _sqlite_trigger(watched, "update_log", "update", stayed, _sqlite_log(watched, "changed", "NEW"))
        return
    renamed = _moved(["slug"])
    log = _sqlite_log(watched, "changed", "NEW")
    yield _sqlite_trigger(watched, "update_log", "update", f"{stayed} AND NOT ({renamed})", log)
    log = _sqlite_log(watched, "renamed", "NEW", old_slug="OLD.slug") + (
        f"INSERT INTO changes_oldslug (kind, slug, object_id) VALUES ('{watched.kind}', OLD.slug, OLD.id)"
        " ON CONFLICT (kind, slug) DO UPDATE SET object_id = excluded.object_id;"
    )
    yield _sqlite_trigger(watched, "update_slug", "update", f"NOT ({away}) AND {renamed}", log)


def _sqlite_trigger(watched: Watched, name: str, event: str, when: str, body: str) -> str:
    condition = f"WHEN {when} " if when else ""
    return (
        f"CREATE TRIGGER changes_{watched.table}_{name} AFTER {event.upper()} ON {watched.table} {condition}"
        f"BEGIN {body} END"
    )


def _sqlite_bump(kind: str) -> str:
    # A counter that somebody has deleted goes on where its log ends.
    first, following = _CLOCK["sqlite"], _next("sqlite")
    if kind == "changes":
        first, following = "(SELECT coalesce(max(number), 0) + 1 FROM changes_change)", "number + 1"
    return (
        f"INSERT INTO changes_revision (kind, number, rows) VALUES ('{kind}', {first}, 0)"
        f" ON CONFLICT (kind) DO UPDATE SET number = {following};"
    )


def _sqlite_count(watched: Watched) -> str:
    """Counts a row that came or went, `{0}` being the sign. A count that somebody has deleted begins anew."""
    if not watched.counted:
        return ""
    is_it = f"kind = '{watched.counted}'"
    return (
        f"INSERT INTO changes_revision (kind, number, rows) SELECT '{watched.counted}', 0,"
        f" (SELECT count(*) FROM {watched.table}) - ({{0}}1)"
        f" WHERE NOT EXISTS (SELECT 1 FROM changes_revision WHERE {is_it});"
        f"UPDATE changes_revision SET rows = rows {{0}} 1 WHERE {is_it};"
    )


def _sqlite_log(watched: Watched, action: str, row: str, old_slug: str = "''") -> str:
    slug, pair = ("''", f"{row}.grid_id, {row}.package_id") if watched.is_membership else (f"{row}.slug", "NULL, NULL")
    return _sqlite_bump("changes") + (
        "INSERT INTO changes_change (number, at, kind, action, object_id, slug, old_slug, grid_id, package_id)"
        f" SELECT number, {_SQLITE_NOW}, '{watched.kind}', '{action}', {row}.id, {slug}, {old_slug}, {pair}"
        " FROM changes_revision WHERE kind = 'changes';"
    )


def _moved(columns: Iterable[str]) -> str:
    return " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)


def _columns(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def _sqlite_away(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'changes_*'")
        return [f"DROP TRIGGER {name}" for (name,) in cursor.fetchall()]


def _sqlite_missing(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'")
        there = {sql for (sql,) in cursor.fetchall()}
    absent = [statement for statement in _sqlite_creations(connection) if statement not in there]
    return list(dict.fromkeys(statement.split(" ON ")[1].split()[0] for statement in absent))
