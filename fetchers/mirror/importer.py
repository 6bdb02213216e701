"""Mirrors another v4 catalogue into this one: what its documents say goes in by batches, or is reported.

Documents pass through here in this order: raw JSON → typed document (documents.parse) → the ledger, which knows
doubles → a batch of rows in one transaction. Categories come first, then grids, then packages, which refer to both.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import DataError, IntegrityError, connection, models, reset_queries, transaction
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core import models as shared
from core.kinds import DOCUMENTS as KINDS
from core.kinds import Kind
from fetchers.mirror.documents import (
    Document,
    GridDocument,
    PackageDocument,
    RefusedError,
    name,
    parse,
)
from fetchers.mirror.seen import Ledger
from fetchers.mirror.sources import Source, SourceError
from grids.documents import GRID_COLUMNS
from grids.models import Grid, GridPackage
from packages.documents import PACKAGE_COLUMNS
from packages.models import Package

BATCH = 500

MODELS: dict[Kind, type[Category | Grid | Package]] = {Kind.CATEGORY: Category, Kind.GRID: Grid, Kind.PACKAGE: Package}
COLUMNS = {columns.kind: columns for columns in (CATEGORY_COLUMNS, GRID_COLUMNS, PACKAGE_COLUMNS)}
# The columns that a document has: those that editors write, and those that fetches write.
EDITED = {
    kind: tuple(each for each in columns.edited if each in columns.stored(columns.v4))
    for kind, columns in COLUMNS.items()
}
FETCHED = tuple(each for each in PACKAGE_COLUMNS.fetched if each in PACKAGE_COLUMNS.v4)
# Columns besides the id that no two rows share; a blank repo_url is nobody's.
UNIQUE: dict[Kind, tuple[str, ...]] = {
    Kind.CATEGORY: ("slug",),
    Kind.GRID: ("slug",),
    Kind.PACKAGE: ("slug", "repo_url"),
}

Row = Category | Grid | Package
T = TypeVar("T")


@dataclass
class Report:
    """What became of the documents. `tell` gets each line at once: ("skipped" or "note", line)."""

    tell: Callable[[str, str], None]
    counts: dict[Kind, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    skipped: int = 0
    notes: int = 0
    broke_off: str = ""

    def skip(self, line: str) -> None:
        self.skipped += 1
        self.tell("skipped", line)

    def note(self, line: str) -> None:
        self.notes += 1
        self.tell("note", line)

    @property
    def read(self) -> int:
        return sum(counts["read"] for counts in self.counts.values())

    @property
    def exit_code(self) -> int:
        """0 all went in, 1 something was skipped or the source broke off, 2 nothing could be read."""
        if not self.read and self.broke_off:
            return 2
        return 1 if self.skipped or self.broke_off else 0


def import_catalogue(
    source: Source,
    report: Report,
    *,
    prune: bool = False,
    dry_run: bool = False,
    advance: Callable[[Kind, int], None] = lambda _kind, _done: None,
) -> None:
    """Bring `source` in, telling `report` of what was left out and `advance` how many of a kind were read so far.

    A dry run does the same in one transaction, and takes it back.
    """
    with Ledger() as ledger:
        work = _Import(source, report, ledger, advance)
        if dry_run:
            with transaction.atomic():
                work.run(prune)
                transaction.set_rollback(True)
        else:
            work.run(prune)


class _Import:
    def __init__(self, source: Source, report: Report, ledger: Ledger, advance: Callable[[Kind, int], None]) -> None:
        self.source = source
        self.report = report
        self.ledger = ledger
        self.advance = advance

    def run(self, prune: bool) -> None:
        try:
            for kind in KINDS:
                for raws in _batches(self.source.documents(kind)):
                    self._store(kind, self._screen(kind, raws))
                    reset_queries()  # which Django keeps with DEBUG, whole batches of rows in them
                    self.advance(kind, self.report.counts[kind]["read"])
        except SourceError as error:
            self.report.broke_off = str(error)
            return
        if prune:
            self._prune()
        # What was held up by a row that has since been renamed or pruned can go in now.
        for kind in KINDS:
            for documents in _batches(self.ledger.deferred(kind)):
                self._store(kind, documents, last=True)
        self._settle_memberships()

    def _screen(self, kind: Kind, raws: Iterable[object]) -> list[Document]:
        """The documents that are valid and new to this run."""
        good = []
        for raw in raws:
            self.report.counts[kind]["read"] += 1
            try:
                document = parse(kind, raw)
            except RefusedError as error:
                self._note_presence(kind, raw)
                self.report.skip(f"{name(kind, raw)}: {error}")
                continue
            self.ledger.present(kind, document.id)
            met = self.ledger.meet(kind, document)
            if met == "new":
                good.append(document)
            elif met != "again":
                what = met.removeprefix("repeats its ")
                self.report.skip(f"{name(kind, raw)}: repeats the {what} of another document that says otherwise")
        return good

    def _note_presence(self, kind: Kind, raw: object) -> None:
        """A refused document is one that the source has all the same: --prune must leave its row alone."""
        pk = raw.get("id") if isinstance(raw, dict) else None
        if type(pk) is int and 0 < pk <= shared.MAX_ID:
            self.ledger.present(kind, pk)
        else:
            self.report.counts[kind]["nameless"] += 1

    def _store(self, kind: Kind, documents: list[Document], *, last: bool = False) -> None:
        """Write a batch whole; if the database refuses it all the same, find the document to blame."""
        if not documents:
            return
        try:
            with transaction.atomic():
                batch = _Batch(kind, documents, self.ledger)
                batch.write()
        except (IntegrityError, DataError) as error:
            if len(documents) == 1:
                reason = " ".join(str(error).split())
                self.report.skip(f"{_label(kind, documents[0])}: the database refuses it: {reason}")
            for document in documents if len(documents) > 1 else ():
                self._store(kind, [document], last=last)
            return
        self._account(kind, batch, last=last)

    def _account(self, kind: Kind, batch: "_Batch", *, last: bool) -> None:
        self.report.counts[kind].update(batch.counts)
        for document, why in batch.refused:
            self.report.skip(f"{_label(kind, document)}: {why}")
        for document, why in batch.held_up:
            if last:
                self.report.skip(f"{_label(kind, document)}: {why}")
            else:
                self.ledger.defer(kind, document)
        for line in batch.notes:
            self.report.note(line)
        self.ledger.take(kind, batch.rows)
        for document in batch.taken():
            if isinstance(document, GridDocument):
                self.ledger.list_members(document.id, document.packages)
            elif isinstance(document, PackageDocument):
                self.ledger.choose_grids(document.id, document.grids)

    def _prune(self) -> None:
        """Delete what the source no longer has: packages before the grids and categories that hold them."""
        for kind in reversed(KINDS):
            counts, model = self.report.counts[kind], MODELS[kind]
            if counts["nameless"]:
                self.report.skip(f"{kind.plural}: not pruned, since some documents came without a readable id")
            elif not self.ledger.count(kind) and model._default_manager.exists():
                self.report.skip(f"{kind.plural}: not pruned, since the source has none at all")
            else:
                for ids in _id_batches(model):
                    counts["deleted"] += self._delete(kind, self.ledger.lacks(kind, ids))

    def _delete(self, kind: Kind, ids: set[int]) -> int:
        if kind == Kind.CATEGORY:
            for category in Category.objects.filter(pk__in=ids, packages__isnull=False).distinct():
                self.report.skip(f"category {category.pk} ({category.slug}): not pruned, packages are still in it")
                ids.discard(category.pk)
        MODELS[kind]._default_manager.filter(pk__in=ids).delete()
        return len(ids)

    def _settle_memberships(self) -> None:
        """Where grid documents say more, or other things, than the packages' own, which have decided already."""
        for grid, listed in self.ledger.undecided():
            known = set(Package.objects.filter(pk__in=listed).values_list("pk", flat=True))
            for pk in (pk for pk in listed if pk not in known):
                self.report.skip(f"grid {grid}: lists package {pk}, which is absent")
            with transaction.atomic():
                present = GridPackage.objects.filter(grid=grid, package__in=known).values_list("package", flat=True)
                new = [GridPackage(grid_id=grid, package_id=pk) for pk in sorted(known.difference(present))]
                GridPackage.objects.bulk_create(new, batch_size=BATCH)
        for grid, package, lists in self.ledger.disagreements():
            says = "lists" if lists else "does not list"
            self.report.note(f"grid {grid} {says} package {package}, whose own document says otherwise and decides")


