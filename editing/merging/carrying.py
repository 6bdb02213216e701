"""Carrying a merge out: the survivor takes over what the others have, in bulk, and these are deleted.

Rows of facts are copied, not moved: they go with their package, or with its address, and undoing brings them back by
the same ways as after a deletion.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from changes.slugs import lead_to, take_over
from editing.merging.plan import CellQuestion, Merge
from editing.models import Dismissal
from grids.models import Cell, Grid, GridPackage
from packages.documents import PACKAGE_COLUMNS
from packages.identity import FactsSource, deciding_source
from packages.models import (
    FACTS,
    FetchState,
    Package,
    PackageAdvisory,
    PackageHealth,
    Pin,
    Release,
    RepositoryAlias,
    Snapshot,
)
from packages.pins.columns import PINNABLE, restored, stored
from packages.pins.past import Pins
from packages.successors import lock_chains

_DECIDING = PACKAGE_COLUMNS.fetched_from("deciding")
_ADDRESS_OF: Mapping[FactsSource, str] = {"repo": "repo_url", "pypi": "pypi_url"}
_OF_PROJECT = ("downloads", "pypi_name")
R = TypeVar("R", bound=Model)

# The models that refer to packages, and what becomes of the rows of a merged one. A test finds a model that is missing.
REFERRING: Mapping[type[Model], str] = {
    GridPackage: "moves, or is united with the survivor's in the same grid",
    Package: "is replaced by the survivor",
    Pin: "goes, or is copied if its column's value is taken, or it is of an address that the survivor has",
    Dismissal: "goes: the list that it is of was about another package",
    Release: "goes, or is copied with its project",
    FetchState: "goes, or is copied with its address",
    RepositoryAlias: "is copied, if it is of a repository that the survivor had",
    Snapshot: "goes, unless it is of an address that the survivor has",
    PackageHealth: "goes: the survivor's verdict is settled anew",
    PackageAdvisory: "goes: the survivor has those of its own project",
}


@dataclass(frozen=True)
class Answers:
    """The answers of an editor: to questions about columns and cells, by name, the package whose value is taken, or
    the text that was typed; and the packages whose repository is a former address of the survivor's."""

    columns: Mapping[str, int]
    cells: Mapping[str, int | str]
    former: Collection[int]


