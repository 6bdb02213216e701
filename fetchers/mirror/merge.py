"""Values that an import takes out of a document: editors' if it was modified later, facts if it was fetched later."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from categories.documents import CATEGORY_COLUMNS
from categories.models import Category
from core.kinds import Kind
from fetchers.mirror.documents import Document, PackageDocument
from grids.documents import GRID_COLUMNS
from grids.models import Grid
from packages.addresses import ADDRESSES, clean
from packages.documents import PACKAGE_COLUMNS
from packages.identity import DERIVED, deciding_source, derived
from packages.models import FACTS, Package
from packages.pins.past import Pins

Row = Category | Grid | Package

COLUMNS = {columns.kind: columns for columns in (CATEGORY_COLUMNS, GRID_COLUMNS, PACKAGE_COLUMNS)}
# The columns that a document has: those that editors write, and those that fetches write.
EDITED = {
    kind: tuple(each for each in columns.edited if each in columns.stored(columns.v4))
    for kind, columns in COLUMNS.items()
}
FETCHED = tuple(each for each in PACKAGE_COLUMNS.fetched if each in PACKAGE_COLUMNS.v4)
# Fetched columns that follow from those of the document
FETCHED_BESIDES = ("weeks_end", *(facts.of for facts in FACTS.values()))


def take_edits(kind: Kind, row: Row, document: Document, pins: Pins) -> Row:
    """Update the editors' columns of `row`, past its pins, if the document was modified later, or if the row is new."""
    if row._state.adding or document.modified > row.modified:
        for column in EDITED[kind]:
            value = getattr(document, column.removesuffix("_id"))
            value = clean(value).address if value and column in ADDRESSES else value
            if isinstance(row, Package):
                pins.put(row, column, value)
            else:
                setattr(row, column, value)
    if isinstance(row, Package):
        row.derive()
    return row


def take_facts(
    rows: Mapping[int, Row], documents: Mapping[int, Document], before: Mapping[int, dict[str, Any]], pins: Pins
) -> None:
    """Take the facts of packages' documents, past pins, that were fetched later than ours were `before` the import.

    Where an address has changed, the facts of the old one are forgotten first, with all that documents do not have.
    """
    packages = {pk: row for pk, row in rows.items() if isinstance(row, Package)}
    moved = {pk: row for pk, row in packages.items() if pk in before and not row.is_settled}
    if moved:
        Package.objects.bulk_update(moved.values(), [*DERIVED])
        for stored in Package.objects.filter(pk__in=moved).values("pk", *PACKAGE_COLUMNS.fetched):
            for column in PACKAGE_COLUMNS.fetched:
                setattr(moved[stored["pk"]], column, stored[column])
        pins.read_again(moved)
    for pk, row in packages.items():
        document = documents[pk]
        if isinstance(document, PackageDocument) and _is_fetched_later(document, row, before.get(pk)):
            _put_facts(row, document, pins)


def _is_fetched_later(document: PackageDocument, row: Package, before: dict[str, Any] | None) -> bool:
    """Compare with our facts before the import; if there were none, with the last edit: what was fetched before it may
    be of an older address."""
    if before is None or document.last_fetched is None:
        return before is None
    ours: datetime | None = before["last_fetched"]
    return document.last_fetched > ours if ours else document.last_fetched >= row.modified


def _put_facts(row: Package, document: PackageDocument, pins: Pins) -> None:
    """Take the facts of each source for which the document has our address: they are of the document's own."""
    for source, facts in FACTS.items():
        (address,) = (column for column, keys in DERIVED.items() if facts.key in keys)
        key = derived(address, clean(getattr(document, address)).address)[facts.key]
        if key != getattr(row, facts.key):
            continue
        for column in FETCHED:
            if column in facts.columns:
                pins.put(row, column, getattr(document, column))
        setattr(row, facts.of, key)
        if source == "repo":
            # The document does not have the day of the counts, which were fetched with the rest.
            fetched = document.last_fetched if document.commits_over_52 else None
            row.weeks_end = fetched.date() if fetched else None
        if source == deciding_source(row.repo_key):
            row.last_fetched = document.last_fetched


def values(kind: Kind, row: Row) -> dict[str, Any]:
    columns = (*EDITED[kind], *FETCHED) if kind == Kind.PACKAGE else EDITED[kind]
    return {column: getattr(row, column) for column in columns}
