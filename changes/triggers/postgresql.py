"""The triggers on PostgreSQL.

Numbers of a sequence do not follow the order of commits, and if each writer moved one counter when it writes, writers
would wait for each other's whole transactions. So the changes of a statement go into the log without a number, and a
deferred constraint trigger numbers them while the transaction commits: the row of the counter is locked only then.
Rows without a number are visible to their own transaction alone, which recognises its rows by that.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping

from changes.triggers.watched import REFUSAL, Owner, Part, ShownColumns, Watched
from core.database.triggers import Function, Trigger, statement_trigger
from core.kinds import Kind

NOW = "clock_timestamp()"
CLOCK = "floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"  # microseconds since 1970
WORK_TABLES = {
    "changes_pending": (
        "CREATE UNLOGGED TABLE IF NOT EXISTS changes_pending (id bigserial PRIMARY KEY,"
        " kind varchar(10) NOT NULL, delta bigint NOT NULL, last boolean NOT NULL DEFAULT false)"
    )
}

_INTO_LOG = "INSERT INTO changes_change (kind, action, object_id, slug, old_slug, grid_id, package_id)"


def following(number: str) -> str:
    """Return SQL for the revision after `number`."""
    return f"greatest({number} + 1, {CLOCK})"


FUNCTIONS = (
    Function(
        "changes_note",
        """
    INSERT INTO changes_pending (kind, delta)
    SELECT each, CASE WHEN each = counted THEN delta ELSE 0 END FROM unnest(kinds) AS each
""",
        parameters="kinds text[], counted text, delta bigint",
        returns="void",
        language="sql",
    ),
    Function(
        "changes_number",
        f"""
DECLARE
    unnumbered bigint;
    final bigint;
BEGIN
    SELECT count(*) INTO unnumbered FROM changes_change WHERE number IS NULL;
    -- The row that every commit locks first, and holds for the rest of its commit alone.
    UPDATE changes_revision SET number = number + unnumbered WHERE kind = 'changes' RETURNING number INTO final;
    IF final IS NULL THEN  -- somebody has deleted it: it goes on where the log ends
        INSERT INTO changes_revision (kind, number, rows)
        VALUES ('changes', (SELECT coalesce(max(number), 0) FROM changes_change) + unnumbered, 0)
        ON CONFLICT (kind) DO UPDATE SET number = changes_revision.number + unnumbered
        RETURNING number INTO final;
    END IF;
    IF unnumbered > 0 THEN
        UPDATE changes_change SET number = final - unnumbered + ranked.place, at = {NOW}
        FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM changes_change WHERE number IS NULL) AS ranked
        WHERE changes_change.id = ranked.id;
    END IF;
    WITH noted AS (DELETE FROM changes_pending RETURNING kind, delta, last)
    INSERT INTO changes_revision (kind, number, rows)
    SELECT kind, {CLOCK}, sum(delta) FROM noted WHERE NOT last GROUP BY kind ORDER BY kind
    ON CONFLICT (kind) DO UPDATE SET number = {following("changes_revision.number")},
        rows = changes_revision.rows + excluded.rows;
END """,
        returns="void",
    ),
)


def triggers(watched: Collection[Watched]) -> Iterator[Trigger]:
    """The triggers in the order in which a writer locks their tables: what it writes, then what its commit moves."""
    for each in watched:
        for event, body in _bodies(each).items():
            yield statement_trigger("changes", each.table, event, body)
    yield from (_COMMIT, _PRUNED, _REVISION_UPDATED, _REVISION_DELETED, _revisions_truncated(watched))


def _trigger(table: str, name: str, when: str, function: Function, each: str = "STATEMENT") -> Trigger:
    return Trigger(
        table,
        name,
        f"CREATE TRIGGER {name} {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {function.name}()",
        function,
    )


_COMMIT = Trigger(
    "changes_pending",
    "changes_commit",
    "CREATE CONSTRAINT TRIGGER changes_commit AFTER INSERT ON changes_pending"
    " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION changes_commit()",
    Function(
        "changes_commit",
        """
BEGIN
    IF NEW.last THEN
        PERFORM changes_number();
    ELSIF EXISTS (SELECT 1 FROM changes_pending WHERE id = NEW.id)
        AND NOT EXISTS (SELECT 1 FROM changes_pending WHERE last) THEN
        -- Foreign keys are checked at commit too, and may wait for another writer: that must not happen while we hold
        -- the counter. An event that is queued now comes after all of them.
        INSERT INTO changes_pending (kind, delta, last) VALUES ('', 0, true);
    END IF;
    RETURN NULL;
END """,
    ),
)

# Rows of the log that are pruned, or altered by hand, change the responses of the feed. Numbering writes other columns.
_PRUNED = _trigger(
    "changes_change",
    "changes_pruned",
    "AFTER DELETE OR UPDATE OF kind, action, object_id, slug, old_slug, grid_id, package_id OR TRUNCATE",
    Function(
        "changes_pruned",
        f"""
