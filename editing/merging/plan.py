"""The plan of merging packages: what it comes to, in a number of queries that depends on nothing but the tables."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2s
from itertools import chain
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection
from django.db.models import BooleanField, Count, Field, Q
from django.utils.text import capfirst

from changes.models import OldSlug
from core.admin.forms import form_fields
from core.kinds import Kind
from core.words import counted
from grids.models import Cell, Grid, GridPackage
from packages.documents import PACKAGE_COLUMNS
from packages.models import Package, Pin, Release, Snapshot

FEWEST, MOST = 2, 10  # packages that are merged
MOST_CELLS = 300  # that a page asks about
LONGEST = 300  # characters of a value on the page
NAMED = 20  # grids that the page names
TYPED = "typed"  # the choice of a cell whose text is typed

# A successor is a word on the package that has it: the survivor takes it only if the editor says so.
_NEVER_BY_ITSELF = frozenset({"replaced_by"})
# Columns that are one value, by what their names begin with
_TOGETHER = ("reply_",)

# UNION, not UNION ALL, ends the walk in a cycle too.
_LEADING_BACK = """
    WITH RECURSIVE chain (first, id) AS (
        SELECT id, id FROM packages_package WHERE id IN ({first})
        UNION
        SELECT chain.first, package.replaced_by_id FROM packages_package AS package JOIN chain ON package.id = chain.id
        WHERE package.replaced_by_id IS NOT NULL
    )
    SELECT DISTINCT first FROM chain WHERE id IN ({merged})
