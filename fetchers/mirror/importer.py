"""Import another v4 catalogue into this one: each of its documents is stored, or reported as skipped.

A document takes these steps: raw JSON → typed document (documents.parse) → the seen documents, which detect repeated
ids and slugs → a batch of rows in one transaction. Categories come first, then grids, then packages, which refer to
both.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar

from django.db import DataError, IntegrityError, models, reset_queries, transaction
from django.utils import timezone

from categories.models import Category
from core.kinds import DOCUMENTS as KINDS
from core.kinds import Kind
from core.secrets import redacted
from fetchers.doubt import are_unusual
from fetchers.mirror import notes, slugs
from fetchers.mirror.documents import (
    Document,
    FeatureDocument,
    GridDocument,
    InvalidDocumentError,
    PackageDocument,
    label,
    parse,
    raw_id,
    raw_label,
)
from fetchers.mirror.features import FeatureBatch
from fetchers.mirror.memberships import update_memberships
from fetchers.mirror.merge import EDITED, FETCHED, FETCHED_BESIDES, Row, take_edits, take_facts, values
from fetchers.mirror.merged import merged
from fetchers.mirror.seen import SeenDocuments
from fetchers.mirror.sequences import advance_sequence
from fetchers.mirror.sources import DocumentSource, SourceError
from grids.models import Grid, GridPackage
from packages.models import Package
from packages.pins.past import Pins
from packages.readiness.counts import count_readiness
from packages.settling import settled

BATCH = 500
GRIDS_WITH_FEATURES = 20  # in a batch: each may have thousands of cells

MODELS: dict[Kind, type[Category | Grid | Package]] = {Kind.CATEGORY: Category, Kind.GRID: Grid, Kind.PACKAGE: Package}
T = TypeVar("T")


@dataclass
class Report:
    """Counts and messages of one import. `write` gets each message as it comes: ("skipped" or "note", one line)."""

    write: Callable[[str, str], None]
    counts: dict[Kind, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    skipped: int = 0
    notes: int = 0
    source_error: str = ""

    def skip(self, line: str) -> None:
        self.skipped += 1
        self.write("skipped", line)

    def note(self, line: str) -> None:
        self.notes += 1
        self.write("note", line)

    @property
    def read(self) -> int:
        return sum(counts["read"] for counts in self.counts.values())

    @property
    def exit_code(self) -> int:
        """Return 0 if everything was imported, 1 if not everything was, 2 if nothing could be read."""
        if not self.read and self.source_error:
            return 2
        return 1 if self.skipped or self.source_error else 0


def import_catalogue(
    source: DocumentSource,
    report: Report,
    *,
    prune: bool = False,
    prune_many: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    zone: tzinfo = UTC,
    advance: Callable[[Kind, int], None] = lambda _kind, _count: None,
) -> None:
    """Store the documents of `source`, and add to `report` what was stored or skipped.

    `prune` deletes the rows that the source has no document of; if these are unusually many, only with `prune_many`. A
    source whose documents have the ids of other documents here is another catalogue, and ends the import, unless it is
    to `overwrite` them. A dry run does the same work in one transaction and
    rolls it back. `zone` is that of times without an offset. `advance` gets the number of documents of a kind that were
    read so far, after each batch.
    """
    with SeenDocuments() as seen:
        work = _Import(source, report, seen, zone, advance, overwrite=overwrite)
        if dry_run:
            with transaction.atomic():
                work.run(prune=prune or prune_many, many=prune_many)
                transaction.set_rollback(True)
        else:
            work.run(prune=prune or prune_many, many=prune_many)
            if report.read:
                count_readiness(timezone.now())


class _Import:
    def __init__(
        self,
        source: DocumentSource,
        report: Report,
        seen: SeenDocuments,
        zone: tzinfo,
        advance: Callable[[Kind, int], None],
        *,
        overwrite: bool,
    ) -> None:
        self.overwrite = overwrite
        self.source = source
        self.report = report
        self.seen = seen
        self.zone = zone
        self.advance = advance

    def run(self, *, prune: bool, many: bool) -> None:
        try:
            for kind in KINDS:
                for raws in _batches(self.source.documents(kind)):
                    self._store(kind, self._validate(kind, raws))
                    reset_queries()  # with DEBUG, Django stores every statement with its batch of rows
                    self.advance(kind, self.report.counts[kind]["read"])
        except SourceError as error:
            self.report.source_error = redacted(str(error))
            return
        if prune:
            self._prune(many=many)
        # The row that had a deferred document's slug or URL may have been renamed or pruned since.
        for kind in KINDS:
            for documents in _batches(self.seen.deferred(kind)):
                self._store(kind, documents, defer=False)
        self._add_memberships_of_grids()
        for of_grids in _batches(self.seen.features_of_grids(), GRIDS_WITH_FEATURES):
            self._store_features(of_grids, prune=prune)

    def _validate(self, kind: Kind, raws: Iterable[object]) -> list[Document]:
        """Return the documents that are valid and new in this import."""
        valid = []
        for raw in raws:
            self.report.counts[kind]["read"] += 1
            try:
                document = parse(kind, raw, self.zone)
            except InvalidDocumentError as error:
                self._register_invalid(kind, raw)
                self.report.skip(f"{raw_label(kind, raw)}: {error}")
                continue
            result = self.seen.register(kind, document)
            if result == "new":
                valid.append(document)
            elif result != "repeated":
                self.report.skip(f"{label(kind, document)}: has the same {result} as an earlier, different document")
        return valid

    def _register_invalid(self, kind: Kind, raw: object) -> None:
        """Note the id of an invalid document: the source still has it, so --prune must not delete its row."""
        pk = raw_id(raw)
        if pk is None:
            self.report.counts[kind]["without_id"] += 1
        else:
            self.seen.register_id(kind, pk)

    def _store(self, kind: Kind, documents: list[Document], *, defer: bool = True) -> None:
        """Write a whole batch. If the database rejects it, write its documents one by one to find those to blame."""
        if not documents:
            return
        try:
            with settled():
                batch = _Batch(kind, documents, self.seen)
                batch.write(overwrite=self.overwrite)
        except (IntegrityError, DataError) as error:
            if len(documents) == 1:
                reason = " ".join(str(error).split())
                self.report.skip(f"{label(kind, documents[0])}: the database rejects it: {reason}")
            else:
                for document in documents:
                    self._store(kind, [document], defer=defer)
        else:
            self._report(kind, batch, defer=defer)
            self._register_stored(kind, batch)

    def _report(self, kind: Kind, batch: "_Batch", *, defer: bool) -> None:
        self.report.counts[kind].update(batch.counts)
        for document, reason in batch.skipped:
            self.report.skip(f"{label(kind, document)}: {reason}")
        for document, reason in batch.conflicting:
            if defer:
                self.seen.defer(kind, document)
            else:
                self.report.skip(f"{label(kind, document)}: {reason}")
        for line in batch.notes:
            self.report.note(line)

    def _register_stored(self, kind: Kind, batch: "_Batch") -> None:
        self.seen.mark_stored(kind, batch.rows)
        for document in batch.stored_documents():
            if isinstance(document, GridDocument):
                self.seen.add_packages_of_grid(document.id, document.packages)
                self.seen.add_times_of_grid(document.id, document.modified, batch.edited.get(document.id))
                if document.features is not None:
                    self.seen.add_features_of_grid(document.id, document.features)
            elif isinstance(document, PackageDocument):
                self.seen.add_grids_of_package(document.id, document.grids)

    def _prune(self, *, many: bool) -> None:
        """Delete rows that the source no longer has: packages before the grids and categories that they belong to."""
        for kind in reversed(KINDS):
            counts, model = self.report.counts[kind], MODELS[kind]
            if counts["without_id"]:
                self.report.skip(f"{kind.plural}: not pruned, because some documents have no readable id")
            elif not self.seen.has_any(kind) and model._default_manager.exists():
                self.report.skip(f"{kind.plural}: not pruned, because the source has none")
            elif not many and are_unusual(number := self._missing(kind), model._default_manager.count()):
                self.report.skip(
                    f"{kind.plural}: not pruned, because the source lacks {number}, which is too many: --prune-many"
                    " deletes them"
                )
            else:
                for ids in _id_batches(model):
                    counts["deleted"] += self._delete(kind, self.seen.missing(kind, ids))

    def _missing(self, kind: Kind) -> int:
        return sum(len(self.seen.missing(kind, ids)) for ids in _id_batches(MODELS[kind]))

    def _delete(self, kind: Kind, ids: set[int]) -> int:
        if kind == Kind.CATEGORY:
            for category in Category.objects.filter(pk__in=ids, packages__isnull=False).distinct():
                self.report.skip(f"category {category.pk} ({category.slug}): not pruned, because it still has packages")
                ids.discard(category.pk)
        rows = MODELS[kind]._default_manager.filter(pk__in=ids)
        with settled():
            list(rows.order_by("pk").select_for_update(no_key=True).values_list("pk"))  # before what belongs to them
            rows.delete()
        return len(ids)

    def _add_memberships_of_grids(self) -> None:
        """Add the packages that only grids name, and note where a grid disagrees with a package's own document."""
        for grid, named in self.seen.packages_named_by_grids_alone():
            existing = set(Package.objects.filter(pk__in=named).values_list("pk", flat=True))
            for pk in (pk for pk in named if pk not in existing):
                self.report.skip(f"grid {grid}: lists package {pk}, which does not exist")
            if self.seen.times_of_grids([grid])[grid].edited:  # here, since the source
                continue
            with transaction.atomic():
                members = GridPackage.objects.filter(grid=grid, package__in=existing).values_list("package", flat=True)
                new = [GridPackage(grid_id=grid, package_id=pk) for pk in sorted(existing.difference(members))]
                GridPackage.objects.bulk_create(new, batch_size=BATCH)
        for grid, package, by_grid in self.seen.disagreements():
            lists, names = ("lists", "does not name") if by_grid else ("does not list", "names")
            reason = f"but the package's document {names} the grid: the package decides"
            self.report.note(f"grid {grid} {lists} package {package}, {reason}")

    def _store_features(self, of_grids: list[tuple[int, list[FeatureDocument]]], *, prune: bool) -> None:
        """Write the features of some grids. If the database rejects them, write a grid at a time."""
        times = self.seen.times_of_grids(grid for grid, _ in of_grids)
        batch = FeatureBatch(dict(of_grids), {grid: each.edited for grid, each in times.items() if each.edited})
        try:
            with transaction.atomic():
                batch.write(prune=prune)
        except (IntegrityError, DataError) as error:
            if len(of_grids) == 1:
                reason = " ".join(str(error).split())
                self.report.skip(f"grid {of_grids[0][0]}: the database rejects its features: {reason}")
            else:
                for each in of_grids:
                    self._store_features([each], prune=prune)
        else:
            for line in batch.skipped:
                self.report.skip(line)


