"""The triggers on SQLite, where there is one writer at a time: the trigger of a row takes the next number.

A revision moves with every row. It is counted in microseconds because rows are written faster than one a millisecond.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from changes.triggers.watched import REFUSAL, Owner, Part, ShownColumns, Watched
from core.database.triggers import Trigger, row_trigger
from core.kinds import Kind

NOW = "strftime('%Y-%m-%d %H:%M:%f', 'now')"
CLOCK = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000"  # microseconds since 1970
_INTO_LOG = "INSERT INTO changes_change (number, at, kind, action, object_id, slug, old_slug, grid_id, package_id)"


def following(number: str) -> str:
    """Return SQL for the revision after `number`."""
    return f"max({number} + 1, {CLOCK})"


def triggers(watched: Iterable[Watched], columns: Mapping[str, Sequence[str]]) -> Iterator[Trigger]:
    """The triggers; `columns` has all columns of each watched table."""
    yield from _on_revisions()
    yield row_trigger("changes_pruned", "AFTER DELETE", "changes_change", _bump("pruned"))
    yield row_trigger("changes_altered", "AFTER UPDATE", "changes_change", _bump("pruned"))
    for each in watched:
        yield from _revisions(each, columns[each.table])
        yield from _logs(each)


def _on_revisions() -> Iterator[Trigger]:
    yield row_trigger(
        "changes_revision_update",
        "BEFORE UPDATE",
        "changes_revision",
        f"SELECT RAISE(ABORT, '{REFUSAL}');",
        when="NEW.number < OLD.number OR NEW.kind <> OLD.kind",
    )
    yield row_trigger(
        "changes_revision_delete",
        "AFTER DELETE",
        "changes_revision",
        f"INSERT INTO changes_revision (kind, number, rows) VALUES (OLD.kind, {following('OLD.number')}, OLD.rows);",
        when="OLD.kind <> 'changes'",
    )


def _revisions(watched: Watched, columns: Iterable[str]) -> Iterator[Trigger]:
    """The triggers that move revisions, and count documents."""
    table = watched.table
    bump = "".join(_bump(kind.plural) for kind in watched.shown_in)
    bump_counts = bump + "".join(_bump(kind.plural) for kind in watched.counted_in)
    yield row_trigger(f"changes_{table}_insert", "AFTER INSERT", table, _count(watched, "+") + bump_counts)
    yield row_trigger(f"changes_{table}_delete", "AFTER DELETE", table, _count(watched, "-") + bump_counts)
    yield row_trigger(f"changes_{table}_update", "AFTER UPDATE", table, bump, when=_differ(columns))
    for kind, shown in watched.columns_by_kind.items():
        name = f"changes_{table}_update_for_{kind.plural}"
        yield row_trigger(name, "AFTER UPDATE", table, _bump(kind.plural), when=_differ(shown))


def _logs(watched: Watched) -> Iterator[Trigger]:
    """The triggers that log the rows."""
    if watched.kind and watched.part:
        yield from _part_logs(watched.table, watched.kind, watched.part, watched.columns)
    elif watched.kind:
        yield from _document_logs(watched.table, watched.kind, watched.columns)
    elif watched.logs_as:
        yield from _owner_logs(watched.table, watched.logs_as, watched.columns)
    for shown in watched.also_logs:
        name = f"changes_{watched.table}_update_log_for_{shown.kind.plural}"
        yield row_trigger(name, "AFTER UPDATE", watched.table, _log_shown(shown), when=_differ(shown.columns))


def _document_logs(table: str, kind: Kind, columns: Iterable[str]) -> Iterator[Trigger]:
    deleted, created = _log(kind, "deleted", "OLD"), _log(kind, "created", "NEW")
    forget = f"DELETE FROM changes_oldslug WHERE kind = '{kind}' AND object_id = OLD.id;"
    remember = (
        f"INSERT INTO changes_oldslug (kind, slug, object_id) VALUES ('{kind}', OLD.slug, OLD.id)"
        " ON CONFLICT (kind, slug) DO UPDATE SET object_id = excluded.object_id;"
    )
    other, renamed = _differ(["id"]), _differ(["slug"])
    changed = f"NOT ({other}) AND ({_differ(columns)}) AND NOT ({renamed})"
    yield row_trigger(f"changes_{table}_insert_log", "AFTER INSERT", table, created)
    yield row_trigger(f"changes_{table}_delete_log", "AFTER DELETE", table, deleted + forget)
    yield row_trigger(f"changes_{table}_update_identity", "AFTER UPDATE", table, deleted + created, when=other)
    yield row_trigger(f"changes_{table}_update_log", "AFTER UPDATE", table, _log(kind, "changed", "NEW"), when=changed)
    yield row_trigger(
        f"changes_{table}_update_slug",
        "AFTER UPDATE",
        table,
        _log(kind, "renamed", "NEW", old_slug="OLD.slug") + remember,
        when=f"NOT ({other}) AND {renamed}",
    )


def _part_logs(table: str, kind: Kind, part: Part, columns: Iterable[str]) -> Iterator[Trigger]:
    deleted, created = (_log_values(kind, action, part.values(row)) for action, row in _IDENTITY)
    edited = _log_values(kind, "changed", part.values("NEW"))
    other = _differ(["id", *part.identity])
    changed = f"NOT ({other}) AND ({_differ(columns)})"
    yield row_trigger(f"changes_{table}_insert_log", "AFTER INSERT", table, created)
    yield row_trigger(f"changes_{table}_delete_log", "AFTER DELETE", table, deleted)
    yield row_trigger(f"changes_{table}_update_identity", "AFTER UPDATE", table, deleted + created, when=other)
    yield row_trigger(f"changes_{table}_update_log", "AFTER UPDATE", table, edited, when=changed)


_IDENTITY = (("deleted", "OLD"), ("created", "NEW"))


def _owner_logs(table: str, owner: Owner, columns: Iterable[str]) -> Iterator[Trigger]:
    old, new = owner.id.format(row="OLD"), owner.id.format(row="NEW")
    moved = _differ(["id", *columns])
    yield row_trigger(f"changes_{table}_insert_log", "AFTER INSERT", table, _log_owner(owner.kind, new))
    yield row_trigger(f"changes_{table}_delete_log", "AFTER DELETE", table, _log_owner(owner.kind, old))
    yield row_trigger(f"changes_{table}_update_log", "AFTER UPDATE", table, _log_owner(owner.kind, new), when=moved)
    other = f"({old}) IS NOT ({new})"
    yield row_trigger(f"changes_{table}_update_owner", "AFTER UPDATE", table, _log_owner(owner.kind, old), when=other)


def _log(kind: Kind, action: str, row: str, old_slug: str = "''") -> str:
    """The statements that log a row with a slug."""
    return _log_values(kind, action, f"{row}.id, {row}.slug, {old_slug}, NULL, NULL")


def _log_values(kind: Kind, action: str, values: str) -> str:
    return _next_number() + (
        f"{_INTO_LOG} SELECT number, {NOW}, '{kind}', '{action}', {values}"
        " FROM changes_revision WHERE kind = 'changes';"
    )


def _log_shown(shown: ShownColumns) -> str:
    """The statements that log the documents that show the row as changed."""
    ids = shown.ids.format(row="NEW")
    rows = f"(SELECT count(*) FROM {shown.kind.table} AS shown WHERE shown.id IN ({ids}))"
    return _next_number(f"{rows} > 0", rows) + (
        f"{_INTO_LOG} SELECT latest.number - {rows} + row_number() OVER (ORDER BY shown.id), {NOW}, '{shown.kind}',"
        f" 'changed', shown.id, shown.slug, '', NULL, NULL FROM changes_revision AS latest"
        f" JOIN {shown.kind.table} AS shown ON shown.id IN ({ids}) WHERE latest.kind = 'changes';"
    )


def _log_owner(kind: Kind, pk: str) -> str:
    """The statements that log the document with that id as changed, if it exists."""
    return _next_number(f"EXISTS (SELECT 1 FROM {kind.table} WHERE id = {pk})") + (
        f"{_INTO_LOG} SELECT latest.number, {NOW}, '{kind}', 'changed', shown.id, shown.slug, '', NULL, NULL"
        f" FROM changes_revision AS latest JOIN {kind.table} AS shown ON shown.id = {pk}"
        " WHERE latest.kind = 'changes';"
    )


def _next_number(condition: str = "true", rows: str = "1") -> str:
    # A counter that somebody has deleted goes on where the log ends.
    return (
        "INSERT INTO changes_revision (kind, number, rows)"
        f" SELECT 'changes', (SELECT coalesce(max(number), 0) + {rows} FROM changes_change), 0 WHERE {condition}"
        f" ON CONFLICT (kind) DO UPDATE SET number = number + {rows};"
    )


def _bump(revision: str) -> str:
    return (
        f"INSERT INTO changes_revision (kind, number, rows) VALUES ('{revision}', {CLOCK}, 0)"
        f" ON CONFLICT (kind) DO UPDATE SET number = {following('changes_revision.number')};"
    )


def _count(watched: Watched, sign: str) -> str:
    """The statements that count a row that came (+) or went (-). A count that somebody has deleted starts again."""
    if not watched.counted:
        return ""
    counter = f"kind = '{watched.counted}'"
    return (
        f"INSERT INTO changes_revision (kind, number, rows) SELECT '{watched.counted}', 0,"
        f" (SELECT count(*) FROM {watched.table}) - ({sign}1)"
        f" WHERE NOT EXISTS (SELECT 1 FROM changes_revision WHERE {counter});"
        f"UPDATE changes_revision SET rows = rows {sign} 1 WHERE {counter};"
    )


def _differ(columns: Iterable[str]) -> str:
    return " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)