BEGIN
    INSERT INTO changes_revision (kind, number, rows) VALUES ('pruned', {CLOCK}, 0)
        ON CONFLICT (kind) DO UPDATE SET number = {following("changes_revision.number")};
    RETURN NULL;
END """,
    ),
)


_REVISION_UPDATED = _trigger(
    "changes_revision",
    "changes_update",
    "BEFORE UPDATE",
    Function(
        "changes_revision_update",
        f"""
BEGIN
    IF NEW.number < OLD.number OR NEW.kind <> OLD.kind THEN
        RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END """,
    ),
    each="ROW",
)

_REVISION_DELETED = _trigger(
    "changes_revision",
    "changes_delete",
    "AFTER DELETE",
    Function(
        "changes_revision_delete",
        f"""
BEGIN
    IF OLD.kind <> 'changes' THEN
        INSERT INTO changes_revision (kind, number, rows) VALUES (OLD.kind, {following("OLD.number")}, OLD.rows);
    END IF;
    RETURN NULL;
END """,
    ),
    each="ROW",
)


def _revisions_truncated(watched: Iterable[Watched]) -> Trigger:
    # A flush leaves no rows, which need no revision; so a restore can copy its own ones.
    renewal = "\n    ".join(
        "INSERT INTO changes_revision (kind, number, rows)"
        f" SELECT '{each.counted}', {CLOCK}, count(*) FROM {each.table} HAVING count(*) > 0;"
        for each in watched
        if each.counted
    )
    function = Function("changes_revision_truncate", f"\nBEGIN\n    {renewal}\n    RETURN NULL;\nEND ")
    return _trigger("changes_revision", "changes_truncate", "AFTER TRUNCATE", function)


def _bodies(watched: Watched) -> dict[str, str]:
    """The bodies of a table's functions, by event."""
    shown_in = [kind.plural for kind in watched.shown_in]
    counted_in = [*shown_in, *(kind.plural for kind in watched.counted_in)]
    columns_of = {kind.plural: columns for kind, columns in watched.columns_by_kind.items()}
    logs = _logs(watched)
    also_moved = "\n".join(
        f"IF EXISTS (SELECT 1 FROM old_rows AS o JOIN new_rows AS n USING (id)"
        f" WHERE {_differ(columns)}) THEN {_note([kind])} END IF;"
        for kind, columns in columns_of.items()
    )
    came = _note(counted_in, watched.counted, "(SELECT count(*) FROM new_rows)")
    went = _note(counted_in, watched.counted, "-(SELECT count(*) FROM old_rows)")
    return {
        "insert": f"IF EXISTS (SELECT 1 FROM new_rows) THEN {came}\n{logs['insert']}END IF;",
        "delete": f"IF EXISTS (SELECT 1 FROM old_rows) THEN {went}\n{logs['delete']}END IF;",
        "update": (
            "IF EXISTS (SELECT * FROM new_rows EXCEPT SELECT * FROM old_rows) THEN"
            f" {_note(shown_in)}\n{also_moved}\n{logs['update']}END IF;"
        ),
        # Truncation has locked the whole table, so the changes are numbered here: a deferred event would not survive
        # a truncation of the log itself.
        "truncate": (
            f"{logs['delete'].replace('old_rows', watched.table)}"
            f"PERFORM changes_number();\n"
            f"UPDATE changes_revision SET number = {following('changes_revision.number')},"
            f" rows = CASE kind WHEN '{watched.counted}' THEN 0 ELSE rows END"
            f" WHERE kind = ANY({_array(sorted({*counted_in, *columns_of}))});"
        ),
    }


def _note(kinds: Iterable[str], counted: str = "", delta: str = "0") -> str:
    return f"PERFORM changes_note({_array(kinds)}, '{counted}', {delta});"


def _array(words: Iterable[str]) -> str:
    return "ARRAY[" + ", ".join(f"'{word}'" for word in words) + "]::text[]"


def _logs(watched: Watched) -> Mapping[str, str]:
    """The statements that log the rows, and what shows them, by event."""
    logs = _row_logs(watched)
    return {**logs, "update": logs["update"] + "".join(map(_shown_log, watched.also_logs))}


def _row_logs(watched: Watched) -> Mapping[str, str]:
    if watched.part:
        return _part_logs(watched, watched.part)
    if watched.kind:
        return _document_logs(watched)
    if watched.logs_as:
        return _owner_logs(watched, watched.logs_as)
    return {"insert": "", "update": "", "delete": ""}


