"""The triggers that keep the cells of a grid in it: the feature of a cell and its membership are of the same grid.

So a feature stays in its grid, and a membership that has cells keeps its grid and its package.
"""

from collections.abc import Iterator, Sequence

from django.db.backends.base.base import BaseDatabaseWrapper

from core.database.triggers import Trigger, TriggerSet, row_trigger, statement_trigger

CELLS, FEATURES, MEMBERSHIPS = "grids_cell", "grids_feature", "grids_gridpackage"
ELSEWHERE = "The feature and the membership of a cell must be of the same grid."
FEATURE_STAYS = "A feature stays in its grid."
MEMBERSHIP_STAYS = "A membership that has cells keeps its grid and its package."


class CellTriggers(TriggerSet):
    label = "grids"
    tables = (CELLS, FEATURES)
    consequence = "What is written without them may have cells in the wrong grid."
    aftermath = "Cells that were written without them may be in the wrong grid."

    def triggers(self, connection: BaseDatabaseWrapper) -> list[Trigger]:
        return list(_on_postgresql() if connection.vendor == "postgresql" else _on_sqlite())

    def counted_on(self) -> Sequence[str]:
        return ()

    def catch_up(self, connection: BaseDatabaseWrapper) -> None:
        """Leave what was written: nobody but an editor knows which grid is the right one."""


CELL_TRIGGERS = CellTriggers()


def _on_sqlite() -> Iterator[Trigger]:
    grids = [f"(SELECT grid_id FROM {table} WHERE id = NEW.{key}_id)" for table, key in _OF_A_CELL]
    elsewhere = f"{grids[0]} IS NULL OR {grids[0]} IS NOT {grids[1]}"
    for event in ("insert", "update"):
        yield row_trigger(f"grids_cell_{event}", f"BEFORE {event.upper()}", CELLS, _abort(ELSEWHERE), when=elsewhere)
    moved = "OLD.grid_id IS NOT NEW.grid_id"
    yield row_trigger("grids_feature_update", "BEFORE UPDATE", FEATURES, _abort(FEATURE_STAYS), when=moved)
    of_other = f"({moved} OR OLD.package_id IS NOT NEW.package_id)"
    has_cells = f"EXISTS (SELECT 1 FROM {CELLS} WHERE membership_id = OLD.id)"
    yield row_trigger(
        "grids_gridpackage_update",
        "BEFORE UPDATE",
        MEMBERSHIPS,
        _abort(MEMBERSHIP_STAYS),
        when=f"{of_other} AND {has_cells}",
    )


_OF_A_CELL = ((FEATURES, "feature"), (MEMBERSHIPS, "membership"))


def _abort(message: str) -> str:
    return f"SELECT RAISE(ABORT, '{message}');"


def _on_postgresql() -> Iterator[Trigger]:
    # The lock keeps a membership in its grid until the commit: a deferred foreign key locks it no earlier than then.
    elsewhere = (
        f"PERFORM 1 FROM {MEMBERSHIPS} WHERE id IN (SELECT membership_id FROM new_rows) ORDER BY id FOR KEY SHARE;\n"
        + _refuse(
            f"SELECT 1 FROM new_rows AS n LEFT JOIN {FEATURES} AS f ON f.id = n.feature_id"
            f" LEFT JOIN {MEMBERSHIPS} AS m ON m.id = n.membership_id"
            " WHERE f.grid_id IS NULL OR f.grid_id IS DISTINCT FROM m.grid_id",
            ELSEWHERE,
        )
    )
    for event in ("insert", "update"):
        yield statement_trigger("grids", CELLS, event, elsewhere)
    both = "SELECT 1 FROM old_rows AS o JOIN new_rows AS n USING (id) WHERE"
    moved = f"{both} o.grid_id <> n.grid_id"
    yield statement_trigger("grids", FEATURES, "update", _refuse(moved, FEATURE_STAYS))
    of_other = f"{both} (o.grid_id, o.package_id) IS DISTINCT FROM (n.grid_id, n.package_id)"
    has_cells = f"EXISTS (SELECT 1 FROM {CELLS} WHERE membership_id = o.id)"
    yield statement_trigger("grids", MEMBERSHIPS, "update", _refuse(f"{of_other} AND {has_cells}", MEMBERSHIP_STAYS))


def _refuse(query: str, message: str) -> str:
    """The statements that refuse a write if the query has a row."""
    return (
        f"IF EXISTS ({query}) THEN\n    RAISE EXCEPTION '{message}'"
        " USING ERRCODE = 'integrity_constraint_violation';\nEND IF;"
    )
