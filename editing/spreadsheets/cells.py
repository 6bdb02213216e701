"""The differences between a file and the cells of grids: a row of the file is a cell, whatever grid it is of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from django.urls import reverse

from core.api.parameters import nearest
from core.api.references import is_id
from core.csv_cells import unguarded
from core.words import counted
from editing.spreadsheets.lookups import RefusedRowError
from editing.spreadsheets.plan import Plan, PlannedRow, RefusedRow
from editing.spreadsheets.reading import Sheet, SheetRow, shown
from editing.words import Value
from grids.locks import refusal
from grids.models import MOST_CHARACTERS, Cell, Feature, Grid, GridPackage
from grids.spreadsheets import Change, Member, RefusedError, is_bare_number, pasted_text, save

TITLES = ("grid", "package", "feature", "feature_id", "text")


@dataclass(frozen=True)
class Rights:
    """The rights of a user to write cells."""

    may_unlock: bool = True
    may_add: bool = True
    may_change: bool = True
    may_delete: bool = True


class CellDifferences:
    """A file beside the cells that it names; with `lock`, inside a transaction, these are locked."""

    def __init__(self, file: Sheet, rights: Rights, *, lock: bool) -> None:
        if missing := [title for title in ("grid", "package", "text") if title not in file.titles]:
            raise RefusedError(f"There is no column “{missing[0]}”.", 1)
        self.rights, self.lock = rights, lock
        self.refused: list[RefusedRow] = []
        self.unchanged = 0
        self.changes: list[tuple[SheetRow, Change]] = []
        self.grids = {grid.slug: grid for grid in self._rows(Grid).filter(slug__in=_texts(file, "grid"))}
        ids = [grid.pk for grid in self.grids.values()]
        self.features: dict[int, dict[int, Feature]] = {pk: {} for pk in ids}
        for feature in self._rows(Feature).filter(grid__in=ids):
            self.features[feature.grid_id][feature.pk] = feature
        named = self._rows(Cell).filter(feature__grid__in=ids, membership__package__slug__in=_texts(file, "package"))
        self.cells = {(cell.feature_id, cell.membership_id): cell for cell in named}
        memberships = self._rows(GridPackage).filter(grid__in=ids, package__slug__in=_texts(file, "package"))
        self.members = {
            (each.grid_id, each.package.slug): Member(each.pk, each.package_id, each.package.slug)
            for each in memberships.select_related("package").only("grid", "package__slug")
        }
        self._compare(file.rows)

    def _rows(self, model: type[Model]) -> QuerySet[Any]:
        rows = model._default_manager.order_by("pk")
        return rows.select_for_update(no_key=True, of=("self",)) if self.lock else rows

    def _compare(self, rows: Iterable[SheetRow]) -> None:
        lines: dict[tuple[int, int], int] = {}
        for row in rows:
            try:
                change = self._change(row, lines)
            except RefusedRowError as error:
                self.refused.append(RefusedRow(row.number, shown(_name(row)), shown(str(error), 600)))
                continue
            if change:
                self.changes.append((row, change))
            else:
                self.unchanged += 1

    def _change(self, row: SheetRow, lines: dict[tuple[int, int], int]) -> Change | None:
        """Return the change of the cell of a row, if it differs. RefusedRowError says why it cannot be imported."""
        if row.problem:
            raise RefusedRowError(row.problem)
        grid = self.grids.get(row.text("grid"))
        if grid is None:
            raise RefusedRowError(f"grid: there is no grid “{shown(row.text('grid'))}”.")
        member = self.members.get((grid.pk, row.text("package")))
        if member is None:
            raise RefusedRowError(f"package: “{shown(row.text('package'))}” is not in this grid; add it to it first")
        feature = self._feature(row, grid)
        first = lines.setdefault((feature.pk, member.membership), row.number)
        if first != row.number:
            raise RefusedRowError(f"The same cell stands in line {first}.")
        cell = self.cells.get((feature.pk, member.membership))
        old = cell.text if cell else ""
        new = pasted_text(old, row.written["text"])
        if new is None or new == old:
            return None
        if len(new) > MOST_CHARACTERS:
            raise RefusedRowError(f"text: it has {len(new):,} characters: at most {MOST_CHARACTERS:,}")
        change = Change(feature, member, cell, old, new)
        self._respect_rights(grid, change)
        return change

    def _feature(self, row: SheetRow, grid: Grid) -> Feature:
        features, number = self.features[grid.pk], row.text("feature_id")
        if number:
            feature = features.get(int(number)) if is_id(number) else None
            if feature is None:
                raise RefusedRowError(f"feature_id: the grid has no feature {shown(number, 20)}")
            return feature
        title = unguarded(row.written.get("feature", ""))
        found = [each for each in features.values() if title in {each.title, each.title.strip()}]
        if len(found) > 1:
            raise RefusedRowError("feature: several features are called so; name one by feature_id")
        if not found:
            hint = nearest(title, [each.title for each in features.values()])
            raise RefusedRowError(f"feature: the grid has no feature “{shown(title)}”.{hint}")
        return found[0]

    def _respect_rights(self, grid: Grid, change: Change) -> None:
        if grid.is_locked and not self.rights.may_unlock:
            raise RefusedRowError(refusal(grid))
        if change.cell is None and not self.rights.may_add:
            raise RefusedRowError("You may not add cells.")
        if change.cell and not change.new and not self.rights.may_delete:
            raise RefusedRowError("You may not delete cells, which an empty text does.")
        if change.cell and change.new and not self.rights.may_change:
            raise RefusedRowError("You may not change cells.")

    def plan(self) -> Plan:
        rows = []
        for row, change in self.changes:
            url = reverse("admin:grids_cell_change", args=(change.cell.pk,)) if change.cell else ""
            values = [Value(change.feature.title, change.old, change.new)]
            rows.append(PlannedRow(row.number, _name(row), url, change.cell is None, values))
        return Plan(rows, self.refused, self.unchanged, [])

    def try_out(self) -> list[str]:
        """Return notes on texts that a spreadsheet program may have changed."""
        if bare := sum(is_bare_number(change.new) for _, change in self.changes):
            return [
                f"{counted(bare, 'new text')} of digits alone, which say nothing (sign 0): a spreadsheet program makes"
                " 1 of what is typed as +1."
            ]
        return []

    def save(self) -> None:
        save(change for _, change in self.changes)


def _texts(file: Sheet, title: str) -> set[str]:
    return {row.text(title) for row in file.rows}


def _name(row: SheetRow) -> str:
    return f"{row.text('grid')}, {row.text('package')}"
