"""Saving what the grid editor sends: everything that nobody else has changed meanwhile; of the rest, who has.

All of it is one edit of the history, in one transaction, with the grid locked: whoever else writes the grid by a form,
an import or an editor waits, and is then told of what is written here.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from core import hooks
from core.admin import violations
from core.database.deadlocks import retried
from core.words import counted
from grids.editor.conflicts import name_others
from grids.editor.edits import CellEdit, Deletion, Edits, FieldEdit, MistakeError, NewFeature, title_of
from grids.editor.state import digest, state_of
from grids.models import MOST_FEATURES, Cell, Feature, Grid, GridPackage
from packages.models import Package

TRIES = 3
LAST_PLACE = 2**31 - 1  # of a feature: the database has no room for a greater number
Ref = int | str


class GoneError(Exception):
    """The grid was deleted meanwhile."""


class LockedError(Exception):
    """The grid was locked meanwhile; `grid` is it."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid


@dataclass
class Saved:
    """The result of a save: what is written, in words and in ids of new features by their keys; what is not, because
    somebody else has changed it; and the grid as it is now."""

    words: str = ""
    created: dict[str, int] = field(default_factory=dict)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)


def save(pk: int, edits: Edits, user: Any, *, may_unlock: bool) -> Saved:
    """Save edits of a grid; MistakeError, GoneError or LockedError, and nothing is written, if they cannot be saved.

    What another one writes at the very same time without locking the grid, as a form of a cell does, the database
    refuses once: the next try sees it.
    """
    for remaining in reversed(range(TRIES)):
        try:
            return retried(partial(_recorded, pk, edits, user, may_unlock=may_unlock))
        except IntegrityError as error:
            if not remaining:
                raise MistakeError(violations.message(error, [Cell, Feature, GridPackage])) from error
    raise AssertionError


def _recorded(pk: int, edits: Edits, user: Any, *, may_unlock: bool) -> Saved:
    with hooks.recording(user) as batch:
        grid = Grid.objects.select_for_update(no_key=True).filter(pk=pk).first()
        if grid is None:
            raise GoneError
        if grid.is_locked and not may_unlock:
            raise LockedError(grid)
        saving = _Saving(grid, edits)
        saved = saving.run()
        if saved.words:
            Grid.objects.filter(pk=pk).update(modified=saving.now)
            batch.words = f"Edited the grid “{grid}”: {saved.words}"
        name_others(saved.conflicts, grid)
        saved.state = state_of(grid)
        return saved