"""


class GoneError(Exception):
    """Packages that are to be merged are not there any more."""


@dataclass(frozen=True)
class ColumnQuestion:
    """An editors' column of which the packages have different values: `values` in words by package, "" for none;
    `default` is the package whose value is taken."""

    name: str
    label: str
    columns: tuple[str, ...]
    values: Mapping[int, str]
    default: int


@dataclass(frozen=True)
class CellQuestion:
    """A feature of a grid for which the packages have different cells."""

    name: str
    feature: int
    grid: str
    label: str
    values: Mapping[int, str]


@dataclass
class Shared:
    """A membership that stays or moves (`target`), with the memberships in the same grid that go, and the cells."""

    grid: Grid
    target: GridPackage
    gone: list[GridPackage] = field(default_factory=list)
    cells: dict[int, list[Cell]] = field(default_factory=dict)  # by feature, in the order of the packages

    @property
    def texts(self) -> Iterator[tuple[int, list[Cell]]]:
        """Yield each feature of which some cell has a text, with these cells."""
        for feature, cells in self.cells.items():
            if written := [cell for cell in cells if cell.text.strip()]:
                yield feature, written


@dataclass
class Merge:
    """Packages of which the first survives."""

    packages: list[Package]
    memberships: list[GridPackage]
    cells: list[Cell]
    pins: list[Pin]
    leading_back: frozenset[int]  # successors from which a chain leads to one of the packages
    numbers: Mapping[str, Mapping[int, int]]  # of rows by package, by what they are
    old_slugs: Sequence[str]

    @property
    def survivor(self) -> Package:
        return self.packages[0]

    @property
    def others(self) -> list[Package]:
        return self.packages[1:]

    @cached_property
    def ids(self) -> list[int]:
        return [package.pk for package in self.packages]

    @cached_property
    def shared(self) -> list[Shared]:
        """The grids in which one of the merged packages is: those that the merge changes."""
        order = {pk: place for place, pk in enumerate(self.ids)}
        by_grid: dict[int, list[GridPackage]] = {}
        for membership in sorted(self.memberships, key=lambda each: order[each.package_id]):
            by_grid.setdefault(membership.grid_id, []).append(membership)
        result = []
        for target, *gone in by_grid.values():
            if target.package_id != self.survivor.pk or gone:
                result.append(Shared(target.grid, target, gone))
        by_membership = {each.pk: shared for shared in result for each in (shared.target, *shared.gone)}
        package_of = {each.pk: each.package_id for each in self.memberships}
        for cell in sorted(self.cells, key=lambda each: order[package_of[each.membership_id]]):
            if shared := by_membership.get(cell.membership_id):
                shared.cells.setdefault(cell.feature_id, []).append(cell)
        return sorted(result, key=lambda each: (each.grid.title, each.grid.pk))

    @cached_property
    def column_questions(self) -> list[ColumnQuestion]:
        return [question for columns in _columns() if (question := self._column_question(columns))]

    def _column_question(self, columns: tuple[str, ...]) -> ColumnQuestion | None:
        values = {package.pk: self.value(package, columns) for package in self.packages}
        filled = {pk: value for pk, value in values.items() if value[0] not in (None, "")}
        own = self.survivor.pk
        if not filled or (own in filled and len(set(filled.values())) == 1):
            return None
        is_pinned = any(pin.package_id == own and pin.column in columns for pin in self.pins)
        takes_by_itself = own not in filled and columns[0] not in _NEVER_BY_ITSELF and not is_pinned
        default = next(iter(filled)) if takes_by_itself else own
        words = {package.pk: _in_words(package, columns) if package.pk in filled else "" for package in self.packages}
        label = capfirst(str(_field(columns[0]).verbose_name))
        return ColumnQuestion(f"column-{columns[0]}", label, columns, words, default)

    def value(self, package: Package, columns: Iterable[str]) -> tuple[Any, ...]:
        """Return the values of columns of a package, without a successor that would be the survivor itself, or lead
        back to it."""
        is_back = package.replaced_by_id in {*self.leading_back, *self.ids}
        left_out = {"replaced_by"} if is_back else set()
        return tuple(None if name in left_out else getattr(package, _field(name).attname) for name in columns)

    @cached_property
    def cell_questions(self) -> list[CellQuestion]:
        package_of = {each.pk: each.package_id for each in self.memberships}
        return [
            CellQuestion(
                f"cell-{feature}",
                feature,
                shared.grid.title,
                cells[0].feature.title,
                {package_of[cell.membership_id]: cell.text for cell in cells},
            )
            for shared in self.shared
            for feature, cells in shared.texts
            if len({cell.text for cell in cells}) > 1
        ]

    @cached_property
    def former_addresses(self) -> list[Package]:
        """A package for each of the repositories, if they are several: all but the one that is kept are former ones."""
        by_key: dict[str, Package] = {}
        for package in self.packages:
            if package.repo_key:
                by_key.setdefault(package.repo_key, package)
        return list(by_key.values()) if len(by_key) > 1 else []

    @property
    def refusal(self) -> str:
        if len(self.cell_questions) > MOST_CELLS:
            number = counted(len(self.cell_questions), "cell")
            return f"{number} differ, which is more than a page can ask about ({MOST_CELLS}): merge fewer packages."
        return ""

    @cached_property
    def seen(self) -> str:
        """A digest of the plan, which a form sends back: another one if anything of it has changed since."""
        shown = [
            self.ids,
            [[q.name, [self.value(package, q.columns) for package in self.packages]] for q in self.column_questions],
            [[each.name, list(each.values.items())] for each in self.cell_questions],
            [[each.grid.pk, each.target.pk, [gone.pk for gone in each.gone]] for each in self.shared],
        ]
        return blake2s(json.dumps(shown, cls=DjangoJSONEncoder).encode(), digest_size=8).hexdigest()

    @cached_property
    def consequences(self) -> list[str]:
        """Sentences on what else happens."""
        lines = [self._of_grid(shared) for shared in self.shared[:NAMED]]
        if (more := len(self.shared) - NAMED) > 0:
            lines.append(f"and {counted(more, 'further grid')}.")
        if number := sum(self.numbers["replaced"].values()):
            lines.append(f"{counted(number, 'package')} replaced by one of the others will be replaced by this one.")
        if pinned := [f"{pin.get_column_display()}" for pin in self.pins if pin.package_id != self.survivor.pk]:
            lines.append(f"Pins of the others ({', '.join(pinned)}) go along where what they correct is taken.")
        slugs = [f"“{slug}”" for slug in (*(other.slug for other in self.others), *self.old_slugs)]
        more = len(slugs) - NAMED
        listed = f"{', '.join(slugs[:NAMED])}{f' and {more} more' if more > 0 else ''}"
        lines.append(f"Links by the slugs {listed} will lead to “{self.survivor.slug}”.")
        return [*lines, *(line for other in self.others if (line := self._going(other)))]

    def _of_grid(self, shared: Shared) -> str:
        cells = sum(len(cells) for cells in shared.cells.values())
        if not shared.gone:
            with_cells = f" with {counted(cells, 'cell')}" if cells else ""
            return f"Grid “{shared.grid}”: the membership moves{with_cells}."
        differing = sum(len({cell.text for cell in cells}) > 1 for _, cells in shared.texts)
        asked = f"; of {counted(differing, 'feature')} they differ, which is asked below" if differing else ""
        if not cells:
            return f"Grid “{shared.grid}”: one membership stays."
        return f"Grid “{shared.grid}”: one membership stays, with the cells of all{asked}."

    def _going(self, other: Package) -> str:
        numbers = self.numbers
        parts = [
            counted(number, words) for words in ("release", "snapshot") if (number := numbers[words].get(other.pk, 0))
        ]
        if not parts:
            return ""
        return f"{' and '.join(parts)} of “{other}” go with it, but for what is of an address that is kept."


def _field(name: str) -> Any:
    return Package._meta.get_field(name)


def _columns() -> list[tuple[str, ...]]:
    """Return the editors' columns that packages may differ in, those that belong together together."""
    fields: list[Field[Any, Any]] = list(Package._meta.concrete_fields)
    groups: dict[str, tuple[str, ...]] = {}
    for name in form_fields(PACKAGE_COLUMNS, Package):
        prefix = next((each for each in _TOGETHER if name.startswith(each)), "")
        together = tuple(each.name for each in fields if prefix and each.name.startswith(prefix))
        if name != "slug":
            groups.setdefault(prefix or name, together or (name,))
    return list(groups.values())