class _Batch:
    """Up to BATCH documents of one kind, to be written to the database in one transaction."""

    def __init__(self, kind: Kind, documents: list[Document], seen: SeenDocuments) -> None:
        self.kind = kind
        self.model = MODELS[kind]
        self.seen = seen
        self.documents = {document.id: document for document in documents}
        self.rows: dict[int, Row] = {}
        self.edited: dict[int, datetime] = {}  # when rows were edited here, if it was later than in the source
        self.counts: Counter[str] = Counter()
        self.skipped: list[tuple[Document, str]] = []
        self.conflicting: list[tuple[Document, str]] = []
        self.notes: list[str] = []

    def stored_documents(self) -> list[Document]:
        return [self.documents[pk] for pk in self.rows]

    def write(self, *, overwrite: bool) -> None:
        documents = self._with_existing_references()
        current = self._locked_rows(documents)
        if not overwrite:
            self._refuse_another_catalogue(current)
        before = {pk: values(self.kind, row) for pk, row in current.items()}
        pins = Pins(row for row in current.values() if isinstance(row, Package))
        self.edited = {d.id: at for d in documents if d.id in before and (at := before[d.id]["modified"]) > d.modified}
        self.rows = {d.id: take_edits(self.kind, current.get(d.id) or self.model(pk=d.id), d, pins) for d in documents}
        new = self.rows.keys() - before.keys()
        self._remove_conflicting()
        if self.kind == Kind.PACKAGE:
            take_facts(self.rows, self.documents, before, pins)
        changed = [row for pk, row in self.rows.items() if before.get(pk) != values(self.kind, row)]
        for row in changed:
            self.counts["created" if row.pk in new else "updated"] += 1
        self.counts["unchanged"] += len(self.rows) - len(changed)
        self._upsert(changed, before)
        pins.save(self.rows)
        self.notes += notes.former_slugs(self.kind, changed, before)
        if self.kind == Kind.PACKAGE:
            packages = [row for row in changed if isinstance(row, Package)]
            self.notes += notes.addresses(packages, self.documents, before)
            self.notes += notes.shared(packages, before)
            stored = [d for d in self.stored_documents() if isinstance(d, PackageDocument)]
            update_memberships(stored, self.seen, self.edited)

    def _with_existing_references(self) -> list[Document]:
        """Return the documents whose category and grids exist; skip the others."""
        packages = [d for d in self.documents.values() if isinstance(d, PackageDocument)]
        if not packages:
            return list(self.documents.values())
        owners = merged(packages)
        for d in (each for each in packages if each.id in owners):
            self.notes.append(
                f"{label(self.kind, d)} was merged into package {owners[d.id].pk} ({owners[d.id].slug}) here: it is not"
                " created anew"
            )
        packages = [d for d in packages if d.id not in owners]
        categories = _existing(Category, {d.category for d in packages})
        grids = _existing(Grid, {pk for d in packages for pk in d.grids})
        complete: list[Document] = []
        for d in packages:
            absent = [f"category {d.category}"] if d.category not in categories else []
            absent += [f"grid {pk}" for pk in d.grids if pk not in grids]
            if absent:
                self.skipped.append((d, f"refers to {', '.join(absent[:5])}, which does not exist"))
            else:
                complete.append(d)
        return complete

    def _locked_rows(self, documents: list[Document]) -> dict[int, Row]:
        """Return the rows with these ids, locked so that an edit made meanwhile is not overwritten."""
        rows: models.QuerySet[Any] = self.model._default_manager.select_for_update()
        return {row.pk: row for row in rows.filter(pk__in=[d.id for d in documents]).order_by("pk")}

    def _refuse_another_catalogue(self, current: dict[int, Row]) -> None:
        """Raise SourceError if the ids of unusually many documents are of other documents here: neither the slug nor
        the time of creation is the same."""
        others = [
            pk
            for pk, row in current.items()
            if row.slug != self.documents[pk].slug and row.created != self.documents[pk].created
        ]
        if are_unusual(len(others), len(current)) or len(others) == len(current) >= 4:
            pk = others[0]
            raise SourceError(
                f"it is another catalogue, nothing more is imported: {len(others)} of {len(current)} {self.kind.plural}"
                f" are others here, as {self.kind} {pk} ({current[pk].slug}), which is {self.documents[pk].slug!r}"
                " there; --overwrite imports them all the same"
            )

    def _remove_conflicting(self) -> None:
        """Remove rows from the batch whose slug belongs to another row that does not give it up."""
        while conflicts := dict(self._conflicts()):
            for pk, reason in conflicts.items():
                del self.rows[pk]
                self.conflicting.append((self.documents[pk], reason))

    def _conflicts(self) -> Iterator[tuple[int, str]]:
        wanted = {pk: row.slug for pk, row in self.rows.items()}
        for pk, other in slugs.conflicts(self.model, wanted):
            yield pk, f"slug {wanted[pk]!r} belongs to {self.kind} {other}"

    def _upsert(self, rows: list[Row], before: dict[int, dict[str, Any]]) -> None:
        if not rows:
            return
        slugs.clear_traded(self.model, rows, {pk: row["slug"] for pk, row in before.items()})
        edited = EDITED[self.kind]
        manager: Any = self.model._default_manager
        manager.bulk_create(
            rows,
            batch_size=BATCH,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[*edited, *FETCHED, *FETCHED_BESIDES] if self.kind == Kind.PACKAGE else edited,
        )
        advance_sequence(self.model)


def _existing(model: type[Category | Grid], ids: set[int]) -> set[int]:
    return set(model._default_manager.filter(pk__in=ids).values_list("pk", flat=True))


def _batches(documents: Iterator[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yield lists of up to `size` documents. If the source fails, the documents before that are yielded first."""
    batch: list[T] = []
    try:
        for document in documents:
            batch.append(document)
            if len(batch) == size:
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
