"""The differences between a file and the packages or grids that there are."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.urls import reverse
from django.utils.text import slugify

from core.csv_cells import unguarded
from core.kinds import Kind
from core.slugs import DIGITS_ALONE
from editing.spreadsheets.columns import DocumentSheet, InvalidCellError, SheetColumn
from editing.spreadsheets.lookups import NamedDocuments, References, RefusedRowError, pinned
from editing.spreadsheets.plan import Plan, PlannedRow, RefusedRow
from editing.spreadsheets.reading import Sheet, SheetRow, shown
from editing.words import Value
from fetchers.mirror import slugs
from grids.locks import refusal
from grids.models import Grid
from grids.spreadsheets import pasted_text
from packages.addresses import ADDRESSES
from packages.models import Package
from packages.successors import in_cycles, lock_chains

MOST_REASONS = 5
LONGEST_REASON = 600
_LOCKING = "Only users with the permission to unlock grids can lock one, or unlock one."


@dataclass
class Entry:
    """A row of the file and the document that it is about: one that is there, or a new one, whose number is that of its
    line, negative. `values` are those that differ, by the names of the columns in the database."""

    source: SheetRow
    number: int
    row: Any
    values: dict[str, Any] = field(default_factory=dict)
    words: list[Value] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.number < 0


class Differences:
    """A file beside the documents; with `lock`, inside a transaction, those that it names are locked.

    `may_unlock` tells whether the user may change locked grids. `entries` are what differs, by their numbers; `before`
    has what documents are now.
    """

    def __init__(self, sheet: DocumentSheet, file: Sheet, *, lock: bool, may_unlock: bool) -> None:
        self.sheet, self.file, self.may_unlock = sheet, file, may_unlock
        self.columns = {title: column for title, column in sheet.written.items() if title in file.titles}
        self.entries: dict[int, Entry] = {}
        self.before: dict[int, dict[str, Any]] = {}
        self.refused: list[RefusedRow] = []
        self.kept: list[tuple[int, str]] = []
        self.unchanged = 0
        self.documents = NamedDocuments(sheet.model, file.rows, lock=lock)
        if lock and "replaced_by" in self.columns:
            lock_chains()  # after the packages, as the form of one does: each would wait for the other otherwise
        is_packages = sheet.kind == Kind.PACKAGE
        self.pinned = pinned(self.documents.by_id, self.columns) if is_packages else {}
        self.references = {
            title: References(column, [row.text(title) for row in file.rows], self._present(column))
            for title, column in self.columns.items()
            if column.is_reference
        }
        self._compare()

    def _present(self, column: SheetColumn) -> list[int | None]:
        return [getattr(document, column.attname) for document in self.documents.by_id.values()]

    def _compare(self) -> None:
        found = list(self._identified())
        if "replaced_by" in self.references:
            self.references["replaced_by"].add(self._slugs_of_the_file(found))
        for entry in found:
            try:
                self._take(entry)
            except RefusedRowError as error:
                self._refuse(entry.source, str(error))
                continue
            if entry.values:
                self.entries[entry.number] = entry
            else:
                self.unchanged += 1
        self._refuse_what_does_not_fit()

    # Which document a row is about

    def _identified(self) -> Iterator[Entry]:
        lines: dict[object, int] = {}
        for source in self.file.rows:
            problem, row, key = source.problem, None, None
            try:
                row, key = (None, None) if problem else self.documents.named_by(source)
            except RefusedRowError as error:
                problem = str(error)
            first = source.number
            if not problem:
                first = lines.setdefault(row.pk if row else key or ("line", source.number), source.number)
            if problem or first != source.number:
                self._refuse(source, problem or f"The same {self.sheet.kind} stands in line {first}.")
                continue
            yield Entry(source, row.pk if row else -source.number, row or self.sheet.model())

    def _slugs_of_the_file(self, entries: Iterable[Entry]) -> dict[str, int]:
        """Return the numbers of documents by the slugs that they get."""
        named = ((entry.source.text("slug") or _new_slug(entry), entry.number) for entry in entries)
        return {slug: number for slug, number in named if slug}

    # What differs

    def _take(self, entry: Entry) -> None:
        """Put the values that differ into the row. RefusedRowError if one of them is none."""
        if not entry.is_new:
            addresses = ADDRESSES if self.sheet.kind == Kind.PACKAGE else ()
            names = {"slug", *addresses, *(column.attname for column in self.columns.values())}
            self.before[entry.number] = {name: getattr(entry.row, name) for name in names}
        reasons = []
        for column in self.columns.values():
            try:
                self._take_value(entry, column, entry.source.written[column.title])
            except InvalidCellError as error:
                reasons.append(str(error))
        if entry.is_new and not reasons:
            reasons += self._complete(entry)
        if reasons:
            *others, last = reasons[:MOST_REASONS]
            raise RefusedRowError("; ".join([*(reason.removesuffix(".") for reason in others), last]))
        if entry.values:
            self._respect_locks(entry)

    def _take_value(self, entry: Entry, column: SheetColumn, written: str) -> None:
        if column.title == "slug" and not unguarded(written).strip():
            return  # the slug names the row: an empty one names none
        old = getattr(entry.row, column.attname)
        if column.is_reference:
            references = self.references[column.title]
            new = references.number_of(unguarded(written).strip())
            if new is None and not column.field.null:
                raise InvalidCellError(f"{column.title}: must not be empty")
            words = references.slug_of(old), references.slug_of(new)
        else:
            new = _value(column, old, written)
            words = _in_words(old), _in_words(new)
        if new == old:
            return
        if column.title == "slug" and str(new).isdigit():
            raise InvalidCellError(DIGITS_ALONE)
        if column.title in self.pinned.get(entry.number, ()):
            self.kept.append((entry.source.number, f"{column.title} is pinned, and stays “{words[0]}”"))
            return
        self._set(entry, column, new, words)

    def _set(self, entry: Entry, column: SheetColumn, new: Any, words: tuple[str, str]) -> None:
        entry.values[column.attname] = new
        entry.words.append(Value(column.title, "" if entry.is_new else words[0], words[1]))
        if not (column.is_reference and new is not None and new < 0):  # a new one has no id yet
            setattr(entry.row, column.attname, new)

    def _complete(self, entry: Entry) -> list[str]:
        """Give a new document the slug that it lacks; return what else it lacks."""
        if not entry.row.title:
            return ["title: a new one needs a title"]
        if not entry.row.slug:
            slug = _new_slug(entry)
            if not slug or slug.isdigit():
                return ["slug: none can be made of the title"]
            self._set(entry, self.sheet.written["slug"], slug, ("", slug))
        if self.sheet.kind == Kind.PACKAGE and entry.row.category_id is None:
            return ["category: a new package needs one"]
        return []

    def _respect_locks(self, entry: Entry) -> None:
        if self.may_unlock or not isinstance(entry.row, Grid):
            return
        if not entry.is_new and self.before[entry.number].get("is_locked", entry.row.is_locked):
            raise RefusedRowError(refusal(entry.row))
        if "is_locked" in entry.values:
            raise RefusedRowError(_LOCKING)

    # Which rows cannot stand beside the others

    def refuse(self, reasons: Mapping[int, str]) -> None:
        """Refuse entries, and those that cannot stand without them."""
        for number, reason in reasons.items():
            self._refuse(self.entries.pop(number).source, reason)
        self._refuse_what_does_not_fit()

    def _refuse_what_does_not_fit(self) -> None:
        """Refuse rows whose slugs others have, and whose successors lead back to them, until all others fit."""
        links = self._links()
        while misfits := {**self._in_cycles(links), **self._with_slugs_of_others()}:
            for number, reason in misfits.items():
                self._refuse(self.entries.pop(number).source, reason)
                if number in links:
                    links[number] = self.before.get(number, {}).get("replaced_by_id")

    def _with_slugs_of_others(self) -> dict[int, str]:
        wanted = {number: entry.row.slug for number, entry in self.entries.items()}
        if not any("slug" in entry.values for entry in self.entries.values()):
            return {}
        found = {}
        for number, other in slugs.conflicts(self.sheet.model, wanted):
            where = f", in line {self.entries[other].source.number}" if other in self.entries else ""
            found[number] = f"slug: {wanted[number]!r} belongs to another {self.sheet.kind}{where}"
        return found

    def _replacing(self) -> dict[int, int | None]:
        name = "replaced_by_id"
        return {number: entry.values[name] for number, entry in self.entries.items() if name in entry.values}

    def _links(self) -> dict[int, int | None]:
        """Return the successors of all packages as they will be; nothing if none of them changes."""
        changed = self._replacing()
        if not changed:
            return {}
        replaced = Package.objects.filter(replaced_by__isnull=False).values_list("pk", "replaced_by_id")
        return {**dict(replaced), **changed}

    def _in_cycles(self, links: Mapping[int, int | None]) -> dict[int, str]:
        changed = self._replacing()
        if not changed:
            return {}
        reason = "replaced_by: the package would be replaced by itself, directly or by others"
        gone = [number for number, new in changed.items() if new is not None and new < 0 and new not in self.entries]
        lost = dict.fromkeys(gone, "replaced_by: the new package that it names is refused")
        return {**dict.fromkeys(in_cycles(links, changed), reason), **lost}

    # The plan

    def _refuse(self, source: SheetRow, reason: str) -> None:
        names = (source.text(title) for title in ("slug", "title", "repo_url", "id"))
        name = next(filter(None, names), "")
        self.refused.append(RefusedRow(source.number, shown(name), shown(reason, LONGEST_REASON)))

    def plan(self) -> Plan:
        """Return what is written and what is refused."""
        options = self.sheet.model._meta
        form = f"admin:{options.app_label}_{options.model_name}_change"
        rows = []
        for entry in sorted(self.entries.values(), key=lambda each: each.source.number):
            url = "" if entry.is_new else reverse(form, args=(entry.number,))
            name = self.before.get(entry.number, {}).get("slug") or entry.row.slug
            rows.append(PlannedRow(entry.source.number, name, url, entry.is_new, entry.words))
        kept = [f"Line {line}: {words}." for line, words in self.kept]
        return Plan(rows, sorted(self.refused), self.unchanged, kept)


def _new_slug(entry: Entry) -> str:
    return slugify(entry.source.text("title"))[:100].strip("-") if entry.is_new else ""


def _value(column: SheetColumn, old: Any, written: str) -> Any:
    """Return the value that a cell of the file gives to a column: the old one if no more differs than what spreadsheet
    programs make of it."""
    if not column.is_text:
        return column.value(unguarded(written))
    text = pasted_text(old or "", written)
    if text is None:
        return old
    new = column.value(text)
    return old if not new and not old else new  # null and "" are the same to a file


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
