"""Add to grid, and Remove from grid, which names the cells that go."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.db.models import Count, QuerySet

from core.admin.autocomplete import Autocomplete
from core.words import counted
from editing.actions.frame import ActionForm, BulkAction, Row
from grids.locks import may_change, refusal
from grids.models import Cell, Feature, Grid, GridPackage
from packages.models import Package

CELLS = 10  # of a package that the page names
LONGEST = 60  # characters of a cell on the page
OWN = "The grids that the selected packages are in."
IN, OUT = "in", "out"


class GridForm(ActionForm):
    def clean_grid(self) -> Grid:
        chosen: Grid = self.cleaned_data["grid"]
        grid = self.locked(chosen)
        if not may_change(self.request, grid):
            raise forms.ValidationError(refusal(grid))
        return grid


class AnyGridForm(GridForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        box = Autocomplete(GridPackage._meta.get_field("grid"), self.model_admin.admin_site)
        self.fields["grid"] = forms.ModelChoiceField(Grid.objects.all(), label="Grid", widget=box)


class GridWithMembersField(forms.ModelChoiceField[Grid]):
    def label_from_instance(self, grid: Any) -> str:
        """Return the title of a grid, with what would go."""
        locked = ", locked" if grid.is_locked else ""
        return f"{grid} ({counted(grid.members, 'package')}, {counted(grid.cells, 'cell')}{locked})"


class OwnGridForm(GridForm):
    """A grid that some of the selected packages are in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        members, cells = Count("memberships", distinct=True), Count("memberships__cells", distinct=True)
        grids = Grid.objects.filter(memberships__package__in=self.ids).annotate(members=members, cells=cells)
        self.fields["grid"] = GridWithMembersField(
            grids.order_by("-members", "title", "pk"), label="Grid", help_text=OWN
        )


class _OfAGrid(BulkAction):
    def _date(self, ids: Collection[int], grid: Grid, now: datetime) -> None:
        """Date the packages and the grid: the documents of both have changed."""
        Package.objects.filter(pk__in=ids).update(modified=now)
        Grid.objects.filter(pk=grid.pk).update(modified=now)


class AddToGrid(_OfAGrid):
    name = "add_to_grid"
    label = "Add to grid"
    needs: ClassVar[tuple[str, ...]] = ("grids.add_gridpackage",)
    form_class = AnyGridForm

    def rows(self, rows: QuerySet[Any], form: Any) -> list[Row]:
        packages = list(rows.values_list("pk", "title"))
        if form is None:
            return [Row(pk, title) for pk, title in packages]
        grid = form.cleaned_data["grid"]
        members = GridPackage.objects.filter(grid=grid, package__in=[pk for pk, _ in packages])
        there = set(members.values_list("package", flat=True))
        note = f"in the grid “{grid}” already"
        return [Row(pk, title, IN, note=note) if pk in there else Row(pk, title, OUT) for pk, title in packages]

    def lines(self, rows: Sequence[Row], form: Any) -> list[str]:
        return [f"Added to the grid “{form.cleaned_data['grid']}”: {counted(len(rows), 'package')}."]

    def write(self, ids: Collection[int], form: Any, now: datetime) -> None:
        grid = form.cleaned_data["grid"]
        GridPackage.objects.bulk_create([GridPackage(grid=grid, package_id=pk) for pk in ids], ignore_conflicts=True)
        self._date(ids, grid, now)

    def done(self, number: int, form: Any) -> str:
        return f"Added {counted(number, 'package')} to the grid “{form.cleaned_data['grid']}”"


class RemoveFromGrid(_OfAGrid):
    name = "remove_from_grid"
    label = "Remove from grid"
    needs: ClassVar[tuple[str, ...]] = ("grids.delete_gridpackage",)
    form_class = OwnGridForm

    def rows(self, rows: QuerySet[Any], form: Any) -> list[Row]:
        packages = list(rows.values_list("pk", "title"))
        if form is None:
            return [Row(pk, title) for pk, title in packages]
        grid = form.cleaned_data["grid"]
        cells = _cells(grid, [pk for pk, _ in packages], is_last=form.is_last)
        note = f"not in the grid “{grid}”"
        return [
            Row(pk, title, "\n".join(cells[pk]), now=_in_words(cells[pk]), number=len(cells[pk]))
            if pk in cells
            else Row(pk, title, OUT, note=note)
            for pk, title in packages
        ]

    def lines(self, rows: Sequence[Row], form: Any) -> list[str]:
        members, number = counted(len(rows), "package"), sum(row.number for row in rows)
        cells = counted(number, "cell")
        return [f"Removed from the grid “{form.cleaned_data['grid']}”: {members}, and {cells} with them."]

    def write(self, ids: Collection[int], form: Any, now: datetime) -> None:
        grid = form.cleaned_data["grid"]
        memberships = GridPackage.objects.filter(grid=grid, package__in=ids)
        Cell.objects.filter(membership__in=memberships)._raw_delete(memberships.db)
        memberships._raw_delete(memberships.db)  # in one statement, which delete() makes many of
        self._date(ids, grid, now)

    def done(self, number: int, form: Any) -> str:
        return f"Removed {counted(number, 'package')} from the grid “{form.cleaned_data['grid']}”"


def _cells(grid: Grid, packages: Collection[int], *, is_last: bool) -> Mapping[int, list[str]]:
    """Return the cells of those packages that are in the grid, as texts with the titles of their features."""
    members = GridPackage.objects.filter(grid=grid, package__in=packages).order_by("pk")
    cells = Cell.objects.filter(membership__in=members).order_by("pk")
    if is_last:
        members, cells = members.select_for_update(), cells.select_for_update()
    package_of = dict(members.values_list("pk", "package"))
    features = dict(Feature.objects.filter(grid=grid).values_list("pk", "title"))
    texts: dict[int, dict[int, str]] = defaultdict(dict)
    for membership, feature, text in cells.values_list("membership", "feature", "text"):
        texts[membership][feature] = text
    return {
        package: [f"{title}: {texts[pk][feature]}" for feature, title in features.items() if feature in texts[pk]]
        for pk, package in package_of.items()
    }


def _in_words(cells: Sequence[str]) -> str:
    named = [cell if len(cell) <= LONGEST else f"{cell[:LONGEST]} …" for cell in cells[:CELLS]]
    more = [f"and {len(cells) - CELLS} more"] if len(cells) > CELLS else []
    return "\n".join([*named, *more]) or "no cells"