def _in_words(package: Package, columns: Iterable[str]) -> str:
    parts = []
    for column in columns:
        model_field, value = _field(column), getattr(package, column)
        if isinstance(model_field, BooleanField):
            parts.append("yes" if value else "no")
        elif value not in (None, ""):
            choices = dict(model_field.flatchoices) if model_field.choices else {}
            parts.append(str(choices.get(value, value)))
    text = ", ".join(parts)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def preferred(packages: Iterable[Package]) -> Package:
    """Return the package that survives unless the editor says otherwise: the one with most users."""
    return max(packages, key=lambda each: (each.pypi_downloads or 0, each.repo_watchers, -each.pk))


def read(ids: Collection[int], survivor: int | None = None) -> Merge:
    """Return what merging packages into one of them comes to; GoneError if one is not there."""
    found = {each.pk: each for each in Package.objects.filter(pk__in=ids).select_related("category", "replaced_by")}
    if missing := [pk for pk in ids if pk not in found]:
        names = ", ".join(str(pk) for pk in missing)
        raise GoneError(
            f"The package number {names} is not there any more: it was deleted, or merged into another one. Nothing"
            " was merged."
        )
    first = found[survivor] if survivor in found else preferred(found.values())
    packages = [first, *sorted((each for each in found.values() if each != first), key=lambda each: each.pk)]
    merged = Q(package__in=[each.pk for each in packages])
    memberships = GridPackage.objects.filter(merged).select_related("grid").order_by("position", "pk")
    cells = Cell.objects.filter(membership__package__in=ids).select_related("feature")
    return Merge(
        packages,
        list(memberships),
        list(cells.order_by("feature__position", "feature_id")),
        list(Pin.objects.filter(merged).order_by("pk")),
        _leading_back(packages),
        _numbers(packages),
        list(
            OldSlug.objects.filter(kind=Kind.PACKAGE, object_id__in=[each.pk for each in packages[1:]])
            .order_by("slug")
            .values_list("slug", flat=True)
        ),
    )


def _leading_back(packages: Sequence[Package]) -> frozenset[int]:
    """Return those successors of the packages that lead back to one of them."""
    ids = [package.pk for package in packages]
    successors = {pk for package in packages if (pk := package.replaced_by_id)} - set(ids)
    if not successors:
        return frozenset()
    first, merged = (", ".join(["%s"] * len(each)) for each in (successors, ids))
    with connection.cursor() as cursor:
        cursor.execute(_LEADING_BACK.format(first=first, merged=merged), [*successors, *ids])
        return frozenset(chain.from_iterable(cursor.fetchall()))


def _numbers(packages: Sequence[Package]) -> dict[str, dict[int, int]]:
    """Return the numbers of rows of the packages, by what they are and by package."""
    ids = [package.pk for package in packages]
    numbers: dict[str, dict[int, int]] = {}
    for words, model in (("release", Release), ("snapshot", Snapshot)):
        rows = model._default_manager.filter(package__in=ids).order_by().values_list("package")
        numbers[words] = dict(rows.annotate(number=Count("pk")))
    replaced = Package.objects.filter(replaced_by__in=ids[1:]).exclude(pk__in=ids)
    numbers["replaced"] = {ids[0]: replaced.count()}
    return numbers