def lock(ids: Collection[int]) -> None:
    """Lock what a merge writes: grids before packages, as undoing does, each in the order of their ids."""
    grids = Grid.objects.filter(pk__in=GridPackage.objects.filter(package__in=ids).values("grid"))
    list(grids.order_by("pk").select_for_update(no_key=True).values_list("pk"))
    list(Package.objects.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk"))
    lock_chains()


def settle(ids: Collection[int]) -> None:
    """Forget facts that are of other addresses than the packages have, as SQL by hand leaves them."""
    Package.objects.filter(pk__in=ids).forget_other_addresses()


def carry_out(merge: Merge, answers: Answers) -> None:
    """Merge packages, which are locked, in a transaction that is open."""
    now = timezone.now()
    survivor, ids = merge.survivor, [other.pk for other in merge.others]
    _unite_grids(merge, answers, now)
    _write_columns(merge, answers, now)
    Package.objects.filter(replaced_by__in=ids).exclude(pk__in=merge.ids).update(replaced_by=survivor, modified=now)
    take_over(survivor, ids)
    Package.objects.filter(pk__in=ids).delete()
    lead_to(survivor, [other.slug for other in merge.others])
    Package.objects.filter(pk=survivor.pk).update(modified=now)


def _unite_grids(merge: Merge, answers: Answers, now: datetime) -> None:
    """Move the memberships of grids in which the survivor is not, and unite the cells of the others."""
    moving = [each.target.pk for each in merge.shared if each.target.package_id != merge.survivor.pk]
    aside = list(Cell.objects.filter(membership__in=moving))  # a membership that has cells keeps its package
    Cell.objects.filter(membership__in=moving).delete()
    GridPackage.objects.filter(pk__in=moving).update(package=merge.survivor)
    Cell.objects.bulk_create(aside)
    questions = {each.feature: each for each in merge.cell_questions}
    package_of = {each.pk: each.package_id for each in merge.memberships}
    united = []
    for shared in merge.shared:
        for feature, cells in shared.texts:
            cell = _chosen(cells, questions.get(feature), answers, package_of, now)
            own = next((each for each in shared.cells[feature] if each.membership_id == shared.target.pk), None)
            if own is None or own.text != cell.text:
                modified = now if own else cell.modified
                row = Cell(feature_id=feature, membership=shared.target, text=cell.text, created=cell.created)
                row.modified = modified
                united.append(row)
    Cell.objects.bulk_create(
        united,
        update_conflicts=True,
        unique_fields=["feature", "membership"],
        update_fields=["text", "modified"],
    )
    Grid.objects.filter(pk__in=[shared.grid.pk for shared in merge.shared]).update(modified=now)


def _chosen(
    cells: Sequence[Cell],
    question: CellQuestion | None,
    answers: Answers,
    package_of: Mapping[int, int],
    now: datetime,
) -> Cell:
    """Return the cell whose text is kept, or one with the text that was typed."""
    if question is None:
        return cells[0]
    answer = answers.cells[question.name]
    if isinstance(answer, str):
        return Cell(text=answer, created=now, modified=now)
    return next(cell for cell in cells if package_of[cell.membership_id] == answer)


def _write_columns(merge: Merge, answers: Answers, now: datetime) -> None:
    """Write the editors' columns that are taken, and with an address its facts and its former addresses."""
    survivor, by_id = merge.survivor, {package.pk: package for package in merge.packages}
    columns: dict[str, Any] = {"replaced_by_id": merge.value(survivor, ("replaced_by",))[0]}
    taken: dict[FactsSource, Package] = {}
    for question in merge.column_questions:
        source = by_id[answers.columns[question.name]]
        names = [_attname(name) for name in question.columns]
        columns |= dict(zip(names, merge.value(source, question.columns), strict=True))
        taken |= {kind: source for kind, column in _ADDRESS_OF.items() if column in question.columns}
    aliases = list(RepositoryAlias.objects.filter(package__in=merge.ids))
    columns = {name: value for name, value in columns.items() if getattr(survivor, name) != value}
    if columns:
        Package.objects.filter(pk=survivor.pk).update(**columns)
    stored = Package.objects.get(pk=survivor.pk)
    moved = {
        kind: source
        for kind, source in taken.items()
        if getattr(stored, FACTS[kind].key) != getattr(survivor, FACTS[kind].key)
    }
    for kind, source in moved.items():
        _take_facts(kind, source, stored, [pin.column for pin in merge.pins if pin.package_id == survivor.pk])
    _take_pins(merge, moved)
    _take_addresses(merge, answers, aliases, stored.repo_key, now)
    _take_snapshots(stored, [other.pk for other in merge.others])


def _attname(column: str) -> str:
    field: Any = Package._meta.get_field(column)
    return str(field.attname)


def _take_facts(kind: FactsSource, source: Package, survivor: Package, pinned: Collection[str]) -> None:
    """Copy the facts of an address that the survivor has taken from another package, with the rows they come with. Past
    its pins, it takes what upstream says."""
    facts, pins = FACTS[kind], Pins([source])
    columns = {
        column: pins.upstream(source, column) if column in pinned else getattr(source, column)
        for column in facts.columns
    }
    states = list(FetchState.objects.filter(package=source, source__in=facts.states))
    if deciding_source(survivor.repo_key) == kind:
        if deciding_source(source.repo_key) == kind:
            columns |= {column: getattr(source, column) for column in _DECIDING}
        else:
            columns["last_fetched"] = next((each.last_success for each in states if each.source == kind), None)
    Package.objects.filter(pk=survivor.pk).update(**columns)
    FetchState.objects.bulk_create(_copies(states, survivor))
    if kind == "pypi":
        Release.objects.bulk_create(_copies(Release.objects.filter(package=source).order_by("pk"), survivor))


def _take_pins(merge: Merge, moved: Mapping[FactsSource, Package]) -> None:
    """Copy the pins of the others whose columns the survivor has now, or that are of an address that it has itself."""
    survivor = Package.objects.get(pk=merge.survivor.pk)
    by_id = {package.pk: package for package in merge.packages}
    pinned = {pin.column for pin in merge.pins if pin.package_id == survivor.pk}
    columns: dict[str, Any] = {}
    copied = []
    for pin in (each for each in merge.pins if each.package_id != survivor.pk and each.column not in pinned):
        pinnable, owner = PINNABLE[pin.column], by_id[pin.package_id]
        now = stored(getattr(survivor, pin.column))
        if pinnable.source and not pinnable.edited:
            key = FACTS[pinnable.source].key
            if getattr(owner, key) != getattr(survivor, key) or not getattr(owner, key):
                continue
            if moved.get(pinnable.source) != owner:
                columns[pin.column], pin.upstream = restored(pin.column, pin.pinned), now
        elif now != pin.pinned:
            continue
        pinned.add(pin.column)
        copied.append(pin)
    if columns:
        Package.objects.filter(pk=survivor.pk).update(**columns)
    Pin.objects.bulk_create(_copies(copied, survivor))


def _copies(rows: Iterable[R], survivor: Package) -> list[R]:
    """Return rows of another package as new ones of the survivor."""
    copies = []
    for row in rows:
        row.pk, row._state.adding = None, True
        row.package = survivor  # type: ignore[attr-defined]  # each of these models has it
        copies.append(row)
    return copies


def _take_addresses(
    merge: Merge, answers: Answers, aliases: Sequence[RepositoryAlias], kept: str, now: datetime
) -> None:
    """Give the survivor the former addresses of its repository, whose key is `kept`, and of those that are called
    former ones; none where another package is now."""
    former = {package.repo_key for package in merge.packages if package.pk in answers.former} | {kept}
    key_of = {package.pk: package.repo_key for package in merge.packages}
    candidates = [
        (package.repo_key, package.repo_url, now) for package in merge.packages if package.repo_key in former - {""}
    ]
    candidates += [(each.repo_key, each.repo_url, each.until) for each in aliases if key_of[each.package_id] in former]
    keys = {key for key, _, _ in candidates}
    elsewhere = Package.objects.filter(repo_key__in=keys).exclude(pk__in=merge.ids).values_list("repo_key", flat=True)
    there = RepositoryAlias.objects.filter(package=merge.survivor).values_list("repo_key", flat=True)
    left_out = {kept, *elsewhere, *there}
    latest = {key: (url, until) for key, url, until in sorted(candidates, key=lambda each: each[2])}
    RepositoryAlias.objects.bulk_create(
        RepositoryAlias(package=merge.survivor, repo_key=key, repo_url=url, until=until)
        for key, (url, until) in latest.items()
        if key not in left_out
    )


def _take_snapshots(survivor: Package, others: Sequence[int]) -> None:
    """Complete the history of the addresses that the survivor has by what the others' history has of the same ones."""
    numbers = Q(stars__isnull=False) | Q(forks__isnull=False)
    of_repository = Q(repo_key=survivor.repo_key) & numbers if survivor.repo_key else Q(pk__in=[])
    of_project = Q(pypi_name=survivor.pypi_name, downloads__isnull=False) if survivor.pypi_name else Q(pk__in=[])
    theirs, own = Snapshot.objects.filter(package__in=others), Snapshot.objects.filter(package=survivor)

    def of_the_day(condition: Q) -> QuerySet[Snapshot]:
        return theirs.filter(condition, day=OuterRef("day")).order_by("package", "pk")

    either = of_repository | of_project
    is_new = ~Exists(own.filter(day=OuterRef("day")))
    first = Subquery(of_the_day(either).values("pk")[:1])
    moving = theirs.filter(either, is_new, pk=first).values_list("pk", flat=True)
    Snapshot.objects.filter(pk__in=list(moving)).update(package=survivor)
    for condition, columns in ((of_repository, ("stars", "forks", "repo_key")), (of_project, _OF_PROJECT)):
        lacking = own.exclude(condition).filter(Exists(of_the_day(condition)))
        lacking.update(**{column: Subquery(of_the_day(condition).values(column)[:1]) for column in columns})
