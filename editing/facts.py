"""The facts of packages that an undone edit had forgotten, as far as they are of the packages' present addresses."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from editing.models import Edit, EditBatch
from editing.plan import values_of
from editing.tables import BY_NAME, TABLES, RecordedTable
from packages.documents import PACKAGE_COLUMNS
from packages.identity import FactsSource
from packages.models import FACTS, FetchState, Package, PackageHealth, Pin, Release, RepositoryAlias
from packages.pins.columns import PINNABLE
from packages.pins.past import Pins

_PACKAGES = BY_NAME[Package._meta.db_table]
_DECIDING = PACKAGE_COLUMNS.fetched_from("deciding")
_PINS = BY_NAME[Pin._meta.db_table]
_ADDRESS_OF: Mapping[FactsSource, str] = {"repo": "repo_url", "pypi": "pypi_url"}


class Facts:
    """The packages that an undoing brought back, and the others of which it brought facts back, by their source."""

    def __init__(self) -> None:
        self._came: dict[str, set[int]] = {}
        self._restored: set[tuple[int, FactsSource]] = set()
        self._readdressed: set[tuple[int, FactsSource]] = set()  # of these, they had been forgotten
        self.columns_back: set[tuple[int, str]] = set()  # packages and columns with facts that were restored

    def came_back(self, table: RecordedTable, ids: Iterable[int]) -> None:
        if table.is_document:
            self._came.setdefault(str(table.model._meta.model_name), set()).update(ids)

    @property
    def packages_back(self) -> Collection[int]:
        """The ids of the packages that the undoing brought back."""
        return self._came.get("package", ())

    def restore(self, edits: Sequence[Edit], written: Mapping[int, Collection[str]]) -> int:
        """Restore the fetched columns of packages, of which undoing has `written` columns; return the number of
        packages that have nothing but these restored."""
        fetched = [edit for edit in edits if not set(PACKAGE_COLUMNS.fetched).isdisjoint(edit.before or {})]
        packages = Package._base_manager.in_bulk([edit.object_id for edit in fetched])
        pinned, pins = _pinned(edits), Pins(packages.values())
        groups: dict[frozenset[str], list[Package]] = {}
        alone = 0
        for edit in (each for each in fetched if each.object_id in packages):
            package = packages[edit.object_id]
            values = self._values(edit, package, written.get(package.pk, ()))
            addresses = (source for source in FACTS if _ADDRESS_OF[source] in written.get(package.pk, ()))
            self._readdressed.update((package.pk, source) for source in addresses)
            values = {
                column: value
                for column, value in values.items()
                if (package.pk, column) not in pinned or self.is_readdressed(package.pk, column)
            }
            self.columns_back.update((package.pk, column) for column in values)
            for column, value in values.items():
                pins.put(package, column, value)
            if values:
                alone += package.pk not in written
                groups.setdefault(frozenset(values), []).append(package)
        for columns, rows in groups.items():
            Package._base_manager.bulk_update(rows, sorted(columns), batch_size=100)
        pins.save()
        return alone

    def is_readdressed(self, package: int, column: str) -> bool:
        """Tell whether a column that can be pinned is of an address that the package has again: what upstream said of
        it counts as it was."""
        source = PINNABLE[column].source
        return source is not None and (package, source) in self._readdressed

    def restore_pins(self, edits: Sequence[Edit]) -> None:
        """Restore what upstream had said past pins, where the facts of its source were restored."""
        known = {
            edit.object_id: edit.before
            for edit in edits
            if edit.before and {"upstream", "is_elsewhere"} & edit.before.keys() and self._is_of_restored(edit.before)
        }
        pins = list(Pin.objects.filter(pk__in=known))
        for pin in pins:
            for column in ("upstream", "is_elsewhere"):
                setattr(pin, column, known[pin.pk].get(column, getattr(pin, column)))
        Pin.objects.bulk_update(pins, ["upstream", "is_elsewhere"], batch_size=100)

    def _is_of_restored(self, pin: Mapping[str, Any]) -> bool:
        source = PINNABLE[pin["column"]].source
        return source is not None and (pin["package_id"], source) in self._restored

    def _values(self, edit: Edit, package: Package, written: Collection[str]) -> dict[str, Any]:
        before, after = values_of(_PACKAGES, edit.before), values_of(_PACKAGES, edit.after)
        values: dict[str, Any] = {}
        for source, facts in FACTS.items():
            columns = before.keys() & {*facts.columns, facts.of}
            of = before.get(facts.of, getattr(package, facts.of))
            is_stored = all(getattr(package, column) == after[column] for column in columns)
            if columns and of == getattr(package, facts.key) and (_ADDRESS_OF[source] in written or is_stored):
                values |= {column: before[column] for column in columns}
                self._restored.add((package.pk, source))
        if values:
            values |= {column: before[column] for column in before.keys() & set(_DECIDING)}
        return values

    def belonging(self, batch: EditBatch, table: RecordedTable, edits: Sequence[Edit]) -> list[Edit]:
        """Return the rows that may come back, or be as they were: all of a package that has come back, those of
        restored facts, and those of packages whose facts the batch has not forgotten."""
        if table.name == "changes_oldslug":
            return self._slugs_of_documents(edits)
        packages = {edit.pk: (edit.before or edit.after or {})["package_id"] for edit in edits}
        own = Edit.objects.filter(batch=batch, table_name=_PACKAGES.name, object_id__in=set(packages.values()))
        changed = {each.object_id: _changed(each) for each in own.filter(before__isnull=False)}
        came = self._came.get("package", set())
        result = []
        for edit in edits:
            pk, sources = packages[edit.pk], _sources(table, edit)
            is_untouched = changed.get(pk, frozenset()).isdisjoint(sources)
            is_restored = table.model is not PackageHealth and any((pk, each) in self._restored for each in sources)
            if pk in came or is_untouched or is_restored:
                result.append(edit)
        return result

    def _slugs_of_documents(self, edits: Sequence[Edit]) -> list[Edit]:
        """Return the former slugs of documents that are there."""
        rows = [(edit, edit.before or {}) for edit in edits]
        wanted: defaultdict[str, set[int]] = defaultdict(set)
        for _, row in rows:
            wanted[row["kind"]].add(row["object_id"])
        there: set[tuple[str, int]] = set()
        for table in (each for each in TABLES if each.is_document):
            kind = str(table.model._meta.model_name)
            present = table.model._base_manager.filter(pk__in=wanted.get(kind, ()))
            there.update((kind, pk) for pk in present.values_list("pk", flat=True))
        return [edit for edit, row in rows if (row["kind"], row["object_id"]) in there]


def _changed(edit: Edit) -> frozenset[FactsSource]:
    """Return the sources whose facts the edit of a package, which was there before, has changed."""
    columns = (edit.before or {}).keys()
    sources = frozenset(source for source, facts in FACTS.items() if not columns.isdisjoint((*facts.columns, facts.of)))
    is_of_all = edit.after is None or (not sources and not columns.isdisjoint(_DECIDING))
    return frozenset(FACTS) if is_of_all else sources


def _sources(table: RecordedTable, edit: Edit) -> list[FactsSource]:
    """Return the sources that a row of a package is of."""
    if table.model is Release:
        return ["pypi"]
    if table.model is RepositoryAlias:
        return ["repo"]
    row = edit.before or edit.after or {}
    if table.model is FetchState and row.get("source"):
        return ["repo"] if row["source"] == "repo" else ["pypi"]
    return ["repo", "pypi"]


def _pinned(edits: Sequence[Edit]) -> set[tuple[int, str]]:
    """Return the packages and columns of which the same batch has pinned or lifted something: what their pins say goes
    before what was stored then, unless it was forgotten with an address."""
    batches = {edit.batch_id for edit in edits}
    rows = Edit.objects.filter(batch__in=batches, table_name=_PINS.name, package_id__in=[e.object_id for e in edits])
    named = ((edit.before or edit.after or {}) for edit in rows)
    return {(row["package_id"], row["column"]) for row in named}