class _Batch:
    """Up to BATCH documents of one kind on their way into the database, inside one transaction."""

    def __init__(self, kind: Kind, documents: list[Document], ledger: Ledger) -> None:
        self.kind = kind
        self.model = MODELS[kind]
        self.ledger = ledger
        self.documents = {document.id: document for document in documents}
        self.rows: dict[int, Row] = {}
        self.counts: Counter[str] = Counter()
        self.refused: list[tuple[Document, str]] = []
        self.held_up: list[tuple[Document, str]] = []
        self.notes: list[str] = []

    def taken(self) -> list[Document]:
        return [self.documents[pk] for pk in self.rows]

    def write(self) -> None:
        documents = self._with_references()
        stored = self._stored(documents)
        before = {pk: _values(self.kind, row) for pk, row in stored.items()}
        self.rows = {d.id: _merged(self.kind, stored.get(d.id) or self.model(pk=d.id), d) for d in documents}
        new = self.rows.keys() - before.keys()
        self._hold_up_conflicts()
        changed = [row for pk, row in self.rows.items() if before.get(pk) != _values(self.kind, row)]
        for row in changed:
            self.counts["created" if row.pk in new else "updated"] += 1
        self.counts["unchanged"] += len(self.rows) - len(changed)
        self._upsert(changed, before)
        if self.kind == Kind.PACKAGE:
            self._note_shared_repositories([row for row in changed if isinstance(row, Package)], before)
            _follow_memberships([d for d in self.taken() if isinstance(d, PackageDocument)], self.ledger)

    def _with_references(self) -> list[Document]:
        """The documents whose category and grids are here; the others are refused."""
        packages = [d for d in self.documents.values() if isinstance(d, PackageDocument)]
        if not packages:
            return list(self.documents.values())
        categories = _existing(Category, {d.category for d in packages})
        grids = _existing(Grid, {pk for d in packages for pk in d.grids})
        good: list[Document] = []
        for d in packages:
            absent = [f"category {d.category}"] if d.category not in categories else []
            absent += [f"grid {pk}" for pk in d.grids if pk not in grids]
            if absent:
                self.refused.append((d, f"refers to {', '.join(absent[:5])}, which is absent"))
            else:
                good.append(d)
        return good

    def _stored(self, documents: list[Document]) -> dict[int, Row]:
        """The rows with these ids, locked: an edit made meanwhile must not be overwritten unseen."""
        rows: models.QuerySet[Any] = self.model._default_manager.select_for_update()
        return {row.pk: row for row in rows.filter(pk__in=[d.id for d in documents])}

    def _hold_up_conflicts(self) -> None:
        """Take rows out of the batch whose slug or repository URL another row has and keeps."""
        while conflicts := {pk: why for column in UNIQUE[self.kind] for pk, why in self._conflicts(column)}:
            for pk, why in conflicts.items():
                del self.rows[pk]
                self.held_up.append((self.documents[pk], why))

    def _conflicts(self, column: str) -> Iterator[tuple[int, str]]:
        wanted = {pk: value for pk, row in self.rows.items() if (value := getattr(row, column))}
        others = self.model._default_manager.filter(**{f"{column}__in": set(wanted.values())})
        holders = {value: pk for pk, value in others.values_list("pk", column)}
        first: dict[str, int] = {}
        for pk, value in wanted.items():
            other = holders.get(value, pk)
            if other == pk or (other in self.rows and wanted[other] != value):  # in this very batch it gives it up
                other = first.setdefault(value, pk)
            if other != pk:
                yield pk, f"{column} {value[:200]!r} is that of {self.kind} {other}"

    def _upsert(self, rows: list[Row], before: dict[int, dict[str, Any]]) -> None:
        if not rows:
            return
        self._vacate(rows, before)
        edited = EDITED[self.kind]
        manager: Any = self.model._default_manager
        manager.bulk_create(
            rows,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[*edited, *FETCHED, "weeks_end"] if self.kind == Kind.PACKAGE else edited,
        )
        _move_sequence(self.model)

    def _vacate(self, rows: list[Row], before: dict[int, dict[str, Any]]) -> None:
        """Where documents of one batch trade slugs or URLs, the old ones make room first."""
        for column in UNIQUE[self.kind]:
            wanted = {getattr(row, column) for row in rows}
            trading = [
                row.pk
                for row in rows
                if row.pk in before and (old := before[row.pk][column]) != getattr(row, column) and old in wanted
            ]
            vacant = Concat(Value("~"), Cast("id", CharField())) if column == "slug" else Value("")
            columns = {column: vacant} | ({"repo_host": "", "repo_key": ""} if column == "repo_url" else {})
            self.model._default_manager.filter(pk__in=trading).update(**columns)

    def _note_shared_repositories(self, packages: list[Package], before: dict[int, dict[str, Any]]) -> None:
        moved = [p for p in packages if p.repo_key and before.get(p.pk, {}).get("repo_url") != p.repo_url]
        sharing: dict[str, list[int]] = {}
        found = Package.objects.filter(repo_key__in={p.repo_key for p in moved}).order_by("id")
        for key, pk in found.values_list("repo_key", "pk"):
            sharing.setdefault(key, []).append(pk)
        for package in moved:
            others = [str(pk) for pk in sharing[package.repo_key] if pk != package.pk]
            if others:
                shown = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
                self.notes.append(f"package {package.pk} ({package.slug}) shares its repository with package {shown}")