class _Saving:
    """The rows of a grid that edits are about, locked in the order in which imports lock them, and what becomes of
    them."""

    def __init__(self, grid: Grid, edits: Edits) -> None:
        self.grid, self.edits, self.now = grid, edits, timezone.now()
        self.saved = Saved()
        packages = Package.objects.filter(pk__in=edits.added).order_by("pk")
        self.packages = set(packages.select_for_update(no_key=True).values_list("pk", flat=True)) if edits.added else ()
        features = Feature.objects.filter(grid=grid).order_by("position", "id").select_for_update(no_key=True)
        self.features = {feature.pk: feature for feature in features}
        self.cells = {(cell.feature_id, cell.membership.package_id): cell for cell in self._cells()}
        self.members = dict(self._memberships())

    def _cells(self) -> Iterable[Cell]:
        edits = self.edits
        features = {cell.feature for cell in edits.cells if isinstance(cell.feature, int)}
        touched = Q(feature__in=features, membership__package__in={cell.package for cell in edits.cells})
        going = Q(feature__in=[each.id for each in edits.deleted])
        going |= Q(membership__package__in=[each.id for each in edits.removed])
        cells = Cell.objects.filter(touched | going, feature__grid=self.grid).select_related("membership")
        return cells.order_by("pk").select_for_update(no_key=True, of=("self",))

    def _memberships(self) -> Iterable[tuple[int, int]]:
        """Return the packages of the members that the edits name, with the ids of the memberships."""
        edits = self.edits
        named = {cell.package for cell in edits.cells} | {*edits.added} | {each.id for each in edits.removed}
        rows = GridPackage.objects.filter(grid=self.grid, package__in=named).order_by("pk")
        return rows.select_for_update(no_key=True).values_list("package_id", "pk")

    def run(self) -> Saved:
        features = [each.id for each in self.edits.deleted if each.id in self.features and self._may_delete(each)]
        members = [each.id for each in self.edits.removed if each.id in self.members and self._may_remove(each)]
        parts = [
            *self._delete(features, members),
            *self._write_features(),
            *self._add(),
            *self._write_cells(),
        ]
        self.saved.words = ", ".join(parts)
        return self.saved

    def _conflict(self, kind: str, **place: Any) -> None:
        self.saved.conflicts.append({"kind": kind, **place})

    def _may_delete(self, deleted: Deletion) -> bool:
        feature = self.features[deleted.id]
        cells = [(package, cell.text) for (pk, package), cell in self.cells.items() if pk == deleted.id and cell.text]
        return self._is_as_shown(deleted, "feature", digest(cells, feature.title, feature.description))

    def _may_remove(self, removed: Deletion) -> bool:
        cells = [(pk, cell.text) for (pk, package), cell in self.cells.items() if package == removed.id and cell.text]
        return self._is_as_shown(removed, "package", digest(cells))

    def _is_as_shown(self, going: Deletion, part: str, now: str) -> bool:
        if now != going.digest:
            self._conflict("deletion", **{part: going.id})
        return now == going.digest

    def _delete(self, features: Collection[int], packages: Collection[int]) -> Iterator[str]:
        members = [self.members.pop(package) for package in packages]
        if features or members:
            Cell.objects.filter(Q(feature__in=features) | Q(membership__in=members)).delete()
        if features:
            Feature.objects.filter(pk__in=features).delete()
            yield f"{counted(len(features), 'feature')} deleted"
        if members:
            GridPackage.objects.filter(pk__in=members).delete()
            yield f"{counted(len(members), 'member')} removed"
        self.features = {pk: feature for pk, feature in self.features.items() if pk not in features}

    def _write_features(self) -> Iterator[str]:
        """Write new features, and those that get another title, description or place."""
        if len(self.features) + len(self.edits.created) > MOST_FEATURES:
            raise MistakeError(f"A grid has at most {MOST_FEATURES} features: delete some first. Nothing is saved.")
        before = {pk: (each.title, each.description, each.position) for pk, each in self.features.items()}
        self._change_features()
        new = {each.key: self._new(each) for each in self.edits.created}
        self._place(new)
        changed = [
            each for pk, each in self.features.items() if (each.title, each.description, each.position) != before[pk]
        ]
        for feature in changed:
            feature.modified = self.now
        # Several times as fast as bulk_update(). No conflict is another one than that of a row with itself.
        Feature.objects.bulk_create(
            [*changed, *new.values()],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["title", "description", "position", "modified"],
        )
        self.saved.created = {key: feature.pk for key, feature in new.items()}
        self.features |= {feature.pk: feature for feature in new.values()}
        for number, done in ((len(changed), "changed"), (len(new), "added")):
            if number:
                yield f"{counted(number, 'feature')} {done}"

    def _change_features(self) -> None:
        gone = {each.id for each in self.edits.deleted}
        for each in self.edits.features:
            feature = self.features.get(each.id)
            if feature is None:
                if each.id not in gone:
                    self._conflict("gone", feature=each.id)
                continue
            for name, edit in (("title", each.title), ("description", each.description)):
                if edit and self._may_write(getattr(feature, name), edit, feature=each.id, field=name):
                    setattr(feature, name, title_of(edit.text) if name == "title" else edit.text)

    def _may_write(self, stored: str, edit: FieldEdit | CellEdit, **place: Any) -> bool:
        if stored not in {edit.was, edit.text}:
            self._conflict("text", **place)
            return False
        return True

    def _new(self, each: NewFeature) -> Feature:
        times = {"created": self.now, "modified": self.now}
        return Feature(grid=self.grid, title=title_of(each.title), description=each.description, **times)

    def _place(self, new: Mapping[str, Feature]) -> None:
        """Give the features their places: the new ones are the last unless the edits say where they stand."""
        present = list(self.features.values())
        wanted = [*present, *new.values()]
        if order := self.edits.order:
            was = [pk for pk in order.was if pk in self.features]
            now = [pk for pk in self.features if pk in order.was]
            refs = [new.get(str(ref)) or self.features.get(_id(ref)) for ref in dict.fromkeys(order.to)]
            to = [feature for feature in refs if feature]
            if was == now or [each.pk for each in to if each.pk in order.was] == now:
                wanted = [*to, *(each for each in wanted if not any(each is placed for placed in to))]
            else:
                self._conflict("order")
        last = present[-1].position if present else 0
        is_appended = wanted[: len(present)] == present and last + len(new) <= LAST_PLACE
        placed, first = (wanted[len(present) :], last + 1) if is_appended else (wanted, 1)
        for place, feature in enumerate(placed, start=first):
            feature.position = place

    def _add(self) -> Iterator[str]:
        added = []
        for package in dict.fromkeys(self.edits.added):
            if package not in self.packages:
                self._conflict("gone", package=package)
            elif package not in self.members:
                added.append(package)
        if added:
            rows = [GridPackage(grid=self.grid, package_id=package) for package in added]
            self.members |= {row.package_id: row.pk for row in GridPackage.objects.bulk_create(rows)}
            yield f"{counted(len(added), 'member')} added"

    def _write_cells(self) -> Iterator[str]:
        written, emptied = list[Cell](), list[int]()
        for edit in self.edits.cells:
            feature = self.features.get(self.saved.created.get(str(edit.feature), _id(edit.feature)))
            membership = self.members.get(edit.package)
            place = {"feature": edit.feature, "package": edit.package}
            if feature is None or membership is None:
                self._conflict("gone", **place)
                continue
            cell = self.cells.get((feature.pk, edit.package))
            stored = cell.text if cell else ""
            if not self._may_write(stored, edit, **place) or stored == edit.text:
                continue
            if cell and not edit.text:
                emptied.append(cell.pk)
                continue
            row = cell or Cell(feature=feature, membership_id=membership, created=self.now)
            row.text, row.modified = edit.text, self.now
            written.append(row)
        Cell.objects.bulk_create(
            written, update_conflicts=True, unique_fields=["id"], update_fields=["text", "modified"]
        )
        if emptied:
            Cell.objects.filter(pk__in=emptied).delete()
        if written or emptied:
            yield f"{counted(len(written) + len(emptied), 'cell')} changed"


def _id(ref: Ref) -> int:
    """Return the id of a feature that there is; 0, which none has, of a new one."""
    return ref if isinstance(ref, int) else 0