def _document_logs(watched: Watched) -> dict[str, str]:
    row = "id, slug, '', NULL::bigint, NULL::bigint"
    update = (
        f"{_INTO_LOG} SELECT '{watched.kind}', 'deleted', o.id, o.slug, '', NULL, NULL"
        " FROM old_rows AS o LEFT JOIN new_rows AS n USING (id) WHERE n.id IS NULL ORDER BY o.id;\n"
        f"{_INTO_LOG} SELECT '{watched.kind}',"
        " CASE WHEN o.id IS NULL THEN 'created' WHEN o.slug <> n.slug THEN 'renamed' ELSE 'changed' END,"
        " n.id, n.slug, CASE WHEN o.slug <> n.slug THEN o.slug ELSE '' END, NULL, NULL"
        " FROM new_rows AS n LEFT JOIN old_rows AS o USING (id)"
        f" WHERE o.id IS NULL OR {_differ(watched.columns)} ORDER BY n.id;\n"
        "INSERT INTO changes_oldslug (kind, slug, object_id)"
        f" SELECT '{watched.kind}', o.slug, o.id FROM old_rows AS o JOIN new_rows AS n USING (id)"
        " WHERE o.slug <> n.slug ORDER BY o.slug"
        " ON CONFLICT (kind, slug) DO UPDATE SET object_id = excluded.object_id;\n"
    )
    old_slugs = (
        f"DELETE FROM changes_oldslug WHERE kind = '{watched.kind}' AND object_id IN (SELECT id FROM old_rows);\n"
    )
    return {
        "insert": f"{_INTO_LOG} SELECT '{watched.kind}', 'created', {row} FROM new_rows ORDER BY id;\n",
        "update": update,
        "delete": f"{_INTO_LOG} SELECT '{watched.kind}', 'deleted', {row} FROM old_rows ORDER BY id;\n{old_slugs}",
    }


def _part_logs(watched: Watched, part: Part) -> dict[str, str]:
    other = _differ(part.identity) if part.identity else "false"
    update = (
        f"{_INTO_LOG} SELECT '{watched.kind}', 'deleted', {part.values('o')}"
        " FROM old_rows AS o LEFT JOIN new_rows AS n USING (id)"
        f" WHERE n.id IS NULL OR {other} ORDER BY o.id;\n"
        f"{_INTO_LOG} SELECT '{watched.kind}',"
        f" CASE WHEN o.id IS NULL OR {other} THEN 'created' ELSE 'changed' END,"
        f" {part.values('n')} FROM new_rows AS n LEFT JOIN old_rows AS o USING (id)"
        f" WHERE o.id IS NULL OR {_differ(watched.columns)} ORDER BY n.id;\n"
    )
    created, deleted = (
        f"{_INTO_LOG} SELECT '{watched.kind}', '{action}', {part.values('r')} FROM {rows} AS r ORDER BY r.id;\n"
        for action, rows in (("created", "new_rows"), ("deleted", "old_rows"))
    )
    return {"insert": created, "update": update, "delete": deleted}


def _owner_logs(watched: Watched, owner: Owner) -> dict[str, str]:
    old, new = owner.id.format(row="o"), owner.id.format(row="n")
    either = (
        f"SELECT unnest(ARRAY[{old}, {new}]) FROM old_rows AS o FULL JOIN new_rows AS n USING (id)"
        f" WHERE o.id IS NULL OR n.id IS NULL OR {_differ(watched.columns)}"
    )
    return {
        "insert": _changed_log(owner.kind, f"SELECT {new} FROM new_rows AS n"),
        "update": _changed_log(owner.kind, either),
        "delete": _changed_log(owner.kind, f"SELECT {old} FROM old_rows AS o"),
    }


def _shown_log(shown: ShownColumns) -> str:
    """The statements that log the documents that show these columns, if one of them has moved."""
    moved = "old_rows AS o JOIN new_rows AS n USING (id)"
    differ = _differ(shown.columns)
    ids = f"SELECT each.id FROM {moved} CROSS JOIN LATERAL ({shown.ids.format(row='n')}) AS each (id) WHERE {differ}"
    return f"IF EXISTS (SELECT 1 FROM {moved} WHERE {differ}) THEN {_changed_log(shown.kind, ids)}END IF;\n"


def _changed_log(kind: Kind, ids: str) -> str:
    """The statement that logs the documents with these ids, as far as they exist, as changed: once in a transaction."""
    return (
        f"{_INTO_LOG} SELECT '{kind}', 'changed', shown.id, shown.slug, '', NULL, NULL"
        f" FROM {kind.table} AS shown WHERE shown.id IN ({ids}) AND NOT EXISTS (SELECT 1 FROM changes_change"
        f" WHERE number IS NULL AND kind = '{kind}' AND object_id = shown.id AND action <> 'deleted')"
        " ORDER BY shown.id;\n"
    )


def _differ(columns: Iterable[str]) -> str:
    old, new = (", ".join(f"{alias}.{column}" for column in columns) for alias in ("o", "n"))
    return f"({old}) IS DISTINCT FROM ({new})"