def _merged(kind: Kind, row: Row, document: Document) -> Row:
    """`row` with what `document` knows better: editors' columns by `modified`, fetched facts by `last_fetched`."""
    new = row._state.adding
    if new or document.modified > row.modified:
        for column in EDITED[kind]:
            setattr(row, column, getattr(document, column.removesuffix("_id")))
    if isinstance(row, Package) and isinstance(document, PackageDocument):
        ours, theirs = row.last_fetched, document.last_fetched
        if new or (theirs and (ours is None or theirs > ours)):
            for column in FETCHED:
                setattr(row, column, getattr(document, column))
            # The day is not in the document; the counts were fetched with the rest.
            row.weeks_end = theirs.date() if theirs and document.commits_over_52 else None
        row.derive()
    return row


def _values(kind: Kind, row: Row) -> dict[str, Any]:
    columns = (*EDITED[kind], *FETCHED) if kind == Kind.PACKAGE else EDITED[kind]
    return {column: getattr(row, column) for column in columns}


def _follow_memberships(documents: list[PackageDocument], ledger: Ledger) -> None:
    """Give each package the grids of its document, in their order; it keeps those that the source does not know."""
    current: dict[int, dict[int, GridPackage]] = {document.id: {} for document in documents}
    for membership in GridPackage.objects.filter(package__in=current).order_by("position", "id"):
        current[membership.package_id][membership.grid_id] = membership
    ours = ledger.lacks(Kind.GRID, {grid for memberships in current.values() for grid in memberships})
    stale: list[int] = []
    moved: list[GridPackage] = []
    added: list[GridPackage] = []
    for document in documents:
        memberships = current[document.id]
        wanted = document.grids + [grid for grid in memberships if grid in ours and grid not in document.grids]
        if wanted == list(memberships):
            continue
        stale += [m.pk for grid, m in memberships.items() if grid not in wanted]
        for position, grid in enumerate(wanted):
            if grid not in memberships:
                added.append(GridPackage(grid_id=grid, package_id=document.id, position=position))
            elif memberships[grid].position != position:
                memberships[grid].position = position
                moved.append(memberships[grid])
    GridPackage.objects.filter(pk__in=stale).delete()
    GridPackage.objects.bulk_update(moved, ["position"], batch_size=BATCH)
    GridPackage.objects.bulk_create(added, batch_size=BATCH)


def _existing(model: type[Category | Grid], ids: set[int]) -> set[int]:
    return set(model._default_manager.filter(pk__in=ids).values_list("pk", flat=True))


def _move_sequence(model: type[Row]) -> None:
    """Explicit ids leave PostgreSQL's sequence behind; it moves up only, so that no deleted id is given again."""
    if connection.vendor != "postgresql":
        return  # SQLite's AUTOINCREMENT notes explicit ids by itself
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [model._meta.db_table])
        (sequence,) = cursor.fetchone()
        cursor.execute(
            f"SELECT setval(%s, greatest((SELECT max(id) FROM {table}), (SELECT last_value FROM {sequence})))",  # noqa: S608 (names of our own)
            [sequence],
        )


def _label(kind: Kind, document: Document) -> str:
    return f"{kind} {document.id} ({document.slug})"


def _batches(documents: Iterator[T]) -> Iterator[list[T]]:
    """Lists of up to BATCH; what came before a source broke off is a batch too, and the break comes after it."""
    batch: list[T] = []
    try:
        for document in documents:
            batch.append(document)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except SourceError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _id_batches(model: type[Row]) -> Iterator[list[int]]:
    after = 0
    while ids := list(model._default_manager.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield ids
        after = ids[-1]
